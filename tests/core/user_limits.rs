//! Random users, limits, connections, subscriptions, messages and steps of time: what is refused as too much, and for how
//! long, is what the plainest count says.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use pregon::resp::Proto;

use crate::harness::{Peer, Random, World, request};
use crate::value::Value;

const USERS: [&str; 3] = ["ann", "bob", "cid"];
const LIMITS: [&str; 4] = ["connections", "subscriptions", "publish-messages", "publish-bytes"];
const NAMES: [&str; 5] = ["a", "b", "ab", "ba", "abc"];
const KINDS: [&str; 3] = ["SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE"];
const STEPS: usize = 250;

#[test]
fn users_may_have_and_do_as_much_as_the_plainest_count_says() {
    for seed in 1..=30 {
        let mut counted = Counted::new(seed);
        for step in 0..STEPS {
            counted.step(step);
        }
    }
}

/// So many parts of a nanosecond are whole numbers for each of the limits that the tests set.
const PARTS: u64 = 420;
const SECOND: u64 = 1_000_000_000 * PARTS;

/// What is limited of a user, and what it has published: how long it takes until the buckets are full, in these parts.
#[derive(Default)]
struct User {
    limits: BTreeMap<&'static str, u64>,
    lacks: BTreeMap<&'static str, u64>,
}

impl User {
    fn most(&self, limit: &str) -> u64 {
        self.limits.get(limit).copied().unwrap_or(u64::MAX)
    }

    fn limit(&mut self, limit: &'static str, value: u64) {
        if value == 0 {
            self.limits.remove(limit);
            self.lacks.remove(limit);
        } else {
            self.limits.insert(limit, value);
        }
    }

    fn wait(&mut self, ms: u64) {
        self.lacks.values_mut().for_each(|lacks| *lacks = lacks.saturating_sub(ms * SECOND / 1000));
    }

    /// How long it takes until a bucket has been given so much.
    fn duration(&self, limit: &str, count: u64) -> u64 {
        self.limits.get(limit).map_or(0, |size| count * SECOND / size)
    }

    /// The first limit that refuses something of which each takes so much, and for how many milliseconds.
    fn refusing(&self, takes: [(&'static str, u64); 2]) -> Option<(&'static str, u64)> {
        let wait = |(limit, count): (&'static str, u64)| {
            let lacks = self.lacks.get(limit).copied().unwrap_or(0);
            let needed = lacks + self.duration(limit, count).min(SECOND);
            (limit, needed.saturating_sub(SECOND).div_ceil(SECOND / 1000))
        };
        takes.into_iter().map(wait).find(|(_, ms)| *ms > 0)
    }

    fn publish(&mut self, takes: [(&'static str, u64); 2]) {
        for (limit, count) in takes {
            let duration = self.duration(limit, count);
            *self.lacks.entry(limit).or_default() += duration;
        }
    }
}

/// A connection, the user that it is, and what it listens to.
struct Member {
    peer: Peer,
    user: usize,
    subscriptions: BTreeSet<(&'static str, &'static str)>,
}

struct Counted {
    world: World,
    admin: Peer,
    users: [User; USERS.len()],
    members: Vec<Member>,
    random: Random,
    seed: u64,
}

impl Counted {
    fn new(seed: u64) -> Counted {
        let world = World::new(1 + seed as usize % 3, Proto::Resp3, &[]);
        let mut admin = world.peer();
        for user in USERS {
            assert_eq!(ask(&mut admin, &["ACL", "SETUSER", user, "on", "nopass", "+@all", "&*"]), "+OK");
        }
        Counted { world, admin, users: Default::default(), members: Vec::new(), random: Random(seed), seed }
    }

    fn step(&mut self, step: usize) {
        match self.random.below(12) {
            0 => self.change(),
            1..=2 => self.connect(step),
            3 if !self.members.is_empty() => {
                let place = self.random.below(self.members.len());
                self.members.swap_remove(place).peer.hangs_up();
            }
            4 => self.pass(),
            _ if self.members.is_empty() => {}
            5 => self.become_another(step),
            6..=7 => self.subscribe(step),
            8 => self.unsubscribe(),
            _ => self.publish(step),
        }
    }

    fn change(&mut self) {
        let (user, limit) = (self.random.below(USERS.len()), self.random.pick(&LIMITS));
        let value = self.random.pick(&[0, 1, 2, 3, 7, if limit == "publish-bytes" { 20 } else { 5 }]);
        self.users[user].limit(limit, value);
        let rule = format!("limit:{limit}={value}");
        assert_eq!(ask(&mut self.admin, &["ACL", "SETUSER", USERS[user], &rule]), "+OK");
    }

    fn pass(&mut self) {
        let ms = self.random.below(700) as u64;
        self.world.wait(Duration::from_millis(ms));
        self.users.iter_mut().for_each(|user| user.wait(ms));
    }

    /// The refusal of a user who has so many and would have so many more, if that is too much.
    fn refusal(&self, user: usize, limit: &str, has: usize, more: usize) -> Option<String> {
        let too_many = more > 0 && (has + more) as u64 > self.users[user].most(limit);
        too_many.then(|| format!("-LIMIT User {} has reached its limit:{limit}", USERS[user]))
    }

    fn connections(&self, user: usize) -> usize {
        self.members.iter().filter(|member| member.user == user).count()
    }

    fn connect(&mut self, step: usize) {
        let user = self.random.below(USERS.len());
        let mut peer = self.world.peer();
        let answer = ask(&mut peer, &["AUTH", USERS[user], "x"]);
        let refusal = self.refusal(user, "connections", self.connections(user), 1);
        assert_eq!(answer, refusal.clone().unwrap_or("+OK".into()), "seed {}, step {step}", self.seed);
        match refusal {
            Some(_) => peer.hangs_up(),
            None => self.members.push(Member { peer, user, subscriptions: BTreeSet::new() }),
        }
    }

    fn become_another(&mut self, step: usize) {
        let (place, user) = (self.random.below(self.members.len()), self.random.below(USERS.len()));
        let more = usize::from(self.members[place].user != user);
        let refusal = self.refusal(user, "connections", self.connections(user), more);
        let answer = ask(&mut self.members[place].peer, &["AUTH", USERS[user], "x"]);
        assert_eq!(answer, refusal.clone().unwrap_or("+OK".into()), "seed {}, step {step}", self.seed);
        if refusal.is_none() {
            self.members[place].user = user;
        }
    }

    fn subscribe(&mut self, step: usize) {
        let (place, kind) = (self.random.below(self.members.len()), self.random.pick(&KINDS));
        let names: Vec<&str> = (0..=self.random.below(3)).map(|_| self.random.pick(&NAMES)).collect();
        let member = &self.members[place];
        let own = self.members.iter().filter(|other| other.user == member.user);
        let has = own.map(|other| other.subscriptions.len()).sum();
        let more = names.iter().filter(|name| !member.subscriptions.contains(&(kind, **name))).count();
        let refusal = self.refusal(member.user, "subscriptions", has, more);
        let member = &mut self.members[place];
        let answer = ask(&mut member.peer, &[&[kind], &names[..]].concat());
        let said = format!("seed {}, step {step}: {kind} {names:?} is answered {answer}", self.seed);
        match refusal {
            Some(refusal) => assert_eq!(answer, refusal, "{said}"),
            None => {
                assert!(answer.starts_with(">["), "{said}");
                member.subscriptions.extend(names.into_iter().map(|name| (kind, name)));
            }
        }
    }

    fn unsubscribe(&mut self) {
        let (place, kind, name) =
            (self.random.below(self.members.len()), self.random.pick(&KINDS), self.random.pick(&NAMES));
        let member = &mut self.members[place];
        ask(&mut member.peer, &[&kind.replace("SUB", "UNSUB"), name]);
        member.subscriptions.remove(&(kind, name));
    }

    fn publish(&mut self, step: usize) {
        let (place, name) = (self.random.below(self.members.len()), self.random.pick(&NAMES));
        let (command, payload) = (self.random.pick(&["PUBLISH", "SPUBLISH"]), "x".repeat(self.random.below(12)));
        let member = &mut self.members[place];
        let user = &mut self.users[member.user];
        let bytes = (name.len() + payload.len()) as u64;
        let takes = [("publish-messages", 1), ("publish-bytes", bytes)];
        let answer = ask(&mut member.peer, &[command, name, &payload]);
        let said = format!("seed {}, step {step}: {bytes} bytes", self.seed);
        match user.refusing(takes) {
            Some((limit, ms)) => {
                let rest = format!("the message was not published, try again in {ms} ms");
                let refusal = format!("-LIMIT User {} has reached its limit:{limit}: {rest}", USERS[member.user]);
                assert_eq!(answer, refusal, "{said}");
            }
            None => {
                assert!(answer.starts_with(':'), "{said} are answered {answer}");
                user.publish(takes);
            }
        }
    }
}

/// Says a command and returns the first thing that is heard then.
fn ask(peer: &mut Peer, words: &[&str]) -> String {
    peer.take_frames();
    peer.send(&request(words));
    peer.take_frames().first().map(Value::to_string).expect("an answer")
}
