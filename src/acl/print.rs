//! The rules that make a user what it is, as ACL LIST and ACL GETUSER show them and files keep them.

use super::rights::{Permissions, Rights};
use crate::config::SlowPolicy;

/// What is shown of one set of permissions.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) commands: Vec<u8>,
    pub(crate) keys: Vec<u8>,
    pub(crate) channels: Vec<u8>,
}

impl Rights {
    /// The words that say how its user logs in.
    pub(crate) fn flags(&self) -> Vec<&'static str> {
        let sanitizes = if self.sanitizes { "sanitize-payload" } else { "skip-sanitize-payload" };
        let state = if self.enabled { "on" } else { "off" };
        [Some(state), self.any_password.then_some("nopass"), Some(sanitizes)].into_iter().flatten().collect()
    }

    /// The digests of its passwords in hexadecimal digits.
    pub(crate) fn digests(&self) -> Vec<String> {
        let hex = |digest: &[u8; 32]| digest.iter().map(|byte| format!("{byte:02x}")).collect();
        self.passwords.iter().map(hex).collect()
    }

    /// Its sets of permissions, the one outside parentheses first.
    pub(crate) fn shown(&self) -> Vec<Shown> {
        let shown = |set: &Permissions| Shown {
            commands: set.commands.show(),
            keys: set.keys.show(),
            channels: set.channels.show(),
        };
        self.sets().map(shown).collect()
    }

    /// The rules about limits, with blanks between them; none while nothing is limited.
    pub(crate) fn limits(&self) -> Option<String> {
        Some(self.limits.show()).filter(|rules| !rules.is_empty())
    }

    /// The laxest of what may become of its user's connections that do not keep up, where a rule says so.
    pub(crate) fn slow(&self) -> Option<SlowPolicy> {
        self.slow
    }

    /// All rules, with blanks between them.
    pub(crate) fn describe(&self) -> Vec<u8> {
        let mut rules: Vec<Vec<u8>> = self.flags().into_iter().map(|flag| flag.as_bytes().to_vec()).collect();
        rules.extend(self.digests().into_iter().map(|digest| format!("#{digest}").into_bytes()));
        rules.push(describe(&self.root));
        rules.extend(self.selectors.iter().map(|set| [b"(", &describe(set)[..], b")"].concat()));
        rules.extend(self.limits().map(String::into_bytes));
        rules.extend(self.slow.map(|policy| format!("slow:{}", policy.word()).into_bytes()));
        rules.join(&b' ')
    }
}

/// The rules that make a set of permissions of none.
fn describe(set: &Permissions) -> Vec<u8> {
    let reset: &[u8] = if set.channels.is_all() { b"" } else { b"resetchannels" };
    let parts = [&set.keys.show()[..], reset, &set.channels.show(), &set.commands.show()];
    let parts: Vec<&[u8]> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join(&b' ')
}
