//! The bytes that a library writes, which the interpreter does not count while they are written.

use mlua::{Error, Lua, Result};

/// What all that scripts have may take, in bytes: among the interpreter's data if it was set.
pub(super) struct Room(pub(super) usize);

/// How much is written where nobody has set a limit, in bytes: as much as one string may be long elsewhere.
const LONGEST: usize = 512 * 1024 * 1024;

/// What has been written so far, never more than there is room for: few tables that hold each other many times are
/// written as very many.
pub(super) struct Output {
    bytes: Vec<u8>,
    longest: usize,
}

impl Output {
    /// Nothing yet, with the room that the interpreter has left now.
    pub(super) fn new(lua: &Lua) -> Output {
        let longest = lua.app_data_ref::<Room>().map_or(LONGEST, |room| room.0.saturating_sub(lua.used_memory()));
        Output { bytes: Vec::new(), longest: longest.min(LONGEST) }
    }

    /// Writes bytes.
    ///
    /// # Errors
    /// As the interpreter's own where there is no memory.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        if self.longest - self.bytes.len() < bytes.len() {
            return Err(Error::MemoryError("not enough memory".to_owned()));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// How many bytes have been written.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// All that has been written.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}
