//! Scripts by their digests, until they are flushed. Those that nobody asked to keep are evicted when they are too many.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use parking_lot::Mutex;
use sha1::{Digest, Sha1};

use super::brevity::Brevity;
use super::header::{self, ScriptFlags};
use crate::resp::errors::ReplyError;

/// Scripts that EVAL has left and nobody has loaded, at most; as in Redis 7.4.
const MOST_EVALUATED: usize = 500;

/// A digest in 40 hexadecimal digits, lower case.
pub type Sha = [u8; 40];

/// Numbers that caches and their flushes have, each another one: what was compiled for one holds for no other.
static GENERATIONS: AtomicU64 = AtomicU64::new(0);

/// The digest of these bytes.
pub fn digest(bytes: &[u8]) -> Sha {
    let mut sha = [0; 40];
    for (digits, byte) in sha.chunks_exact_mut(2).zip(Sha1::digest(bytes)) {
        digits.copy_from_slice(&[byte >> 4, byte & 15].map(|digit| b"0123456789abcdef"[usize::from(digit)]));
    }
    sha
}

/// One script.
#[derive(Debug)]
pub struct Script {
    pub(crate) sha: Sha,
    pub(crate) body: Box<[u8]>,
    /// What its first line says; none if that says nothing.
    pub(crate) flags: Option<ScriptFlags>,
    /// Whether it is known to be short, whatever it finds.
    brevity: Mutex<Brevity>,
}

impl Script {
    /// A script with this digest and text.
    ///
    /// # Errors
    ///
    /// What is not understood of its first line.
    pub fn new(sha: Sha, body: &[u8]) -> Result<Self, ReplyError> {
        let (flags, _) = header::parse(body)?;
        Ok(Script { sha, body: body.into(), flags, brevity: Mutex::default() })
    }

    /// Whether it is known to be short.
    pub(crate) fn brevity(&self) -> Brevity {
        *self.brevity.lock()
    }

    /// Notes what has been found out about that.
    pub(crate) fn set_brevity(&self, brevity: Brevity) {
        *self.brevity.lock() = brevity;
    }
}

#[derive(Debug)]
struct Kept {
    script: Arc<Script>,
    /// When it was last used, in uses of the cache; none if it was loaded, and is not evicted.
    used: Option<u64>,
}

/// All of them.
#[derive(Debug)]
pub(crate) struct Cache {
    scripts: HashMap<Sha, Kept>,
    uses: u64,
    evaluated: usize,
    bytes: usize,
    evicted: u64,
    generation: u64,
}

impl Default for Cache {
    fn default() -> Self {
        let generation = GENERATIONS.fetch_add(1, Relaxed);
        Cache { scripts: HashMap::new(), uses: 0, evaluated: 0, bytes: 0, evicted: 0, generation }
    }
}

impl Cache {
    /// The script with this digest, which counts as used.
    pub(crate) fn find(&mut self, sha: &Sha) -> Option<Arc<Script>> {
        self.uses += 1;
        let kept = self.scripts.get_mut(sha)?;
        if let Some(used) = &mut kept.used {
            *used = self.uses;
        }
        Some(kept.script.clone())
    }

    /// Whether the script with this digest is known to be short.
    pub(crate) fn brevity(&self, sha: &Sha) -> Brevity {
        self.scripts.get(sha).map_or(Brevity::Unknown, |kept| kept.script.brevity())
    }

    /// Whether there is a script with this digest.
    pub(crate) fn has(&self, sha: &Sha) -> bool {
        self.scripts.contains_key(sha)
    }

    /// Keeps a script; if nobody has loaded it, others that nobody has loaded go for it.
    pub(crate) fn keep(&mut self, script: Arc<Script>, loaded: bool) {
        if let Some(kept) = self.scripts.get_mut(&script.sha) {
            if loaded && kept.used.take().is_some() {
                self.evaluated -= 1;
            }
            return;
        }
        self.uses += 1;
        self.bytes += script.body.len();
        let used = (!loaded).then_some(self.uses);
        self.evaluated += usize::from(!loaded);
        self.scripts.insert(script.sha, Kept { script, used });
        while self.evaluated > MOST_EVALUATED {
            self.evict_oldest();
        }
    }

    fn evict_oldest(&mut self) {
        let evictable = self.scripts.iter().filter_map(|(sha, kept)| Some((kept.used?, *sha)));
        if let Some((_, sha)) = evictable.min()
            && let Some(kept) = self.scripts.remove(&sha)
        {
            self.bytes -= kept.script.body.len();
            self.evaluated -= 1;
            self.evicted += 1;
        }
    }

    /// Forgets all.
    pub(crate) fn flush(&mut self) {
        *self = Cache { evicted: self.evicted, ..Cache::default() };
    }

    /// What compiled scripts hold for.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.scripts.len()
    }

    /// How many were evicted.
    pub(crate) fn evicted(&self) -> u64 {
        self.evicted
    }

    /// What they occupy, in bytes.
    pub(crate) fn size_bytes(&self) -> usize {
        self.bytes + self.scripts.len() * (size_of::<Kept>() + size_of::<Script>() + size_of::<Sha>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p11_scripts_that_nobody_has_loaded_are_evicted_when_they_are_too_many() {
        let mut cache = Cache::default();
        let script = |i: usize| {
            let body = i.to_string();
            Arc::new(Script::new(digest(body.as_bytes()), body.as_bytes()).expect("there is no first line for us"))
        };
        cache.keep(script(0), true);
        cache.keep(script(1), false);
        for i in 2..=MOST_EVALUATED + 1 {
            cache.keep(script(i), false);
            cache.find(&script(1).sha);
        }
        assert_eq!((cache.len(), cache.evicted()), (MOST_EVALUATED + 1, 1));
        assert!(cache.has(&script(0).sha) && cache.has(&script(1).sha) && !cache.has(&script(2).sha));
    }
}
