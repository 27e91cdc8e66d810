//! The rules by which a user is made and changed, and what can be wrong with one.

use super::catalogue::Catalogue;
use super::limits::Limits;
use super::rights::{Permissions, Rights};
use crate::config::SlowPolicy;

/// What rules depend on beside the user.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context<'a> {
    pub(crate) catalogue: &'a Catalogue,
    /// Whether a new user has all channels: `acl-pubsub-default`.
    pub(crate) all_channels: bool,
}

/// What is wrong with a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RuleError {
    Syntax,
    /// No command and no category is called so.
    UnknownName,
    /// A pattern where all keys are allowed.
    KeysAreAll,
    /// A pattern where all channels are allowed.
    ChannelsAreAll,
    /// A password to take away that the user does not have.
    NoSuchPassword,
    /// Something else than a digest of a password.
    Digest,
    /// A first argument behind a subcommand.
    FirstArgOfSubcommand,
    /// Nothing that is called so can be limited.
    UnknownLimit,
    /// Not as much as a limit can be.
    LimitValue,
    /// Nothing that can become of slow subscribers is called so.
    UnknownPolicy,
}

impl RuleError {
    /// As Redis words it, where Redis has such rules.
    pub(crate) fn text(self) -> &'static str {
        match self {
            RuleError::Syntax => "Syntax error",
            RuleError::UnknownName => "Unknown command or category name in ACL",
            RuleError::KeysAreAll => {
                "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not have any effect. \
                 Try 'resetkeys' to start with an empty list of patterns"
            }
            RuleError::ChannelsAreAll => {
                "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and does not have any \
                 effect. Try 'resetchannels' to start with an empty list of channels"
            }
            RuleError::NoSuchPassword => "The password you are trying to remove from the user does not exist",
            RuleError::Digest => {
                "The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters"
            }
            RuleError::FirstArgOfSubcommand => "Allowing first-arg of a subcommand is not supported",
            RuleError::UnknownLimit => {
                "Unknown limit. There are connections, subscriptions, publish-bytes and publish-messages"
            }
            RuleError::LimitValue => "A limit must be a number, which for bytes may have a unit. 0 takes it away",
            RuleError::UnknownPolicy => {
                "Unknown policy for slow subscribers. There are disconnect, drop-oldest, drop-newest and conflate"
            }
        }
    }
}

/// Whether a text has blanks or zeros, which names of users and patterns may not have: lists of rules would mean something
/// else when they are read again.
pub(crate) fn has_blanks(text: &[u8]) -> bool {
    text.iter().any(|byte| matches!(byte, 0 | 9..=13 | b' '))
}

/// Joins what stands between parentheses in several words.
///
/// # Errors
///
/// The place of the word with a parenthesis that nothing closes.
pub(crate) fn join_selectors<'a>(words: impl Iterator<Item = &'a [u8]>) -> Result<Vec<Vec<u8>>, usize> {
    let (mut rules, mut open): (Vec<Vec<u8>>, Option<usize>) = (Vec::new(), None);
    for (place, word) in words.enumerate() {
        let closes = word.ends_with(b")");
        match rules.last_mut().filter(|_| open.is_some()) {
            Some(selector) => {
                selector.push(b' ');
                selector.extend_from_slice(word);
                if closes {
                    open = None;
                }
            }
            None => {
                if word.starts_with(b"(") && !closes {
                    open = Some(place);
                }
                rules.push(word.to_vec());
            }
        }
    }
    open.map_or(Ok(rules), Err)
}

/// Carries out one rule.
///
/// # Errors
///
/// [`RuleError`]; nothing has changed then.
pub(crate) fn apply(rights: &mut Rights, rule: &[u8], context: Context<'_>) -> Result<(), RuleError> {
    match (&rule.to_ascii_lowercase()[..], rule) {
        (_, []) => {}
        (b"on", _) => rights.enabled = true,
        (b"off", _) => rights.enabled = false,
        (b"skip-sanitize-payload", _) => rights.sanitizes = false,
        (b"sanitize-payload", _) => rights.sanitizes = true,
        (b"nopass", _) => rights.reset_passwords(true),
        (b"resetpass", _) => rights.reset_passwords(false),
        (b"clearselectors", _) => rights.selectors.clear(),
        (b"reset", _) => *rights = Rights::none(context),
        (_, [b'>', password @ ..]) => rights.add_password(super::rights::digest(password)),
        (_, [b'#', hash @ ..]) => rights.add_password(super::rights::read_digest(hash)?),
        (_, [b'<', password @ ..]) => rights.remove_password(super::rights::digest(password))?,
        (_, [b'!', hash @ ..]) => rights.remove_password(super::rights::read_digest(hash)?)?,
        (_, [b'(', inner @ .., b')']) => {
            let mut selector = Permissions::none(context);
            let words = crate::quoting::split(inner).unwrap_or_default();
            words.iter().try_for_each(|word| apply_permission(&mut selector, word, context))?;
            rights.selectors.push(selector);
        }
        (b"resetlimits", _) => rights.limits = Limits::default(),
        (b"resetslow", _) => rights.slow = None,
        _ => match (behind(rule, b"limit:"), behind(rule, b"slow:")) {
            (Some(limit), _) => rights.limits.apply(limit)?,
            (_, Some(policy)) => rights.slow = Some(SlowPolicy::read(policy).ok_or(RuleError::UnknownPolicy)?),
            _ => apply_permission(&mut rights.root, rule, context)?,
        },
    }
    Ok(())
}

/// What stands behind this word, if a rule begins with it.
fn behind<'r>(rule: &'r [u8], word: &[u8]) -> Option<&'r [u8]> {
    rule.split_at_checked(word.len()).filter(|(front, _)| front.eq_ignore_ascii_case(word)).map(|(_, rest)| rest)
}

/// Carries out a rule about commands, keys or channels.
fn apply_permission(permissions: &mut Permissions, rule: &[u8], context: Context<'_>) -> Result<(), RuleError> {
    let Permissions { commands, keys, channels } = permissions;
    match (&rule.to_ascii_lowercase()[..], rule) {
        (b"allkeys" | b"~*", _) => keys.set_all(true),
        (b"resetkeys", _) => keys.set_all(false),
        (b"allchannels" | b"&*", _) => channels.set_all(true),
        (b"resetchannels", _) => channels.set_all(false),
        (b"allcommands" | b"+@all", _) => commands.set_all(true),
        (b"nocommands" | b"-@all", _) => commands.set_all(false),
        (_, [b'&', ..]) => channels.apply(rule)?,
        (_, [b'%', ..]) if super::channels::ChannelPatterns::are_meant(rule) => channels.apply(rule)?,
        (_, [b'~' | b'%', ..]) => keys.apply(rule)?,
        (_, [b'+' | b'-', ..]) => commands.apply(rule, context.catalogue)?,
        _ => return Err(RuleError::Syntax),
    }
    Ok(())
}
