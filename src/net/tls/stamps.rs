//! By what it is seen that files have changed, whoever changes them how: in place, by rename, or by another target of a
//! symbolic link.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::config::Settings;

/// The files of certificates at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stamps(Vec<Option<Stamp>>);

/// One file, behind all links: where it is, how long, and when it was changed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Stamp {
    device: u64,
    inode: u64,
    bytes: u64,
    changed: (i64, i64),
    written: (i64, i64),
}

impl Stamps {
    /// The files that these settings name. May take as long as the file system does.
    pub(crate) fn of(settings: &Settings) -> Self {
        let files = [&settings.tls_cert_file, &settings.tls_key_file, &settings.tls_ca_cert_file];
        let place = |path: &PathBuf| settings.dir.place(path);
        let mut stamps: Vec<_> =
            files.into_iter().map(|path| path.as_ref().map(place).and_then(|p| stamp(&p))).collect();
        if let Some(dir) = settings.tls_ca_cert_dir.as_ref().map(place) {
            let entries = fs::read_dir(dir).into_iter().flatten().filter_map(Result::ok);
            let mut found: Vec<_> = entries.map(|entry| stamp(&entry.path())).collect();
            found.sort();
            stamps.extend(found);
        }
        Stamps(stamps)
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let found = fs::metadata(path).ok()?;
    Some(Stamp {
        device: found.dev(),
        inode: found.ino(),
        bytes: found.len(),
        changed: (found.ctime(), found.ctime_nsec()),
        written: (found.mtime(), found.mtime_nsec()),
    })
}
