//! The arguments of a request: where they lie in the bytes that it was read from.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};

/// The longest request, in bytes: spans have no room for more. Only limits raised far above their defaults let one be as
/// long.
pub(super) const MAX_REQUEST: usize = u32::MAX as usize;

/// What is no longer is copied instead of shared, in bytes.
const LEAST_SHARED: usize = 16 * 1024;

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
    /// What `spans` are, where others can have a share of that.
    many: Option<&'a Arc<Vec<Span>>>,
}

impl<'a> Args<'a> {
    pub(super) fn new(buffer: &'a [u8], spans: &'a [Span]) -> Self {
        Args { buffer, spans, owner: None, many: None }
    }

    /// Of a request of very many arguments.
    pub(super) fn of_many(buffer: &'a [u8], spans: &'a Arc<Vec<Span>>) -> Self {
        Args { buffer, spans, owner: None, many: Some(spans) }
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
        Some(Args { spans, many: None, ..*self })
    }

    /// The same arguments, which may be shared if they lie in `owner`.
    pub fn owned_by(self, owner: &'a Bytes) -> Self {
        let (outer, inner) = (owner.as_ptr_range(), self.buffer.as_ptr_range());
        let is_part = outer.start <= inner.start && inner.end <= outer.end;
        Args { owner: is_part.then_some(owner), ..self }
    }

    /// The argument at `index` without a copy: it keeps all in memory that was received with it. None where that cannot be
    /// shared, would be twice as much as the argument, or is so little that a copy costs less.
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

    /// The arguments from `from` on as they have come: each behind its length, and before its line end. None if they have come
    /// otherwise, as words or with other line ends, which the decoder lets pass.
    pub fn bulks(&self, from: usize) -> Option<&'a [u8]> {
        let spans = self.spans.get(from.checked_sub(1)?..)?;
        let end = |span: &Span| span.start as usize + span.len as usize;
        let are_bulks = spans.iter().zip(spans.get(1..)?).all(|(before, span)| {
            let between = self.buffer.get(end(before)..span.start as usize).unwrap_or_default();
            between.starts_with(b"\r\n$") && between[3..].ends_with(b"\r\n")
        });
        let (first, last) = spans.first().zip(spans.last())?;
        let bulks = self.buffer.get(end(first) + 2..end(last) + 2)?;
        (are_bulks && bulks.ends_with(b"\r\n")).then_some(bulks)
    }

    fn share(&self, part: &[u8]) -> Option<Bytes> {
        let owner = self.owner.filter(|owner| part.len() > LEAST_SHARED.max(owner.len() / 2))?;
        Some(owner.slice_ref(part))
    }

    /// All arguments.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &'a [u8]> + Clone + use<'a> {
        self.from(0)
    }

    /// A copy that owns its bytes, for requests that are kept: queued by MULTI or postponed. Where one argument is long and
    /// can be shared, nothing but the spans is copied; of very many arguments nothing but the bytes, in one piece, and not even
    /// those where they can be shared.
    pub fn to_owned(&self) -> OwnedArgs {
        if let Some(many) = self.many {
            let whole = self.whole();
            let buffer = self.owner.map_or_else(|| Bytes::copy_from_slice(whole), |owner| owner.slice_ref(whole));
            return OwnedArgs { buffer, spans: Spans::Many(many.clone()) };
        }
        let longest = self.iter().max_by_key(|arg| arg.len());
        match longest.and_then(|arg| self.share(arg)).and(self.owner) {
            Some(owner) => OwnedArgs { buffer: owner.slice_ref(self.buffer), spans: Spans::Few(self.spans.into()) },
            None => OwnedArgs::new(self.iter()),
        }
    }

    /// From the first byte of the request to the last of its last argument.
    fn whole(&self) -> &'a [u8] {
        let end = self.spans.last().map_or(0, |last| last.start as usize + last.len as usize);
        &self.buffer[..end]
    }
}

impl std::ops::Index<usize> for Args<'_> {
    type Output = [u8];

    fn index(&self, index: usize) -> &[u8] {
        self.spans[index].of(self.buffer)
    }
}

/// A request that is put together, in memory that is used again for the next one.
#[derive(Debug, Default)]
pub(crate) struct ArgsBuilder {
    buffer: Vec<u8>,
    spans: Vec<Span>,
}

impl ArgsBuilder {
    /// Begins a request; so much memory is kept from the one before, in bytes, if it took more.
    pub(crate) fn begin(&mut self, kept: usize) {
        self.buffer.clear();
        self.buffer.shrink_to(kept);
        self.spans.clear();
        self.spans.shrink_to(kept / size_of::<Span>());
    }

    /// Adds an argument.
    pub(crate) fn add(&mut self, arg: &[u8]) {
        self.spans.push(Span::new(self.buffer.len(), arg.len()));
        self.buffer.extend_from_slice(arg);
    }

    /// The request; none if it has no arguments.
    pub(crate) fn args(&self) -> Option<Args<'_>> {
        (!self.spans.is_empty()).then(|| Args::new(&self.buffer, &self.spans))
    }
}

/// A request that outlives the buffer it was read from.
#[derive(Clone, Debug)]
pub struct OwnedArgs {
    buffer: Bytes,
    spans: Spans,
}

/// Where its arguments lie.
#[derive(Clone, Debug)]
enum Spans {
    Few(Box<[Span]>),
    /// As the decoder has found them.
    Many(Arc<Vec<Span>>),
}

impl OwnedArgs {
    /// Copies `args` into one allocation.
    pub fn new<'a>(args: impl Iterator<Item = &'a [u8]> + Clone) -> Self {
        let buffer = BytesMut::with_capacity(args.clone().map(<[u8]>::len).sum());
        OwnedArgs::within(buffer, args)
    }

    /// Copies `args` to the end of `buffer`, which has been empty.
    fn within<'a>(mut buffer: BytesMut, args: impl Iterator<Item = &'a [u8]>) -> Self {
        let spans = args
            .map(|arg| {
                let start = buffer.len();
                buffer.extend_from_slice(arg);
                Span::new(start, arg.len())
            })
            .collect();
        OwnedArgs { buffer: buffer.freeze(), spans: Spans::Few(spans) }
    }

    /// The arguments, as a handler takes them.
    pub fn args(&self) -> Args<'_> {
        match &self.spans {
            Spans::Few(spans) => Args { owner: Some(&self.buffer), ..Args::new(&self.buffer, spans) },
            Spans::Many(spans) => Args { owner: Some(&self.buffer), ..Args::of_many(&self.buffer, spans) },
        }
    }

    /// What it occupies, in bytes.
    pub fn size_bytes(&self) -> usize {
        let spans = match &self.spans {
            Spans::Few(spans) => spans.len(),
            Spans::Many(spans) => spans.len(),
        };
        self.buffer.len() + spans * size_of::<Span>()
    }
}

/// The longest request that is copied beside others, in bytes.
const LONGEST_BESIDE: usize = 8 * 1024;
/// How much memory there is at once for such requests, in bytes: as much again as there is already, within these bounds.
const SHELF_BYTES: (usize, usize) = (512, 64 * 1024);

/// Memory for many requests that are kept together. They lie beside each other: the allocator would round each up.
#[derive(Debug, Default)]
pub struct Shelf {
    /// Room that is left.
    free: BytesMut,
    /// What there is in all, in bytes.
    size_bytes: usize,
}

impl Shelf {
    /// As [`Args::to_owned`].
    pub fn keep(&mut self, args: Args<'_>) -> OwnedArgs {
        let len = args.iter().map(<[u8]>::len).sum();
        if len > LONGEST_BESIDE || args.many.is_some() {
            let kept = args.to_owned();
            self.size_bytes += kept.size_bytes();
            return kept;
        }
        if self.free.capacity() < len {
            let size = self.size_bytes.clamp(SHELF_BYTES.0, SHELF_BYTES.1).max(len);
            self.free = BytesMut::with_capacity(size);
            self.size_bytes += size;
        }
        let rest = self.free.split_off(len);
        self.size_bytes += args.len() * size_of::<Span>();
        OwnedArgs::within(std::mem::replace(&mut self.free, rest), args.iter())
    }

    /// What the requests occupy, and what is there for more, in bytes.
    pub fn size_bytes(&self) -> usize {
        self.size_bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::decode::{Decoder, Limits, MANY, Step};

    const LIMITS: Limits = Limits { max_bulk: 1 << 20, authenticated: true };

    /// The last argument of the request in `bytes`, shared alone and with its line end, if it can be.
    fn shares(bytes: Vec<u8>) -> [Option<Bytes>; 2] {
        let owner = Bytes::from(bytes);
        let mut decoder = Decoder::default();
        let Ok(Step::Request(args, _)) = decoder.next(&owner, LIMITS) else { panic!("a whole request") };
        let last = args.len() - 1;
        assert_eq!(args.shared(last), None, "nobody has said that it can be shared");
        let args = args.owned_by(&owner);
        assert_eq!(args.shared(0), None, "it is too short");
        let kept = args.to_owned();
        assert!(kept.args().iter().eq(args.iter()));
        assert!(args.shared(last).is_none_or(|share| kept.args().shared(last) == Some(share)));
        [args.shared(last), args.shared_line(last)]
    }

    fn echo(len: usize, end: &str) -> Vec<u8> {
        [format!("*2\r\n$4\r\nECHO\r\n${len}\r\n").as_bytes(), &vec![b'x'; len], end.as_bytes()].concat()
    }

    #[test]
    fn a_long_argument_can_be_shared_if_it_is_most_of_what_was_received() {
        let len = LEAST_SHARED + 1;
        let (alone, line) = (vec![b'x'; len], [&vec![b'x'; len][..], b"\r\n"].concat());
        assert!(shares(echo(len, "\r\n")) == [Some(alone.clone().into()), Some(line.into())]);
        assert!(shares(echo(len, "\r.")) == [Some(alone.into()), None], "another end does not fit others");
        assert_eq!(shares(echo(LEAST_SHARED - 2, "\r\n")), [None, None]);
        assert_eq!(shares([echo(len, "\r\n"), vec![b'y'; 2 * len]].concat()), [None, None]);
        assert_eq!(shares([&b"echo "[..], &vec![b'x'; len], b"\r\n"].concat()), [None, None], "words lie elsewhere");
    }

    #[test]
    fn arguments_that_have_come_as_bulks_are_there_as_such() {
        let bulks = |request: &str, from| {
            let mut decoder = Decoder::default();
            let Ok(Step::Request(args, _)) = decoder.next(request.as_bytes(), LIMITS) else {
                panic!("a whole request")
            };
            let kept = args.to_owned();
            assert_eq!(kept.args().bulks(from), None, "what is kept has no lengths");
            args.bulks(from).map(|bulks| String::from_utf8_lossy(bulks).into_owned())
        };
        let long = "x".repeat(1000);
        for (first, second) in [("", ""), ("a", "bc"), ("\r\n$", "$"), (&long, "0"), ("$1\r\n", &long)] {
            let tail = format!("${}\r\n{first}\r\n${}\r\n{second}\r\n", first.len(), second.len());
            let request = format!("*3\r\n$4\r\nECHO\r\n{tail}*1\r\n$4\r\nPING\r\n");
            assert_eq!(bulks(&request, 1).as_deref(), Some(&*tail));
            assert_eq!(bulks(&request, 2), Some(format!("${}\r\n{second}\r\n", second.len())));
            assert_eq!(bulks(&request, 0), None, "nobody knows where the count ends");
            assert_eq!(bulks(&request, 4), None);
        }
        let request = "*3\r\n$4\r\nECHO\r\n$1\r\na\r\n$1\r\nb\r\n";
        for end in request.match_indices("\r\n").map(|(at, _)| at).skip(2) {
            for other in ["\r.", "..", ".\n"].into_iter().filter(|other| other.starts_with('\r') || end > 14) {
                let mut odd = request.to_owned();
                odd.replace_range(end..end + 2, other);
                let mut decoder = Decoder::default();
                if let Ok(Step::Request(args, _)) = decoder.next(odd.as_bytes(), LIMITS) {
                    assert_eq!(args.bulks(1), None, "{odd:?}");
                }
            }
        }
        assert_eq!(bulks("echo a b\r\n", 1), None);
        assert_eq!(bulks("echo '\\r\\n$1\\r\\n' b\r\n", 1), None);
    }

    #[test]
    fn very_many_arguments_are_kept_without_a_copy_of_where_they_lie() {
        let names = MANY as u32 + 1;
        let request =
            (0..names).fold(format!("*{names}\r\n"), |request, n| request + &format!("$2\r\n{:02}\r\n", n % 100));
        let bytes = ["PING\r\n", &request, "PING\r\n"].concat();
        let mut decoder = Decoder::default();
        assert!(matches!(decoder.next(bytes.as_bytes(), LIMITS), Ok(Step::Request(_, 6))));
        let Ok(Step::Request(args, used)) = decoder.next(&bytes.as_bytes()[6..], LIMITS) else { panic!("a request") };
        assert_eq!(used, request.len());
        let kept = args.to_owned();
        assert_eq!(kept.args().len(), args.len());
        assert!(kept.args().iter().eq(args.iter()));
        assert_eq!(kept.args().spans.as_ptr(), args.spans.as_ptr());
        let again = kept.args().to_owned();
        assert!(again.args().from(1).eq(args.from(1)));
        let behind = args.behind(2).expect("there are more");
        assert!(behind.to_owned().args().iter().eq(args.from(2)));
        assert!(kept.size_bytes() >= request.len() - 2 && kept.size_bytes() < request.len() + 8 * args.len());
    }

    #[test]
    fn requests_that_are_kept_together_lie_beside_each_other_and_all_of_their_memory_counts() {
        let mut shelf = Shelf::default();
        let short = OwnedArgs::new([&b"SET"[..], b"key", &[b'x'; 900]].into_iter());
        let long = OwnedArgs::new([&b"ECHO"[..], &vec![b'y'; LONGEST_BESIDE]].into_iter());
        let kept: Vec<OwnedArgs> = (0..1000).map(|_| shelf.keep(short.args())).collect();
        assert!(kept.iter().all(|kept| kept.args().iter().eq(short.args().iter())));
        let beside = kept.windows(2).filter(|two| two[0].buffer.as_ptr_range().end == two[1].buffer.as_ptr());
        assert!(beside.count() > 970, "few pieces of memory");
        let needed = 1000 * short.size_bytes();
        assert!((needed..needed + needed / 50 + SHELF_BYTES.1).contains(&shelf.size_bytes()), "{}", shelf.size_bytes());
        let before = shelf.size_bytes();
        assert!(shelf.keep(long.args()).args().iter().eq(long.args().iter()));
        assert_eq!(shelf.size_bytes() - before, long.size_bytes(), "it lies alone");
    }

    #[test]
    fn what_is_shared_lies_where_it_was_received() {
        let owner = Bytes::from(echo(LEAST_SHARED + 1, "\r\n"));
        let mut decoder = Decoder::default();
        let Ok(Step::Request(args, _)) = decoder.next(&owner, LIMITS) else { panic!("a whole request") };
        let args = args.owned_by(&owner);
        let place = args[1].as_ptr();
        assert_eq!(args.shared(1).map(|share| share.as_ptr()), Some(place));
        assert_eq!(args.to_owned().args()[1].as_ptr(), place);
    }
}
