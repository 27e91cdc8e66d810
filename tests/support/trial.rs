//! Tests that a machine may lack something for: libtest cannot ignore a test at run time, libtest-mimic can.

use libtest_mimic::{Failed, Trial};

/// A test of which it is not yet decided whether this machine can run it.
pub struct Unchecked {
    /// The name that the test has when nothing is missing.
    pub name: String,
    /// The test itself, which fails with an error or a panic.
    pub run: Box<dyn FnOnce() -> Result<(), Failed> + Send>,
}

impl Unchecked {
    /// The test as it is; or, where the machine lacks what it needs, ignored by name and with the reason.
    ///
    /// Where `CI` is `true` it fails instead of being ignored, so that nothing goes untested unseen.
    pub fn unless(self, missing: Option<&str>) -> Trial {
        let must_run = std::env::var("CI").is_ok_and(|ci| ci == "true");
        match missing.map(str::to_owned) {
            None => Trial::test(self.name, self.run),
            Some(reason) if must_run => Trial::test(self.name, move || Err(reason.into())),
            Some(reason) => Trial::test(format!("{} ({reason})", self.name), self.run).with_ignored_flag(true),
        }
    }
}
