//! Numbers as C reads, writes and converts them, since scripts see the results.

use std::io::Write as _;

/// A number cut to 64 bits with a sign; what does not fit becomes the least, as on the processors of servers.
pub(super) fn to_integer(number: f64) -> i64 {
    if (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&number) { number as i64 } else { i64::MIN }
}

/// A number cut to 64 bits without a sign: negative ones keep their bits, and what is too large becomes 0.
pub(super) fn to_unsigned(number: f64) -> u64 {
    const HALF: f64 = 9_223_372_036_854_775_808.0;
    if number >= HALF { to_integer(number - HALF) as u64 ^ (1 << 63) } else { to_integer(number) as u64 }
}

/// A number with so many digits that count, as `%.14g` has 14.
pub(super) fn general(number: f64, digits: usize) -> Vec<u8> {
    let mut written = Vec::with_capacity(digits + 8);
    // writing to memory does not fail
    if !number.is_finite() {
        let sign = if number.is_sign_negative() { "-" } else { "" };
        let _ = write!(written, "{sign}{}", if number.is_nan() { "nan" } else { "inf" });
        return written;
    }
    let _ = write!(written, "{number:.*e}", digits - 1);
    let mark = written.iter().rposition(|byte| *byte == b'e').unwrap_or(written.len());
    let exponent = exponent_of(&written[mark..]);
    if (-4..digits as i32).contains(&exponent) {
        written.clear();
        let _ = write!(written, "{number:.*}", (digits as i32 - 1 - exponent) as usize);
        drop_zeros(&mut written);
    } else {
        written.truncate(mark);
        drop_zeros(&mut written);
        let sign = if exponent < 0 { '-' } else { '+' };
        let _ = write!(written, "e{sign}{:02}", exponent.abs());
    }
    written
}

/// The power of ten behind the `e`.
fn exponent_of(written: &[u8]) -> i32 {
    let digits = written.iter().filter(|byte| byte.is_ascii_digit());
    let size = digits.fold(0, |sum, digit| sum * 10 + i32::from(digit - b'0'));
    if written.contains(&b'-') { -size } else { size }
}

/// Takes the zeros away that end a fraction, and the point if nothing is left behind it.
fn drop_zeros(written: &mut Vec<u8>) {
    if written.contains(&b'.') {
        while written.last() == Some(&b'0') {
            written.pop();
        }
        if written.last() == Some(&b'.') {
            written.pop();
        }
    }
}

/// Reads the number that bytes begin with, as `strtod`: decimal, hexadecimal, infinity or none, with a sign. Gives the
/// bytes that it took, 0 if there is no number.
pub(super) fn leading_number(bytes: &[u8]) -> (f64, usize) {
    let signed = usize::from(matches!(bytes.first(), Some(b'+' | b'-')));
    let rest = &bytes[signed..];
    let (size, taken) = named(rest).or_else(|| hexadecimal(rest)).unwrap_or_else(|| decimal(rest));
    if taken == 0 {
        return (0.0, 0);
    }
    (if bytes[0] == b'-' { -size } else { size }, signed + taken)
}

/// `inf`, `infinity`, `nan`, and `nan` with something in parentheses.
fn named(bytes: &[u8]) -> Option<(f64, usize)> {
    let begins = |word: &[u8]| bytes.len() >= word.len() && bytes[..word.len()].eq_ignore_ascii_case(word);
    if begins(b"infinity") {
        return Some((f64::INFINITY, 8));
    }
    if begins(b"inf") {
        return Some((f64::INFINITY, 3));
    }
    if !begins(b"nan") {
        return None;
    }
    let inside = bytes.get(4..).unwrap_or_default();
    let length = inside.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
    let closed = bytes.get(3) == Some(&b'(') && inside.get(length) == Some(&b')');
    Some((f64::NAN, if closed { 5 + length } else { 3 }))
}

/// Digits, a point among them or not, and a power of ten.
fn decimal(bytes: &[u8]) -> (f64, usize) {
    let (whole, fraction) = mantissa(bytes, u8::is_ascii_digit);
    if whole + fraction == 0 {
        return (0.0, 0);
    }
    let point = usize::from(bytes.get(whole) == Some(&b'.'));
    let mut taken = whole + point + fraction;
    taken += power(&bytes[taken..], b'e');
    let number = std::str::from_utf8(&bytes[..taken]).ok().and_then(|text| text.parse().ok());
    (number.unwrap_or(0.0), taken)
}

/// How many digits there are before and behind the point.
fn mantissa(bytes: &[u8], is_digit: fn(&u8) -> bool) -> (usize, usize) {
    let whole = bytes.iter().take_while(|byte| is_digit(byte)).count();
    let fraction = match bytes.get(whole) {
        Some(b'.') => bytes[whole + 1..].iter().take_while(|byte| is_digit(byte)).count(),
        _ => 0,
    };
    (whole, fraction)
}

/// How many bytes a power takes with its mark, 0 if there is none.
fn power(bytes: &[u8], mark: u8) -> usize {
    if bytes.first().map(u8::to_ascii_lowercase) != Some(mark) {
        return 0;
    }
    let signed = usize::from(matches!(bytes.get(1), Some(b'+' | b'-')));
    let digits = bytes[1 + signed..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits == 0 { 0 } else { 1 + signed + digits }
}

/// `0x`, hexadecimal digits, a point among them or not, and a power of two.
fn hexadecimal(bytes: &[u8]) -> Option<(f64, usize)> {
    if bytes.len() < 3 || bytes[0] != b'0' || bytes[1] | 0x20 != b'x' {
        return None;
    }
    let rest = &bytes[2..];
    let (whole, fraction) = mantissa(rest, u8::is_ascii_hexdigit);
    if whole + fraction == 0 {
        return None;
    }
    let mut taken = whole + fraction + usize::from(rest.get(whole) == Some(&b'.'));
    let (bits, dropped) = hexadecimal_bits(&rest[..taken]);
    let length = power(&rest[taken..], b'p');
    let exponent = std::str::from_utf8(&rest[taken..taken + length]).ok().and_then(|text| text.get(1..));
    // what is beyond a number of 32 bits is beyond any number with a fraction
    let exponent =
        exponent.map_or(0, |text| text.parse::<i32>().unwrap_or(if text.starts_with('-') { -9999 } else { 9999 }));
    taken += length;
    let shift = exponent.clamp(-9999, 9999) + 4 * (dropped - fraction as i32);
    Some((scale(bits as f64, shift), 2 + taken))
}

/// The first sixty bits of hexadecimal digits, the last of which says whether anything follows, and how many digits
/// that is.
fn hexadecimal_bits(digits: &[u8]) -> (u64, i32) {
    let (mut bits, mut dropped) = (0u64, 0);
    for digit in digits.iter().filter_map(|byte| (*byte as char).to_digit(16)) {
        if bits >> 60 == 0 {
            bits = bits << 4 | u64::from(digit);
        } else {
            bits |= u64::from(digit != 0);
            dropped += 1;
        }
    }
    (bits, dropped)
}

/// A number times a power of two, which may be larger than a number can hold.
fn scale(mut number: f64, mut shift: i32) -> f64 {
    while shift > 1000 && number != 0.0 && number.is_finite() {
        number *= 2f64.powi(1000);
        shift -= 1000;
    }
    while shift < -1000 && number != 0.0 {
        number *= 2f64.powi(-1000);
        shift += 1000;
    }
    if number == 0.0 || !number.is_finite() { number } else { number * 2f64.powi(shift) }
}
