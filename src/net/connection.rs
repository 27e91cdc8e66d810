//! The one loop of a client's connection: read, run, write, wait.
//!
//! The task owns what only this client's commands touch (the session); what deliveries touch (outbox and socket) is the
//! worker's, which writes to the socket itself when messages have been delivered. The task reads, writes what the
//! client's own commands answered, and waits for room when the socket is full.

mod moving;

use std::cell::Cell;
use std::future::{pending, poll_fn};
use std::io;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::Poll;
use std::time::Duration;

use tokio::io::Interest;
use tokio::time::{Sleep, sleep, timeout};

use crate::client::held::Holding;
use crate::client::registry::ClientInfo;
use crate::client::{Client, Closing, Left};
use crate::ids::WorkerId;
use crate::net::handover::Doors;
use crate::net::transport::Transport;
use crate::net::upstream::Upstream;
use crate::observe::incidents::Fate;
use crate::session::{Luggage, Session};
use crate::worker::Worker;

/// How long a connection that is to end after its last reply may take to accept that reply.
const LAST_REPLY: Duration = Duration::from_secs(5);

/// What to wait for a client and to read what it has sent costs, and a short command, in nanoseconds; measured by
/// `cargo bench --bench placement`.
const READ_NS: u64 = 4000;
const COMMAND_NS: u64 = 250;

/// While more than this waits for a client that does not read, nothing more is read from the upstream for it, in bytes.
const MUCH_OUTPUT: usize = 256 * 1024;
/// After this much has been read of one client others have their turn, in bytes, also if there is always more. Clients that
/// send long requests at the same time share it, so that the others do not wait for all of them.
const TURN_BYTES: usize = 1024 * 1024;
/// The least share of it.
const LEAST_SHARE: usize = 16 * 1024;
/// For so many turns of all others a client with much input waits until those have gone that are evicted.
const LONGEST_WAIT: usize = 100;
/// From so much on, what a client has sent that waits to be run is worth a look at what all clients hold, in bytes.
const MUCH_INPUT: usize = 32 * 1024;

/// Serves one client until it goes or is closed.
///
/// Not cancel safe in the sense that a dropped future drops the connection; everything it holds in the server is let go
/// also then, and also when a command panics.
pub(crate) async fn serve(
    worker: Rc<Worker>,
    doors: Doors,
    transport: Transport,
    info: Arc<ClientInfo>,
    luggage: Option<Box<Luggage>>,
) {
    let transport = Rc::new(transport);
    let (client, session) = match luggage {
        Some(luggage) => {
            let (client, session) = Session::settle_in(&worker, info, Some(transport.clone()), *luggage);
            client.bell.ring();
            (client, session)
        }
        None => {
            let client = worker.welcome(info, Some(transport.clone()));
            tracing::debug!(client = client.info.id, peer = %client.info.address, "connected");
            (client.clone(), Session::new(worker.clone(), client))
        }
    };
    let mut connection = Connection {
        session,
        worker,
        doors,
        client,
        transport: Some(transport),
        upstream: None,
        alarm: None,
        last_answers: None,
        postponed: None,
        moved: false,
        unyielded_bytes: 0,
        has_much_input: Cell::new(false),
    };
    connection.converse().await;
    if connection.client.closing().is_none() && !connection.moved {
        connection.write_last_reply().await;
    }
}

struct Connection {
    worker: Rc<Worker>,
    doors: Doors,
    client: Rc<Client>,
    session: Session,
    /// What it comes through, shared with the client; none when it has moved.
    transport: Option<Rc<Transport>>,
    /// Its connection to the upstream of its keys, if it has one.
    upstream: Option<Upstream>,
    /// When a blocked session goes on by itself.
    alarm: Option<Pin<Box<Sleep>>>,
    /// If the client sends nothing more: until when answers of the upstream are waited for.
    last_answers: Option<Pin<Box<Sleep>>>,
    /// Where it is to go as soon as its socket has room.
    postponed: Option<WorkerId>,
    /// Whether another worker serves its client now.
    moved: bool,
    /// What has been read since others last had their turn for it, in bytes.
    unyielded_bytes: usize,
    /// Whether much of what has been read waits to be run.
    has_much_input: Cell<bool>,
}

/// What a connection waited for.
enum Event {
    Bell,
    Alarm,
    /// So much has come from the upstream, into the read buffer of the worker; or why no more comes.
    Upstream(Result<usize, String>),
    Socket(io::Result<tokio::io::Ready>),
}

impl Connection {
    async fn converse(&mut self) {
        while !self.session.is_finished() {
            let event = if self.session.has_more() {
                tokio::task::yield_now().await;
                Event::Bell
            } else {
                self.next_event().await
            };
            match event {
                Event::Bell => self.session.resume(),
                Event::Alarm => {
                    self.alarm = None;
                    self.session.resume();
                }
                Event::Upstream(Err(_)) if self.upstream.as_ref().is_some_and(Upstream::is_finishing) => return,
                Event::Upstream(come) => self.hear_upstream(come),
                Event::Socket(Err(_)) => return,
                Event::Socket(Ok(ready)) => {
                    if ready.is_writable() {
                        self.worker.flush(&self.client);
                    }
                    if ready.is_readable() || ready.is_read_closed() {
                        self.let_others_go().await;
                        if self.read().is_break() {
                            return;
                        }
                    }
                }
            }
            self.session.alert();
            self.worker.flush(&self.client);
            self.session.spread();
            if self.moves().is_break() {
                return;
            }
            if self.client.is_departing() {
                self.session.depart();
            }
            if self.last_answers.is_some() && !self.session.owes() {
                return;
            }
            self.set_alarm();
            self.give_way().await;
        }
    }

    async fn next_event(&mut self) -> Event {
        self.seek_upstream();
        let Connection { worker, client, session, transport, upstream, alarm, last_answers, .. } = self;
        let Some(transport) = transport else { return Event::Socket(Err(io::ErrorKind::NotConnected.into())) };
        let congested = client.is_congested();
        let interest = match (session.receives() && last_answers.is_none(), congested) {
            (true, true) => Some(Interest::READABLE | Interest::WRITABLE),
            (true, false) => Some(Interest::READABLE),
            (false, true) => Some(Interest::WRITABLE),
            (false, false) => None,
        };
        // Nothing more is asked of the upstream for a client that does not read.
        let takes = !congested || client.outbox.borrow().bytes() < MUCH_OUTPUT;
        let last_answers = last_answers.as_mut().filter(|_| session.has_answers_due());
        if let Some(upstream) = upstream.as_mut().filter(|_| last_answers.is_some() && session.may_wait_there()) {
            upstream.finish();
        }
        let from_upstream = poll_fn(|context| match (upstream.as_mut(), session.relay()) {
            (Some(upstream), Some(relay)) => {
                upstream.poll(context, relay, takes, &mut worker.read_buffer.borrow_mut()[..])
            }
            _ => Poll::Pending,
        });
        tokio::select! {
            biased;
            () = client.bell.rung() => Event::Bell,
            () = async { match alarm { Some(alarm) => alarm.await, None => pending().await } } => Event::Alarm,
            come = from_upstream => Event::Upstream(come),
            () = async { match last_answers { Some(until) => until.await, None => pending().await } } => {
                Event::Socket(Err(io::ErrorKind::TimedOut.into()))
            }
            ready = async { match interest { Some(interest) => transport.ready(interest).await, None => pending().await } } => {
                Event::Socket(ready)
            }
        }
    }

    /// Has the connection to the upstream that its client needs, if it needs one.
    fn seek_upstream(&mut self) {
        match self.session.wanted_upstream() {
            None => self.upstream = None,
            Some(number) if self.upstream.as_ref().is_some_and(|upstream| upstream.is_number(number)) => {}
            Some(number) => {
                let server = &self.worker.server;
                if let Some(backplane) = &server.backplane {
                    backplane.status.figures.forwarded_connections.add_shared(1);
                }
                self.upstream = Some(Upstream::open(number, server));
            }
        }
    }

    /// Passes on what has come from the upstream, or says that its connection has ended.
    fn hear_upstream(&mut self, come: Result<usize, String>) {
        let worker = self.worker.clone();
        let heard = come.and_then(|count| {
            self.unyielded_bytes += count;
            // Nobody else has used the buffer since: it was filled in this turn of the thread.
            let bytes = std::mem::take(&mut *worker.read_buffer.borrow_mut());
            let heard = self.session.hear_upstream(&bytes[..count]);
            *worker.read_buffer.borrow_mut() = bytes;
            heard
        });
        if let Err(why) = heard {
            self.upstream = None;
            self.session.lose_upstream(&why);
        }
    }

    /// Reads what is there and runs it. Ends the conversation when the socket fails, and at the end of input unless answers
    /// are still due.
    fn read(&mut self) -> ControlFlow<()> {
        let Some(transport) = &self.transport else { return ControlFlow::Break(()) };
        let share = self.share();
        let mut buffer = self.worker.read_buffer.borrow_mut();
        let (read, in_place) = match self.session.room() {
            Some((input, most)) => (transport.read_behind(input, most.min(share)), true),
            None => (transport.read(&mut buffer[..]), false),
        };
        self.unyielded_bytes += transport.take_toll();
        match read {
            Ok(0) if self.session.owes() => {
                // Not for ever: it may have gone, and the upstream may say nothing.
                let longest = Duration::from_secs(self.worker.settings().backplane_timeout.0);
                self.last_answers = Some(Box::pin(sleep(longest)));
            }
            Ok(0) => return ControlFlow::Break(()),
            Ok(count) => {
                self.worker.stats().counters.reads.add(1);
                self.unyielded_bytes += count;
                let commands = self.client.info.total_commands.load(Relaxed);
                if in_place {
                    self.session.feed_in_place(count);
                } else {
                    self.session.feed(&buffer[..count]);
                }
                self.client.spend(READ_NS + COMMAND_NS * (self.client.info.total_commands.load(Relaxed) - commands));
                self.set_much_input(self.client.info.held.get(Holding::Input) >= MUCH_INPUT);
                if self.has_much_input.get() {
                    self.worker.evict_in_between();
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => {
                if error.kind() == io::ErrorKind::TimedOut {
                    self.client.close(Closing::DeadPeer);
                }
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    }

    fn set_much_input(&self, much: bool) {
        let before = self.has_much_input.replace(much);
        let count = &self.worker.much_input;
        count.set(count.get() + usize::from(much) - usize::from(before));
    }

    /// How much may be read of it until others have their turn, in bytes.
    fn share(&self) -> usize {
        (TURN_BYTES / self.worker.much_input.get().max(1)).max(LEAST_SHARE)
    }

    fn set_alarm(&mut self) {
        // Anew each time: what it waits for may have become something else since.
        self.alarm = self.session.wakes_in().map(|wait| Box::pin(sleep(wait)));
    }

    /// Lets the workers write what has been published before more is read, if they are behind. The server's own work is
    /// what a publisher may wait for; it never waits for a subscriber.
    async fn give_way(&mut self) {
        let crowded = self.session.take_crowded();
        if !crowded.is_empty() {
            self.worker.server.hub.relieved(crowded).await;
        }
        if self.worker.take_blind() || self.unyielded_bytes >= self.share() {
            self.unyielded_bytes = 0;
            tokio::task::yield_now().await;
        }
        while self.worker.is_crowded() && !self.session.is_finished() {
            tokio::task::yield_now().await;
        }
    }

    /// Waits before more of a long request is read, as long as all clients together hold too much and those that hold most
    /// have still to go, which are told to. For a bounded time, because the others may be such that may not be evicted.
    async fn let_others_go(&mut self) {
        for _ in 0..LONGEST_WAIT {
            let goes_on =
                !self.has_much_input.get() || !self.worker.clients_hold_too_much() || self.session.is_finished();
            if goes_on {
                return;
            }
            self.worker.evict_in_between();
            tokio::task::yield_now().await;
        }
    }

    async fn write_last_reply(&mut self) {
        let Some(transport) = &self.transport else { return };
        let written = async {
            let waits = || !self.client.outbox.borrow().is_empty() || self.client.is_congested();
            while waits() && self.client.closing().is_none() {
                if transport.ready(Interest::WRITABLE).await.is_err() {
                    return;
                }
                self.worker.flush(&self.client);
            }
        };
        // A peer that does not take its last reply in time does not get it.
        let _ = timeout(LAST_REPLY, written).await;
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.set_much_input(false);
        if self.moved {
            return;
        }
        self.session.end();
        self.worker.unregister(&self.client);
        self.client.let_go_of_sink();
        match self.transport.take() {
            Some(transport) => self.worker.hang_up(transport),
            None => self.worker.count_out_connections(1),
        }
        report(&self.worker, &self.client);
    }
}

/// Counts and logs why a client was closed, if it did not go by itself.
fn report(worker: &Worker, client: &Client) {
    let info = &client.info;
    let peer = info.address.peer();
    let Some(closing) = client.closing() else {
        return tracing::debug!(client = info.id, peer, "disconnected");
    };
    let name = info.labels().short_name();
    let reason = closing.reason();
    let left = client.take_left();
    let counters = &worker.stats().counters;
    if let (Closing::HardLimit | Closing::SoftLimit | Closing::DeadPeer, Some((kind, channel))) =
        (closing, &left.newest)
    {
        worker.note_cut(*kind, channel);
    }
    match closing {
        Closing::HardLimit | Closing::SoftLimit => counters.output_limit_disconnections.add(1),
        Closing::QueryBuffer => counters.query_buffer_disconnections.add(1),
        Closing::Evicted => counters.evicted_clients.add(1),
        Closing::DeadPeer => counters.dead_peer_disconnections.add(1),
        Closing::Failed => counters.failed_disconnections.add(1),
        Closing::UpstreamLost => counters.upstream_disconnections.add(1),
        Closing::Killed => counters.kill_disconnections.add(1),
        Closing::Revoked => counters.rights_disconnections.add(1),
        Closing::Idle => counters.idle_disconnections.add(1),
        Closing::WriteFailed => counters.write_disconnections.add(1),
        // Counted where they are chosen.
        Closing::Drained => {}
    }
    let Left { output_bytes, channels, patterns, .. } = left;
    if !matches!(closing, Closing::Idle | Closing::WriteFailed | Closing::Drained) {
        worker.server.note_incident(info, Fate::Cut { reason, output_bytes });
    }
    if closing.is_usual() {
        return tracing::debug!(client = info.id, peer, name, reason, "closed");
    }
    let age_s = worker.now().ms().saturating_sub(info.connected_ms) / 1000;
    let input_bytes = info.held.get(Holding::Input);
    tracing::warn!(
        client = info.id,
        peer,
        name,
        age_s,
        channels,
        patterns,
        output_bytes,
        input_bytes,
        reason,
        "closed"
    );
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    use tokio::task::{LocalSet, spawn_local, yield_now};

    use super::*;
    use crate::clock::Clock;
    use crate::command::new_server;
    use crate::config::Config;
    use crate::ids::Address;
    use crate::net::transport::Detached;
    use crate::observe::counters::{Counter, Counters};

    #[test]
    fn however_many_send_long_requests_others_have_their_turns_after_little() {
        const CLIENTS: usize = 64;
        let config = Config::from_pairs(&[("io-threads", "1")]).expect("a valid directive");
        let server = new_server(config, Clock::simulated()).expect("nothing is renamed");
        let runtime = crate::process::io_thread::runtime().expect("the system has descriptors");
        runtime.block_on(LocalSet::new().run_until(async {
            let worker = Worker::new(server.clone(), 0);
            let (doors, _errands) = Doors::new(1);
            let mut peers = Vec::new();
            for _ in 0..CLIENTS {
                let (mut peer, socket) = UnixStream::pair().expect("the system has sockets");
                peer.set_nonblocking(true).and(socket.set_nonblocking(true)).expect("sockets can be so");
                let transport = Detached::unix(socket.into()).attach().expect("the runtime has a reactor");
                let info = server.clients.admit(0, Address::Unix("/x".into()), -1, worker.now());
                spawn_local(serve(worker.clone(), doors.clone(), transport, info, None));
                peer.write_all(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$100000000\r\n").expect("there is room");
                peers.push(peer);
            }
            let received = || worker.stats().counters.net_input_bytes.get();
            let (mut most, mut before) = (0, 0);
            while received() < 64 * 1024 * 1024 {
                // As much as the system takes.
                peers.iter_mut().for_each(|peer| while peer.write(&[b'x'; 64 * 1024]).is_ok() {});
                yield_now().await;
                if worker.much_input.get() == CLIENTS && before > 0 {
                    most = most.max(received() - before);
                }
                before = if worker.much_input.get() == CLIENTS { received() } else { 0 };
            }
            let each = 2 * LEAST_SHARE;
            assert!(most > 0 && most <= (CLIENTS * each) as u64, "{most} bytes were read in one round");
        }));
    }

    #[test]
    fn p7_whoever_is_cut_because_it_does_not_keep_up_is_counted_by_its_reason() {
        let config = Config::from_pairs(&[("io-threads", "1")]).expect("a valid directive");
        let server = new_server(config, Clock::simulated()).expect("nothing is renamed");
        let worker = Worker::new(server, 0);
        let cut = |why: Closing, counter: fn(&Counters) -> &Counter| {
            let client = worker.register(Address::Unix("/x".into()));
            let before = worker.server.total(counter);
            client.close(why);
            report(&worker, &client);
            assert_eq!(worker.server.total(counter), before + 1, "{why:?}");
        };
        cut(Closing::HardLimit, |counters| &counters.output_limit_disconnections);
        cut(Closing::SoftLimit, |counters| &counters.output_limit_disconnections);
        cut(Closing::DeadPeer, |counters| &counters.dead_peer_disconnections);
        cut(Closing::QueryBuffer, |counters| &counters.query_buffer_disconnections);
        cut(Closing::Evicted, |counters| &counters.evicted_clients);
        cut(Closing::Failed, |counters| &counters.failed_disconnections);
        cut(Closing::UpstreamLost, |counters| &counters.upstream_disconnections);
        cut(Closing::Killed, |counters| &counters.kill_disconnections);
        cut(Closing::Revoked, |counters| &counters.rights_disconnections);
        let fates: Vec<Fate> = worker.server.incidents.all().into_iter().map(|incident| incident.fate).collect();
        assert_eq!(fates.len(), 9);
        assert_eq!(fates[0], Fate::Cut { reason: Closing::Revoked.reason(), output_bytes: 0 });
        cut(Closing::Idle, |counters| &counters.idle_disconnections);
        cut(Closing::WriteFailed, |counters| &counters.write_disconnections);
        assert_eq!(worker.server.incidents.all().len(), 9, "what happens all the time is no incident");
    }
}
