use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::client::held::Sums;
use crate::clock::Clock;
use crate::ids::Address;
use crate::resp::Proto;

const CLIENTS: usize = 4;
const KEYS: [&str; 6] = ["", "a", "ab", "abc", "b", "ba"];
const PREFIXES: [&str; 4] = ["a", "ab", "b", "c"];

/// Something that happens to the table.
#[derive(Clone, Debug)]
enum Step {
    Start(usize, Mode, bool, BTreeSet<&'static str>),
    Stop(usize),
    Read(usize, &'static str),
    Change(&'static str, Option<usize>),
    End,
    Flush,
    Trim(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let modes = prop_oneof![Just(Mode::Reads), Just(Mode::OptIn), Just(Mode::OptOut), Just(Mode::Broadcast)];
    let key = || proptest::sample::select(&KEYS[..]);
    let prefixes = vec(proptest::sample::select(&PREFIXES[..]), 0..3).prop_map(|all| all.into_iter().collect());
    prop_oneof![
        2 => (0..CLIENTS, modes, any::<bool>(), prefixes).prop_map(|(i, mode, no_loop, prefixes)| {
            Step::Start(i, mode, no_loop, if mode == Mode::Broadcast { prefixes } else { BTreeSet::new() })
        }),
        1 => (0..CLIENTS).prop_map(Step::Stop),
        8 => (0..CLIENTS, key()).prop_map(|(i, key)| Step::Read(i, key)),
        6 => (key(), proptest::option::of(0..CLIENTS)).prop_map(|(key, by)| Step::Change(key, by)),
        3 => Just(Step::End),
        1 => Just(Step::Flush),
        1 => (0..4_u64).prop_map(Step::Trim),
    ]
}

/// What each client is told, as lists of keys; a star stands for all.
type Told = Vec<(ClientId, Vec<String>)>;

/// The same as [`Tracking`], without any thought of cost.
#[derive(Default)]
struct Model {
    terms: BTreeMap<ClientId, (Mode, bool, BTreeSet<&'static str>)>,
    readers: BTreeMap<&'static str, BTreeSet<ClientId>>,
    changed: Vec<(&'static str, &'static str, Option<ClientId>)>,
    told: Told,
}

impl Model {
    fn start(&mut self, client: ClientId, mode: Mode, no_loop: bool, mut prefixes: BTreeSet<&'static str>) {
        if mode == Mode::Broadcast && prefixes.is_empty() {
            prefixes.insert("");
        }
        if let Some((.., before)) = self.terms.get(&client) {
            prefixes.extend(before);
        }
        self.terms.insert(client, (mode, no_loop, prefixes));
    }

    /// Notes the change for each prefix that anybody wants to know of; only the last one of each key counts.
    fn change(&mut self, key: &'static str, by: Option<ClientId>) {
        let prefixes: BTreeSet<_> = self.terms.values().flat_map(|(.., prefixes)| prefixes).copied().collect();
        for prefix in prefixes.into_iter().filter(|prefix| key.starts_with(*prefix)) {
            self.changed.retain(|(of, changed, _)| (*of, *changed) != (prefix, key));
            self.changed.push((prefix, key, by));
        }
        self.forget(key, by);
    }

    fn stop(&mut self, client: ClientId) {
        self.terms.remove(&client);
        self.changed.retain(|(prefix, ..)| self.terms.values().any(|(.., prefixes)| prefixes.contains(prefix)));
    }

    fn forget(&mut self, key: &str, by: Option<ClientId>) {
        for client in self.readers.remove(key).unwrap_or_default() {
            let terms = self.terms.get(&client);
            if terms.is_some_and(|(mode, no_loop, _)| *mode != Mode::Broadcast && !(*no_loop && by == Some(client))) {
                self.told.push((client, vec![key.into()]));
            }
        }
    }

    fn end(&mut self) {
        for (client, (_, no_loop, prefixes)) in &self.terms {
            for prefix in prefixes {
                let own = |by: Option<ClientId>| *no_loop && by == Some(*client);
                let news = self.changed.iter().filter(|(of, _, by)| of == prefix && !own(*by));
                let keys: BTreeSet<&str> = news.map(|(_, key, _)| *key).collect();
                if !keys.is_empty() {
                    self.told.push((*client, strings(keys)));
                }
            }
        }
        self.changed.clear();
    }
}

fn strings<'k>(keys: impl IntoIterator<Item = &'k str>) -> Vec<String> {
    keys.into_iter().map(str::to_owned).collect()
}

fn client(id: ClientId) -> Arc<ClientInfo> {
    Arc::new(ClientInfo::new(id, 0, &Sums::new(1), Address::Unix("/x".into()), -1, Clock::simulated().now()))
}

/// The keys in the array of a notice.
fn read(frame: &str) -> Vec<String> {
    let keys = frame.split_once("invalidate\r\n").map(|(_, keys)| keys).expect("it is a notice of that kind");
    if keys == "_\r\n" {
        return strings(["*"]);
    }
    strings(keys.split("\r\n").skip(2).step_by(2))
}

/// What has been told since this was last asked, in some order that is always the same.
fn told(effects: &mut Effects) -> Told {
    let notices = effects.take_notices().into_iter();
    let mut told: Told = notices
        .map(|(client, notice)| {
            let frame = notice.frame(Proto::Resp3, false).expect("RESP3 has pushes");
            (client.id, read(&String::from_utf8_lossy(&frame.pieces().concat())))
        })
        .collect();
    told.sort();
    told
}

proptest! {
    #[test]
    fn the_table_tells_the_same_as_a_naive_one(steps in vec(step(), 0..60)) {
        let clients: Vec<_> = (1..=CLIENTS as ClientId).map(client).collect();
        let (mut tracking, mut effects, mut model) = (Tracking::default(), Effects::default(), Model::default());
        let mut random = fastrand::Rng::with_seed(7);
        let id = |i: usize| clients[i].id;
        for step in steps {
            match step {
                // The command refuses to switch between broadcasting and the other modes.
                Step::Start(i, mode, no_loop, prefixes) => {
                    let broadcasts = |mode: Mode| mode == Mode::Broadcast;
                    if tracking.terms(id(i)).is_some_and(|terms| broadcasts(terms.mode) != broadcasts(mode)) {
                        continue;
                    }
                    let owned = prefixes.iter().map(|prefix| prefix.as_bytes().into()).collect();
                    tracking.start(&clients[i], Terms { mode, no_loop, redirect: None, prefixes: owned });
                    model.start(id(i), mode, no_loop, prefixes);
                }
                Step::Stop(i) => {
                    tracking.stop(id(i));
                    model.stop(id(i));
                }
                Step::Read(i, key) => {
                    if tracking.remembers(id(i), false) {
                        tracking.remember(id(i), key.as_bytes());
                        model.readers.entry(key).or_default().insert(id(i));
                    }
                }
                Step::Change(key, by) => {
                    tracking.change(key.as_bytes(), by.map(id), by.map(id), &mut effects);
                    model.change(key, by.map(id));
                }
                Step::End => {
                    tracking.broadcast(&mut effects);
                    model.end();
                }
                Step::Flush => {
                    tracking.flush(&mut effects);
                    model.readers.clear();
                    model.told.extend(model.terms.keys().map(|client| (*client, strings(["*"]))));
                }
                Step::Trim(most) => {
                    let before: BTreeSet<&str> = model.readers.keys().copied().collect();
                    prop_assert!(!tracking.trim(most, &mut random, &mut effects), "so few go at once");
                    for key in before.into_iter().filter(|key| !tracking.readers.contains(key.as_bytes())) {
                        model.forget(key, None);
                    }
                    prop_assert!(most == 0 || model.readers.len() as u64 <= most);
                }
            }
            model.told.sort();
            prop_assert_eq!(told(&mut effects), std::mem::take(&mut model.told));
            let prefixes: BTreeSet<_> = model.terms.values().flat_map(|(.., prefixes)| prefixes).collect();
            let expected = Size {
                clients: model.terms.len(),
                keys: model.readers.len(),
                items: model.readers.values().map(BTreeSet::len).sum(),
                prefixes: prefixes.len(),
            };
            prop_assert_eq!(tracking.size(), expected);
        }
    }
}

#[test]
fn a_table_that_is_much_too_large_shrinks_step_by_step() {
    let (mut tracking, mut effects) = (Tracking::default(), Effects::default());
    tracking.start(&client(1), Terms::default());
    for i in 0..250 {
        tracking.remember(1, format!("{i}").as_bytes());
    }
    let mut random = fastrand::Rng::with_seed(1);
    assert!(tracking.trim(10, &mut random, &mut effects));
    assert_eq!((tracking.size().keys, told(&mut effects).len()), (150, 100));
    assert!(tracking.trim(10, &mut random, &mut effects));
    assert!(!tracking.trim(10, &mut random, &mut effects));
    assert_eq!((tracking.size().keys, told(&mut effects).len()), (10, 140));
}

#[test]
fn a_change_looks_at_few_prefixes_however_many_there_are() {
    let (mut tracking, mut effects) = (Tracking::default(), Effects::default());
    let prefixes = |all: &mut dyn Iterator<Item = String>| all.map(|prefix| prefix.into_bytes().into()).collect();
    let mode = Mode::Broadcast;
    // Some that are far from the key, and some that part from it at each of its bytes.
    let far = prefixes(&mut (0..8000).map(|i| format!("p{i}:")));
    tracking.start(&client(1), Terms { mode, prefixes: far, ..Terms::default() });
    let near = prefixes(&mut (0..7).map(|i| format!("{}!", &"p42:key"[..i])));
    tracking.start(&client(2), Terms { mode, prefixes: near, ..Terms::default() });
    tracking.change(b"p42:key", None, None, &mut effects);
    tracking.broadcast(&mut effects);
    assert_eq!(told(&mut effects), [(1, strings(["p42:key"]))]);
    assert!(tracking.prefix_looks.get() <= 9, "{} prefixes looked at", tracking.prefix_looks.get());
    assert_eq!(tracking.prefix_lens(b"p42:"), [4]);
    assert!(tracking.prefix_lens(b"p42").is_empty() && tracking.prefix_lens(b"q").is_empty());
}

#[test]
fn clients_that_are_gone_do_not_gather_at_a_key_that_nobody_changes() {
    let (mut tracking, mut effects) = (Tracking::default(), Effects::default());
    tracking.start(&client(1), Terms::default());
    tracking.remember(1, b"k");
    for id in 2..1000 {
        tracking.start(&client(id), Terms::default());
        tracking.remember(id, b"k");
        tracking.stop(id);
        assert!(tracking.size().items <= 16, "{} readers, of which one is there", tracking.size().items);
    }
    tracking.change(b"k", None, None, &mut effects);
    assert_eq!((told(&mut effects), tracking.size().items), (vec![(1, strings(["k"]))], 0));
}

#[test]
fn many_readers_of_one_key_are_all_told() {
    let (mut tracking, mut effects) = (Tracking::default(), Effects::default());
    for id in (1..=1000).rev() {
        tracking.start(&client(id), Terms::default());
        tracking.remember(id, b"k");
    }
    tracking.change(b"k", None, None, &mut effects);
    assert_eq!(told(&mut effects).len(), 1000);
}

#[test]
fn resp2_hears_only_as_a_subscriber_of_what_others_are_to_forget() {
    let keys = Forgotten::keys([&b"k"[..]].into_iter());
    let frame = |notice: &Notice, proto, is_subscriber| {
        let frame = notice.frame(proto, is_subscriber);
        frame.map(|frame| String::from_utf8_lossy(&frame.pieces().concat()).into_owned())
    };
    let own = Notice::Forget { keys: keys.clone(), redirected: false };
    assert_eq!(frame(&own, Proto::Resp2, true), None);
    let others = Notice::Forget { keys, redirected: true };
    assert_eq!(frame(&others, Proto::Resp2, false), None);
    let message = "*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n*1\r\n$1\r\nk\r\n";
    assert_eq!(frame(&others, Proto::Resp2, true).as_deref(), Some(message));
    let push = ">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n";
    assert_eq!(frame(&others, Proto::Resp3, false).as_deref(), Some(push));
    let flushed = Notice::Forget { keys: Forgotten::All, redirected: true };
    let message = "*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n$-1\r\n";
    assert_eq!(frame(&flushed, Proto::Resp2, true).as_deref(), Some(message));
    assert_eq!(frame(&Notice::RedirectionBroken(7), Proto::Resp2, true), None);
    let broken = ">2\r\n$21\r\ntracking-redir-broken\r\n:7\r\n";
    assert_eq!(frame(&Notice::RedirectionBroken(7), Proto::Resp3, false).as_deref(), Some(broken));
}
