//! The arguments of a request: where they lie in the bytes that it was read from.

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
}

impl<'a> Args<'a> {
    pub(super) fn new(buffer: &'a [u8], spans: &'a [Span]) -> Self {
        Args { buffer, spans }
    }

    /// How many arguments there are, the command's name included.
    #[allow(clippy::len_without_is_empty)] // a request without arguments is never handed out
    pub fn len(&self) -> usize {
        self.spans.len()
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
        Args { buffer: &self.buffer, spans: &self.spans }
    }

    /// What it occupies, in bytes.
    pub fn size_bytes(&self) -> usize {
        self.buffer.len() + std::mem::size_of_val(&*self.spans)
    }
}
