//! CLIENT and its subcommands.

use super::spec::Command;

pub(super) const COMMANDS: &[Command] = &[];

/// A name or library name as CLIENT SETNAME takes it: printable ASCII without blanks; an empty one removes it.
pub(super) fn valid_label(label: &[u8]) -> Option<&str> {
    let printable = label.iter().all(|byte| (b'!'..=b'~').contains(byte));
    std::str::from_utf8(label).ok().filter(|_| printable)
}
