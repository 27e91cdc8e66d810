//! Users as files keep them: a line `user name rules` for each.

use std::collections::BTreeMap;

use super::catalogue::Catalogue;
use super::rights::Rights;
use super::rule::{self, Context, RuleError, has_blanks, join_selectors};
use crate::config::{StartError, UserLine};

/// Users by name.
pub(crate) type Definitions = BTreeMap<Vec<u8>, Rights>;

/// What stands behind all that is wrong with a file.
const UNCHANGED: &str = "WARNING: ACL errors detected, no change to the previously active ACL rules was performed";

/// Reads an ACL file that is called `name`.
///
/// # Errors
///
/// All that is wrong with it, in one line, as Redis words it.
pub(super) fn read(name: &str, text: &[u8], catalogue: &Catalogue, all_channels: bool) -> Result<Definitions, String> {
    let context = Context { catalogue, all_channels };
    let (mut users, mut errors) = (Definitions::new(), String::new());
    for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
        let line = line.trim_ascii();
        if !line.is_empty() {
            let place = format!("{name}:{}", index + 1);
            let words: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
            read_line(&mut users, &words, &place, context, &mut errors);
        }
    }
    if errors.is_empty() { Ok(users) } else { Err(errors + UNCHANGED) }
}

fn read_line(users: &mut Definitions, words: &[&[u8]], place: &str, context: Context<'_>, errors: &mut String) {
    let [b"user", name, rules @ ..] = words else {
        return errors.push_str(&format!("{place} should start with user keyword followed by the username. "));
    };
    let shown = String::from_utf8_lossy(name);
    if has_blanks(name) {
        return errors.push_str(&format!("'{place}: username '{shown}' contains invalid characters. "));
    }
    if users.contains_key(*name) {
        let line = place.rsplit(':').next().unwrap_or_default();
        return errors.push_str(&format!("WARNING: Duplicate user '{shown}' found on line {line}. "));
    }
    let Ok(rules) = join_selectors(rules.iter().map(|word| word.trim_ascii())) else {
        return errors.push_str(&format!("{place}: Unmatched parenthesis in selector definition."));
    };
    let (mut rights, mut told) = (Rights::none(context), false);
    for rule in rules {
        let Err(error) = rule::apply(&mut rights, &rule, context) else { continue };
        // What is unknown here says nothing that is secret, and nothing about the rules behind it.
        if matches!(error, RuleError::UnknownName | RuleError::UnknownLimit | RuleError::LimitValue) {
            let rule = String::from_utf8_lossy(&rule);
            errors.push_str(&format!("{place}: Error in applying operation '{rule}': {}. ", error.text()));
        } else if !std::mem::replace(&mut told, true) {
            errors.push_str(&format!("{place}: {}. ", error.text()));
        }
    }
    users.insert(name.to_vec(), rights);
}

/// The users of `user` lines in the configuration: name and rules of each.
///
/// # Errors
///
/// What is wrong with the first that is.
pub(super) fn of_lines(
    lines: &[UserLine],
    catalogue: &Catalogue,
    all_channels: bool,
) -> Result<Definitions, StartError> {
    let context = Context { catalogue, all_channels };
    let mut users = Definitions::new();
    for line in lines {
        let Some((name, rules)) = line.words.split_first() else { continue };
        if has_blanks(name) {
            return Err(line.error("spaces are not allowed in names of users"));
        }
        let mut rights = Rights::none(context);
        let rules =
            join_selectors(rules.iter().map(Vec::as_slice)).map_err(|_| line.error("a parenthesis is not closed"))?;
        for rule in rules {
            rule::apply(&mut rights, &rule, context)
                .map_err(|error| line.error(&format!("{}: {}", shown_rule(&rule), error.text())))?;
        }
        if users.insert(name.clone(), rights).is_some() {
            return Err(line.error("it is there twice"));
        }
    }
    Ok(users)
}

/// A rule as an error may show it: a password is none of the log's business.
fn shown_rule(rule: &[u8]) -> String {
    match rule {
        [b'>' | b'<' | b'#' | b'!', ..] => "a password".to_owned(),
        _ => format!("the rule '{}'", String::from_utf8_lossy(rule)),
    }
}

/// The file that keeps these users.
pub(super) fn write<'u>(users: impl Iterator<Item = (&'u [u8], Vec<u8>)>) -> Vec<u8> {
    users.flat_map(|(name, rules)| [b"user ", name, b" ", &rules[..], b"\n"].concat()).collect()
}
