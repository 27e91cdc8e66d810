//! Random users, rules and requests: what is refused, in which words, and whose connections end is as the model reads the
//! rules.

use pregon::client::Closing;
use pregon::pattern::matches;
use pregon::resp::Proto;

use crate::harness::{Peer, Random, World, request};
use crate::rights_model::{COMMANDS, Known, Request, Use, User, dry_run, refused};
use crate::value::Value;

const USERS: [&str; 3] = ["ann", "bob", "cid"];
const NAMES: [&str; 6] = ["a", "b", "ab", "ba", "abc", "cab"];
const PATTERNS: [&str; 9] = ["a", "b", "a*", "*b", "?", "ab?", "*a*", "c?b", "**"];
const CATEGORIES: [&str; 9] =
    ["read", "write", "string", "keyspace", "pubsub", "connection", "admin", "dangerous", "nosuch"];
const STEPS: usize = 120;

#[test]
fn users_may_do_what_the_plainest_reading_of_their_rules_says() {
    for seed in 1..=40 {
        let mut world = Watched::new(seed);
        for step in 0..STEPS {
            world.step(step);
        }
    }
}

/// A subscriber, and what it has subscribed to.
struct Subscriber {
    peer: Peer,
    user: usize,
    subscriptions: Vec<(String, Use)>,
}

/// A server, the model of its users, and those who listen.
struct Watched {
    world: World,
    admin: Peer,
    users: [User; USERS.len()],
    subscribers: Vec<Subscriber>,
    random: Random,
    seed: u64,
}

impl Watched {
    fn new(seed: u64) -> Watched {
        let world = World::new(1 + seed as usize % 3, Proto::Resp3, &[]);
        let mut admin = world.peer();
        for user in USERS {
            assert_eq!(ask(&mut admin, &["ACL", "SETUSER", user, "reset"]).to_string(), "+OK");
        }
        Watched { world, admin, users: Default::default(), subscribers: Vec::new(), random: Random(seed), seed }
    }

    fn step(&mut self, step: usize) {
        let user = self.random.below(USERS.len());
        match self.random.below(8) {
            0..=1 => self.change(user, step),
            2 => self.is_what_is_listed(user),
            3 => self.subscribe(user),
            4..=5 => self.run(user, step),
            _ => self.dry_run(user, step),
        }
    }

    fn change(&mut self, user: usize, step: usize) {
        let rules: Vec<String> = (0..=self.random.below(5)).map(|_| rule(&mut self.random)).collect();
        let mut words = vec!["ACL", "SETUSER", USERS[user]];
        words.extend(rules.iter().map(String::as_str));
        let expected = self.users[user].change(&rules).err().unwrap_or_else(|| "+OK".to_owned());
        assert_eq!(ask(&mut self.admin, &words).to_string(), expected, "seed {}, step {step}: {rules:?}", self.seed);
        let now = &self.users[user];
        let seed = self.seed;
        self.subscribers.retain_mut(|subscriber| {
            let may_stay = subscriber.subscriptions.iter().all(|(name, usage)| now.may_keep(name, *usage));
            let stays = subscriber.user != user || may_stay;
            let closing = subscriber.peer.closing();
            let heard = &subscriber.subscriptions;
            assert_eq!(closing.is_none(), stays, "seed {seed}, step {step}: {rules:?} and {heard:?}");
            assert!(matches!(closing, None | Some(Closing::Killed)), "seed {seed}, step {step}: {closing:?}");
            if !stays {
                subscriber.peer.hangs_up();
            }
            stays
        });
    }

    /// What is listed of a user makes the same user.
    fn is_what_is_listed(&mut self, user: usize) {
        let listed = |admin: &mut Peer, name: &str| {
            let all = ask(admin, &["ACL", "LIST"]);
            let line = |value: &Value| {
                let text = String::from_utf8_lossy(value.bulk()).into_owned();
                text.strip_prefix(&format!("user {name} ")).map(str::to_owned)
            };
            all.items().iter().find_map(line).expect("the user is listed")
        };
        let rules = listed(&mut self.admin, USERS[user]);
        let mut words = vec!["ACL", "SETUSER", "copy", "reset"];
        words.extend(rules.split(' '));
        assert_eq!(ask(&mut self.admin, &words).to_string(), "+OK", "{rules}");
        assert_eq!(listed(&mut self.admin, "copy"), rules);
        for _ in 0..4 {
            let asked = any_request(&mut self.random);
            let expected = dry_run("copy", &asked, self.users[user].refusal(&asked).as_ref());
            assert_eq!(try_out(&mut self.admin, "copy", &asked), expected, "{rules} for {:?}", asked.words);
        }
    }

    fn dry_run(&mut self, user: usize, step: usize) {
        let asked = any_request(&mut self.random);
        let expected = dry_run(USERS[user], &asked, self.users[user].refusal(&asked).as_ref());
        let answer = try_out(&mut self.admin, USERS[user], &asked);
        assert_eq!(answer, expected, "seed {}, step {step}: {:?}", self.seed, asked.words);
    }

    /// A client of the user, if one can log in.
    fn login(&mut self, user: usize) -> Option<Peer> {
        let mut peer = self.world.peer();
        if self.users[user].on && self.users[user].without_password {
            assert_eq!(ask(&mut peer, &["AUTH", USERS[user], "any"]).to_string(), "+OK");
            return Some(peer);
        }
        peer.hangs_up();
        None
    }

    fn run(&mut self, user: usize, step: usize) {
        let Some(mut peer) = self.login(user) else { return };
        let asked = any_request(&mut self.random);
        let words: Vec<&str> = asked.words.iter().map(String::as_str).collect();
        let answer = ask(&mut peer, &words).to_string();
        let said = format!("seed {}, step {step}: {words:?} is answered {answer}", self.seed);
        match self.users[user].refusal(&asked) {
            Some(refusal) => assert_eq!(answer, refused(USERS[user], &asked, &refusal), "{said}"),
            None => assert!(!answer.starts_with('-'), "{said}"),
        }
        peer.hangs_up();
    }

    fn subscribe(&mut self, user: usize) {
        let Some(mut peer) = self.login(user) else { return };
        let mut subscriptions = Vec::new();
        for _ in 0..3 {
            let asked = a_subscription(&mut self.random);
            if self.users[user].refusal(&asked).is_none() {
                let words: Vec<&str> = asked.words.iter().map(String::as_str).collect();
                peer.joins(&words.join(" "));
                subscriptions.extend(asked.uses.iter().map(|(place, usage)| (asked.words[*place].clone(), *usage)));
            }
        }
        self.subscribers.push(Subscriber { peer, user, subscriptions });
    }
}

/// Says a command and returns the answer, which may need the other workers.
fn ask(peer: &mut Peer, words: &[&str]) -> Value {
    peer.take_frames();
    peer.send(&request(words));
    let answers = peer.take_frames();
    if let Some(answer) = answers.into_iter().next() {
        return answer;
    }
    peer.resume();
    peer.next_frame()
}

fn try_out(admin: &mut Peer, user: &str, asked: &Request) -> String {
    let mut words = vec!["ACL", "DRYRUN", user];
    words.extend(asked.words.iter().map(String::as_str));
    match ask(admin, &words) {
        Value::Bulk(text) => String::from_utf8_lossy(&text).into_owned(),
        status => status.to_string(),
    }
}

/// A rule, most likely a valid one.
fn rule(random: &mut Random) -> String {
    match random.below(16) {
        0 => random.pick(&["on", "on", "on", "off"]).to_owned(),
        1 => random.pick(&["nopass", "nopass", "resetpass", "clearselectors"]).to_owned(),
        2 if random.below(3) == 0 => "reset".to_owned(),
        3 => {
            let rules: Vec<String> = (0..=random.below(4)).map(|_| selector_rule(random)).collect();
            format!("({})", rules.join(" "))
        }
        _ => selector_rule(random),
    }
}

/// A rule that may stand within parentheses.
fn selector_rule(random: &mut Random) -> String {
    let Known(command, _) = random.pick(&COMMANDS);
    let sign = random.pick(&["+", "+", "+", "-"]);
    match random.below(40) {
        0 => random.pick(&["allkeys", "~*", "resetkeys", "allchannels", "&*", "resetchannels"]).to_owned(),
        1 => random.pick(&["allcommands", "+@all", "nocommands", "-@all"]).to_owned(),
        2..=4 => random.pick(&["resetkeys", "resetchannels"]).to_owned(),
        5 => random.pick(&["%X~a", "%~a", "%RR~a", "+nosuch", "-get|a", "junk", "%P~a"]).to_owned(),
        6..=12 => format!("{}~{}", random.pick(&["", "", "%R", "%W", "%RW", "%WR"]), random.pick(&PATTERNS)),
        13..=19 => format!("{}&{}", random.pick(&["", "", "%P", "%S", "%PS", "%SP"]), random.pick(&PATTERNS)),
        20 => format!("{sign}{}", random.pick(&["client", "config"])),
        21..=25 => format!("{sign}@{}", random.pick(&CATEGORIES)),
        26..=28 => format!("+{}|{}", random.pick(&["get", "select", "publish", "subscribe"]), random.pick(&NAMES)),
        _ => format!("{sign}{command}"),
    }
}

fn any_request(random: &mut Random) -> Request {
    let Known(name, _) = random.pick(&COMMANDS);
    request_of(name, random)
}

fn a_subscription(random: &mut Random) -> Request {
    let name = random.pick(&["subscribe", "ssubscribe", "psubscribe"]);
    request_of(name, random)
}

/// This command with random arguments.
fn request_of(name: &'static str, random: &mut Random) -> Request {
    let names = |count: usize, usage: Use, random: &mut Random| -> Vec<(String, Option<Use>)> {
        let choices: &[&str] = if usage == Use::SubscribePattern { &PATTERNS } else { &NAMES };
        (0..count).map(|_| (random.pick(choices).to_owned(), Some(usage))).collect()
    };
    let some = 1 + random.below(3);
    let value = || vec![("x".to_owned(), None)];
    let arguments = match name {
        "get" => names(1, Use::Read, random),
        "set" => [names(1, Use::Write, random), value()].concat(),
        "getset" => [names(1, Use::ReadAndWrite, random), value()].concat(),
        "mget" => names(some, Use::Read, random),
        "del" => names(some, Use::Write, random),
        "exists" => names(some, Use::Look, random),
        "copy" => [vec![("a".to_owned(), Some(Use::Read))], vec![("b".to_owned(), Some(Use::Write))]].concat(),
        "publish" | "spublish" => [names(1, Use::Publish, random), value()].concat(),
        "subscribe" | "ssubscribe" => names(some, Use::Subscribe, random),
        "psubscribe" => names(some, Use::SubscribePattern, random),
        "unsubscribe" => vec![("a".to_owned(), None)],
        "select" => vec![("0".to_owned(), None)],
        "client|no-evict" => vec![("off".to_owned(), None)],
        "config|get" => vec![("port".to_owned(), None)],
        _ => Vec::new(),
    };
    let mut words: Vec<String> = name.split('|').map(str::to_owned).collect();
    let mut uses = Vec::new();
    for (word, usage) in arguments {
        uses.extend(usage.map(|usage| (words.len(), usage)));
        words.push(word);
    }
    Request { name, words, uses }
}

/// What channels of the sampled kind are made of: what the patterns name, and a letter that none names.
const LETTERS: [u8; 4] = *b"abcz";
const LONGEST: usize = 5;

/// Every channel of these letters up to a length.
fn channels() -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = Vec::new();
    let mut last: Vec<Vec<u8>> = vec![Vec::new()];
    for _ in 0..LONGEST {
        last = last.iter().flat_map(|name| LETTERS.map(|letter| [name, &[letter][..]].concat())).collect();
        all.extend(last.iter().cloned());
    }
    all
}

/// What patterns are made of where they are compared with each other.
const PIECES: [&str; 14] = ["a", "b", "c", "ab", "*", "*", "?", "[ab]", "[^a]", "[a-c]", "[]", "[^]", "\\a", "\\*"];

fn pattern(random: &mut Random) -> String {
    let pattern: String = (0..=random.below(4)).map(|_| random.pick(&PIECES)).collect();
    // By this one all channels are allowed, and none may be named behind it.
    if pattern == "*" { "**".to_owned() } else { pattern }
}

#[test]
fn a_pattern_that_is_let_through_as_covered_hears_nothing_that_the_user_may_not() {
    let channels = channels();
    let world = World::new(1, Proto::Resp3, &[("acl-pattern-subscribe", "covered")]);
    let mut admin = world.peer();
    let mut random = Random(1);
    let mut covered = 0;
    for _ in 0..1500 {
        let allowed: Vec<String> = (0..=random.below(3)).map(|_| pattern(&mut random)).collect();
        let asked = pattern(&mut random);
        let rules: Vec<String> = allowed.iter().map(|pattern| format!("&{pattern}")).collect();
        let mut words = vec!["ACL", "SETUSER", "ann", "reset", "+psubscribe"];
        words.extend(rules.iter().map(String::as_str));
        assert_eq!(ask(&mut admin, &words).to_string(), "+OK", "{rules:?}");
        let answer = ask(&mut admin, &["ACL", "DRYRUN", "ann", "psubscribe", &asked]).to_string();
        if allowed.contains(&asked) {
            assert_eq!(answer, "+OK", "{asked} is literally among {allowed:?}");
        }
        if answer == "+OK" && !allowed.contains(&asked) {
            covered += 1;
            let may = |channel: &[u8]| allowed.iter().any(|pattern| matches(pattern.as_bytes(), channel));
            let leak = channels.iter().find(|channel| matches(asked.as_bytes(), channel) && !may(channel));
            assert_eq!(leak.map(|channel| channel.escape_ascii().to_string()), None, "{asked} under {allowed:?}");
        }
    }
    assert!(covered > 50, "{covered} patterns were let through");
}
