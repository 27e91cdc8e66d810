//! Replies as trees: to know where a reply ends, and to mask parts of it.

/// One reply or push of either protocol version.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Frame {
    /// A type byte and a line: simple strings, errors, numbers, nulls, booleans.
    Line(u8, Vec<u8>),
    /// A type byte and bytes of a given length: bulk and verbatim strings.
    Bulk(u8, Vec<u8>),
    /// A type byte and elements: arrays, sets, pushes and maps, whose keys and values alternate.
    Elements(u8, Vec<Frame>),
}

impl Frame {
    /// The first complete frame and its length; `None` while bytes are missing.
    ///
    /// # Errors
    /// Says what no frame can begin with.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Option<(Frame, usize)>, String> {
        let Some(line_length) = bytes.windows(2).position(|pair| pair == b"\r\n") else {
            return Ok(None);
        };
        let (kind, line, mut length) = match bytes[..line_length].split_first() {
            Some((&kind, line)) => (kind, line, line_length + 2),
            None => return Err("an empty line where a frame should begin".to_owned()),
        };
        match kind {
            b'+' | b'-' | b':' | b',' | b'#' | b'(' | b'_' => Ok(Some((Frame::Line(kind, line.to_vec()), length))),
            b'$' | b'*' if line == b"-1" => Ok(Some((Frame::Line(kind, line.to_vec()), length))),
            b'$' | b'=' | b'!' => {
                let end = length + number(line)?;
                if bytes.len() < end + 2 {
                    return Ok(None);
                }
                Ok(Some((Frame::Bulk(kind, bytes[length..end].to_vec()), end + 2)))
            }
            b'*' | b'~' | b'>' | b'%' | b'|' => {
                let pairs = if matches!(kind, b'%' | b'|') { 2 } else { 1 };
                let mut elements = Vec::new();
                for _ in 0..number(line)? * pairs {
                    let Some((element, used)) = Frame::parse(&bytes[length..])? else {
                        return Ok(None);
                    };
                    elements.push(element);
                    length += used;
                }
                Ok(Some((Frame::Elements(kind, elements), length)))
            }
            other => Err(format!("no frame begins with '{}'", other.escape_ascii())),
        }
    }

    /// All frames of the bytes, which must end where a frame ends.
    pub(crate) fn parse_all(mut bytes: &[u8]) -> Option<Vec<Frame>> {
        let mut frames = Vec::new();
        while !bytes.is_empty() {
            let (frame, length) = Frame::parse(bytes).ok()??;
            frames.push(frame);
            bytes = &bytes[length..];
        }
        Some(frames)
    }

    /// Appends the frame as it goes over the wire.
    pub(crate) fn encode(&self, bytes: &mut Vec<u8>) {
        match self {
            Frame::Line(kind, line) => {
                bytes.push(*kind);
                bytes.extend_from_slice(line);
                bytes.extend_from_slice(b"\r\n");
            }
            Frame::Bulk(kind, content) => {
                bytes.push(*kind);
                bytes.extend_from_slice(format!("{}\r\n", content.len()).as_bytes());
                bytes.extend_from_slice(content);
                bytes.extend_from_slice(b"\r\n");
            }
            Frame::Elements(kind, elements) => {
                let pairs = if matches!(kind, b'%' | b'|') { 2 } else { 1 };
                bytes.push(*kind);
                bytes.extend_from_slice(format!("{}\r\n", elements.len() / pairs).as_bytes());
                elements.iter().for_each(|element| element.encode(bytes));
            }
        }
    }
}

fn number(line: &[u8]) -> Result<usize, String> {
    let text = std::str::from_utf8(line).ok();
    text.and_then(|digits| digits.parse().ok()).ok_or_else(|| format!("'{}' is not a length", line.escape_ascii()))
}
