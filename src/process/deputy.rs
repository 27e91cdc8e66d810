//! The deputy of the thread that accepts: it looks now and then whether connections wait that the other has not looked at, and
//! then accepts them, so that nothing that a client does keeps the server from new ones.

use std::rc::Rc;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::doormen::{ACCEPTING, Doormen, House, Next, receive};
use crate::net::listen::Listener;

/// How often the deputy looks. A connection waits for it twice as long at most.
const TICK: Duration = Duration::from_millis(50);
/// Connections that are accepted from one listener at a time, while other affairs of this thread wait.
const MOST_AT_ONCE: usize = 1000;

/// What the deputy has seen.
pub(super) struct Deputy {
    doormen: Rc<Doormen>,
    house: House,
    waiting: Vec<Waiting>,
}

/// A listener at which somebody waited when the deputy looked.
struct Waiting {
    listener: Weak<Listener>,
    /// How often the thread that accepts had looked by then.
    looks: u64,
}

impl Deputy {
    /// Stands in for who accepts from these listeners.
    pub(super) fn new(doormen: Rc<Doormen>, house: House) -> Self {
        Self { doormen, house, waiting: Vec::new() }
    }

    /// Stands in where that is needed, for ever.
    pub(super) async fn stand_by(mut self) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.look();
        }
    }

    /// Accepts where somebody waits, as at the last look, and the thread that accepts has not looked since. It has come back
    /// when it looks; until then newcomers wait for one look only.
    fn look(&mut self) {
        let before = std::mem::take(&mut self.waiting);
        if !self.house.is_open() {
            return;
        }
        for listener in self.doormen.listeners() {
            let looks = listener.looks();
            let is_known = |known: &Waiting| known.looks == looks && known.listener.as_ptr() == Arc::as_ptr(&listener);
            let is_late = before.iter().any(is_known);
            if is_late {
                self.stand_in(&listener);
            }
            if is_late || listener.is_awaited() {
                self.waiting.push(Waiting { listener: Arc::downgrade(&listener), looks });
            }
        }
    }

    fn stand_in(&self, listener: &Listener) {
        let handshakes = self.house.server.settings().tls_handshake_limit;
        for _ in 0..MOST_AT_ONCE {
            if !listener.has_room(handshakes) {
                return;
            }
            if receive(listener, listener.accept(), &self.house, Some(ACCEPTING)) != Next::Again {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;
    use std::sync::atomic::Ordering::Relaxed;

    use tokio::sync::watch;

    use super::*;
    use crate::clock::Clock;
    use crate::command::new_server;
    use crate::config::Config;
    use crate::net::handover::Doors;
    use crate::net::listen::{Wanted, bind_places};
    use crate::process::ending::Phase;

    /// A deputy of a thread that never accepts, and what sets the phase.
    fn deputy() -> (Deputy, watch::Sender<Phase>) {
        let server =
            Config::from_pairs(&[("io-threads", "2")]).and_then(|config| new_server(config, Clock::simulated()));
        let server = server.expect("the directives are right");
        let (doors, _) = Doors::new(server.workers.len());
        let doormen = Rc::new(Doormen::new(doors.clone(), Arc::default()));
        let place = "127.0.0.1:0".parse().expect("an address and a port");
        let listeners =
            bind_places(&[Wanted { place, optional: false, tls: false }], &server.settings(), &Arc::default());
        doormen.open(listeners.expect("the loopback interface has a free port"));
        let (phase, seen) = watch::channel(Phase::Serving);
        (Deputy::new(doormen, House::new(server, doors, seen)), phase)
    }

    fn listener(deputy: &Deputy) -> Arc<Listener> {
        deputy.doormen.listeners().remove(0)
    }

    fn newcomer(deputy: &Deputy) -> TcpStream {
        let address = listener(deputy).wanted().expect("it listens on an address").place;
        TcpStream::connect(address).expect("somebody listens")
    }

    /// How many connections each thread has been given.
    fn given(deputy: &Deputy) -> [usize; 2] {
        [0, 1].map(|id: usize| deputy.house.server.workers[id].connections.load(Relaxed))
    }

    #[test]
    fn who_waits_for_two_looks_while_nobody_accepts_is_let_in_by_the_deputy_and_later_ones_sooner() {
        let (mut deputy, _phase) = deputy();
        deputy.look();
        let _first = [newcomer(&deputy), newcomer(&deputy)];
        deputy.look();
        assert_eq!(given(&deputy), [0, 0]);
        deputy.look();
        assert_eq!(given(&deputy), [0, 2], "the late thread gets none");
        let _second = newcomer(&deputy);
        deputy.look();
        assert_eq!(given(&deputy), [0, 3]);
    }

    #[test]
    fn the_deputy_leaves_it_to_the_thread_that_accepts_while_that_looks() {
        let (mut deputy, _phase) = deputy();
        let _waiting = newcomer(&deputy);
        for _ in 0..3 {
            listener(&deputy).count_look();
            deputy.look();
        }
        assert_eq!(given(&deputy), [0, 0]);
        deputy.look();
        assert_eq!(given(&deputy), [0, 1]);
        listener(&deputy).count_look();
        let _waiting = newcomer(&deputy);
        deputy.look();
        assert_eq!(given(&deputy), [0, 1]);
    }

    #[test]
    fn the_deputy_accepts_nothing_while_the_server_ends() {
        let (mut deputy, phase) = deputy();
        phase.send_replace(Phase::Draining);
        let _waiting = newcomer(&deputy);
        (0..3).for_each(|_| deputy.look());
        assert_eq!(given(&deputy), [0, 0]);
        phase.send_replace(Phase::Serving);
        (0..2).for_each(|_| deputy.look());
        assert_eq!(given(&deputy), [0, 1]);
    }

    #[test]
    fn a_closed_listener_frees_its_address_while_others_still_hold_it() {
        let (deputy, _phase) = deputy();
        let held = listener(&deputy);
        let closed = deputy.doormen.close_tcp_but(&[]);
        assert_eq!(receive(&held, held.accept(), &deputy.house, None), Next::End);
        let settings = deputy.house.server.settings();
        assert_eq!(bind_places(&closed, &settings, &Arc::default()).expect("the address is free").len(), 1);
        assert!(deputy.doormen.listeners().is_empty());
    }
}
