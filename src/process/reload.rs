//! What SIGHUP does: the configuration file is read again, certificates are taken from their files, and the log file is opened
//! anew.

use std::sync::Arc;

use tokio::task::spawn_blocking;

use super::affairs::reconfigure;
use super::doormen::Doormen;
use super::supervision;
use crate::config::{Reading, SetError};
use crate::observe::log;
use crate::server::Server;

/// Does so, and says what has come of it. What may wait for the file system is done on threads of its own.
pub(super) async fn reload(server: &Arc<Server>, doormen: &Doormen) {
    supervision::reloading(&server.settings());
    let config = server.config.lock().clone();
    match spawn_blocking(move || config.read_again()).await {
        Ok(Ok(Some(reading))) => adopt(server, doormen, reading).await,
        Ok(Ok(None)) => {}
        Ok(Err(error)) => tracing::warn!("configuration not read again: {error}"),
        Err(error) => tracing::warn!(%error, "configuration not read again"),
    }
    doormen.tls.renew.notify_one();
    let settings = server.settings();
    if settings.logfile.is_some() {
        match spawn_blocking(move || log::reopen(&settings).map_err(|error| error.to_string())).await {
            Ok(Ok(())) => tracing::info!("log file opened anew"),
            Ok(Err(error)) => tracing::warn!(error, "log file not opened anew"),
            Err(error) => tracing::warn!(%error, "log file not opened anew"),
        }
    }
    supervision::ready(&server.settings());
}

/// Does what the configuration says otherwise than before, so far as a server that runs can: all of it or nothing.
async fn adopt(server: &Server, doormen: &Doormen, reading: Reading) {
    let (changed, later) = {
        let config = server.config.lock();
        (config.plan_for(&reading).changed().join(" "), config.for_the_next_start(&reading).join(" "))
    };
    if let Err(error) = reconfigure(server, doormen, |config| Ok(config.plan_for(&reading))).await {
        let why = match error {
            SetError::Failed { argument, reason } => format!("{argument}: {reason}"),
            unknown => unknown.to_string(),
        };
        return tracing::warn!("configuration read again, and nothing changed: {why}");
    }
    server.config.lock().keep(reading);
    tracing::info!(changed, "configuration read again");
    if !later.is_empty() {
        tracing::warn!(directives = later, "these change only when the server is started anew");
    }
}
