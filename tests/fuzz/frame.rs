//! What the server sends, of both versions of the protocol.

/// One frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    /// A bulk.
    Bulk(Vec<u8>),
    /// Anything else on one line, its mark included; nulls, too.
    Line(Vec<u8>),
    /// A push.
    Push(Vec<Frame>),
    /// Any other aggregate, its elements in a row.
    List(Vec<Frame>),
}

impl Frame {
    /// All frames in `bytes`, and what follows them and is no frame, or not whole.
    pub(crate) fn all(mut bytes: &[u8]) -> (Vec<Frame>, &[u8]) {
        let mut frames = Vec::new();
        loop {
            let rest = bytes;
            match Frame::take(&mut bytes) {
                Some(frame) => frames.push(frame),
                None => return (frames, rest),
            }
        }
    }

    /// The elements of an aggregate.
    pub(crate) fn items(&self) -> &[Frame] {
        match self {
            Frame::Push(items) | Frame::List(items) => items,
            Frame::Bulk(_) | Frame::Line(_) => &[],
        }
    }

    /// The text of a bulk; nothing of another frame.
    pub(crate) fn text(&self) -> &[u8] {
        match self {
            Frame::Bulk(text) => text,
            _ => b"",
        }
    }

    /// The number of an integer.
    pub(crate) fn number(&self) -> Option<i64> {
        match self {
            Frame::Line(line) => std::str::from_utf8(line.strip_prefix(b":")?).ok()?.parse().ok(),
            _ => None,
        }
    }

    fn take(bytes: &mut &[u8]) -> Option<Frame> {
        let end = bytes.windows(2).position(|pair| pair == b"\r\n")?;
        let line = &bytes[..end];
        *bytes = &bytes[end + 2..];
        let number = || std::str::from_utf8(&line[1..]).ok()?.parse::<i64>().ok();
        let (mark, _) = line.split_first()?;
        match mark {
            b'+' | b'-' | b':' | b'_' | b',' | b'#' | b'(' => Some(Frame::Line(line.to_vec())),
            b'$' | b'*' if number()? == -1 => Some(Frame::Line(line.to_vec())),
            b'$' | b'=' => {
                let len = usize::try_from(number()?).ok()?;
                let text = bytes.get(..len)?.to_vec();
                *bytes = bytes[len..].strip_prefix(b"\r\n")?;
                Some(Frame::Bulk(text))
            }
            b'*' | b'~' => Frame::take_items(bytes, number()?).map(Frame::List),
            b'%' => Frame::take_items(bytes, number()? * 2).map(Frame::List),
            b'>' => Frame::take_items(bytes, number()?).map(Frame::Push),
            _ => None,
        }
    }

    fn take_items(bytes: &mut &[u8], count: i64) -> Option<Vec<Frame>> {
        (0..count).map(|_| Frame::take(bytes)).collect()
    }
}
