//! Values that bound what clients may use: output limits by class, and the limit of all clients together.

use std::time::Duration;

use super::value::{ByteSize, EvictionPolicy, Given, Rule, Value};

/// When a client of one class has too much output waiting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutputLimit {
    /// Reached: the client is closed at once. 0 is no limit.
    pub hard: ByteSize,
    /// Reached for longer than `soft_for`: the client is closed. 0 is no limit.
    pub soft: ByteSize,
    /// Whole seconds for which the soft limit may be reached.
    pub soft_for: Duration,
}

impl OutputLimit {
    const fn new(hard: ByteSize, soft: ByteSize, soft_seconds: u64) -> Self {
        Self { hard, soft, soft_for: Duration::from_secs(soft_seconds) }
    }
}

/// The output limits of each class of clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutputLimits {
    /// Clients without a subscription, and those that MONITOR.
    pub normal: OutputLimit,
    /// Replicas; kept for compatibility, no client is of this class.
    pub replica: OutputLimit,
    /// Clients with at least one subscription.
    pub pubsub: OutputLimit,
}

impl Default for OutputLimits {
    fn default() -> Self {
        Self {
            normal: OutputLimit::default(),
            replica: OutputLimit::new(ByteSize::mib(256), ByteSize::mib(64), 60),
            pubsub: OutputLimit::new(ByteSize::mib(32), ByteSize::mib(8), 60),
        }
    }
}

impl OutputLimits {
    fn of_class(&mut self, name: &[u8]) -> Option<&mut OutputLimit> {
        match name.to_ascii_lowercase().as_slice() {
            b"normal" => Some(&mut self.normal),
            b"slave" | b"replica" => Some(&mut self.replica),
            b"pubsub" => Some(&mut self.pubsub),
            _ => None,
        }
    }

    fn classes(&self, replica: &'static str) -> [(&'static str, OutputLimit); 3] {
        [("normal", self.normal), (replica, self.replica), ("pubsub", self.pubsub)]
    }
}

impl Value for OutputLimits {
    const SEVERAL: bool = true;

    fn parse(given: &Given<'_>, old: &Self) -> Result<Self, String> {
        let (groups, rest) = given.args.as_chunks::<4>();
        if !rest.is_empty() {
            return Err("Wrong number of arguments in buffer limit configuration.".into());
        }
        let mut limits = *old;
        for [class, hard, soft, seconds] in groups {
            let limit =
                limits.of_class(class).ok_or("Invalid client class specified in buffer limit configuration.")?;
            let seconds = std::str::from_utf8(seconds).ok().and_then(|text| text.parse().ok());
            let (Some(hard), Some(soft), Some(seconds)) = (ByteSize::read(hard), ByteSize::read(soft), seconds) else {
                return Err("Error in hard, soft or soft_seconds setting in buffer limit configuration.".into());
            };
            *limit = OutputLimit::new(hard, soft, seconds);
        }
        Ok(limits)
    }

    fn show(&self) -> Vec<u8> {
        // CONFIG GET answers the old word for replicas, the file gets the new one: both as Redis does.
        let text = |(name, limit): (&str, OutputLimit)| {
            format!("{name} {} {} {}", limit.hard.0, limit.soft.0, limit.soft_for.as_secs())
        };
        self.classes("slave").map(text).join(" ").into_bytes()
    }

    fn lines(&self) -> Vec<Vec<u8>> {
        let line = |(name, limit): (&str, OutputLimit)| {
            let OutputLimit { hard, soft, soft_for } = limit;
            format!("{name} {} {} {}", hard.with_unit(), soft.with_unit(), soft_for.as_secs()).into_bytes()
        };
        self.classes("replica").map(line).to_vec()
    }

    fn expects(_rule: &Rule) -> String {
        "groups of: normal|replica|pubsub, hard limit, soft limit, seconds".into()
    }
}

/// The limit for what all clients together may hold: bytes, or a share of `maxmemory`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaxmemoryClients {
    /// Bytes; 0 is no limit.
    Bytes(ByteSize),
    /// Percent of `maxmemory`, 1 to 100.
    Percent(u8),
}

impl MaxmemoryClients {
    /// The limit in bytes under the given `maxmemory`, or `None` when there is none.
    pub fn limit(self, maxmemory: ByteSize) -> Option<u64> {
        match self {
            Self::Bytes(bytes) => bytes.limit(),
            Self::Percent(percent) => maxmemory.limit().map(|bytes| {
                // At most the 64 bits of maxmemory again, since the share is at most all of it.
                (u128::from(bytes) * u128::from(percent) / 100) as u64
            }),
        }
    }
}

impl Value for MaxmemoryClients {
    fn parse(given: &Given<'_>, _old: &Self) -> Result<Self, String> {
        let text = given.one();
        if let Some(bytes) = ByteSize::read(text) {
            return given.bytes().map(|_| Self::Bytes(bytes));
        }
        let percent = text.strip_suffix(b"%").and_then(|digits| std::str::from_utf8(digits).ok());
        match percent.and_then(|digits| digits.parse::<u32>().ok()) {
            None => Err("argument must be a memory or percent value".into()),
            Some(0) => Ok(Self::Bytes(ByteSize(0))),
            Some(percent @ 1..=100) => Ok(Self::Percent(percent as u8)),
            Some(_) => Err("percentage argument must be less or equal to 100".into()),
        }
    }

    fn show(&self) -> Vec<u8> {
        match self {
            Self::Bytes(bytes) => bytes.show(),
            Self::Percent(percent) => format!("{percent}%").into_bytes(),
        }
    }

    fn lines(&self) -> Vec<Vec<u8>> {
        match self {
            Self::Bytes(bytes) => bytes.lines(),
            Self::Percent(_) => vec![self.show()],
        }
    }

    fn expects(_rule: &Rule) -> String {
        "bytes, or a percentage of maxmemory".into()
    }
}
impl EvictionPolicy {
    /// Whether it needs to know how often keys are used, rather than when they were used last.
    pub fn counts_use(self) -> bool {
        matches!(self, Self::VolatileLfu | Self::AllKeysLfu)
    }
}
