//! Which io-thread serves which client.
//!
//! To wake a thread costs processor time, also that of the client whose request wakes it. So clients gather on the first
//! threads while these have time to spare, and a server with little to do is as cheap as one with a single thread. Two things make
//! them [move](super::moving). Of a name to which very many listen each thread gets as many, as they come: of a message to it the last
//! one would hear late if one thread wrote to all. And when a thread is saturated while others have time to spare, clients go there,
//! subscribers and others alike, by what they [cost](Client::spend) and not by their number, until all of these have as much to do.
//!
//! A client moves only while nothing of it is under way. None goes that is more than what is to go: the only one that gives a thread
//! work would take that along, and two threads would take turns.

use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use crate::client::Client;
use crate::ids::WorkerId;
use crate::observe::resources::{idle_time, thread_time};
use crate::server::WorkerHandle;
use crate::worker::Worker;

/// A thread that works for this much of its time is saturated, and takes no new clients while another is not, in percent.
const SATURATED: u8 = 92;
/// A thread that works for less of its time than this takes clients of saturated ones, in percent.
const IDLE: u8 = 50;
/// For each thread that takes some the processors together must have been idle for this much of the time of one, in percent: where
/// others use them all, another thread would only wait for one, too.
const SPARE: u32 = 50;
/// For how many looks a thread has been saturated when it lets clients go.
const PATIENCE: i32 = 2;
/// How many looks later it is looked at again: it takes one to show what has changed.
const REST: i32 = 3;
/// More listeners of one name than this are dealt out to all threads: to write a message to so many takes about forty times as long
/// as to wake another thread.
pub(super) const CROWD: usize = 128;

/// The worker for a new connection: the first that is not saturated or stuck, and not `late` if there is another.
pub(crate) fn for_newcomer(workers: &[WorkerHandle], late: Option<WorkerId>, now_ms: u64) -> WorkerId {
    let busy = |id: &WorkerId| {
        let load = &workers[*id].load;
        if late == Some(*id) || load.is_stuck(now_ms) { u8::MAX } else { load.busy() }
    };
    let ids = 0..workers.len();
    ids.clone().find(|id| busy(id) < SATURATED).or_else(|| ids.min_by_key(busy)).unwrap_or(0)
}

/// The workers that can be given more listeners of a name to which very many listen.
pub(super) fn open_to_listeners(workers: &[WorkerHandle], now_ms: u64) -> impl Iterator<Item = WorkerId> {
    let is_open = move |worker: &WorkerHandle| worker.is_served.load(Relaxed) && !worker.load.is_stuck(now_ms);
    workers.iter().enumerate().filter(move |(_, worker)| is_open(worker)).map(|(id, _)| id)
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

    /// Measures what the calling thread, that of `worker`, has done since the last look. Answers how much of that is to go where, if
    /// it has been saturated for some time while another thread and a processor had time to spare.
    pub(crate) fn look(&mut self, worker: &Worker) -> Option<Relief> {
        let (now, worked) = (Instant::now(), thread_time());
        let passed = now.duration_since(self.looked_at).max(Duration::from_nanos(1));
        let percent = |time: Duration| (100.0 * time.div_duration_f64(passed)).min(100.0) as u8;
        let busy = percent(worked.saturating_sub(self.worked));
        (self.looked_at, self.worked) = (now, worked);
        worker.handle().load.set_busy(busy, worker.now().ms());
        let lasts = self.lasts(busy >= SATURATED);
        if self.looks <= 0 {
            return None;
        }
        let idle = idle_time();
        let spare = 100.0 * idle.saturating_sub(self.idle).div_duration_f64(passed);
        self.idle = idle;
        if !lasts {
            return None;
        }
        let others = worker.server.workers.iter().map(|worker| worker.load.busy()).enumerate();
        let rooms = rooms(busy, others, (spare as u32 / SPARE) as usize);
        if rooms.is_empty() {
            return None;
        }
        self.looks = -REST;
        Some(Relief::new(rooms, busy))
    }

    /// Whether the thread has been saturated long enough for clients to go, now that it is so or not.
    fn lasts(&mut self, saturated: bool) -> bool {
        self.looks = if saturated { self.looks + 1 } else { (self.looks + 1).min(0) };
        self.looks >= PATIENCE
    }
}

/// How much of the time of a thread that is so `busy` is to go to which of all, `most` of them at most, so that these have as much to
/// do as it has; in percent.
fn rooms(busy: u8, all: impl Iterator<Item = (WorkerId, u8)>, most: usize) -> Vec<(WorkerId, u8)> {
    let mut idle: Vec<_> = all.filter(|(_, busy)| *busy < IDLE).collect();
    idle.sort_by_key(|(_, busy)| *busy);
    idle.truncate(most);
    let sum = idle.iter().map(|(_, busy)| usize::from(*busy)).sum::<usize>() + usize::from(busy);
    let mean = (sum / (idle.len() + 1)) as u8;
    idle.into_iter().map(|(id, busy)| (id, mean.saturating_sub(busy))).filter(|(_, room)| *room > 0).collect()
}

/// What is to go from a thread to others.
#[derive(Debug)]
pub(crate) struct Relief {
    /// Where to, and how much of the thread's time each may get, in percent.
    rooms: Vec<(WorkerId, u8)>,
    /// What all clients together take of it, in percent.
    of: u8,
    /// What all clients cost that have been weighed.
    total: u64,
    /// Those that may go, by the binary logarithm of what they cost.
    classes: Vec<Vec<(u64, Rc<Client>)>>,
}

impl Relief {
    fn new(rooms: Vec<(WorkerId, u8)>, of: u8) -> Self {
        Relief { rooms, of, total: 0, classes: vec![Vec::new(); u64::BITS as usize] }
    }

    /// Takes note of what some clients cost.
    pub(crate) fn weigh(&mut self, clients: &[Rc<Client>]) {
        for client in clients {
            let cost = client.cost();
            self.total += cost;
            if let Some(class) = cost.checked_ilog2().filter(|_| client.may_move()) {
                self.classes[class as usize].push((cost, client.clone()));
            }
        }
    }

    /// Who is to go where: the costly ones first, because they are few, each to where there is most room.
    pub(crate) fn chosen(self) -> Vec<(Rc<Client>, WorkerId)> {
        let share = |percent: u8| (u128::from(self.total) * u128::from(percent) / u128::from(self.of.max(1))) as u64;
        let mut rooms: Vec<_> = self.rooms.iter().map(|(id, percent)| (share(*percent), *id)).collect();
        let mut chosen = Vec::new();
        for (cost, client) in self.classes.into_iter().rev().flatten() {
            if let Some((room, destination)) = rooms.iter_mut().max().filter(|(room, _)| cost <= *room) {
                *room -= cost;
                chosen.push((client, *destination));
            }
        }
        chosen
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::test_support::{Peer, World};

    /// Where clients go of which each has cost so much when this much of all is to go.
    fn destinations(costs: &[u64], rooms: &[(WorkerId, u8)]) -> Vec<Option<WorkerId>> {
        let world = World::new();
        let peers: Vec<Peer> = costs.iter().map(|_| world.client()).collect();
        peers.iter().zip(costs).for_each(|(peer, cost)| peer.client.spend(*cost));
        let mut relief = Relief::new(rooms.to_vec(), 100);
        peers.chunks(2).for_each(|some| relief.weigh(&some.iter().map(|peer| peer.client.clone()).collect::<Vec<_>>()));
        let chosen = relief.chosen();
        let of = |peer: &Peer| chosen.iter().find(|(client, _)| Rc::ptr_eq(client, &peer.client)).map(|(_, to)| *to);
        peers.iter().map(of).collect()
    }

    /// Who of such clients goes when half of that is to go, by their places.
    fn going(costs: &[u64]) -> Vec<usize> {
        let going = destinations(costs, &[(1, 50)]);
        (0..costs.len()).filter(|place| going[*place].is_some()).collect()
    }

    #[test]
    fn a_saturated_thread_and_those_that_take_some_of_its_work_have_as_much_to_do_then() {
        let rooms = |busy: &[u8], most| rooms(100, busy.iter().copied().enumerate().skip(1), most);
        assert_eq!(rooms(&[100, 0], 4), [(1, 50)]);
        assert_eq!(rooms(&[100, 40, 0, IDLE, 20], 4), [(2, 40), (4, 20)], "who has as much to do gets nothing");
        assert_eq!(rooms(&[100, 0, 0, 0], 2), [(1, 34), (2, 34)].map(|(id, _)| (id, 33)), "there are two processors");
        assert_eq!(rooms(&[100, 0, 0, 0], 0), []);
        assert_eq!(rooms(&[100, 100, 60], 4), []);
    }

    #[test]
    fn each_goes_to_where_there_is_most_room() {
        let to = destinations(&[40, 30, 10, 10, 10], &[(1, 30), (2, 40)]);
        assert_eq!(to, [Some(2), Some(1), None, None, None]);
        let to = destinations(&[10, 10, 10, 10, 10, 10], &[(1, 17), (2, 34)]);
        assert_eq!(to.iter().flatten().filter(|to| **to == 2).count(), 2);
        assert_eq!(to.iter().flatten().filter(|to| **to == 1).count(), 1);
    }

    #[test]
    fn about_half_of_the_work_goes_however_many_clients_that_are() {
        assert_eq!(going(&[40, 40, 40, 40]), [0, 1]);
        assert_eq!(going(&[100, 0, 90, 10, 0, 20]), [0, 3], "the costly ones go first");
        assert_eq!(going(&[1, 1, 1000, 1, 900, 1]), [0, 1, 3, 4, 5]);
        assert!(going(&[0, 0, 0]).is_empty());
    }

    #[test]
    fn who_alone_costs_more_than_is_to_go_stays() {
        assert!(going(&[1000]).is_empty());
        assert_eq!(going(&[10, 1000, 20]), [0, 2]);
    }

    #[test]
    fn who_has_something_under_way_stays() {
        let world = World::new();
        for busy in ["MULTI", "WATCH k", "MONITOR", "BLPOP k 0", "CLIENT TRACKING ON", "QUIT"] {
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
    fn newcomers_go_to_the_first_thread_that_is_not_saturated() {
        let world = World::with(&[("io-threads", "3")]);
        let workers = &world.server.workers;
        assert_eq!(for_newcomer(workers, None, 1), 0);
        assert_eq!(for_newcomer(workers, Some(0), 1), 1);
        for (busy, expected) in
            [([SATURATED - 1, 0, 0], 0), ([SATURATED, 0, 0], 1), ([99, 98, SATURATED], 2), ([99, 98, 99], 1)]
        {
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
    fn the_listeners_of_a_name_to_which_very_many_listen_are_dealt_out() {
        for subscribe in ["SUBSCRIBE", "SSUBSCRIBE", "PSUBSCRIBE"] {
            let world = World::with(&[("io-threads", "3")]);
            world.server.workers.iter().for_each(|worker| worker.is_served.store(true, Relaxed));
            let mut counts = [0; 3];
            let mut peers = Vec::new();
            for number in 0..3 * CROWD {
                let peer = world.client();
                peer.say(&format!("{subscribe} own{number} crowd"));
                let (destination, stays) = (peer.client.take_destination(), number < CROWD);
                assert_eq!(destination.is_none(), stays, "{number}");
                let peer = if stays { peer } else { peer.move_to(&world, destination.unwrap_or(0)) };
                counts[peer.client.info.worker()] += 1;
                peers.push(peer);
            }
            assert_eq!(counts, [CROWD; 3]);
            let one_more = world.client();
            one_more.say(&format!("MULTI\r\n{subscribe} crowd\r\nEXEC"));
            assert_eq!(one_more.client.take_destination(), None, "nowhere there are fewer");
            peers.pop().expect("it is on the last worker").leave();
            let one_more = world.client();
            one_more.say(&format!("MULTI\r\n{subscribe} crowd\r\nEXEC"));
            assert_eq!(one_more.client.take_destination(), Some(2));
        }
    }

    #[test]
    fn no_listener_goes_to_where_nobody_is_served_or_to_a_thread_that_is_stuck() {
        let world = World::with(&[("io-threads", "3")]);
        let workers = &world.server.workers;
        let open = |now_ms| open_to_listeners(workers, now_ms).collect::<Vec<_>>();
        assert!(open(1).is_empty());
        workers[1..].iter().for_each(|worker| worker.is_served.store(true, Relaxed));
        assert_eq!(open(1), [1, 2]);
        workers[1].load.set_busy(0, 9_000);
        assert_eq!(open(9_100), [1]);
    }
}
