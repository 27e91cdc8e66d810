//! The bytes that go out and those that must come in.
//!
//! Every payload of a case has the same length and begins with three fields of hexadecimal digits: the publisher, the
//! number of its message, and when it was sent. So requests are patched in place, and deliveries are counted by bytes.

use std::time::Instant;

use hdrhistogram::Histogram;

/// The fields at the front of a payload: the shortest payload there can be, in bytes.
pub(crate) const FIELDS: usize = 4 + 16 + 16;

/// What a server of NATS asks each client once, two seconds after it has come; nobody misses an answer for minutes.
const NATS_PING: &[u8] = b"PING\r\n";

/// The protocol version that subscribers speak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Proto {
    #[default]
    Resp2,
    Resp3,
}

/// A request of these arguments.
pub(crate) fn request<'a>(args: impl ExactSizeIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", args.len()).into_bytes();
    args.for_each(|arg| push_bulk(&mut bytes, arg));
    bytes
}

/// What a subscriber of `pattern` receives for `payload`.
pub(crate) fn pattern_message(proto: Proto, pattern: &str, channel: &str, payload: &[u8]) -> Vec<u8> {
    push(proto, &[b"pmessage", pattern.as_bytes(), channel.as_bytes(), payload])
}

/// A payload of `len` bytes; its fields are zero but for the publisher.
pub(crate) fn payload(publisher: u16, len: usize) -> Vec<u8> {
    let mut bytes = vec![b'x'; len];
    put_hex(&mut bytes[..4], u64::from(publisher));
    put_hex(&mut bytes[4..FIELDS], 0);
    bytes
}

/// Writes the number and the time of a message, in nanoseconds, to the front of its payload.
pub(crate) fn stamp(payload: &mut [u8], number: u64, ns: u64) {
    put_hex(&mut payload[4..20], number);
    put_hex(&mut payload[20..FIELDS], ns);
}

/// A push of these elements.
pub(super) fn push(proto: Proto, elements: &[&[u8]]) -> Vec<u8> {
    let mark = if proto == Proto::Resp2 { '*' } else { '>' };
    let mut bytes = format!("{mark}{}\r\n", elements.len()).into_bytes();
    elements.iter().for_each(|element| push_bulk(&mut bytes, element));
    bytes
}

fn push_bulk(bytes: &mut Vec<u8>, value: &[u8]) {
    bytes.extend_from_slice(format!("${}\r\n", value.len()).as_bytes());
    bytes.extend_from_slice(value);
    bytes.extend_from_slice(b"\r\n");
}

fn put_hex(digits: &mut [u8], mut value: u64) {
    for digit in digits.iter_mut().rev() {
        *digit = b"0123456789abcdef"[(value & 15) as usize];
        value >>= 4;
    }
}

fn hex(digits: &[u8]) -> Option<u64> {
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// Looks at every byte that one subscriber receives: each frame as expected, the messages of each publisher in order
/// and without a gap.
#[derive(Debug)]
pub(crate) struct Verifier {
    expected: Vec<u8>,
    payload_at: usize,
    partial: Vec<u8>,
    /// The next number of each publisher.
    next: Vec<u64>,
    /// Whether some of a publisher's messages go elsewhere.
    with_gaps: bool,
    /// Frames that were not as expected.
    altered: u64,
    /// Since when messages are stamped, and the latencies of each publisher's.
    latency: Option<(Instant, Vec<Histogram<u64>>)>,
}

impl Verifier {
    /// Expects frames like this one, which ends with a payload of `payload_len` bytes and a line end, from up to `publishers`
    /// publishers.
    pub(crate) fn new(expected: Vec<u8>, payload_len: usize, publishers: usize) -> Self {
        let payload_at = expected.len() - payload_len - 2;
        Verifier {
            expected,
            payload_at,
            partial: Vec::new(),
            next: vec![0; publishers],
            with_gaps: false,
            altered: 0,
            latency: None,
        }
    }

    /// Expects only some of what the publishers send.
    pub(crate) fn with_gaps(mut self) -> Self {
        self.with_gaps = true;
        self
    }

    /// Also measures the delivery latency; messages are stamped with the time since `epoch`.
    pub(crate) fn with_latency(mut self, epoch: Instant, histogram: &Histogram<u64>) -> Self {
        self.latency = Some((epoch, vec![histogram.clone(); self.next.len()]));
        self
    }

    /// Frames that were not as expected, out of order, or behind a gap.
    pub(crate) fn altered(&self) -> u64 {
        self.altered
    }

    /// The measured latencies of each publisher's messages, in nanoseconds.
    pub(crate) fn latencies(&self) -> &[Histogram<u64>] {
        self.latency.as_ref().map_or(&[], |(_, histograms)| histograms)
    }

    /// Looks at what was received now.
    pub(crate) fn take(&mut self, received: &[u8]) {
        let now_ns = self.latency.as_ref().map_or(0, |(epoch, _)| epoch.elapsed().as_nanos() as u64);
        self.partial.extend_from_slice(received);
        let mut partial = std::mem::take(&mut self.partial);
        let mut rest = &partial[..];
        while let Some((frame, behind)) = rest.split_at_checked(self.expected.len()) {
            if let Some(behind) = rest.strip_prefix(NATS_PING) {
                rest = behind;
                continue;
            }
            if self.check(frame, now_ns).is_none() {
                self.altered += 1;
            }
            rest = behind;
        }
        let taken = partial.len() - rest.len();
        partial.drain(..taken);
        self.partial = partial;
    }

    fn check(&mut self, frame: &[u8], now_ns: u64) -> Option<()> {
        let fields_end = self.payload_at + FIELDS;
        let same = frame[..self.payload_at] == self.expected[..self.payload_at];
        let same = same && frame[fields_end..] == self.expected[fields_end..];
        let payload = &frame[self.payload_at..fields_end];
        let publisher = usize::try_from(hex(&payload[..4])?).ok()?;
        let next = self.next.get_mut(publisher)?;
        let number = hex(&payload[4..20])?;
        let in_order = number == *next || self.with_gaps && number > *next;
        *next = number + 1;
        if let Some((_, histograms)) = &mut self.latency {
            histograms[publisher].saturating_record(now_ns.saturating_sub(hex(&payload[20..])?));
        }
        (same && in_order).then_some(())
    }
}
