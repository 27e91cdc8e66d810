//! What the governing thread does for clients: CONFIG SET of what the system must agree to, and CONFIG REWRITE. What may take
//! long, resolving names and writing files, is done on threads of its own meanwhile.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::mpsc::Receiver;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::doormen::Doormen;
use super::reload;
use super::renewal;
use crate::command::config::{change, pairs, prepare};
use crate::command::elsewhere::resume;
use crate::command::files;
use crate::config::{Caller, Config, Effect, Plan, SetError, Settings, StartError};
use crate::net::listen::{self, Wanted};
use crate::resp::errors::ReplyError;
use crate::server::Server;
use crate::server::governor::{Affair, Change, Filing};

/// How long the names in `bind` may take to resolve.
const LONGEST_LOOKUP: Duration = Duration::from_secs(10);

/// Carries out changes of directives, one after the other: those that clients ask for, and those that the configuration file
/// says whenever it is to be read again.
pub(super) async fn carry_out_changes(
    server: Arc<Server>,
    doormen: Rc<Doormen>,
    mut affairs: Receiver<Change>,
    reload: Rc<Notify>,
) {
    loop {
        tokio::select! {
            affair = affairs.recv() => match affair {
                Some(affair) => {
                    let caller = Caller::from_here(affair.client.address.is_local());
                    let pairs = pairs(affair.details.args());
                    let result = reconfigure(&server, &doormen, |config| config.plan(&pairs, caller)).await;
                    answer(&server, &affair, result.map_err(ReplyError::from));
                }
                None => return,
            },
            () = reload.notified() => reload::reload(&server, &doormen).await,
        }
    }
}

/// Reads and writes files as often as it is asked for.
pub(super) async fn carry_out_filing(server: Arc<Server>, mut affairs: Receiver<Filing>) {
    while let Some(affair) = affairs.recv().await {
        let (work, client, own) = (affair.details, affair.client.clone(), server.clone());
        let done = spawn_blocking(move || files::carry_out(&own, &client, work)).await;
        let result = done.unwrap_or_else(|error| Err(error.to_string()));
        match &result {
            Ok(()) => tracing::info!(?work, "done"),
            Err(error) => tracing::warn!(error, ?work, "not done"),
        }
        answer(&server, &affair, result.map_err(|error| files::answer(work, error)));
    }
}

fn answer<T>(server: &Server, affair: &Affair<T>, result: Result<(), ReplyError>) {
    *affair.answer.lock() = Some(result);
    resume(server, &affair.client);
}

/// All or nothing: what can fail is tried before anything changes, or is taken back.
pub(super) async fn reconfigure(
    server: &Server,
    doormen: &Doormen,
    make_plan: impl Fn(&Config) -> Result<Plan, SetError>,
) -> Result<(), SetError> {
    let plan = make_plan(&server.config.lock())?;
    prepare(&plan)?;
    let moves = plan.effects().find_map(|(name, effect)| match effect {
        Effect::Addresses(reason) => Some((name, reason)),
        _ => None,
    });
    let old = server.settings();
    let old_credentials = renewal::change(&doormen.tls, &plan).await?;
    let put_back = || doormen.tls.replace(old_credentials);
    if let Some((name, reason)) = moves
        && let Err(error) = listen_elsewhere(doormen, &old, plan.settings()).await
    {
        tracing::warn!(%error, "addresses not changed");
        put_back();
        return Err(SetError::failed(name, reason));
    }
    let changed = change(server, make_plan);
    if changed.is_ok() {
        doormen.set_keepalive(&server.settings());
    } else {
        // Something else has changed meanwhile that makes this impossible.
        put_back();
        if moves.is_some() {
            let _ = listen_elsewhere(doormen, plan.settings(), &old).await;
        }
    }
    changed
}

/// Listens on the TCP addresses of `new` instead of those of `old`. What is listened on under both stays as it is. Old sockets
/// close first where a port stays, because new addresses may overlap with old ones; connections that were not accepted yet
/// are reset, as in Redis.
///
/// # Errors
///
/// [`StartError`] for the first address that cannot be had. The old addresses are listened on then.
async fn listen_elsewhere(doormen: &Doormen, old: &Settings, new: &Settings) -> Result<(), StartError> {
    let places = look_up(new).await?;
    let held = doormen.places();
    let added: Vec<Wanted> = places.iter().filter(|place| !held.iter().any(|held| held.is(place))).copied().collect();
    let keeps_port = added.iter().any(|added| held.iter().any(|held| held.place.port() == added.place.port()));
    let closed = if keeps_port { doormen.close_tcp_but(&places) } else { Vec::new() };
    match listen::bind_places(&added, new, &doormen.tls) {
        Ok(listeners) => {
            doormen.close_tcp_but(&places);
            doormen.open(listeners);
            Ok(())
        }
        Err(error) => {
            doormen.open(listen::bind_places(&closed, old, &doormen.tls).unwrap_or_default());
            Err(error)
        }
    }
}

/// Where the settings want to listen.
async fn look_up(settings: &Settings) -> Result<Vec<Wanted>, StartError> {
    let settings = settings.clone();
    let found = timeout(LONGEST_LOOKUP, spawn_blocking(move || listen::look_up(&settings))).await;
    let cannot = |why: String| StartError::new(format!("cannot resolve the names in bind: {why}"), "correct bind");
    match found {
        Ok(Ok(places)) => places,
        Ok(Err(error)) => Err(cannot(error.to_string())),
        Err(_) => Err(cannot(format!("no answer within {} seconds", LONGEST_LOOKUP.as_secs()))),
    }
}
