//! Keys of any type.

use super::spec::Command;

pub(super) const COMMANDS: &[Command] = &[];
