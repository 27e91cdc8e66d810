//! What systemd is told of the server, if it has started it and `supervised` wants that: that it is ready, alive, reloading,
//! ending. Source: sd_notify(3).

use std::convert::Infallible;
use std::future::pending;

use sd_notify::NotifyState::{self, Ready, Reloading, Status, Stopping, Watchdog};
use tokio::time::interval;

use crate::config::{Settings, Supervised};

/// Says in the log that nobody is told anything though `supervised` wants it.
pub(super) fn look_for_supervisor(settings: &Settings) {
    if settings.supervised != Supervised::No && !settings.supervised.is_in_effect() {
        let word = settings.supervised.word();
        let text = "nobody is told that the server is ready";
        match settings.supervised {
            Supervised::Auto => tracing::debug!("supervised {word}: {text}, because no systemd asks for it"),
            _ => tracing::warn!("supervised {word}: {text}, because {} is not set", Supervised::SOCKET_VARIABLE),
        }
    }
}

/// Clients are served.
pub(super) fn ready(settings: &Settings) {
    tell(settings, &[Status("Ready to accept connections"), Ready]);
}

/// Files are opened anew.
pub(super) fn reloading(settings: &Settings) {
    // Without the time, which every Linux knows, that is all that can be said.
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(settings, &[Reloading, now]),
        Err(_) => tell(settings, &[Reloading]),
    }
}

/// What is queued is written. This may still be called off, which cannot be said of [`stopping`].
pub(super) fn draining(settings: &Settings) {
    tell(settings, &[Status("Writing what is queued")]);
}

/// The end.
pub(super) fn stopping(settings: &Settings) {
    tell(settings, &[Stopping]);
}

/// Says again and again that this thread is alive, twice as often as systemd wants to hear it; never if it does not.
pub(super) async fn keep_alive(settings: &Settings) -> Infallible {
    let period = sd_notify::watchdog_enabled().filter(|_| settings.supervised.is_in_effect());
    let Some(period) = period else { return pending().await };
    let mut ticks = interval(period / 2);
    loop {
        ticks.tick().await;
        tell(settings, &[Watchdog]);
    }
}

fn tell(settings: &Settings, states: &[NotifyState<'_>]) {
    if settings.supervised.is_in_effect()
        && let Err(error) = sd_notify::notify(states)
    {
        tracing::warn!(%error, "cannot tell systemd how the server is");
    }
}
