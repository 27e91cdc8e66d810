//! `redis://[user[:password]@][host][:port][/database]`, the address as one word; `rediss://` for TLS.

/// What a URI said; everything it left out is `None`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Uri {
    pub(super) user: Option<Vec<u8>>,
    pub(super) password: Option<Vec<u8>>,
    pub(super) host: Option<String>,
    pub(super) port: Option<u16>,
    pub(super) database: Option<i32>,
    /// Whether it begins with `rediss://`, which stands for TLS.
    pub(super) encrypted: bool,
}

/// Reads a URI. A single word before the `@` is the password, as redis-cli takes it. User and password may be
/// percent-encoded; the host may be an IPv6 address in brackets. What follows the digits of the database is ignored.
///
/// # Errors
///
/// One line for the user: another scheme, a port out of range, a broken percent-encoding.
pub(super) fn parse(text: &str) -> Result<Uri, &'static str> {
    let (scheme, rest) = text.split_once("://").ok_or(SCHEME)?;
    let encrypted = scheme.eq_ignore_ascii_case("rediss");
    if !encrypted && !scheme.eq_ignore_ascii_case("redis") {
        return Err(SCHEME);
    }
    let mut uri = Uri { encrypted, ..Uri::default() };
    let rest = match rest.split_once('@') {
        Some((who, rest)) => {
            read_user(who, &mut uri)?;
            rest
        }
        None => rest,
    };
    let (place, path) = rest.split_once('/').unwrap_or((rest, ""));
    read_place(place, &mut uri)?;
    if !path.is_empty() {
        uri.database = Some(leading_number(path).try_into().unwrap_or(i32::MAX));
    }
    Ok(uri)
}

const SCHEME: &str = "Invalid URI scheme";

fn read_user(who: &str, uri: &mut Uri) -> Result<(), &'static str> {
    let password = match who.split_once(':') {
        Some((user, password)) => {
            uri.user = Some(percent_decode(user)?);
            password
        }
        None => who,
    };
    uri.password = Some(percent_decode(password)?);
    Ok(())
}

fn read_place(place: &str, uri: &mut Uri) -> Result<(), &'static str> {
    let bracketed = place.strip_prefix('[').and_then(|inner| inner.split_once(']'));
    let (host, port) = match bracketed {
        Some((host, rest)) => (host, rest.strip_prefix(':')),
        None => match place.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (place, None),
        },
    };
    if !host.is_empty() {
        uri.host = Some(host.to_owned());
    }
    if let Some(port) = port {
        uri.port = Some(leading_number(port).try_into().map_err(|_| "Invalid server port.")?);
    }
    Ok(())
}

/// The number that the digits at the start spell, 0 without any.
fn leading_number(text: &str) -> u64 {
    let digits = text.bytes().take_while(u8::is_ascii_digit);
    digits.fold(0, |number: u64, digit| number.saturating_mul(10).saturating_add(u64::from(digit - b'0')))
}

fn percent_decode(text: &str) -> Result<Vec<u8>, &'static str> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    let digit = |byte: Option<u8>| {
        let value = char::from(byte.ok_or("Incomplete URI encoding")?).to_digit(16);
        value.ok_or("Illegal character in URI encoding")
    };
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let high = digit(bytes.next())?;
            let low = digit(bytes.next())?;
            decoded.push((high << 4 | low) as u8);
        } else {
            decoded.push(byte);
        }
    }
    Ok(decoded)
}

#[cfg(test)]
mod tests {
    use super::{Uri, parse};

    fn uri(user: Option<&str>, password: Option<&str>, host: Option<&str>, port: Option<u16>, db: Option<i32>) -> Uri {
        let bytes = |text: Option<&str>| text.map(|text| text.as_bytes().to_vec());
        Uri {
            user: bytes(user),
            password: bytes(password),
            host: host.map(str::to_owned),
            port,
            database: db,
            encrypted: false,
        }
    }

    #[test]
    fn every_part_may_be_missing() {
        assert_eq!(parse("redis://"), Ok(Uri::default()));
        assert_eq!(parse("redis://host"), Ok(uri(None, None, Some("host"), None, None)));
        assert_eq!(parse("REDIS://host:7000"), Ok(uri(None, None, Some("host"), Some(7000), None)));
        assert_eq!(parse("redis:///3"), Ok(uri(None, None, None, None, Some(3))));
        assert_eq!(parse("redis://:7000/"), Ok(uri(None, None, None, Some(7000), None)));
        assert_eq!(parse("redis://pw@"), Ok(uri(None, Some("pw"), None, None, None)));
    }

    #[test]
    fn all_parts_together() {
        let all = uri(Some("ann"), Some("s:cret"), Some("h.example"), Some(6380), Some(12));
        assert_eq!(parse("redis://ann:s:cret@h.example:6380/12"), Ok(all));
    }

    #[test]
    fn one_word_before_the_at_sign_is_the_password() {
        assert_eq!(parse("redis://secret@h"), Ok(uri(None, Some("secret"), Some("h"), None, None)));
        assert_eq!(parse("redis://:secret@h"), Ok(uri(Some(""), Some("secret"), Some("h"), None, None)));
    }

    #[test]
    fn user_and_password_are_percent_decoded() {
        assert_eq!(parse("redis://a%3Ab:p%40%2f@h"), Ok(uri(Some("a:b"), Some("p@/"), Some("h"), None, None)));
        assert_eq!(parse("redis://a%4@h"), Err("Incomplete URI encoding"));
        assert_eq!(parse("redis://a%zz@h"), Err("Illegal character in URI encoding"));
    }

    #[test]
    fn an_ipv6_address_stands_in_brackets() {
        assert_eq!(parse("redis://[::1]:7000/1"), Ok(uri(None, None, Some("::1"), Some(7000), Some(1))));
        assert_eq!(parse("redis://[::1]"), Ok(uri(None, None, Some("::1"), None, None)));
    }

    #[test]
    fn what_follows_the_database_is_ignored() {
        assert_eq!(parse("redis://h/2?timeout=1"), Ok(uri(None, None, Some("h"), None, Some(2))));
    }

    #[test]
    fn rediss_stands_for_tls() {
        let expected = Uri { encrypted: true, ..uri(None, Some("pw"), Some("h"), Some(6380), None) };
        assert_eq!(parse("rediss://pw@h:6380"), Ok(expected));
    }

    #[test]
    fn another_scheme_and_a_wrong_port_are_refused() {
        assert_eq!(parse("http://h"), Err("Invalid URI scheme"));
        assert_eq!(parse("localhost:6379"), Err("Invalid URI scheme"));
        assert_eq!(parse("redis://h:70000"), Err("Invalid server port."));
    }
}
