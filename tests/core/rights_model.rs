//! What users may do, by the plainest reading of the rules: each selector is the list of the rules that were given to it,
//! and a question is answered by going through them from the first to the last.

/// A command of the tests: its full name, and the categories that the tests name.
#[derive(Clone, Copy)]
pub(crate) struct Known(pub(crate) &'static str, pub(crate) &'static [&'static str]);

pub(crate) const COMMANDS: [Known; 20] = [
    Known("get", &["read", "string"]),
    Known("set", &["write", "string"]),
    Known("getset", &["write", "string"]),
    Known("mget", &["read", "string"]),
    Known("del", &["keyspace", "write"]),
    Known("exists", &["keyspace", "read"]),
    Known("copy", &["keyspace", "write"]),
    Known("publish", &["pubsub"]),
    Known("spublish", &["pubsub"]),
    Known("subscribe", &["pubsub"]),
    Known("ssubscribe", &["pubsub"]),
    Known("psubscribe", &["pubsub"]),
    Known("unsubscribe", &["pubsub"]),
    Known("ping", &["connection"]),
    Known("select", &["connection"]),
    Known("reset", &["connection"]),
    Known("client|id", &["connection"]),
    Known("client|getname", &["connection"]),
    Known("client|no-evict", &["admin", "connection", "dangerous"]),
    Known("config|get", &["admin", "dangerous"]),
];

/// What is done with a key or a channel that a command names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// Asking whether there is a key needs neither direction.
    Look,
    Read,
    Write,
    ReadAndWrite,
    Publish,
    Subscribe,
    SubscribePattern,
}

impl Use {
    fn is_of_key(self) -> bool {
        matches!(self, Use::Look | Use::Read | Use::Write | Use::ReadAndWrite)
    }

    /// The letters that a rule must have between `%` and the pattern.
    fn letters(self) -> &'static str {
        match self {
            Use::Look => "",
            Use::Read => "R",
            Use::Write => "W",
            Use::ReadAndWrite => "RW",
            Use::Publish => "P",
            Use::Subscribe | Use::SubscribePattern => "S",
        }
    }
}

/// A command with its arguments, and what it does with which of them.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) name: &'static str,
    /// The words as they are sent.
    pub(crate) words: Vec<String>,
    /// Places in `words` of keys and channels.
    pub(crate) uses: Vec<(usize, Use)>,
}

/// Why a request is refused. The later kind outweighs the earlier one, and then the later place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Refusal {
    Command,
    Key(usize),
    Channel(usize),
}

/// Rules of one kind each: those about commands in their order, and patterns with their letters.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selector {
    commands: Vec<String>,
    all_keys: bool,
    all_channels: bool,
    patterns: Vec<(char, String, String)>,
}

impl Selector {
    /// Adds a rule.
    ///
    /// # Errors
    /// Says why it is none, as the server does.
    fn add(&mut self, rule: &str) -> Result<(), &'static str> {
        match rule {
            "allkeys" | "~*" => self.take_all('~', true),
            "resetkeys" => self.take_all('~', false),
            "allchannels" | "&*" => self.take_all('&', true),
            "resetchannels" => self.take_all('&', false),
            "allcommands" | "+@all" => self.commands = vec!["+@all".to_owned()],
            "nocommands" | "-@all" => self.commands.clear(),
            _ if rule.starts_with(['+', '-']) => {
                self.commands.push(known(rule)?);
            }
            _ => return self.add_pattern(rule),
        }
        Ok(())
    }

    fn take_all(&mut self, kind: char, all: bool) {
        self.patterns.retain(|(of, _, _)| *of != kind);
        *(if kind == '~' { &mut self.all_keys } else { &mut self.all_channels }) = all;
    }

    fn add_pattern(&mut self, rule: &str) -> Result<(), &'static str> {
        let at = rule.find(['~', '&']).ok_or("Syntax error")?;
        let (letters, kind) = (&rule[..at], char::from(rule.as_bytes()[at]));
        if kind == '~' && self.all_keys {
            return Err(AFTER_ALL_KEYS);
        }
        if kind == '&' && self.all_channels {
            return Err(AFTER_ALL_CHANNELS);
        }
        let letters = match (kind, letters) {
            ('~', "" | "%RW" | "%WR") => "RW",
            ('~', "%R") => "R",
            ('~', "%W") => "W",
            ('&', "" | "%PS" | "%SP") => "PS",
            ('&', "%P") => "P",
            ('&', "%S") => "S",
            _ => return Err("Syntax error"),
        };
        self.patterns.push((kind, letters.to_owned(), rule[at + 1..].to_owned()));
        Ok(())
    }

    fn refusal(&self, request: &Request) -> Option<Refusal> {
        if !self.may_run(request) {
            return Some(Refusal::Command);
        }
        let refused = |of_keys: bool| {
            let mut uses = request.uses.iter().filter(|(_, usage)| usage.is_of_key() == of_keys);
            uses.find(|(place, usage)| !self.may_use(&request.words[*place], *usage)).map(|(place, _)| *place)
        };
        refused(true).map(Refusal::Key).or_else(|| refused(false).map(Refusal::Channel))
    }

    fn may_run(&self, request: &Request) -> bool {
        let mut firsts: Vec<&str> = Vec::new();
        let mut may = false;
        for rule in &self.commands {
            let (sign, rule) = rule.split_at(1);
            if is_about(rule, request.name) {
                may = sign == "+";
                firsts.clear();
            } else if let Some(first) = rule.strip_prefix(request.name).and_then(|rest| rest.strip_prefix('|')) {
                firsts.push(first);
            }
        }
        let first = request.words.get(1).map_or("", String::as_str);
        may || request.name == "reset" || firsts.contains(&first)
    }

    /// Whether its patterns allow what is done with a key or a channel, whatever the command is.
    fn may_use(&self, name: &str, usage: Use) -> bool {
        if if usage.is_of_key() { self.all_keys } else { self.all_channels } {
            return true;
        }
        let kind = if usage.is_of_key() { '~' } else { '&' };
        let patterns = || self.patterns.iter().filter(|(of, _, _)| *of == kind);
        patterns().any(|(_, _, pattern)| {
            // Rules with the same pattern are one, with the letters of all.
            let has = |letter| patterns().any(|(_, letters, other)| other == pattern && letters.contains(letter));
            let fits = if usage == Use::SubscribePattern { pattern == name } else { matches(pattern, name) };
            fits && usage.letters().chars().all(has)
        })
    }
}

const AFTER_ALL_KEYS: &str = "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not have \
                              any effect. Try 'resetkeys' to start with an empty list of patterns";
const AFTER_ALL_CHANNELS: &str = "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and does \
                                  not have any effect. Try 'resetchannels' to start with an empty list of channels";
const UNKNOWN: &str = "Unknown command or category name in ACL";

/// A rule about commands in small letters.
///
/// # Errors
/// Says why it is none.
fn known(rule: &str) -> Result<String, &'static str> {
    let (sign, name) = rule.split_at(1);
    let exists = match name.strip_prefix('@') {
        Some(category) => COMMANDS.iter().any(|Known(_, categories)| categories.contains(&category)),
        None => COMMANDS.iter().any(|Known(command, _)| is_about(name, command)),
    };
    let has_first = || {
        let (command, first) = name.rsplit_once('|')?;
        let plain = COMMANDS.iter().any(|Known(known, _)| *known == command && !command.contains('|'));
        Some(sign == "+" && plain && !first.is_empty())
    };
    if exists || has_first() == Some(true) { Ok(rule.to_owned()) } else { Err(UNKNOWN) }
}

/// Whether what stands behind a sign means this command as a whole.
fn is_about(rule: &str, command: &str) -> bool {
    let Some(Known(name, categories)) = COMMANDS.iter().find(|Known(name, _)| *name == command) else {
        return false;
    };
    rule == "@all"
        || rule == *name
        || name.strip_prefix(rule).is_some_and(|rest| rest.starts_with('|'))
        || rule.strip_prefix('@').is_some_and(|category| categories.contains(&category))
}

/// Whether a pattern of letters, `*` and `?` matches; nothing but the empty pattern matches the empty name.
fn matches(pattern: &str, name: &str) -> bool {
    fn rest_matches(pattern: &[u8], name: &[u8]) -> bool {
        match (pattern, name) {
            ([], name) => name.is_empty(),
            ([b'*', rest @ ..], name) => (0..=name.len()).any(|skipped| rest_matches(rest, &name[skipped..])),
            ([b'?', rest @ ..], [_, name @ ..]) => rest_matches(rest, name),
            ([letter, rest @ ..], [first, name @ ..]) => letter == first && rest_matches(rest, name),
            _ => false,
        }
    }
    rest_matches(pattern.as_bytes(), name.as_bytes()) && (pattern.is_empty() || !name.is_empty())
}

/// A user: whether one can log in, and what may be done then.
#[derive(Clone, Debug, Default)]
pub(crate) struct User {
    pub(crate) on: bool,
    pub(crate) without_password: bool,
    root: Selector,
    selectors: Vec<Selector>,
}

impl User {
    /// Makes all of the changes, or none.
    ///
    /// # Errors
    /// Is the server's answer.
    pub(crate) fn change(&mut self, rules: &[String]) -> Result<(), String> {
        let mut changed = self.clone();
        for rule in rules {
            let problem = |why| format!("-ERR Error in ACL SETUSER modifier '{rule}': {why}");
            changed.add(rule).map_err(problem)?;
        }
        *self = changed;
        Ok(())
    }

    fn add(&mut self, rule: &str) -> Result<(), &'static str> {
        match rule {
            "on" | "off" => self.on = rule == "on",
            "nopass" | "resetpass" => self.without_password = rule == "nopass",
            "clearselectors" => self.selectors.clear(),
            "reset" => *self = User::default(),
            _ => match rule.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
                Some(inside) => {
                    let mut selector = Selector::default();
                    inside.split(' ').try_for_each(|rule| selector.add(rule))?;
                    self.selectors.push(selector);
                }
                None => self.root.add(rule)?,
            },
        }
        Ok(())
    }

    /// Why a request is refused, if it is: by each selector, of which the weightiest reason counts.
    pub(crate) fn refusal(&self, request: &Request) -> Option<Refusal> {
        let mut refusals = Vec::new();
        for selector in std::iter::once(&self.root).chain(&self.selectors) {
            refusals.push(selector.refusal(request)?);
        }
        refusals.into_iter().max()
    }

    /// Whether a subscription may stay, whichever commands are allowed.
    pub(crate) fn may_keep(&self, name: &str, usage: Use) -> bool {
        std::iter::once(&self.root).chain(&self.selectors).any(|selector| selector.may_use(name, usage))
    }
}

/// What the server answers to a refused request.
pub(crate) fn refused(user: &str, request: &Request, refusal: &Refusal) -> String {
    match refusal {
        Refusal::Command => format!("-NOPERM User {user} has no permissions to run the '{}' command", request.name),
        Refusal::Key(_) => "-NOPERM No permissions to access a key".to_owned(),
        Refusal::Channel(_) => "-NOPERM No permissions to access a channel".to_owned(),
    }
}

/// What ACL DRYRUN answers to a request: a status, or a text.
pub(crate) fn dry_run(user: &str, request: &Request, refusal: Option<&Refusal>) -> String {
    let denied = |what: &str| format!("User {user} has no permissions to {what}");
    match refusal {
        None => "+OK".to_owned(),
        Some(Refusal::Command) => denied(&format!("run the '{}' command", request.name)),
        Some(Refusal::Key(at)) => denied(&format!("access the '{}' key", request.words[*at])),
        Some(Refusal::Channel(at)) => denied(&format!("access the '{}' channel", request.words[*at])),
    }
}
