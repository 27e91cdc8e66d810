//! Certificates of the server: taken at start, by CONFIG SET, and when their files have changed.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval};

use crate::config::{Effect, Plan, SetError, Settings, StartError};
use crate::net::tls::acceptor::Acceptor;
use crate::net::tls::material::Fault;
use crate::net::tls::setup::{Credentials, credentials};
use crate::net::tls::stamps::Stamps;
use crate::server::Server;

/// How often it is looked whether files have changed.
const LOOK: Duration = Duration::from_secs(20);
/// From when on the log warns that a certificate ends.
const SOON: Duration = Duration::from_secs(14 * 24 * 60 * 60);
/// How often it does so, in looks: once a day.
const LOOKS_BETWEEN_WARNINGS: u64 = 24 * 60 * 60 / LOOK.as_secs();

/// What encrypts connections at start: nothing if no port asks for it.
///
/// # Errors
///
/// [`StartError`] for the first file or directive that cannot be used.
pub(super) fn first(settings: &Settings) -> Result<Arc<Acceptor>, StartError> {
    let acceptor = Arc::new(Acceptor::default());
    if uses_certificate(settings) {
        put_in_force(&acceptor, credentials(settings)?);
    }
    Ok(acceptor)
}

/// Whether anything is encrypted.
fn uses_certificate(settings: &Settings) -> bool {
    settings.tls_port != 0 || (settings.metrics_port != 0 && settings.metrics_tls)
}

/// Puts in force what a planned change of directives asks for, and answers what was before. Without `tls-port` files are not
/// looked at: they may come later.
///
/// # Errors
///
/// [`SetError`] with what is wrong with which file or directive; nothing has changed then.
pub(super) async fn change(acceptor: &Acceptor, plan: &Plan) -> Result<Option<Arc<Credentials>>, SetError> {
    let before = acceptor.credentials();
    let named = plan.effects().filter(|(name, effect)| *effect == Effect::Tls || *name == "tls-port");
    let named: Vec<&str> = named.map(|(name, _)| name).collect();
    let Some(first) = named.first().copied() else { return Ok(before) };
    if !uses_certificate(plan.settings()) {
        return Ok(before);
    }
    let failed = |of: &str, why: String| {
        let name = if named.contains(&of) { of } else { first };
        SetError::failed(name, format!("Unable to update TLS configuration. {why}"))
    };
    match load(plan.settings()).await {
        Ok(found) => put_in_force(acceptor, found),
        Err(fault) => {
            tracing::warn!(%fault, "certificate not changed");
            return Err(failed(fault.of, fault.to_string()));
        }
    }
    Ok(before)
}

/// The same on a thread that may wait for the file system.
async fn load(settings: &Settings) -> Result<Credentials, Fault> {
    let settings = settings.clone();
    let loaded = spawn_blocking(move || credentials(&settings)).await;
    loaded.unwrap_or_else(|error| Err(Fault::value("tls-cert-file", error.to_string())))
}

/// What keeps the certificate in force that the files hold.
pub(super) struct Renewal {
    server: Arc<Server>,
    acceptor: Arc<Acceptor>,
    /// Files that could not be taken, so that the log says so once.
    refused: Option<Stamps>,
    looks: u64,
}

impl Renewal {
    pub(super) fn new(server: Arc<Server>, acceptor: Arc<Acceptor>) -> Self {
        Renewal { server, acceptor, refused: None, looks: 0 }
    }

    /// Looks at the files again and again, for ever, and takes them whenever that is asked for.
    pub(super) async fn go_on(mut self) {
        let acceptor = self.acceptor.clone();
        let mut ticks = interval(LOOK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {
                    self.look(false).await;
                    self.warn_in_time();
                }
                () = acceptor.renew.notified() => self.look(true).await,
            }
        }
    }

    /// Takes the files if they are not those that are in force, or if it is told to.
    async fn look(&mut self, ordered: bool) {
        let (settings, version) = (self.server.settings(), self.server.settings_version());
        let Some(present) = self.acceptor.credentials().filter(|_| uses_certificate(&settings)) else { return };
        let looked = {
            let settings = settings.clone();
            spawn_blocking(move || Stamps::of(&settings)).await
        };
        let Ok(stamps) = looked else { return };
        let is_news = stamps != present.stamps && self.refused.as_ref() != Some(&stamps);
        if !is_news && !ordered {
            return;
        }
        let found = load(&settings).await;
        let is_same = |now: Arc<Credentials>| Arc::ptr_eq(&now, &present);
        if self.server.settings_version() != version || !self.acceptor.credentials().is_some_and(is_same) {
            // They have been changed meanwhile.
            return;
        }
        self.refused = None;
        match found {
            Ok(found) => put_in_force(&self.acceptor, found),
            Err(fault) => {
                tracing::warn!(%fault, "changed files of certificates not taken; the certificate of before stays in force");
                self.refused = Some(stamps);
            }
        }
    }

    /// Says when the certificate in force ends soon.
    fn warn_in_time(&mut self) {
        let now = SystemTime::now();
        let present = self.acceptor.credentials().filter(|_| self.looks.is_multiple_of(LOOKS_BETWEEN_WARNINGS));
        self.looks += 1;
        let Some(identity) = present.as_ref().and_then(|present| present.identity.as_ref()) else { return };
        match identity.rest(now) {
            None => tracing::warn!(certificate = %identity, "the certificate in force has ended"),
            Some(rest) if rest <= SOON => {
                let days = rest.as_secs() / (24 * 60 * 60);
                tracing::warn!(certificate = %identity, days, "the certificate in force ends soon");
            }
            Some(_) => {}
        }
    }
}

fn put_in_force(acceptor: &Acceptor, found: Credentials) {
    let found = Arc::new(found);
    acceptor.replace(Some(found.clone()));
    if let Some(identity) = &found.identity {
        tracing::info!(certificate = %identity, "certificate in force");
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::Path;

    use super::*;
    use crate::clock::Clock;
    use crate::command;
    use crate::config::Config;
    use crate::process::io_thread::runtime;

    /// Writes a certificate and its key, whose common name this is, to a directory of their own.
    fn give(dir: &Path, common_name: &str) {
        let mut params = rcgen::CertificateParams::new(["localhost".to_owned()]).expect("it is a name");
        params.distinguished_name.push(rcgen::DnType::CommonName, common_name);
        let key = rcgen::KeyPair::generate().expect("there is chance");
        let certificate = params.self_signed(&key).expect("the key can sign");
        let own = dir.join(common_name);
        fs::create_dir(&own).expect("the directory can be written to");
        fs::write(own.join("cert"), certificate.pem()).expect("the directory can be written to");
        fs::write(own.join("key"), key.serialize_pem()).expect("the directory can be written to");
        let link = dir.join("new");
        symlink(common_name, &link).expect("the directory can be written to");
        fs::rename(link, dir.join("live")).expect("the directory can be written to");
    }

    #[test]
    fn files_behind_a_link_that_leads_elsewhere_are_taken_at_the_next_look_and_bad_ones_are_not() {
        let dir = tempfile::tempdir().expect("the temporary directory is writable");
        give(dir.path(), "first");
        let path = |file: &str| dir.path().join("live").join(file).display().to_string();
        let pairs = [
            ("tls-port", "1"),
            ("tls-auth-clients", "no"),
            ("tls-cert-file", &path("cert")),
            ("tls-key-file", &path("key")),
        ];
        let config = Config::from_pairs(&pairs).expect("the directives are right");
        let acceptor = first(config.settings()).expect("the files are right");
        let server = command::new_server(config, Clock::simulated()).expect("nothing is renamed");
        let mut renewal = Renewal::new(server, acceptor.clone());
        let runtime = runtime().expect("the system has descriptors");
        let mut look = || {
            runtime.block_on(renewal.look(false));
            let present = acceptor.credentials().expect("there is one");
            present.identity.as_ref().expect("it can be read").subject.clone()
        };
        assert_eq!([look(), look()], ["CN=first", "CN=first"]);
        give(dir.path(), "second");
        assert_eq!(look(), "CN=second");
        fs::write(path("key"), "nothing").expect("the directory can be written to");
        assert_eq!([look(), look()], ["CN=second", "CN=second"]);
        give(dir.path(), "third");
        assert_eq!(look(), "CN=third");
    }
}
