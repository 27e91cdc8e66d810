//! How many records there are in what a peer sends.

/// Bytes before what is in a record: its kind, a version, and its length.
const HEADER_BYTES: usize = 5;

/// Counts records by their headers.
#[derive(Default)]
pub(super) struct Records {
    header: [u8; HEADER_BYTES],
    /// How much of the header has come, in bytes.
    known: u8,
    /// How much is still to come of the present record, in bytes.
    rest: u16,
}

impl Records {
    /// How many begin in these bytes, which follow those of before.
    pub(super) fn count(&mut self, mut bytes: &[u8]) -> usize {
        let mut count = 0;
        while let [next, others @ ..] = bytes {
            if self.rest > 0 {
                let skipped = usize::from(self.rest).min(bytes.len());
                self.rest -= skipped as u16;
                bytes = &bytes[skipped..];
                continue;
            }
            self.header[usize::from(self.known)] = *next;
            self.known += 1;
            bytes = others;
            if usize::from(self.known) == HEADER_BYTES {
                let [.., high, low] = self.header;
                self.rest = u16::from_be_bytes([high, low]);
                self.known = 0;
                count += 1;
            }
        }
        count
    }
}
