//! What all clients have heard, and whether the promises allow it.

use std::collections::{BTreeMap, BTreeSet};

use super::commands::{Request, payload};
use super::stage::State;
use crate::frame::Frame;

/// The one that hears everything, whose order is that of all.
const WITNESS: usize = 0;

/// What is known of all clients.
pub(super) struct Record {
    clients: Vec<Hearing>,
    /// The place of each message in the order in which the witness heard them.
    order: BTreeMap<u64, usize>,
    /// How often each message was heard.
    copies: BTreeMap<u64, i64>,
    /// How many deliveries were counted.
    counted: BTreeMap<u64, i64>,
    messages: u64,
    /// Whether somebody left or was told to be quiet, so that what was counted may not have been heard.
    lossy: bool,
}

/// What is known of one client.
#[derive(Default)]
struct Hearing {
    /// The requests whose answers have not come.
    asked: Vec<Request>,
    /// What it sent cannot be told: answers are not counted.
    says_anything: bool,
    /// MULTI has been sent, and nothing that ends a transaction for certain.
    may_queue: bool,
    /// CLIENT REPLY or MONITOR have been sent.
    is_odd: bool,
    /// Answers since `asked` was empty.
    answers: Vec<Frame>,
    /// Names with the kind of subscription: `m` for channels, `p` for patterns, `s` for sharded channels.
    listens: BTreeSet<(u8, Vec<u8>)>,
    /// Those that the transaction has ended that was answered last: what it published before that follows its answer.
    left: BTreeSet<(u8, Vec<u8>)>,
    heard: BTreeSet<(u64, u8, Vec<u8>)>,
    last: usize,
}

impl Record {
    /// Nothing is known yet of so many clients and the witness.
    pub(super) fn new(clients: usize) -> Record {
        let mut all: Vec<Hearing> = (0..=clients).map(|_| Hearing::default()).collect();
        all[WITNESS].says_anything = true;
        Record {
            clients: all,
            order: BTreeMap::new(),
            copies: BTreeMap::new(),
            counted: BTreeMap::new(),
            messages: 0,
            lossy: false,
        }
    }

    /// The number of the next message.
    pub(super) fn next_message(&mut self) -> u64 {
        self.messages += 1;
        self.messages
    }

    /// A client asks. Within a transaction it subscribes to one name at a time.
    pub(super) fn says(&mut self, index: usize, request: &mut Request) {
        let client = &mut self.clients[index];
        if client.may_queue && request.is_confirmed() {
            request.name_one();
        }
        let ends = ["EXEC", "DISCARD", "RESET"].iter().any(|word| request.is(word) && request.is_bare());
        client.may_queue = request.is("MULTI") || (client.may_queue && !ends);
        client.is_odd |= request.is("CLIENT REPLY") || request.is("MONITOR");
        self.lossy |= client.is_odd;
        client.asked.push(request.clone());
    }

    /// A client sends what may be anything, and so may be all that follows.
    pub(super) fn is_said_anything(&mut self, index: usize) {
        self.clients[index].says_anything = true;
        self.lossy = true;
    }

    /// Whether that is so.
    pub(super) fn says_anything(&self, index: usize) -> bool {
        self.clients[index].says_anything
    }

    /// A client has gone, and another one is in its place.
    pub(super) fn forget(&mut self, index: usize) {
        self.clients[index] = Hearing::default();
        self.lossy = true;
    }

    /// A client has been sent these bytes; the witness has to be told first.
    ///
    /// # Errors
    ///
    /// Says which promise was broken.
    pub(super) fn hears(&mut self, index: usize, bytes: &[u8], state: State) -> Result<(), String> {
        let (frames, rest) = Frame::all(bytes);
        frames.into_iter().try_for_each(|frame| self.hear(index, frame))?;
        // A transaction that kills its own client is answered up to there.
        if !rest.is_empty() && !state.ends {
            return Err(format!("no whole frame: {}", rest.escape_ascii()));
        }
        let client = &mut self.clients[index];
        self.lossy |= state.ends;
        if client.says_anything || client.is_odd || state.waits || state.ends {
            return Ok(());
        }
        let (asked, answers) = (std::mem::take(&mut client.asked), std::mem::take(&mut client.answers));
        let confirmed = asked.iter().filter(|request| request.is_confirmed()).count();
        let most = asked.len();
        if answers.len() > most || answers.len() + confirmed < most {
            return Err(format!("{} answers to {asked:?}: {answers:?}", answers.len()));
        }
        if confirmed == 0 {
            self.count(&asked, &answers);
        }
        Ok(())
    }

    /// Whether each message was heard as often as was counted; starts again then.
    ///
    /// # Errors
    ///
    /// Says which was not.
    pub(super) fn compare(&mut self) -> Result<(), String> {
        let (counted, lossy) = (std::mem::take(&mut self.counted), std::mem::take(&mut self.lossy));
        // Who is quiet stays so, and what somebody has not been answered yet may have been counted before the loss.
        let waits = |client: &Hearing| lossy && !client.asked.is_empty();
        self.lossy =
            self.clients[WITNESS + 1..].iter().any(|client| client.is_odd || client.says_anything || waits(client));
        for (message, count) in counted.into_iter().filter(|_| !lossy) {
            let copies = self.copies.get(&message).copied().unwrap_or(0);
            if copies != count {
                return Err(format!("P5: message {message} was heard {copies} times and counted {count} times"));
            }
        }
        Ok(())
    }

    /// Notes what PUBLISH answered where it was answered at once.
    fn count(&mut self, asked: &[Request], answers: &[Frame]) {
        for (request, answer) in asked.iter().zip(answers) {
            if let Some((message, count)) = request.message.zip(answer.number()) {
                self.counted.insert(message, count);
            }
        }
    }

    fn hear(&mut self, index: usize, frame: Frame) -> Result<(), String> {
        if let Some((kind, name, text)) = message(&frame) {
            return self.hear_message(index, kind, name, text);
        }
        let client = &mut self.clients[index];
        let is_push = matches!(frame, Frame::Push(_));
        client.left.clear();
        if !client.confirm(&frame) && !is_push {
            // Confirmations within the answer of EXEC are as good.
            for item in frame.items() {
                let before = client.listens.clone();
                client.confirm(item);
                client.left.extend(before.difference(&client.listens).cloned());
            }
            if frame == Frame::Line(b"+RESET".to_vec()) {
                client.listens.clear();
            }
            client.answers.push(frame);
        }
        Ok(())
    }

    fn hear_message(&mut self, index: usize, kind: u8, name: &[u8], text: &[u8]) -> Result<(), String> {
        let shown = text.escape_ascii();
        let Some(number) = number_of(text) else {
            // An event of a key, or something that was sent by who sends anything.
            return Ok(());
        };
        if text != payload(number).as_bytes() {
            return Err(format!("P6: altered: {shown}"));
        }
        if index == WITNESS {
            let place = self.order.len();
            self.order.insert(number, place);
        }
        *self.copies.entry(number).or_default() += 1;
        let Some(&place) = self.order.get(&number) else {
            return Err(format!("P2: message {number} was not heard by all who listened"));
        };
        let client = &mut self.clients[index];
        if place < client.last {
            return Err(format!("P1 to P3: message {number} is out of order"));
        }
        client.last = place;
        if !client.heard.insert((number, kind, name.to_vec())) {
            return Err(format!("P6: message {number} came twice for {}", name.escape_ascii()));
        }
        let subscription = (kind, name.to_vec());
        if !client.is_odd && !client.listens.contains(&subscription) && !client.left.contains(&subscription) {
            return Err(format!("P4: message {number} came for {}, without a subscription", name.escape_ascii()));
        }
        let own = client.asked.iter().position(|request| request.message == Some(number));
        if let Some(own) = own.filter(|_| !client.says_anything && !client.is_odd) {
            let confirmed = client.asked[..=own].iter().filter(|request| request.is_confirmed()).count();
            if client.answers.len() + confirmed <= own {
                return Err(format!("P8: the own message {number} came before the answer of its command"));
            }
        }
        Ok(())
    }
}

impl Hearing {
    /// Notes the confirmation of a subscription or of its end; whether the frame is one.
    fn confirm(&mut self, frame: &Frame) -> bool {
        let [word, name, count] = frame.items() else { return false };
        let (word, name) = (word.text(), name.text().to_vec());
        let Some(kind) = word.strip_suffix(b"subscribe").filter(|_| count.number().is_some()) else { return false };
        let (begins, kind) = match kind {
            b"" => (true, b'm'),
            b"p" => (true, b'p'),
            b"s" => (true, b's'),
            b"un" => (false, b'm'),
            b"pun" => (false, b'p'),
            b"sun" => (false, b's'),
            _ => return false,
        };
        if begins {
            self.listens.insert((kind, name));
        } else {
            self.listens.remove(&(kind, name));
        }
        true
    }
}

/// Kind of subscription, name and payload of a frame that is a message.
fn message(frame: &Frame) -> Option<(u8, &[u8], &[u8])> {
    match frame.items() {
        [word, name, text] if word.text() == b"message" => Some((b'm', name.text(), text.text())),
        [word, name, text] if word.text() == b"smessage" => Some((b's', name.text(), text.text())),
        [word, name, _, text] if word.text() == b"pmessage" => Some((b'p', name.text(), text.text())),
        _ => None,
    }
}

/// The number in the payload of a message.
fn number_of(text: &[u8]) -> Option<u64> {
    let digits = text.strip_prefix(b"message ")?.split(|byte| *byte == b' ').next()?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}
