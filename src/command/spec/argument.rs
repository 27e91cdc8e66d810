//! What a command is given, for COMMAND DOCS.

/// How an argument is given, for COMMAND DOCS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArgKind {
    /// Any bytes.
    String,
    /// An integer.
    Integer,
    /// A number.
    Double,
    /// The name of a key; the number of its key specification.
    Key(usize),
    /// A pattern.
    Pattern,
    /// A pattern of names of keys; the number of its key specification.
    KeyPattern(usize),
    /// A moment in seconds or milliseconds since 1970-01-01.
    UnixTime,
    /// A fixed word.
    PureToken,
    /// One of several.
    OneOf,
    /// Several together.
    Block,
}

impl ArgKind {
    /// The name COMMAND DOCS gives it.
    pub fn name(self) -> &'static str {
        match self {
            ArgKind::String => "string",
            ArgKind::Integer => "integer",
            ArgKind::Double => "double",
            ArgKind::Key(_) => "key",
            ArgKind::Pattern | ArgKind::KeyPattern(_) => "pattern",
            ArgKind::UnixTime => "unix-time",
            ArgKind::PureToken => "pure-token",
            ArgKind::OneOf => "oneof",
            ArgKind::Block => "block",
        }
    }
}

/// An argument of a command, for COMMAND DOCS.
#[derive(Clone, Copy, Debug)]
pub struct Arg {
    /// Its name.
    pub name: &'static str,
    /// How it is given.
    pub kind: ArgKind,
    /// The word before it, or the word that it is.
    pub token: Option<&'static str>,
    /// What people are shown, where that is not its name.
    pub display: Option<&'static str>,
    /// Since when it exists, where that is later than the command.
    pub since: Option<&'static str>,
    /// Since when it is discouraged.
    pub deprecated_since: Option<&'static str>,
    /// Whether it may be left out.
    pub optional: bool,
    /// Whether it may be repeated.
    pub multiple: bool,
    /// Whether its token is repeated with it.
    pub multiple_token: bool,
    /// What it consists of, for one of several and for several together.
    pub parts: &'static [Arg],
}

impl Arg {
    /// An argument of this kind.
    pub const fn new(name: &'static str, kind: ArgKind) -> Arg {
        Arg {
            name,
            kind,
            token: None,
            display: None,
            since: None,
            deprecated_since: None,
            optional: false,
            multiple: false,
            multiple_token: false,
            parts: &[],
        }
    }

    /// Any bytes.
    pub const fn string(name: &'static str) -> Arg {
        Arg::new(name, ArgKind::String)
    }

    /// An integer.
    pub const fn integer(name: &'static str) -> Arg {
        Arg::new(name, ArgKind::Integer)
    }

    /// A pattern.
    pub const fn pattern(name: &'static str) -> Arg {
        Arg::new(name, ArgKind::Pattern)
    }

    /// The name of a key, of the first key specification.
    pub const fn key(name: &'static str) -> Arg {
        Arg::new(name, ArgKind::Key(0))
    }

    /// A fixed word.
    pub const fn word(name: &'static str, token: &'static str) -> Arg {
        Arg::new(name, ArgKind::PureToken).token(token)
    }

    /// One of `parts`.
    pub const fn one_of(name: &'static str, parts: &'static [Arg]) -> Arg {
        Arg { parts, ..Arg::new(name, ArgKind::OneOf) }
    }

    /// All of `parts`, in order.
    pub const fn block(name: &'static str, parts: &'static [Arg]) -> Arg {
        Arg { parts, ..Arg::new(name, ArgKind::Block) }
    }

    /// With this word before it.
    pub const fn token(mut self, token: &'static str) -> Arg {
        self.token = Some(token);
        self
    }

    /// Shown to people under this name.
    pub const fn display(mut self, display: &'static str) -> Arg {
        self.display = Some(display);
        self
    }

    /// Which is discouraged since this version.
    pub const fn deprecated_since(mut self, version: &'static str) -> Arg {
        self.deprecated_since = Some(version);
        self
    }

    /// Which exists since this version.
    pub const fn since(mut self, version: &'static str) -> Arg {
        self.since = Some(version);
        self
    }

    /// Which may be left out.
    pub const fn optional(mut self) -> Arg {
        self.optional = true;
        self
    }

    /// Which may be repeated.
    pub const fn multiple(mut self) -> Arg {
        self.multiple = true;
        self
    }

    /// Which may be repeated together with its token.
    pub const fn multiple_token(mut self) -> Arg {
        self.multiple = true;
        self.multiple_token = true;
        self
    }
}
