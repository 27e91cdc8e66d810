//! Each policy against a queue that is as simple as can be, on random sequences of messages, replies, stalls and writes.

use fastrand::Rng;

use super::super::gap::Telling;
use super::*;
use crate::config::{ByteSize, SlowLimit, SlowPolicy};
use crate::ids::Topic;
use crate::message::{Kind, Message};
use crate::resp::Proto;

/// What tells of losses at one place.
#[derive(Clone, Debug, Default)]
struct Told {
    subscriptions: Vec<(Topic, String, u64)>,
    others: u64,
}

impl Told {
    fn add(&mut self, topic: Topic, name: &str, messages: u64) {
        let tells_apart = self.subscriptions.len() < 8;
        match self.subscriptions.iter_mut().find(|told| told.0 == topic && told.1 == name) {
            Some(told) => told.2 += messages,
            None if tells_apart => self.subscriptions.push((topic, name.into(), messages)),
            None => self.others += messages,
        }
    }

    fn absorb(&mut self, other: Told) {
        other.subscriptions.iter().for_each(|(topic, name, messages)| self.add(*topic, name, *messages));
        self.others += other.others;
    }

    fn bytes(&self, telling: Telling) -> Vec<u8> {
        let kinds = |topic: Topic| match topic {
            Topic::Channel => ("gap", "message"),
            Topic::Pattern => ("pgap", "pmessage"),
            Topic::ShardChannel => ("sgap", "smessage"),
        };
        let tell = |of: Option<(Topic, &str)>, messages: u64| match telling {
            Telling::Push => {
                let kind = of.map_or("gap", |(topic, _)| kinds(topic).0);
                let name = of.map_or("_".into(), |(_, name)| format!("${}\r\n{name}", name.len()));
                format!(">3\r\n${}\r\n{kind}\r\n{name}\r\n:{messages}\r\n", kind.len())
            }
            _ => {
                let text =
                    of.map_or(messages.to_string(), |(topic, name)| format!("{messages} {} {name}", kinds(topic).1));
                format!("*3\r\n$7\r\nmessage\r\n$14\r\n__pregon__:gap\r\n${}\r\n{text}\r\n", text.len())
            }
        };
        let mut all: String = self.subscriptions.iter().map(|told| tell(Some((told.0, &told.1)), told.2)).collect();
        if self.others > 0 {
            all += &tell(None, self.others);
        }
        all.into_bytes()
    }
}

#[derive(Clone, Debug)]
enum Item {
    Reply(Vec<u8>),
    Message { topic: Topic, name: String, channel: String, bytes: Vec<u8> },
    Told(Told),
}

/// A queue in which everything is looked for anew each time.
struct Naive {
    items: Vec<Item>,
    /// How much of the first has been written.
    written: usize,
    telling: Telling,
    lost: u64,
}

impl Naive {
    fn bytes_of(&self, item: &Item) -> Vec<u8> {
        match item {
            Item::Reply(bytes) | Item::Message { bytes, .. } => bytes.clone(),
            Item::Told(told) => told.bytes(self.telling),
        }
    }

    fn output(&self) -> Vec<u8> {
        let all: Vec<u8> = self.items.iter().flat_map(|item| self.bytes_of(item)).collect();
        all[self.written..].to_vec()
    }

    fn write(&mut self, count: usize) {
        self.written += count;
        while let Some(first) = self.items.first()
            && self.bytes_of(first).len() <= self.written
        {
            self.written -= self.bytes_of(first).len();
            self.items.remove(0);
        }
    }

    /// The places of messages that wait whole.
    fn messages(&self) -> Vec<usize> {
        let whole = |place: usize| place > 0 || self.written == 0;
        let is_message = |place: &usize| matches!(self.items[*place], Item::Message { .. }) && whole(*place);
        (0..self.items.len()).filter(is_message).collect()
    }

    fn is_open(&self, place: usize) -> bool {
        matches!(self.items[place], Item::Told(_)) && (place > 0 || self.written == 0)
    }

    fn is_beyond(&self, limit: SlowLimit) -> bool {
        let under_way = match self.items.first() {
            Some(Item::Reply(_)) | None => 0,
            Some(first) if self.written > 0 => self.bytes_of(first).len() - self.written,
            Some(_) => 0,
        };
        let bytes = (self.output().len() - under_way) as u64;
        let notices = (0..self.items.len()).filter(|place| self.is_open(*place)).count();
        let count = (self.messages().len() + notices) as u64;
        (limit.bytes.0 > 0 && bytes > limit.bytes.0) || (limit.messages > 0 && count > limit.messages)
    }

    fn tell(&mut self, at: usize, topic: Topic, name: &str) {
        self.lost += 1;
        if self.telling == Telling::Silent {
            return;
        }
        let place = match at.checked_sub(1).filter(|before| self.is_open(*before)) {
            Some(before) => before,
            None => {
                self.items.insert(at, Item::Told(Told::default()));
                at
            }
        };
        if let Item::Told(told) = &mut self.items[place] {
            told.add(topic, name, 1);
        }
        if let Some(front) = place.checked_sub(1).filter(|front| self.is_open(*front))
            && let Item::Told(other) = self.items.remove(place)
            && let Item::Told(told) = &mut self.items[front]
        {
            told.absorb(other);
        }
    }

    /// Loses the message at a place, of which is told before what stands `behind` it then.
    fn lose(&mut self, place: usize, behind: usize) {
        if let Item::Message { topic, name, .. } = self.items.remove(place) {
            self.tell(behind, topic, &name);
        }
    }

    /// The message at a place is the newest of its channel.
    fn supersede(&mut self, mut place: usize) {
        let Item::Message { topic, name, channel, .. } = self.items[place].clone() else { return };
        let older = self.messages().into_iter().find(|older| {
            let same = matches!(&self.items[*older], Item::Message { topic: t, name: n, channel: c, .. } if (*t, n, c) == (topic, &name, &channel));
            *older < place && same
        });
        let Some(older) = older else { return };
        let own = older.checked_sub(1).filter(|told| self.is_open(*told)).filter(|told| {
            matches!(&self.items[*told], Item::Told(told) if told.others == 0 && matches!(&told.subscriptions[..], [(t, n, _)] if (*t, n) == (topic, &name)))
        });
        self.items.remove(older);
        place -= 1;
        if let Some(own) = own {
            let told = self.items.remove(own);
            place -= 1;
            self.items.insert(place, told);
            place += 1;
        }
        self.tell(place, topic, &name);
    }

    fn push(&mut self, messages: Vec<Item>, conflates: bool) {
        for message in messages {
            self.items.push(message);
            if conflates {
                self.supersede(self.items.len() - 1);
            }
        }
    }

    fn shed(&mut self, bound: &Bound) {
        while self.is_beyond(bound.limit) {
            let messages = self.messages();
            let [oldest, .., newest] = messages[..] else { return };
            if bound.policy == SlowPolicy::DropNewest {
                let end = self.items.len() - 1;
                if newest != if self.is_open(end) { end - 1 } else { end } {
                    return;
                }
                self.lose(newest, self.items.len() - 1);
            } else {
                self.lose(oldest, oldest);
            }
        }
    }
}

/// Some messages, joined or not, as a frame and one by one.
fn messages(rng: &mut Rng, proto: Proto, channels: usize, number: usize) -> (Frame, Vec<Item>) {
    let channel = format!("c{}", rng.usize(..channels));
    let kind = if rng.u8(..) < 200 { Kind::Channel } else { Kind::ShardChannel };
    let make = |rng: &mut Rng, number: usize| {
        let len = if rng.u8(..) < 5 { 500 } else { rng.usize(..60) };
        Message::new(kind, channel.as_bytes(), format!("{number}:{}", "x".repeat(len)).as_bytes())
    };
    let item = |topic: Topic, name: &str, frame: &Frame| Item::Message {
        topic,
        name: name.into(),
        channel: channel.clone(),
        bytes: frame.pieces().concat(),
    };
    let first = make(rng, number);
    match rng.u8(..4) {
        0 => {
            let count = rng.usize(2..6);
            let all: Vec<_> = (0..count).map(|more| make(rng, 10 * number + more)).collect();
            let items = all.iter().map(|message| item(kind.into(), &channel, &message.exact_frame(proto)));
            (Message::run_frame(&all, proto), items.collect())
        }
        1 => {
            let patterns = ["c*", "*", "?*"];
            let items = patterns.map(|name| item(Topic::Pattern, name, &first.pattern_frame(proto, name.as_bytes())));
            (first.patterns_frame(proto, patterns.iter().map(|name| name.as_bytes())), items.into())
        }
        2 => {
            let frame = first.pattern_frame(proto, b"c?*");
            (frame.clone(), vec![item(Topic::Pattern, "c?*", &frame)])
        }
        _ => {
            let frame = first.exact_frame(proto);
            (frame.clone(), vec![item(kind.into(), &channel, &frame)])
        }
    }
}

fn output(outbox: &Outbox) -> Vec<u8> {
    let mut slices = [IoSlice::new(&[]); 4096];
    let used = outbox.gather(&mut slices, usize::MAX);
    slices[..used].iter().flat_map(|slice| slice.iter().copied()).collect()
}

fn run(seed: u64, policy: SlowPolicy, proto: Proto) {
    let mut rng = Rng::with_seed(seed);
    let telling = match (proto, rng.bool()) {
        (Proto::Resp3, _) => Telling::Push,
        (Proto::Resp2, true) => Telling::Message,
        (Proto::Resp2, false) => Telling::Silent,
    };
    let limit =
        SlowLimit { bytes: ByteSize(rng.u64(0..3) * rng.u64(1..1_000)), messages: rng.u64(0..3) * rng.u64(1..10) };
    let (bound, channels) = (Bound { policy, limit }, *rng.choice(&[1, 2, 20]).expect("there are some"));
    let (mut outbox, mut lost) = (Outbox::default(), 0);
    let mut naive = Naive { items: Vec::new(), written: 0, telling, lost: 0 };
    for number in 0..rng.usize(..80) {
        match rng.u8(..10) {
            0 => {
                let reply = format!("+{number}\r\n").into_bytes();
                outbox.push_own(&reply);
                naive.items.push(Item::Reply(reply));
            }
            1 | 2 => {
                let most = outbox.bytes().min(if rng.bool() { 100 } else { 5_000 });
                let count = rng.usize(..=most);
                outbox.advance(count);
                naive.write(count);
            }
            _ => {
                let (frame, items) = messages(&mut rng, proto, channels, number);
                outbox.push(Rc::new(frame));
                naive.push(items, policy == SlowPolicy::Conflate);
            }
        }
        outbox.shed(&bound, telling, &mut |gone| lost += gone.messages() as u64);
        naive.shed(&bound);
        let (here, there) = (output(&outbox), naive.output());
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace("\r\n", " ");
        assert!(here == there, "seed {seed}, {policy:?} {limit:?}, step {number}:\n{}\n{}", text(&here), text(&there));
        assert_eq!((outbox.bytes(), lost), (here.len(), naive.lost), "seed {seed}");
    }
}

#[test]
fn every_policy_loses_what_a_simple_queue_would_lose_and_tells_it_in_the_same_place() {
    for policy in [SlowPolicy::DropOldest, SlowPolicy::DropNewest, SlowPolicy::Conflate] {
        for proto in Proto::ALL {
            (0..150).for_each(|seed| run(seed, policy, proto));
        }
    }
}
