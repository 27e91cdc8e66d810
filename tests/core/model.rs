//! Redis' publish and subscribe as one thread with one list of subscriptions would do it: no workers, no mailboxes, no
//! index. It says to the byte what each client is sent.

use pregon::resp::Proto;

/// What a client is to be sent next.
pub(crate) enum Expected {
    /// These bytes.
    Bytes(Vec<u8>),
    /// These frames, in any order: one message through several patterns.
    AnyOrder(Vec<Vec<u8>>),
    /// The confirmations of leaving all these names, in any order, while the count falls.
    AllLeft { proto: Proto, word: &'static str, names: Vec<String>, count: usize },
}

impl Expected {
    fn describe(&self) -> String {
        match self {
            Expected::Bytes(bytes) => bytes.escape_ascii().to_string(),
            Expected::AnyOrder(frames) => format!("in any order {}", frames.concat().escape_ascii()),
            Expected::AllLeft { word, names, count, .. } => format!("{word} of {names:?}, down from {count}"),
        }
    }

    /// Takes what is expected off the front of `bytes`.
    fn strip(self, bytes: &mut &[u8]) -> Result<(), Expected> {
        match self {
            Expected::Bytes(expected) => match bytes.strip_prefix(&*expected) {
                Some(rest) => *bytes = rest,
                None => return Err(Expected::Bytes(expected)),
            },
            Expected::AnyOrder(mut frames) => {
                while !frames.is_empty() {
                    let Some(found) = frames.iter().position(|frame| bytes.starts_with(frame)) else {
                        return Err(Expected::AnyOrder(frames));
                    };
                    *bytes = &bytes[frames.swap_remove(found).len()..];
                }
            }
            Expected::AllLeft { proto, word, mut names, mut count } => {
                while !names.is_empty() {
                    count -= 1;
                    let frame = |name: &String| push(proto, &[word, name], Some(count));
                    let Some(found) = names.iter().position(|name| bytes.starts_with(&frame(name))) else {
                        return Err(Expected::AllLeft { proto, word, names, count: count + 1 });
                    };
                    *bytes = &bytes[frame(&names.swap_remove(found)).len()..];
                }
            }
        }
        Ok(())
    }
}

/// The three kinds of subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Channel,
    Pattern,
    Worker,
}

impl Kind {
    /// The words before `subscribe` and `unsubscribe`.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Kind::Channel => ("subscribe", "unsubscribe"),
            Kind::Pattern => ("psubscribe", "punsubscribe"),
            Kind::Worker => ("ssubscribe", "sunsubscribe"),
        }
    }
}

struct Client {
    id: u64,
    proto: Proto,
    /// Commands between MULTI and EXEC, and whether one of them was refused.
    transaction: Option<(Vec<Vec<String>>, bool)>,
    /// While EXEC runs: what is pushed to this client.
    pending: Option<Vec<Expected>>,
    expected: Vec<Expected>,
}

/// The whole server.
#[derive(Default)]
pub(crate) struct Model {
    clients: Vec<Client>,
    /// Client, kind and name, in the order of subscription.
    subscriptions: Vec<(usize, Kind, String)>,
}

impl Model {
    /// A client with this number connects in place of the one at `index`, or behind all others.
    pub(crate) fn connect(&mut self, index: usize, id: u64) {
        let client = Client { id, proto: Proto::Resp2, transaction: None, pending: None, expected: Vec::new() };
        self.subscriptions.retain(|(owner, _, _)| *owner != index);
        if index == self.clients.len() {
            self.clients.push(client);
        } else {
            self.clients[index] = client;
        }
    }

    /// Whether the client at `index` has been sent exactly `bytes` since it was asked last.
    pub(crate) fn check(&mut self, index: usize, bytes: &[u8]) -> Result<(), String> {
        let mut rest = bytes;
        for expected in std::mem::take(&mut self.clients[index].expected) {
            if let Err(expected) = expected.strip(&mut rest) {
                let (expected, rest) = (expected.describe(), rest.escape_ascii());
                return Err(format!("client {index} should be sent {expected}\nbut is sent {rest}"));
            }
        }
        if rest.is_empty() { Ok(()) } else { Err(format!("client {index} is also sent {}", rest.escape_ascii())) }
    }

    /// The client at `index` sends a command.
    pub(crate) fn command(&mut self, index: usize, args: &[String]) {
        let name = args[0].as_str();
        let has_transaction = self.clients[index].transaction.is_some();
        let refused = self.refusal(index, args);
        match name {
            _ if refused.is_some() => {
                if let Some((_, failed)) = &mut self.clients[index].transaction {
                    *failed = true;
                }
                self.reply(index, refused.unwrap_or_default());
            }
            "RESET" => self.reset(index),
            "EXEC" => self.exec(index),
            "MULTI" if has_transaction => self.reply(index, "-ERR MULTI calls can not be nested\r\n"),
            "MULTI" => {
                self.clients[index].transaction = Some(Default::default());
                self.reply(index, "+OK\r\n");
            }
            "DISCARD" => {
                let had = self.clients[index].transaction.take().is_some();
                self.reply(index, if had { "+OK\r\n" } else { "-ERR DISCARD without MULTI\r\n" });
            }
            _ if has_transaction => {
                self.clients[index].transaction.iter_mut().for_each(|(queue, _)| queue.push(args.to_vec()));
                self.reply(index, "+QUEUED\r\n");
            }
            _ => {
                self.clients[index].pending = Some(Vec::new());
                self.run(index, args);
                self.flush_pending(index);
            }
        }
    }

    fn refusal(&self, index: usize, args: &[String]) -> Option<String> {
        if args[0] == "NOSUCH" {
            return Some("-ERR unknown command 'NOSUCH', with args beginning with: 'x' \r\n".into());
        }
        if args[0] == "PUBLISH" && args.len() != 3 {
            return Some("-ERR wrong number of arguments for 'publish' command\r\n".into());
        }
        let allowed = args[0].ends_with("SUBSCRIBE") || ["PING", "RESET"].contains(&args[0].as_str());
        if allowed || self.clients[index].proto == Proto::Resp3 || !self.is_subscriber(index) {
            return None;
        }
        let name = if args[0] == "PUBSUB" { args[..2].join("|") } else { args[0].clone() };
        let name = name.to_lowercase();
        let aborted = "-EXECABORT Transaction discarded because of: ";
        let code = if name == "exec" { aborted } else { "-ERR " };
        Some(format!(
            "{code}Can't execute '{name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in \
             this context\r\n"
        ))
    }

    fn run(&mut self, index: usize, args: &[String]) {
        let names = &args[1..];
        match args[0].as_str() {
            "SUBSCRIBE" => self.subscribe(index, Kind::Channel, names),
            "PSUBSCRIBE" => self.subscribe(index, Kind::Pattern, names),
            "SSUBSCRIBE" => self.subscribe(index, Kind::Worker, names),
            "UNSUBSCRIBE" => self.unsubscribe(index, Kind::Channel, names),
            "PUNSUBSCRIBE" => self.unsubscribe(index, Kind::Pattern, names),
            "SUNSUBSCRIBE" => self.unsubscribe(index, Kind::Worker, names),
            "PUBLISH" => self.publish(index, Kind::Channel, &args[1], &args[2]),
            "SPUBLISH" => self.publish(index, Kind::Worker, &args[1], &args[2]),
            "PING" => self.ping(index, args.get(1)),
            "HELLO" => self.hello(index, &args[1]),
            "PUBSUB" => self.introspect(index, &args[1], &args[2..]),
            other => panic!("the model does not know {other}"),
        }
    }

    fn exec(&mut self, index: usize) {
        match self.clients[index].transaction.take() {
            None => self.reply(index, "-ERR EXEC without MULTI\r\n"),
            Some((_, true)) => {
                self.reply(index, "-EXECABORT Transaction discarded because of previous errors.\r\n");
            }
            Some((queue, false)) => {
                self.clients[index].pending = Some(Vec::new());
                self.reply(index, format!("*{}\r\n", queue.len()));
                queue.iter().for_each(|args| self.run(index, args));
                self.flush_pending(index);
            }
        }
    }

    fn flush_pending(&mut self, index: usize) {
        let pending = self.clients[index].pending.take().unwrap_or_default();
        self.clients[index].expected.extend(pending);
    }

    fn reset(&mut self, index: usize) {
        self.subscriptions.retain(|(owner, _, _)| *owner != index);
        self.clients[index].transaction = None;
        self.clients[index].proto = Proto::Resp2;
        self.reply(index, "+RESET\r\n");
    }

    fn reply(&mut self, index: usize, text: impl AsRef<[u8]>) {
        self.clients[index].expected.push(Expected::Bytes(text.as_ref().to_vec()));
    }

    fn deliver(&mut self, index: usize, frames: Expected) {
        let client = &mut self.clients[index];
        client.pending.as_mut().unwrap_or(&mut client.expected).push(frames);
    }

    fn is_subscriber(&self, index: usize) -> bool {
        self.subscriptions.iter().any(|(owner, _, _)| *owner == index)
    }

    fn names(&self, index: usize, kind: Kind) -> Vec<String> {
        let own = self.subscriptions.iter().filter(|(owner, of, _)| *owner == index && *of == kind);
        own.map(|(_, _, name)| name.clone()).collect()
    }

    /// The count that a confirmation shows.
    fn count(&self, index: usize, kind: Kind) -> usize {
        match kind {
            Kind::Worker => self.names(index, Kind::Worker).len(),
            _ => self.names(index, Kind::Channel).len() + self.names(index, Kind::Pattern).len(),
        }
    }

    fn subscribe(&mut self, index: usize, kind: Kind, names: &[String]) {
        for name in names {
            let entry = (index, kind, name.clone());
            if !self.subscriptions.contains(&entry) {
                self.subscriptions.push(entry);
            }
            self.confirm(index, kind, kind.words().0, name);
        }
    }

    fn unsubscribe(&mut self, index: usize, kind: Kind, names: &[String]) {
        let word = kind.words().1;
        for name in names {
            self.subscriptions.retain(|entry| *entry != (index, kind, name.clone()));
            self.confirm(index, kind, word, name);
        }
        if !names.is_empty() {
            return;
        }
        let (proto, count, names) = (self.clients[index].proto, self.count(index, kind), self.names(index, kind));
        if names.is_empty() {
            let null = if proto == Proto::Resp2 { "*3\r\n" } else { ">3\r\n" };
            let nothing = if proto == Proto::Resp2 { "$-1" } else { "_" };
            self.reply(index, format!("{null}${}\r\n{word}\r\n{nothing}\r\n:{count}\r\n", word.len()));
        } else {
            self.subscriptions.retain(|(owner, of, _)| *owner != index || *of != kind);
            self.clients[index].expected.push(Expected::AllLeft { proto, word, names, count });
        }
    }

    fn confirm(&mut self, index: usize, kind: Kind, word: &str, name: &str) {
        let frame = push(self.clients[index].proto, &[word, name], Some(self.count(index, kind)));
        self.reply(index, frame);
    }

    fn publish(&mut self, index: usize, kind: Kind, channel: &str, payload: &str) {
        let mut receivers = 0;
        let word = if kind == Kind::Worker { "smessage" } else { "message" };
        for client in 0..self.clients.len() {
            let proto = self.clients[client].proto;
            if self.names(client, kind).iter().any(|name| name == channel) {
                receivers += 1;
                self.deliver(client, Expected::Bytes(push(proto, &[word, channel, payload], None)));
            }
            if kind == Kind::Channel {
                let mut patterns = self.names(client, Kind::Pattern);
                patterns.retain(|pattern| pregon::pattern::matches(pattern.as_bytes(), channel.as_bytes()));
                receivers += patterns.len();
                let frame = |pattern: &String| push(proto, &["pmessage", pattern, channel, payload], None);
                self.deliver(client, Expected::AnyOrder(patterns.iter().map(frame).collect()));
            }
        }
        self.reply(index, format!(":{receivers}\r\n"));
    }

    fn ping(&mut self, index: usize, message: Option<&String>) {
        if self.clients[index].proto == Proto::Resp2 && self.is_subscriber(index) {
            self.reply(index, push(Proto::Resp2, &["pong", message.map_or("", |message| message)], None));
        } else {
            self.reply(index, message.map_or("+PONG\r\n".into(), |message| format!("{}\r\n", bulk(message))));
        }
    }

    fn hello(&mut self, index: usize, version: &str) {
        let resp3 = version == "3";
        self.clients[index].proto = if resp3 { Proto::Resp3 } else { Proto::Resp2 };
        let map = if resp3 { "%7" } else { "*14" };
        let id = self.clients[index].id;
        self.reply(
            index,
            format!(
                "{map}\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$5\r\n7.4.2\r\n$5\r\nproto\r\n:{version}\r\n\
                 $2\r\nid\r\n:{id}\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n\
                 $7\r\nmodules\r\n*0\r\n"
            ),
        );
    }

    fn introspect(&mut self, index: usize, what: &str, names: &[String]) {
        let kind = if what == "SHARDNUMSUB" { Kind::Worker } else { Kind::Channel };
        let listening = |kind: Kind| self.subscriptions.iter().filter(move |(_, of, _)| *of == kind);
        if what == "NUMPAT" {
            let mut patterns: Vec<&str> = listening(Kind::Pattern).map(|(_, _, name)| name.as_str()).collect();
            patterns.sort_unstable();
            patterns.dedup();
            let count = patterns.len();
            return self.reply(index, format!(":{count}\r\n"));
        }
        let counted = names.iter().map(|name| {
            let count = listening(kind).filter(|(_, _, of)| of == name).count();
            format!("{}\r\n:{count}\r\n", bulk(name))
        });
        let text = format!("*{}\r\n{}", names.len() * 2, counted.collect::<String>());
        self.reply(index, text);
    }
}

fn bulk(text: &str) -> String {
    format!("${}\r\n{text}", text.len())
}

/// A push of these words, with a count behind them if there is one.
fn push(proto: Proto, words: &[&str], count: Option<usize>) -> Vec<u8> {
    let mark = if proto == Proto::Resp3 { '>' } else { '*' };
    let mut text = format!("{mark}{}\r\n", words.len() + usize::from(count.is_some()));
    for word in words {
        text.push_str(&bulk(word));
        text.push_str("\r\n");
    }
    if let Some(count) = count {
        text.push_str(&format!(":{count}\r\n"));
    }
    text.into_bytes()
}
