//! Fan-out: from the entries of a mailbox to the outboxes of this worker's clients.

use std::rc::Rc;

use super::Worker;
use super::writing::{FRAME_BYTES, reaches};
use crate::client::Client;
use crate::client::order::{HubAccess, Order};
use crate::hub::name::Name;
use crate::hub::{Entry, Publication};
use crate::ids::Slot;
use crate::message::{Frame, Message};
use crate::resp::Proto;

/// Consecutive small messages to one channel are joined into frames of up to this many bytes.
pub(super) const RUN_BYTES: usize = 16 * 1024;

/// Entries for which the worker keeps memory when all have been delivered.
const KEPT_ENTRIES: usize = 1024;

impl Worker {
    /// Delivers what was taken from the mailbox before and `taken`, which is all that was still in it.
    pub(super) fn settle(&self, taken: impl Iterator<Item = Entry<Order>>, hub: &mut HubAccess<'_>) {
        self.incoming.borrow_mut().extend(taken);
        self.more_waits.set(false);
        self.holds_hub.set(hub.is_held());
        while self.settle_next() {}
        self.holds_hub.set(false);
        self.incoming.borrow_mut().shrink_to(KEPT_ENTRIES);
        self.send_after(hub);
        self.tell_losses(hub);
    }

    /// Delivers the next entry that was taken from the mailbox, and those behind it that can be joined to it; false if
    /// there is none.
    pub(super) fn settle_next(&self) -> bool {
        self.count_steps(1);
        let next = self.incoming.borrow_mut().pop_front();
        match next {
            None => return false,
            Some(Entry::Other(order)) => self.obey(order),
            Some(Entry::Publication(publication)) => {
                self.judge_receivers(&publication);
                match publication.only_exact() {
                    Some(slot) => self.fan_out_run(slot, publication.message),
                    None => self.fan_out(&publication),
                }
            }
        }
        true
    }

    fn count_steps(&self, count: usize) {
        self.steps.set(self.steps.get() + count as u64);
    }

    fn fan_out(&self, publication: &Publication) {
        let message = &publication.message;
        if let Some(slot) = publication.exact {
            self.push_all(slot, |proto| message.exact_frame(proto));
        }
        let mut patterns = &publication.patterns[..];
        while let [(slot, pattern), ..] = patterns {
            let (now, later) = patterns.split_at(self.patterns_of_one(message, patterns));
            match now {
                [_] => self.push_all(*slot, |proto| message.pattern_frame(proto, pattern)),
                several => self.push_all(*slot, |proto| message.patterns_frame(proto, names(several))),
            }
            patterns = later;
        }
    }

    /// How many of the first `patterns` one client has, alone, whose forms of a small `message` fit into one frame: then a
    /// pointer, a piece to write and the bookkeeping are paid once for all of them. At least 1.
    fn patterns_of_one(&self, message: &Message, patterns: &[(Slot, Name)]) -> usize {
        let lists = self.lists.borrow();
        let only = |slot: Slot| match lists.clients(slot) {
            [client] => Some(Rc::as_ptr(client)),
            _ => None,
        };
        let Some(client) = patterns.first().and_then(|(slot, _)| only(*slot)) else { return 1 };
        let mut bytes = 0;
        let fits = |(slot, pattern): &&(Slot, Name)| {
            bytes += message.pattern_form_len(pattern);
            bytes <= RUN_BYTES && only(*slot) == Some(client)
        };
        patterns.iter().take_while(fits).count().max(1)
    }

    /// Delivers a message and those behind it that go to the same clients in the same form, as one frame: a pointer, a
    /// piece to write and the bookkeeping for each subscriber are paid once for all of them.
    fn fan_out_run(&self, slot: Slot, first: Message) {
        let mut bytes = first.len();
        let Some(second) = self.take_joining(slot, &mut bytes) else { return self.push_one(slot, first) };
        let mut run = self.run.take();
        run.extend([first, second]);
        run.extend(std::iter::from_fn(|| self.take_joining(slot, &mut bytes)));
        self.push_all(slot, |proto| Message::run_frame(&run, proto));
        run.clear();
        self.run.replace(run);
    }

    /// Delivers one message to a list of those who subscribed to its channel.
    fn push_one(&self, slot: Slot, message: Message) {
        let lists = self.lists.borrow();
        let [client] = lists.clients(slot) else { return self.push_all(slot, |proto| message.exact_frame(proto)) };
        self.delivered.set(self.delivered.get() + 1);
        self.count_steps(1);
        self.push_alone(client, message.into_exact_frame(client.proto()));
    }

    /// The next message, if it goes to this list alone and fits behind a run of so many bytes.
    fn take_joining(&self, slot: Slot, bytes: &mut usize) -> Option<Message> {
        let joins = |next: &Publication| next.only_exact() == Some(slot) && *bytes + next.message.len() <= RUN_BYTES;
        let next = self
            .incoming
            .borrow_mut()
            .pop_front_if(|entry| matches!(entry, Entry::Publication(next) if joins(next)))?;
        let Entry::Publication(Publication { message, .. }) = next else { return None };
        *bytes += message.len();
        Some(message)
    }

    /// Pushes one frame to each client of a list: the frame is made once for each protocol version in use, and shared by
    /// this worker's clients without atomic counting.
    fn push_all(&self, slot: Slot, make: impl Fn(Proto) -> Frame) {
        self.delivered.set(self.delivered.get() + 1);
        let lists = self.lists.borrow();
        self.count_steps(lists.clients(slot).len());
        if let [client] = lists.clients(slot) {
            return self.push_alone(client, make(client.proto()));
        }
        let mut frames: [Option<Rc<Frame>>; Proto::ALL.len()] = Default::default();
        for client in lists.clients(slot) {
            let proto = client.proto();
            let frame = frames[proto.index()].get_or_insert_with(|| Rc::new(make(proto)));
            self.push(client, frame);
        }
    }

    /// Applies the output limits to a client whose socket was full. Before it is closed, or loses something, its socket is tried once more: it
    /// may have had room for long, and this thread no time to hear of it.
    fn bound_congested(&self, client: &Rc<Client>) {
        let is_due = self.is_to_be_tried(client)
            || reaches(client.outbox.borrow().counted_bytes(), self.output_limit(client).hard);
        if !is_due {
            self.enforce_output_limits(client);
        } else if self.holds_hub.get() {
            // No system call while publishers wait.
            self.overdue.borrow_mut().push(client.clone());
            self.handle().bell.notify_one();
        } else {
            client.outbox.borrow_mut().note_try();
            self.flush_unannounced(client);
        }
    }

    /// Looks at the clients that had reached their limits while the hub was locked.
    pub(super) fn bound_overdue(&self) {
        self.overdue.take().iter().for_each(|client| self.bound_congested(client));
    }

    /// Pushes one frame to one client.
    pub(super) fn push(&self, client: &Rc<Client>, frame: &Rc<Frame>) {
        client.push(frame);
        self.settle_push(client, frame.len());
    }

    /// The same for one that no other client of this worker receives.
    fn push_alone(&self, client: &Rc<Client>, frame: Frame) {
        let len = frame.len();
        match frame.into_block() {
            Ok(block) => client.push_alone(block),
            Err(frame) => client.push(&Rc::new(frame)),
        }
        self.settle_push(client, len);
    }

    /// Sees to it that so many bytes are written that were pushed to a client, or to what becomes of it if they cannot be.
    pub(super) fn settle_push(&self, client: &Rc<Client>, bytes: usize) {
        if client.is_congested() && !client.is_arriving() {
            self.blind_bytes.set(self.blind_bytes.get() + bytes);
            self.bound_congested(client);
        } else {
            self.mark_dirty(client, bytes + FRAME_BYTES);
        }
    }
}

fn names(patterns: &[(Slot, Name)]) -> impl Iterator<Item = &[u8]> + Clone {
    patterns.iter().map(|(_, pattern)| &pattern[..])
}

#[cfg(test)]
mod tests {
    use std::io::{IoSlice, Read};

    use tokio::io::Interest;

    use super::*;
    use crate::client::Closing;
    use crate::clock::Clock;
    use crate::command::new_server;
    use crate::config::Config;
    use crate::ids::Address;
    use crate::ids::Topic;
    use crate::message::Kind;
    use crate::net::transport::Detached;

    /// Where in memory the longest piece that waits for `client` lies, and its length.
    fn longest_piece(client: &Client) -> (*const u8, usize) {
        let outbox = client.outbox.borrow();
        let mut slices = [IoSlice::new(&[]); 8];
        let used = outbox.gather(&mut slices, usize::MAX);
        let pieces = slices[..used].iter().map(|piece| (piece.as_ptr(), piece.len()));
        pieces.max_by_key(|(_, len)| *len).expect("something waits")
    }

    /// Publishes `payloads` to stuck subscribers of a channel on two workers, in both protocol versions.
    fn stuck(payloads: &[Vec<u8>]) -> Vec<Rc<Client>> {
        let config = Config::from_pairs(&[("io-threads", "2")]).expect("a valid directive");
        let server = new_server(config, Clock::simulated()).expect("nothing is renamed");
        let workers = [0, 1].map(|id| Worker::new(server.clone(), id));
        let mut hub = HubAccess::new(&server.hub);
        let mut clients = Vec::new();
        for (index, worker) in workers.iter().cycle().take(8).enumerate() {
            let client = worker.register(Address::Unix("/x".into()));
            client.set_proto(Proto::ALL[index / 4]);
            worker.join(&client, Topic::Channel, &[b"a"], &mut hub, |_| ());
            clients.push(client);
        }
        for payload in payloads {
            let message = Message::new(Kind::Channel, b"a", payload);
            hub.with(|hub| hub.publish(Kind::Channel, b"a", message));
        }
        workers.iter().for_each(|worker| worker.deliver_all());
        clients
    }

    #[test]
    fn p9_a_large_message_is_in_memory_once_for_all_subscribers() {
        let clients = stuck(&[vec![b'x'; 1_000_000]]);
        let first = longest_piece(&clients[0]);
        assert!(first.1 > 1_000_000);
        assert!(clients.iter().all(|client| longest_piece(client) == first));
    }

    #[test]
    fn p9_small_messages_are_in_memory_once_for_each_worker_and_version() {
        for payloads in [vec![vec![b'x'; 64]], vec![vec![b'x'; 64]; 20]] {
            let clients = stuck(&payloads);
            let mut places: Vec<_> = clients.iter().map(|client| longest_piece(client)).collect();
            places.sort_unstable();
            places.dedup();
            assert!(places.len() <= 4, "{} places for {} clients", places.len(), clients.len());
            assert!(clients.iter().all(|client| client.outbox.borrow().len() == 1));
        }
    }

    #[test]
    fn the_forms_of_a_small_message_for_many_patterns_of_one_client_are_few_pieces() {
        let config = Config::from_pairs(&[("io-threads", "1")]).expect("a valid directive");
        let worker = Worker::new(new_server(config, Clock::simulated()).expect("nothing is renamed"), 0);
        let [client, other] = [(); 2].map(|()| worker.register(Address::Unix("/x".into())));
        let mut hub = HubAccess::new(&worker.server.hub);
        let patterns: Vec<String> = (0..100).map(|n| format!("{}*", "?".repeat(n % 3) + &"*".repeat(n / 3))).collect();
        for pattern in &patterns {
            worker.join(&client, Topic::Pattern, &[pattern.as_bytes()], &mut hub, |_| ());
        }
        worker.join(&other, Topic::Pattern, &[patterns[50].as_bytes()], &mut hub, |_| ());
        let message = Message::new(Kind::Channel, b"news", b"hello");
        let published = hub.with(|hub| hub.publish(Kind::Channel, b"news", message.clone()));
        worker.deliver_all();
        assert_eq!(published.receivers, 101);
        assert!(client.outbox.borrow().len() <= 3, "one more before and behind the pattern of two");
        let heard = String::from_utf8(client.take_output()).expect("text");
        assert_eq!(heard.matches("$8\r\npmessage\r\n").count(), 100);
        for pattern in &patterns {
            assert_eq!(heard.matches(&format!("\r\n{pattern}\r\n$4\r\nnews\r\n")).count(), 1, "{pattern}");
        }
        assert_eq!(other.take_output(), message.pattern_frame(Proto::Resp2, patterns[50].as_bytes()).pieces().concat());
    }

    #[test]
    fn p7_a_subscriber_that_has_read_is_not_cut_because_its_worker_has_not_heard_of_it() {
        let pairs = [("io-threads", "1"), ("client-output-buffer-limit", "pubsub 1mb 0 0")];
        let config = Config::from_pairs(&pairs).expect("valid directives");
        let server = new_server(config, Clock::simulated()).expect("nothing is renamed");
        let runtime = crate::process::io_thread::runtime().expect("the system has descriptors");
        let (mut peer, socket) = std::os::unix::net::UnixStream::pair().expect("the system has sockets");
        peer.set_nonblocking(true).and_then(|()| socket.set_nonblocking(true)).expect("sockets can be so");
        runtime.block_on(async {
            let transport = Detached::unix(socket.into()).attach().expect("the runtime has a reactor");
            transport.ready(Interest::WRITABLE).await.expect("a new socket has room");
            let worker = Worker::new(server.clone(), 0);
            let info = server.clients.admit(0, Address::Unix("/x".into()), -1, worker.now());
            let client = worker.welcome(info, Some(Rc::new(transport)));
            worker.join(&client, Topic::Channel, &[b"a"], &mut HubAccess::new(&server.hub), |_| ());
            let publish = |len: usize| {
                let message = Message::new(Kind::Channel, b"a", &vec![b'x'; len]);
                server.hub.publish(Kind::Channel, b"a", &message);
                worker.deliver_all();
            };
            publish(900_000);
            worker.flush(&client);
            assert!(client.is_congested(), "the socket holds less");
            publish(600_000);
            while peer.read(&mut [0; 64 * 1024]).is_ok() {}
            publish(600_000);
            assert_eq!(client.closing(), None, "there was room again");
            publish(600_000);
            assert_eq!(client.closing(), Some(Closing::HardLimit));
        });
    }
}
