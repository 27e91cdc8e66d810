//! All that holds for a user at one moment.

use std::cell::OnceCell;

use sha2::{Digest as _, Sha256};

use super::channels::{ChannelPatterns, ChannelUse, Direction};
use super::commands::Commands;
use super::keys::{KeyPatterns, KeyUse};
use super::limits::Limits;
use super::rule::{Context, RuleError, has_blanks};
use crate::config::SlowPolicy;
use crate::ids::CommandIndex;
use crate::resp::decode::Args;

/// The digest of a password: passwords themselves are not kept.
pub(crate) type Digest = [u8; 32];

/// One set of permissions: a request must keep to all three parts of it.
#[derive(Clone, Debug)]
pub(crate) struct Permissions {
    pub(super) commands: Commands,
    pub(super) keys: KeyPatterns,
    pub(super) channels: ChannelPatterns,
}

impl Permissions {
    /// Those of a new user, or of a new selector.
    pub(super) fn none(context: Context<'_>) -> Self {
        Permissions {
            commands: Commands::none(context.catalogue),
            keys: KeyPatterns::default(),
            channels: ChannelPatterns::new(context.all_channels),
        }
    }

    fn is_all(&self) -> bool {
        self.commands.is_all() && self.keys.is_all() && self.channels.is_all()
    }
}

/// All that holds for a user.
#[derive(Clone, Debug)]
pub(crate) struct Rights {
    /// By which what was found out about them is known; no others of this process have it.
    pub(super) version: u64,
    pub(super) enabled: bool,
    /// `sanitize-payload` or its opposite; nothing follows from it here.
    pub(super) sanitizes: bool,
    pub(super) any_password: bool,
    pub(super) passwords: Vec<Digest>,
    pub(super) root: Permissions,
    /// Further sets: a request needs one that allows all of it.
    pub(super) selectors: Vec<Permissions>,
    /// How much its connections may have and do together.
    pub(super) limits: Limits,
    /// The laxest of what may become of its connections that do not keep up, and what does unless they choose.
    pub(super) slow: Option<SlowPolicy>,
}

/// What is asked of the rights of a user.
pub(crate) struct Asked<'a> {
    /// The command's place.
    pub(crate) place: CommandIndex,
    /// Whether it is a subcommand.
    pub(crate) is_subcommand: bool,
    /// Whether everybody may execute it, as what is needed to log in.
    pub(crate) always: bool,
    /// The request.
    pub(crate) args: Args<'a>,
    /// Finds its keys.
    pub(crate) keys: &'a dyn Fn() -> Vec<KeyUse>,
    /// What it does to channels.
    pub(crate) channels: Option<ChannelUse>,
    /// Whether `acl-pattern-subscribe` says that patterns which are covered may be subscribed to.
    pub(crate) covered: bool,
}

/// What of a request is not allowed; later ones come nearer to what is. With the argument that is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Denial {
    /// The command.
    Command,
    /// The key in this argument.
    Key(usize),
    /// The channel in this argument.
    Channel(usize),
}

impl Denial {
    /// The argument that is refused; none for the command as such.
    pub(crate) fn argument(self) -> Option<usize> {
        match self {
            Denial::Command => None,
            Denial::Key(index) | Denial::Channel(index) => Some(index),
        }
    }
}

impl Rights {
    /// Those of a new user: none, and nobody can log in.
    pub(crate) fn none(context: Context<'_>) -> Self {
        Rights {
            version: 0,
            enabled: false,
            sanitizes: true,
            any_password: false,
            passwords: Vec::new(),
            root: Permissions::none(context),
            selectors: Vec::new(),
            limits: Limits::default(),
            slow: None,
        }
    }

    /// Those of the default user where nothing else is said: all, without a password.
    pub(crate) fn all(context: Context<'_>) -> Self {
        let mut rights = Rights { enabled: true, any_password: true, ..Rights::none(context) };
        rights.root.commands.set_all(true);
        rights.root.keys.set_all(true);
        rights.root.channels.set_all(true);
        rights
    }

    pub(super) fn sets(&self) -> impl Iterator<Item = &Permissions> {
        [&self.root].into_iter().chain(&self.selectors)
    }

    /// Whether nothing is refused.
    pub(super) fn is_all(&self) -> bool {
        self.sets().any(Permissions::is_all)
    }

    /// Whether its user may log in with any password, or needs to give none.
    pub(super) fn is_open(&self) -> bool {
        self.enabled && self.any_password
    }

    /// Whether somebody may be its user.
    pub(crate) fn is_on(&self) -> bool {
        self.enabled
    }

    /// Whether its user needs no password, or takes any.
    pub(crate) fn takes_any_password(&self) -> bool {
        self.any_password
    }

    /// To be called when all rules have been carried out.
    pub(super) fn prepare(&mut self) {
        [&mut self.root].into_iter().chain(&mut self.selectors).for_each(|set| set.channels.index());
    }

    pub(super) fn reset_passwords(&mut self, any: bool) {
        self.any_password = any;
        self.passwords.clear();
    }

    pub(super) fn add_password(&mut self, digest: Digest) {
        if !self.passwords.contains(&digest) {
            self.passwords.push(digest);
        }
        self.any_password = false;
    }

    pub(super) fn remove_password(&mut self, digest: Digest) -> Result<(), RuleError> {
        let place = self.passwords.iter().position(|known| *known == digest).ok_or(RuleError::NoSuchPassword)?;
        self.passwords.remove(place);
        Ok(())
    }

    /// Whether somebody who gives this password is the user; takes a time that does not tell how far it is right.
    pub(super) fn admit(&self, password: &[u8]) -> bool {
        let given = digest(password);
        let right = self.passwords.iter().fold(false, |found, known| found | equal_in_constant_time(known, &given));
        self.enabled && (self.any_password || right)
    }

    /// Judges a request.
    ///
    /// # Errors
    ///
    /// [`Denial`] with what comes nearest to being allowed, if several sets of permissions refuse it.
    pub(crate) fn judge(&self, asked: &Asked<'_>) -> Result<(), Denial> {
        let keys = OnceCell::new();
        let mut nearest = Denial::Command;
        for set in self.sets() {
            match set.judge(asked, &keys) {
                Ok(()) => return Ok(()),
                Err(denial) => nearest = nearest.max(denial),
            }
        }
        Err(nearest)
    }

    /// Whether a request that is allowed may read keys that it does not name, as SORT does.
    pub(crate) fn permit_reading_all(&self, asked: &Asked<'_>) -> bool {
        self.sets().any(|set| set.keys.permit_reading_all() && set.judge(asked, &OnceCell::new()).is_ok())
    }

    /// Whether its user may listen to this name, a channel or a pattern.
    pub(crate) fn may_listen(&self, name: &[u8], is_pattern: bool, covered: bool) -> bool {
        self.sets().any(|set| match is_pattern {
            true => set.channels.permit_pattern(name, covered),
            false => set.channels.permit(name, Direction::Subscribe),
        })
    }

    /// The number by which what was found out about them is known, where it takes long enough to find out whether a channel
    /// may be published to.
    pub(crate) fn worth_remembering(&self) -> Option<u64> {
        self.sets().any(|set| set.channels.compares(Direction::Publish)).then_some(self.version)
    }

    /// How many steps it takes at most to say that of a name.
    pub(crate) fn listening_steps(&self, covered: bool) -> usize {
        self.sets().map(|set| set.channels.listening_steps(covered)).sum()
    }

    /// Whether its user may listen to all channels that `other` allows, as far as that can be told at once.
    pub(super) fn listens_to_all_of(&self, other: &Self) -> bool {
        other.sets().all(|old| self.sets().any(|set| set.channels.contains(&old.channels)))
    }
}

impl Permissions {
    fn judge(&self, asked: &Asked<'_>, keys: &OnceCell<Vec<KeyUse>>) -> Result<(), Denial> {
        if !asked.always && !self.commands.permit(asked.place, asked.is_subcommand, asked.args) {
            return Err(Denial::Command);
        }
        if !self.keys.is_all() {
            let keys = keys.get_or_init(asked.keys);
            if let Some(refused) = keys.iter().find(|key| !self.keys.permit(&asked.args[key.index], **key)) {
                return Err(Denial::Key(refused.index));
            }
        }
        match asked.channels {
            Some(channels) if !self.channels.is_all() => self.judge_channels(asked, channels),
            _ => Ok(()),
        }
    }

    fn judge_channels(&self, asked: &Asked<'_>, channels: ChannelUse) -> Result<(), Denial> {
        let permit = |index: &usize| {
            let name = &asked.args[*index];
            if channels.patterns {
                self.channels.permit_pattern(name, asked.covered)
            } else {
                self.channels.permit(name, channels.direction)
            }
        };
        let mut indexes = channels.first..channels.first + channels.count;
        indexes.find(|index| !permit(index)).map_or(Ok(()), |index| Err(Denial::Channel(index)))
    }
}

/// The digest of a password.
pub(super) fn digest(password: &[u8]) -> Digest {
    Sha256::digest(password).into()
}

/// A digest in 64 hexadecimal digits of lower case.
pub(super) fn read_digest(text: &[u8]) -> Result<Digest, RuleError> {
    let mut digest = [0; 32];
    if text.len() != 2 * digest.len() || has_blanks(text) {
        return Err(RuleError::Digest);
    }
    let value = |digit: u8| match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        _ => Err(RuleError::Digest),
    };
    for (byte, digits) in digest.iter_mut().zip(text.chunks_exact(2)) {
        *byte = value(digits[0])? << 4 | value(digits[1])?;
    }
    Ok(digest)
}

/// Whether both are equal, in a time that does not tell how far they are.
fn equal_in_constant_time(one: &Digest, other: &Digest) -> bool {
    let differing = one.iter().zip(other).fold(0, |found, (one, other)| found | std::hint::black_box(one ^ other));
    differing == 0
}
