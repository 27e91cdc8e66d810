//! Names that clients have given, for people: what could hide something is shown as what it is.

use crate::quoting::quoted;

/// Bytes of a name that are shown; of a longer one the front, and how much more there is.
const LONGEST: usize = 128;

/// A name as it is shown: as it is, if it is text of which every letter can be seen, and else quoted as the client mode does.
pub(super) fn shown(name: &[u8]) -> String {
    shown_front(name, name.len())
}

/// The same for a name of so many bytes, of which the front is known.
pub(super) fn shown_front(known: &[u8], len: usize) -> String {
    let front = &known[..known.len().min(LONGEST)];
    let more = len - front.len();
    // A letter that is cut in two is no reason to quote all others.
    let front = match std::str::from_utf8(front) {
        Err(error) if more > 0 && error.error_len().is_none() => &front[..error.valid_up_to()],
        _ => front,
    };
    let text = match std::str::from_utf8(front) {
        Ok(text) if !text.is_empty() && !text.contains(is_hidden) => text.to_owned(),
        _ => String::from_utf8_lossy(&quoted(front)).into_owned(),
    };
    match len - front.len() {
        0 => text,
        more => format!("{text}... ({more} more bytes)"),
    }
}

/// Whether a letter moves others or cannot be seen.
fn is_hidden(letter: char) -> bool {
    letter.is_control()
        || matches!(
            letter,
            // What joins, what turns the direction, what separates lines, what marks the order of bytes, tags.
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_shown_as_they_are_unless_they_hide_something() {
        for (name, expected) in [
            (&b"news"[..], "news"),
            (b"<script>alert(1)</script>", "<script>alert(1)</script>"),
            ("grüße 📣".as_bytes(), "grüße 📣"),
            (b"a\xff", "\"a\\xff\""),
            (b"a\nb", "\"a\\nb\""),
            (b"", "\"\""),
            ("a\u{202e}b".as_bytes(), "\"a\\xe2\\x80\\xaeb\""),
            ("a\u{200b}".as_bytes(), "\"a\\xe2\\x80\\x8b\""),
        ] {
            assert_eq!(shown(name), expected);
        }
    }

    #[test]
    fn p11_of_long_names_the_front_is_shown() {
        assert_eq!(shown(&b"x".repeat(64 * 1024)), format!("{}... (65408 more bytes)", "x".repeat(128)));
        let letters = "xü".repeat(100);
        assert_eq!(shown(letters.as_bytes()), format!("{}x... (173 more bytes)", "xü".repeat(42)));
    }
}
