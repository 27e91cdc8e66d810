//! Values of directives: how each type is read from arguments, checked and written back.
//!
//! The wording of every refusal is Redis' own (`config.c`, numeric, boolean and enum parameters), because clients match
//! on the text of a failed CONFIG SET.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::time::Duration;

pub(crate) use super::rule::{ANY, INT_MAX, LONG_MAX, Rule, number, words};

/// What a type needs in order to be the value of a directive.
///
/// Invariant: `parse` of the arguments in any line of `lines` gives the value back (for a type with several lines, of all
/// lines in order, each as a repetition).
pub(crate) trait Value: Sized {
    /// Takes several arguments on one line. A type without this gets exactly one.
    const SEVERAL: bool = false;
    /// Must not appear in logs, MONITOR or the slow log.
    const SENSITIVE: bool = false;
    /// What the example file shows, commented out, where the default depends on the machine or is no line at all.
    const SAMPLE: Option<&'static str> = None;

    /// Reads the value; `old` is what it replaces. The error is the reason as CONFIG SET words it.
    fn parse(given: &Given<'_>, old: &Self) -> Result<Self, String>;

    /// The form in which CONFIG GET answers.
    fn show(&self) -> Vec<u8>;

    /// What follows the name in a configuration file, one element for each line.
    fn lines(&self) -> Vec<Vec<u8>> {
        vec![self.show()]
    }

    /// What to write, for the cure of an error and for `--help`.
    fn expects(rule: &Rule) -> String;
}

/// The arguments of one directive, with what is needed to judge them.
pub(crate) struct Given<'a> {
    /// The arguments after the name.
    pub(crate) args: &'a [Vec<u8>],
    /// Bounds or words of the directive.
    pub(crate) rule: &'a Rule,
    /// True when the same load has set this directive before; types that gather their lines append then.
    pub(crate) again: bool,
}

impl Given<'_> {
    /// The single argument. Callers have checked the count for types that are not `SEVERAL`.
    pub(crate) fn one(&self) -> &[u8] {
        self.args.first().map_or(&[], Vec::as_slice)
    }

    /// A decimal integer inside the bounds, in the strict form that Redis takes: no plus sign, no leading zeros.
    fn integer(&self) -> Result<i128, String> {
        let number = strict_integer(self.one()).ok_or("argument couldn't be parsed into an integer")?;
        self.rule.bounded(i128::from(number))
    }

    /// A number of bytes inside the bounds.
    pub(crate) fn bytes(&self) -> Result<u64, String> {
        let bytes = ByteSize::read(self.one()).ok_or("argument must be a memory value")?;
        self.rule.bounded(i128::from(bytes.0))?;
        Ok(bytes.0)
    }
}

/// Redis' `string2ll`: `0`, or an optional minus and digits that do not start with a zero, inside 64 bits.
fn strict_integer(text: &[u8]) -> Option<i64> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let plain = text == b"0" || matches!(digits, [b'1'..=b'9', rest @ ..] if rest.iter().all(u8::is_ascii_digit));
    if plain { std::str::from_utf8(text).ok()?.parse().ok() } else { None }
}

macro_rules! integers {
    ($($type:ty),+) => {$(
        impl Value for $type {
            fn parse(given: &Given<'_>, _old: &Self) -> Result<Self, String> {
                <$type>::try_from(given.integer()?).map_err(|_| given.rule.out_of_bounds())
            }

            fn show(&self) -> Vec<u8> {
                self.to_string().into_bytes()
            }

            fn expects(rule: &Rule) -> String {
                rule.range()
            }
        }
    )+};
}
integers!(u16, u32, u64, usize, i64);

impl Value for bool {
    fn parse(given: &Given<'_>, _old: &Self) -> Result<Self, String> {
        match given.one() {
            word if word.eq_ignore_ascii_case(b"yes") => Ok(true),
            word if word.eq_ignore_ascii_case(b"no") => Ok(false),
            _ => Err("argument must be 'yes' or 'no'".into()),
        }
    }

    fn show(&self) -> Vec<u8> {
        if *self { b"yes".to_vec() } else { b"no".to_vec() }
    }

    fn expects(_rule: &Rule) -> String {
        "yes|no".into()
    }
}

/// A number of bytes. Text may carry a unit, in any case: `k` `m` `g` are powers of 1000, `kb` `mb` `gb` powers of 1024.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

impl ByteSize {
    const KIB: u64 = 1024;

    /// `count` times 1024 * 1024 bytes.
    pub const fn mib(count: u64) -> Self {
        Self(count * Self::KIB * Self::KIB)
    }

    /// The limit in bytes, or `None` for 0, which stands for "no limit".
    pub fn limit(self) -> Option<u64> {
        (self.0 > 0).then_some(self.0)
    }

    /// Reads digits and an optional unit; `None` for anything else.
    pub(crate) fn read(text: &[u8]) -> Option<Self> {
        let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, unit) = text.split_at(digits);
        let factor = match unit.to_ascii_lowercase().as_slice() {
            b"" | b"b" => 1,
            b"k" => 1000,
            b"kb" => Self::KIB,
            b"m" => 1000 * 1000,
            b"mb" => Self::KIB.pow(2),
            b"g" => 1000 * 1000 * 1000,
            b"gb" => Self::KIB.pow(3),
            _ => return None,
        };
        // No digits are 0, and too many are the largest number, as in Redis; bounds are checked later.
        let add = |sum: u64, digit: &u8| sum.saturating_mul(10).saturating_add(u64::from(digit - b'0'));
        Some(Self(digits.iter().fold(0, add).saturating_mul(factor)))
    }

    /// The shortest exact form with a binary unit, as CONFIG REWRITE writes it.
    pub(crate) fn with_unit(self) -> String {
        let units = [(Self::KIB.pow(3), "gb"), (Self::KIB.pow(2), "mb"), (Self::KIB, "kb")];
        match units.iter().find(|(size, _)| self.0 > 0 && self.0.is_multiple_of(*size)) {
            Some((size, unit)) => format!("{}{unit}", self.0 / size),
            None => self.0.to_string(),
        }
    }
}

impl Value for ByteSize {
    fn parse(given: &Given<'_>, _old: &Self) -> Result<Self, String> {
        given.bytes().map(Self)
    }

    fn show(&self) -> Vec<u8> {
        self.0.to_string().into_bytes()
    }

    fn lines(&self) -> Vec<Vec<u8>> {
        vec![self.with_unit().into_bytes()]
    }

    fn expects(_rule: &Rule) -> String {
        "bytes, or a number with kb, mb or gb".into()
    }
}

macro_rules! periods {
    ($($(#[doc = $doc:literal])+ $name:ident($unit:ident, $from:ident, $inner:ty), zero is a period: $zero:literal;)+) => {$(
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $name(pub $inner);

        impl $name {
            /// The period, or `None` for the value that turns the feature off.
            pub fn enabled(self) -> Option<Duration> {
                u64::try_from(self.0).ok().filter(|count| *count > 0 || $zero).map(Duration::$from)
            }
        }

        impl Value for $name {
            fn parse(given: &Given<'_>, old: &Self) -> Result<Self, String> {
                <$inner>::parse(given, &old.0).map(Self)
            }

            fn show(&self) -> Vec<u8> {
                self.0.show()
            }

            fn expects(rule: &Rule) -> String {
                format!("{}, {}", rule.range(), stringify!($unit))
            }
        }
    )+};
}
periods! {
    /// A number of seconds; 0 means off.
    Seconds(seconds, from_secs, u64), zero is a period: false;
    /// A number of milliseconds; 0 means off.
    Millis(milliseconds, from_millis, u64), zero is a period: false;
    /// A number of microseconds; a negative one means off, and 0 is a period of no length.
    Micros(microseconds, from_micros, i64), zero is a period: true;
}

/// An optional path; the empty text is `None`.
impl Value for Option<PathBuf> {
    fn parse(given: &Given<'_>, _old: &Self) -> Result<Self, String> {
        let text = given.one();
        Ok((!text.is_empty()).then(|| OsString::from_vec(text.to_vec()).into()))
    }

    fn show(&self) -> Vec<u8> {
        self.as_ref().map_or(Vec::new(), |path| path.as_os_str().as_bytes().to_vec())
    }

    fn lines(&self) -> Vec<Vec<u8>> {
        vec![crate::quoting::quoted(&self.show())]
    }

    fn expects(_rule: &Rule) -> String {
        "a path, or \"\" for none".into()
    }
}

/// Finds the word among the allowed ones; the error lists them.
pub(crate) fn word_index(given: &[u8], words: &[&str]) -> Result<usize, String> {
    words
        .iter()
        .position(|word| given.eq_ignore_ascii_case(word.as_bytes()))
        .ok_or_else(|| format!("argument(s) must be one of the following: {}", words.join(", ")))
}

macro_rules! choices {
    ($($(#[doc = $doc:literal])+ $name:ident { $($(#[doc = $item_doc:literal])+ $item:ident = $word:literal),+ })+) => {$(
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[doc = $item_doc])+ $item),+ }

        impl $name {
            const ALL: &'static [(Self, &'static str)] = &[$((Self::$item, $word)),+];

            /// The word that stands for it in the configuration.
            pub fn word(self) -> &'static str {
                match self { $(Self::$item => $word),+ }
            }
        }

        impl Value for $name {
            fn parse(given: &Given<'_>, _old: &Self) -> Result<Self, String> {
                let words: Vec<&str> = Self::ALL.iter().map(|(_, word)| *word).collect();
                word_index(given.one(), &words).map(|index| Self::ALL[index].0)
            }

            fn show(&self) -> Vec<u8> {
                self.word().as_bytes().to_vec()
            }

            fn expects(_rule: &Rule) -> String {
                [$($word),+].join("|")
            }
        }
    )+};
}
choices! {
    /// How much the log says.
    LogLevel {
        /// Everything, for looking into a problem.
        Debug = "debug",
        /// Much, but not everything.
        Verbose = "verbose",
        /// What an operator wants to know.
        Notice = "notice",
        /// Only what needs attention.
        Warning = "warning",
        /// Not a line.
        Nothing = "nothing"
    }
    /// Which keys go when `maxmemory` is reached.
    EvictionPolicy {
        /// Of those with a deadline, the one that was not used for longest.
        VolatileLru = "volatile-lru",
        /// Of those with a deadline, the one that is used least often.
        VolatileLfu = "volatile-lfu",
        /// Any of those with a deadline.
        VolatileRandom = "volatile-random",
        /// The one that expires first.
        VolatileTtl = "volatile-ttl",
        /// The one that was not used for longest.
        AllKeysLru = "allkeys-lru",
        /// The one that is used least often.
        AllKeysLfu = "allkeys-lfu",
        /// Any.
        AllKeysRandom = "allkeys-random",
        /// None: commands that need memory fail.
        NoEviction = "noeviction"
    }
    /// How a log line is written.
    LogFormat {
        /// For people.
        Human = "human",
        /// As Redis writes it, for programs that read its log.
        Redis = "redis",
        /// One JSON object on each line.
        Json = "json"
    }
    /// Who is told that the server is ready, alive, or ending.
    Supervised {
        /// Nobody: upstart hears nothing of this server.
        Upstart = "upstart",
        /// systemd.
        Systemd = "systemd",
        /// systemd, where it has started the server.
        Auto = "auto",
        /// Nobody.
        No = "no"
    }
    /// Whether clients have to show a certificate.
    ClientCertificates {
        /// No, and they are not asked for one.
        No = "no",
        /// Yes: others are turned away.
        Yes = "yes",
        /// They are asked for one, and may have none.
        Optional = "optional"
    }
    /// Which channels new users have.
    PubsubDefault {
        /// All.
        AllChannels = "allchannels",
        /// None.
        ResetChannels = "resetchannels"
    }
    /// Which patterns a user may subscribe to that has not all channels.
    PatternSubscribe {
        /// Those that are written among its channels.
        Literal = "literal",
        /// Those that match no channel that it does not have.
        Covered = "covered"
    }
    /// Whose receivers PUBLISH counts.
    BackplaneCounts {
        /// Those of its own node.
        Local = "local",
        /// Those of all nodes.
        Cluster = "cluster"
    }
    /// Which clients end first when the server empties itself.
    DrainOrder {
        /// Those without subscriptions.
        SubscribersLast = "subscribers-last",
        /// Subscribers.
        SubscribersFirst = "subscribers-first",
        /// All alike.
        Together = "together"
    }
    /// What becomes of messages while there is no connection to the engine.
    BackplaneOffline {
        /// They are heard at their own node.
        Serve = "serve",
        /// PUBLISH is refused.
        Refuse = "refuse"
    }
    /// What becomes of commands on keys beside a backplane.
    BackplaneKeys {
        /// An error.
        Refuse = "refuse",
        /// Each server has keys of its own.
        Local = "local",
        /// The upstream has them, and answers.
        Forward = "forward"
    }
    /// By which credentials a client's commands are sent on to the upstream.
    BackplaneForwardAuth {
        /// Those of the backplane.
        Backplane = "backplane",
        /// Those that the client has given.
        Client = "client"
    }
    /// Which part of a client's certificate names the user that it is.
    CertificateUser {
        /// None.
        Off = "off",
        /// The common name of its subject.
        CommonName = "CN",
        /// The first of its alternative names that is a user's.
        AlternativeName = "SAN"
    }
    /// Who may do something that is dangerous.
    Permission {
        /// Nobody.
        No = "no",
        /// Everybody.
        Yes = "yes",
        /// Clients on the loopback interface or the Unix socket.
        Local = "local"
    }
}

impl Supervised {
    /// Whether there is somebody who wants to be told.
    pub fn is_in_effect(self) -> bool {
        matches!(self, Self::Systemd | Self::Auto) && std::env::var_os(Self::SOCKET_VARIABLE).is_some()
    }

    /// The environment variable in which systemd says where it listens.
    pub const SOCKET_VARIABLE: &str = "NOTIFY_SOCKET";
}

impl Permission {
    /// Whether a client may; `local` says whether it is connected from this machine.
    pub fn allows(self, local: bool) -> bool {
        self == Self::Yes || (self == Self::Local && local)
    }
}
