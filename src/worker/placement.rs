//! Which io-thread serves which client.
//!
//! To wake a thread costs processor time, also that of the client whose request wakes it. So clients gather on the first
//! threads while these have time to spare, and a server with little to do is as cheap as one with a single thread.
//! Subscribers cannot move later, so they are dealt out before there is much to do: each thread gets some, then all get the
//! same number, and fan-out to many uses every core.
//!
//! A client moves only while nothing of it is under way, in two cases: when it subscribes for the first time, to the
//! thread that has the fewest subscribers; and when its thread is saturated, to one that has time to spare.

use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use crate::client::Client;
use crate::ids::WorkerId;
use crate::observe::load::Load;
use crate::observe::resources::{idle_time, thread_time};
use crate::server::WorkerHandle;
use crate::worker::Worker;

/// Subscribers that a thread gets before the next one gets any: so few are served at a high rate by one thread alone, and
/// to wake another one for some of them would cost more than it gains.
const FEW: usize = 48;
/// A thread that works for less of its time than this takes new clients, in percent.
const BUSY: u8 = 80;
/// A thread that works for this much of its time is saturated, in percent.
const SATURATED: u8 = 92;
/// A thread that works for less of its time than this takes clients of saturated ones, in percent.
const IDLE: u8 = 50;
/// The processors together must have been idle for this much of the time of one, in percent: where others use them all,
/// another thread would only wait for one, too.
const SPARE: u8 = 50;
/// For how many looks a thread has been saturated when it lets clients go.
const PATIENCE: i32 = 2;
/// How many looks later it may do so again: it takes some time to show what has changed.
const REST: i32 = 10;
/// Who has asked for nothing for longer than this would take no work along, in milliseconds.
const RECENT_MS: u64 = 200;

/// The worker for a new connection: the first that has time to spare and is not stuck, and not `late` if there is another.
pub(crate) fn for_newcomer(workers: &[WorkerHandle], late: Option<WorkerId>, now_ms: u64) -> WorkerId {
    let busy = |id: &WorkerId| {
        let load = &workers[*id].load;
        if late == Some(*id) || load.is_stuck(now_ms) { u8::MAX } else { load.busy() }
    };
    let ids = 0..workers.len();
    ids.clone().find(|id| busy(id) < BUSY).or_else(|| ids.min_by_key(busy)).unwrap_or(0)
}

/// The worker for a client of `here` that begins to listen, if another one suits it better.
pub(crate) fn for_subscriber(workers: &[WorkerHandle], here: WorkerId) -> Option<WorkerId> {
    let crowd = |id: &WorkerId| crowd(&workers[*id].load);
    let best = (0..workers.len()).min_by_key(crowd)?;
    (crowd(&best) < crowd(&here) && workers[best].is_served.load(Relaxed)).then_some(best)
}

/// What decides where the next subscriber goes: fewer is better.
fn crowd(load: &Load) -> usize {
    (load.subscribers() + load.arriving() + 1).max(FEW)
}

/// How long a thread has been saturated.
#[derive(Debug)]
pub(crate) struct Strain {
    looked_at: Instant,
    /// How long the thread had worked then.
    worked: Duration,
    /// How long the processors had been idle then, if the thread was saturated.
    idle: Duration,
    /// Looks that found it saturated; below zero while it rests.
    looks: i32,
}

impl Strain {
    /// Of the calling thread, from now on.
    pub(crate) fn new() -> Self {
        Strain { looked_at: Instant::now(), worked: thread_time(), idle: Duration::ZERO, looks: 0 }
    }

    /// Measures what the calling thread, that of `worker`, has done since the last look, and lets some of its clients go if
    /// it has been saturated for some time while another thread and a processor had time to spare.
    pub(crate) fn look(&mut self, worker: &Worker) {
        let (now, worked) = (Instant::now(), thread_time());
        let passed = now.duration_since(self.looked_at).max(Duration::from_nanos(1));
        let percent = |time: Duration| (100.0 * time.div_duration_f64(passed)).min(100.0) as u8;
        let busy = percent(worked.saturating_sub(self.worked));
        (self.looked_at, self.worked) = (now, worked);
        worker.handle().load.set_busy(busy, worker.now().ms());
        let lasts = self.lasts(busy >= SATURATED);
        if self.looks <= 0 {
            return;
        }
        let idle = idle_time();
        let spare = percent(idle.saturating_sub(self.idle));
        self.idle = idle;
        let workers = &worker.server.workers;
        let idlest = (0..workers.len()).min_by_key(|id| workers[*id].load.busy());
        let idlest = idlest.filter(|id| workers[*id].load.busy() < IDLE && spare >= SPARE);
        if let Some(destination) = idlest.filter(|_| lasts) {
            relieve(worker, destination);
            self.looks = -REST;
        }
    }

    /// Whether the thread has been saturated long enough for clients to go, now that it is so or not.
    fn lasts(&mut self, saturated: bool) -> bool {
        self.looks = if saturated { self.looks + 1 } else { (self.looks + 1).min(0) };
        self.looks >= PATIENCE
    }
}

/// Lets half of the clients go that give a thread work. The only one stays: a publisher on its own thread lets messages
/// gather for the subscribers there.
fn relieve(worker: &Worker, destination: WorkerId) {
    let now_ms = worker.now().ms();
    let is_active = |client: &Client| now_ms.saturating_sub(client.info.active_ms.load(Relaxed)) < RECENT_MS;
    let mut active = worker.all_clients();
    active.retain(|client| client.is_at_rest() && is_active(client));
    active.iter().take(active.len() / 2).for_each(|client| client.send_away(destination));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::test_support::{Peer, World};

    /// Who of `peers` is to move, by the order in which they came.
    fn leaving(peers: &[Peer]) -> Vec<bool> {
        peers.iter().map(|peer| peer.client.take_destination() == Some(1)).collect()
    }

    #[test]
    fn half_of_those_go_who_have_asked_for_something_lately() {
        let world = World::new();
        let idle = world.client();
        world.advance(Duration::from_millis(RECENT_MS));
        let peers: Vec<Peer> = (0..5).map(|_| world.client()).collect();
        peers.iter().for_each(|peer| drop(peer.say("PING")));
        relieve(&world.workers[0], 1);
        assert_eq!(leaving(&peers), [true, true, false, false, false]);
        assert_eq!(idle.client.take_destination(), None);
    }

    #[test]
    fn the_only_one_stays() {
        let world = World::new();
        let peers = [world.client(), world.client(), world.client()];
        peers.iter().zip(["PING", "SUBSCRIBE a", "BLPOP k 0"]).for_each(|(peer, line)| drop(peer.say(line)));
        relieve(&world.workers[0], 1);
        assert_eq!(leaving(&peers), [false; 3]);
    }

    #[test]
    fn who_has_something_under_way_stays() {
        let world = World::new();
        for busy in ["MULTI", "WATCH k", "MONITOR", "BLPOP k 0", "CLIENT TRACKING ON", "SUBSCRIBE a", "QUIT"] {
            let peer = world.client().speaking(crate::resp::Proto::Resp3);
            peer.say("PING");
            assert!(peer.pack().is_some(), "nothing is under way");
            let peer = world.client().speaking(crate::resp::Proto::Resp3);
            peer.say(busy);
            assert!(peer.pack().is_none(), "{busy}");
        }
    }

    #[test]
    fn who_moves_goes_on_elsewhere_as_if_nothing_had_happened() {
        let world = World::new();
        let peer = world.client().speaking(crate::resp::Proto::Resp3);
        peer.say("SELECT 3\r\nSET k v\r\nCLIENT REPLY SKIP");
        peer.client.send_away(1);
        assert_eq!(peer.say("PING\r\nGET k\r\n*2\r\n$3\r\nGET"), "", "it runs no more commands here");
        let peer = peer.move_to(&world, 1);
        assert_eq!(peer.resume(), "$1\r\nv\r\n");
        assert_eq!(peer.say("$4\r\nnone"), "_\r\n");
        assert!(peer.say("CLIENT INFO").contains(" db=3 "));
    }

    #[test]
    fn what_a_client_is_to_forget_goes_after_it() {
        let world = World::new();
        let (peer, writer) = (world.client().speaking(crate::resp::Proto::Resp3), world.client_of(1));
        let peer = peer.move_to(&world, 1);
        peer.say("CLIENT TRACKING ON\r\nGET k");
        peer.client.info.move_to(0);
        writer.say("SET k v");
        peer.client.info.move_to(1);
        world.settle();
        assert_eq!(peer.heard(), ">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n");
    }

    #[test]
    fn a_thread_rests_after_it_has_let_clients_go() {
        let mut strain = Strain::new();
        assert_eq!([true, true].map(|saturated| strain.lasts(saturated)), [false, true]);
        assert_eq!([false, true, false, true].map(|saturated| strain.lasts(saturated)), [false; 4]);
        strain.looks = -REST;
        assert!((0..REST + PATIENCE - 1).all(|_| !strain.lasts(true)));
        assert!(strain.lasts(true));
    }

    #[test]
    fn newcomers_go_to_the_first_thread_that_has_time_to_spare() {
        let world = World::with(&[("io-threads", "3")]);
        let workers = &world.server.workers;
        assert_eq!(for_newcomer(workers, None, 1), 0);
        assert_eq!(for_newcomer(workers, Some(0), 1), 1);
        for (busy, expected) in [([BUSY - 1, 0, 0], 0), ([BUSY, 0, 0], 1), ([99, 98, BUSY], 2), ([99, 98, 99], 1)] {
            workers.iter().zip(busy).for_each(|(worker, busy)| worker.load.set_busy(busy, 1000));
            assert_eq!(for_newcomer(workers, None, 1000), expected, "{busy:?}");
        }
    }

    #[test]
    fn newcomers_do_not_go_to_a_thread_that_is_stuck_while_another_is_not() {
        let world = World::with(&[("io-threads", "3")]);
        let workers = &world.server.workers;
        for (looked_ms, expected) in [([1, 1, 9_000], 2), ([9_000, 1, 1], 0), ([1, 1, 1], 0)] {
            workers.iter().zip(looked_ms).for_each(|(worker, ms)| worker.load.set_busy(0, ms));
            assert_eq!(for_newcomer(workers, None, 9_100), expected, "{looked_ms:?}");
        }
    }

    #[test]
    fn a_thread_gets_a_few_subscribers_before_the_next_one_gets_any() {
        let world = World::with(&[("io-threads", "3")]);
        let workers = &world.server.workers;
        workers.iter().for_each(|worker| worker.is_served.store(true, Relaxed));
        let mut places = vec![0; 3];
        for _ in 0..300 {
            let worker = for_subscriber(workers, 0).unwrap_or(0);
            workers[worker].load.count_subscriber(true);
            places[worker] += 1;
            assert!(places[0] >= FEW - 1 || places[1..] == [0, 0]);
        }
        assert_eq!(places, [100; 3]);
    }
}
