//! The text of scripts: redis-cli's quoting on the way in, readable escapes on the way out.

use std::collections::HashMap;

/// Bytes of a script whose `{name}` parts are only known while it runs, as a client's id is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Template(Vec<Part>);

#[derive(Clone, Debug)]
enum Part {
    Bytes(Vec<u8>),
    Variable(String),
}

/// Values of `{name}`, for one server and one run.
pub(crate) type Variables = HashMap<String, Vec<u8>>;

impl Template {
    /// The bytes to send.
    ///
    /// # Errors
    /// Names a variable that no earlier step has set.
    pub(crate) fn fill(&self, variables: &Variables) -> Result<Vec<u8>, String> {
        let mut filled = Vec::new();
        for part in &self.0 {
            match part {
                Part::Bytes(bytes) => filled.extend_from_slice(bytes),
                Part::Variable(name) => match variables.get(name) {
                    Some(value) => filled.extend_from_slice(value),
                    None => return Err(format!("{{{name}}} is not set by an earlier step")),
                },
            }
        }
        Ok(filled)
    }

    /// Whether this is exactly the given text, without variables.
    pub(crate) fn is(&self, text: &str) -> bool {
        matches!(self.0.as_slice(), [Part::Bytes(bytes)] if bytes == text.as_bytes())
    }

    fn push(&mut self, byte: u8) {
        if let Some(Part::Bytes(bytes)) = self.0.last_mut() {
            bytes.push(byte);
        } else {
            self.0.push(Part::Bytes(vec![byte]));
        }
    }

    fn insert(&mut self, inside: &str) -> Result<(), String> {
        if let Some((text, count)) = inside.rsplit_once('*') {
            let count = count.parse().map_err(|_| format!("{{{inside}}} has no count"))?;
            let mut repeated = Vec::new();
            unescape(text, &mut |byte| repeated.push(byte))?;
            self.0.push(Part::Bytes(repeated.repeat(count)));
            return Ok(());
        }
        let named = inside.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.');
        if inside.is_empty() || !named {
            return Err(format!("{{{inside}}} is neither a variable nor text*count"));
        }
        self.0.push(Part::Variable(inside.to_owned()));
        Ok(())
    }
}

/// Splits a line into arguments as redis-cli does: `"a\r\n\x00"` with escapes, `'as it is'`, or bare words.
///
/// Outside single quotes `{name}` is a variable and `{x*70000}` a repetition.
///
/// # Errors
/// Says what is wrong with the line.
pub(crate) fn split(line: &str) -> Result<Vec<Template>, String> {
    let mut rest = line.trim_start();
    let mut arguments = Vec::new();
    while !rest.is_empty() {
        let mut argument = Template::default();
        rest = match rest.as_bytes()[0] {
            b'"' => double_quoted(&rest[1..], &mut argument)?,
            b'\'' => single_quoted(&rest[1..], &mut argument)?,
            _ => bare(rest, &mut argument)?,
        };
        if !rest.is_empty() && !rest.starts_with(' ') {
            return Err(format!("a closing quote is followed by `{rest}`"));
        }
        arguments.push(argument);
        rest = rest.trim_start();
    }
    Ok(arguments)
}

/// One line of expected bytes: escapes as in double quotes, and the line end added.
///
/// # Errors
/// Says which escape is unknown.
pub(crate) fn expected_line(line: &str, bytes: &mut Vec<u8>) -> Result<(), String> {
    unescape(line, &mut |byte| bytes.push(byte))?;
    bytes.extend_from_slice(b"\r\n");
    Ok(())
}

/// Bytes as a person reads them, at most `limit` of them from `start`, one line for each line end.
pub(crate) fn readable(bytes: &[u8], start: usize, limit: usize) -> String {
    let end = bytes.len().min(start.saturating_add(limit));
    let mut text = String::new();
    if start > 0 {
        text.push_str(&format!("    ... {start} bytes\n"));
    }
    for line in bytes[start..end].split_inclusive(|&byte| byte == b'\n') {
        text.push_str(&format!("    {}\n", line.escape_ascii()));
    }
    if end < bytes.len() {
        text.push_str(&format!("    ... {} more bytes\n", bytes.len() - end));
    }
    if bytes.is_empty() {
        text.push_str("    (nothing)\n");
    }
    text
}

fn bare<'line>(text: &'line str, argument: &mut Template) -> Result<&'line str, String> {
    let mut rest = text;
    while let Some(&byte) = rest.as_bytes().first() {
        match byte {
            b' ' => break,
            b'{' => rest = braced(rest, argument)?,
            _ => {
                argument.push(byte);
                rest = tail(rest, 1)?;
            }
        }
    }
    Ok(rest)
}

fn double_quoted<'line>(text: &'line str, argument: &mut Template) -> Result<&'line str, String> {
    argument.0.push(Part::Bytes(Vec::new()));
    let mut rest = text;
    loop {
        match rest.as_bytes() {
            [] => return Err(format!("no closing quote after `{text}`")),
            [b'"', ..] => return tail(rest, 1),
            [b'{', ..] => rest = braced(rest, argument)?,
            [b'\\', ..] => {
                let length = if rest.as_bytes().get(1) == Some(&b'x') { 4 } else { 2 };
                let escape = rest.get(..length).ok_or("an escape is cut short")?;
                unescape(escape, &mut |byte| argument.push(byte))?;
                rest = tail(rest, length)?;
            }
            [byte, ..] => {
                argument.push(*byte);
                rest = tail(rest, 1)?;
            }
        }
    }
}

fn single_quoted<'line>(text: &'line str, argument: &mut Template) -> Result<&'line str, String> {
    let (inside, rest) = text.split_once('\'').ok_or("no closing single quote")?;
    argument.0.push(Part::Bytes(inside.as_bytes().to_vec()));
    Ok(rest)
}

fn braced<'line>(text: &'line str, argument: &mut Template) -> Result<&'line str, String> {
    let (inside, rest) = text[1..].split_once('}').ok_or("no closing brace")?;
    argument.insert(inside)?;
    Ok(rest)
}

/// The text after `count` bytes; scripts are ASCII, other bytes are written as `\xHH`.
fn tail(text: &str, count: usize) -> Result<&str, String> {
    text.get(count..).ok_or_else(|| format!("only ASCII and \\xHH are understood: `{text}`"))
}

fn unescape(text: &str, emit: &mut impl FnMut(u8)) -> Result<(), String> {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            emit(byte);
            continue;
        }
        let escaped = bytes.next().ok_or("a line ends in a backslash")?;
        emit(match escaped {
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'a' => 0x07,
            b'b' => 0x08,
            b'x' => {
                let digits = [bytes.next(), bytes.next()].map(|digit| digit.map_or('?', char::from));
                let digits = String::from_iter(digits);
                u8::from_str_radix(&digits, 16).map_err(|_| format!("\\x{digits} is not a byte"))?
            }
            b'\\' | b'"' | b'\'' | b'{' => escaped,
            other => return Err(format!("unknown escape \\{}", char::from(other))),
        });
    }
    Ok(())
}
