//! The arguments of a request: where they lie in the bytes that it was read from.

use bytes::Bytes;

/// The longest request, in bytes: spans have no room for more. Only limits raised far above their defaults let one be as
/// long.
pub(super) const MAX_REQUEST: usize = u32::MAX as usize;

/// Where an argument lies, in 8 bytes, because an argument of none takes no more than 6 on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    start: u32,
    len: u32,
}

impl Span {
    /// Of a request of at most [`MAX_REQUEST`] bytes.
    pub(super) fn new(start: usize, len: usize) -> Self {
        Span { start: start as u32, len: len as u32 }
    }

    fn of(self, buffer: &[u8]) -> &[u8] {
        &buffer[self.start as usize..][..self.len as usize]
    }
}

/// The arguments of one request; the first is the command's name. Never empty.
#[derive(Clone, Copy, Debug)]
pub struct Args<'a> {
    buffer: &'a [u8],
    spans: &'a [Span],
    /// What `buffer` lies in, where others can have a share of that.
    owner: Option<&'a Bytes>,
}

impl<'a> Args<'a> {
    pub(super) fn new(buffer: &'a [u8], spans: &'a [Span]) -> Self {
        Args { buffer, spans, owner: None }
    }

    /// How many arguments there are, the command's name included.
    #[allow(clippy::len_without_is_empty)] // a request without arguments is never handed out
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// From the first byte of the first argument to the last byte of the last, in bytes.
    pub fn span_bytes(&self) -> usize {
        match (self.spans.first(), self.spans.last()) {
            (Some(first), Some(last)) => (last.start + last.len - first.start) as usize,
            _ => 0,
        }
    }

    /// The argument at `index`, if there is one.
    pub fn get(&self, index: usize) -> Option<&'a [u8]> {
        self.spans.get(index).map(|span| span.of(self.buffer))
    }

    /// All arguments from `from` on.
    pub fn from(&self, from: usize) -> impl ExactSizeIterator<Item = &'a [u8]> + Clone + use<'a> {
        let buffer = self.buffer;
        let spans = self.spans.get(from..).unwrap_or_default();
        spans.iter().map(move |span| span.of(buffer))
    }

    /// The request behind the first `count` arguments, such as the one that COMMAND GETKEYS is asked about; none if
    /// nothing is behind them.
    pub fn behind(&self, count: usize) -> Option<Args<'a>> {
        let spans = self.spans.get(count..).filter(|spans| !spans.is_empty())?;
        Some(Args { spans, ..*self })
    }

    /// The same arguments, which may be shared if they lie in `owner`.
    pub fn owned_by(self, owner: &'a Bytes) -> Self {
        let (outer, inner) = (owner.as_ptr_range(), self.buffer.as_ptr_range());
        let is_part = outer.start <= inner.start && inner.end <= outer.end;
        Args { owner: is_part.then_some(owner), ..self }
    }

    /// The argument at `index` without a copy: it keeps all in memory that was received with it. None where that cannot be
    /// shared, or would be twice as much as the argument.
    pub fn shared(&self, index: usize) -> Option<Bytes> {
        self.share(self.spans.get(index)?.of(self.buffer))
    }

    /// As [`Args::shared`], with the line end that follows it.
    pub fn shared_line(&self, index: usize) -> Option<Bytes> {
        let Span { start, len } = *self.spans.get(index)?;
        let line = self.buffer.get(start as usize..)?.get(..len as usize + 2)?;
        // Whatever it is, the peer could send it, and the decoder lets it pass.
        line.ends_with(b"\r\n").then_some(())?;
        self.share(line)
    }

    fn share(&self, part: &[u8]) -> Option<Bytes> {
        let owner = self.owner.filter(|owner| part.len() > owner.len() / 2)?;
        Some(owner.slice_ref(part))
    }

    /// All arguments.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &'a [u8]> + Clone + use<'a> {
        self.from(0)
    }

    /// A copy that owns its bytes, for requests that are kept: queued by MULTI or postponed.
    pub fn to_owned(&self) -> OwnedArgs {
        OwnedArgs::new(self.iter())
    }
}

impl std::ops::Index<usize> for Args<'_> {
    type Output = [u8];

    fn index(&self, index: usize) -> &[u8] {
        self.spans[index].of(self.buffer)
    }
}

/// A request that outlives the buffer it was read from.
#[derive(Clone, Debug)]
pub struct OwnedArgs {
    buffer: Box<[u8]>,
    spans: Box<[Span]>,
}

impl OwnedArgs {
    /// Copies `args` into one allocation.
    pub fn new<'a>(args: impl Iterator<Item = &'a [u8]> + Clone) -> Self {
        let mut buffer = Vec::with_capacity(args.clone().map(<[u8]>::len).sum());
        let spans = args
            .map(|arg| {
                let start = buffer.len();
                buffer.extend_from_slice(arg);
                Span::new(start, arg.len())
            })
            .collect();
        OwnedArgs { buffer: buffer.into_boxed_slice(), spans }
    }

    /// The arguments, as a handler takes them.
    pub fn args(&self) -> Args<'_> {
        Args { buffer: &self.buffer, spans: &self.spans, owner: None }
    }

    /// What it occupies, in bytes.
    pub fn size_bytes(&self) -> usize {
        self.buffer.len() + std::mem::size_of_val(&*self.spans)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::decode::{Decoder, Limits, Step};

    const LIMITS: Limits = Limits { max_bulk: 1 << 20, authenticated: true };

    /// The argument at `index` of the request in `bytes`, shared alone and with its line end, if it can be.
    fn shares(bytes: &'static [u8], index: usize) -> [Option<Bytes>; 2] {
        let owner = Bytes::from_static(bytes);
        let mut decoder = Decoder::default();
        let Ok(Step::Request(args, _)) = decoder.next(&owner, LIMITS) else { panic!("a whole request") };
        assert_eq!(args.shared(index), None, "nobody has said that it can be shared");
        let args = args.owned_by(&owner);
        let shares = [args.shared(index), args.shared_line(index)];
        let address = args.get(index).map(<[u8]>::as_ptr);
        assert!(shares.iter().flatten().all(|share| Some(share.as_ptr()) == address), "it is not copied");
        shares
    }

    #[test]
    fn the_greater_part_of_what_was_received_can_be_shared_and_no_less() {
        let long = b"*2\r\n$4\r\nECHO\r\n$26\r\nabcdefghijklmnopqrstuvwxyz\r\n";
        assert_eq!(
            shares(long, 1),
            [Some("abcdefghijklmnopqrstuvwxyz".into()), Some("abcdefghijklmnopqrstuvwxyz\r\n".into())]
        );
        assert_eq!(shares(long, 0), [None, None]);
        assert_eq!(shares(long, 2), [None, None]);
        let odd = b"*2\r\n$4\r\nECHO\r\n$26\r\nabcdefghijklmnopqrstuvwxyz\r.";
        assert_eq!(shares(odd, 1), [Some("abcdefghijklmnopqrstuvwxyz".into()), None]);
        assert_eq!(
            shares(b"echo abcdefghijklmnopqrstuvwxyz\r\n", 1),
            [None, None],
            "words have lost their quotes elsewhere"
        );
    }
}
