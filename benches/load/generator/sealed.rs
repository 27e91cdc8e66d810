//! How much is in the records of TLS, by their headers: whoever only counts what arrives need not decrypt it.

use rustls::ProtocolVersion;

/// Bytes before what is in a record: its kind, a version, and its length.
const HEADER_BYTES: usize = 5;
/// What AES-GCM adds to a record in TLS 1.3, with the kind that is in it, and in TLS 1.2, with the nonce, in bytes.
const ADDED_BYTES: (u64, u64) = (17, 24);

/// Counts what is in the records that arrive, from the beginning of one on.
#[derive(Debug)]
pub(crate) struct Sealed {
    added_bytes: u64,
    header: [u8; HEADER_BYTES],
    /// How much of the header has arrived.
    known: usize,
    /// How much of the record is still to arrive, and how much is in it.
    rest: usize,
    inner: u64,
}

impl Sealed {
    /// For a connection of this version.
    pub(crate) fn new(version: Option<ProtocolVersion>) -> Self {
        let added_bytes = if version == Some(ProtocolVersion::TLSv1_3) { ADDED_BYTES.0 } else { ADDED_BYTES.1 };
        Sealed { added_bytes, header: [0; HEADER_BYTES], known: 0, rest: 0, inner: 0 }
    }

    /// How much is in the records that these bytes complete, which follow those of before.
    pub(crate) fn count(&mut self, mut bytes: &[u8]) -> u64 {
        let mut count = 0;
        while !bytes.is_empty() {
            if self.rest == 0 {
                let taken = bytes.len().min(HEADER_BYTES - self.known);
                self.header[self.known..self.known + taken].copy_from_slice(&bytes[..taken]);
                self.known += taken;
                bytes = &bytes[taken..];
                if self.known == HEADER_BYTES {
                    let [.., high, low] = self.header;
                    self.rest = usize::from(u16::from_be_bytes([high, low]));
                    self.inner = (self.rest as u64).saturating_sub(self.added_bytes);
                    self.known = 0;
                }
            } else {
                let taken = bytes.len().min(self.rest);
                self.rest -= taken;
                bytes = &bytes[taken..];
                if self.rest == 0 {
                    count += self.inner;
                }
            }
        }
        count
    }
}
