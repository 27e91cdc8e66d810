//! Where the engine of a backplane is: one address or several of the same engine.

use std::fmt;

use percent_encoding::percent_decode_str;

use super::error::WRONG_COUNT;
use super::table::Settings;
use super::value::{BackplaneKeys, Given, Rule, Value};
use crate::quoting::quoted;

/// What an engine speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum EngineKind {
    /// NATS: `nats://[user:password@|token@]host[:port]`, `tls://` for an encrypted connection.
    #[default]
    Nats,
    /// The Redis protocol: `redis://[[user]:password@]host[:port]`, `rediss://` for an encrypted connection, `unix:/path`.
    Upstream,
}

/// The address of an engine.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct EngineUrl {
    kind: EngineKind,
    encrypted: bool,
    /// As it was written, without who it is for.
    address: String,
    pub(crate) user: Option<String>,
    /// The password of the user, or a token where there is none.
    pub(crate) password: Option<String>,
    pub(crate) host: String,
    pub(crate) port: u16,
    written: String,
}

impl fmt::Debug for EngineUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "EngineUrl({})", self.address)
    }
}

impl fmt::Display for EngineUrl {
    /// Without credentials.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.address)
    }
}

/// The ports of NATS and Redis.
const NATS_PORT: u16 = 4222;
const REDIS_PORT: u16 = 6379;

fn wrong(why: &str) -> String {
    format!(
        "{why}: write nats://host:4222, tls://user:password@host:4222, redis://host:6379, rediss://... or unix:/path"
    )
}

fn decoded(text: &str) -> Result<String, String> {
    let decoded = percent_decode_str(text).decode_utf8();
    decoded.map(|text| text.into_owned()).map_err(|_| wrong("credentials are text"))
}

impl EngineUrl {
    /// Reads an address. User, password and token may be percent-encoded.
    fn read(text: &str) -> Result<Self, String> {
        let (kind, encrypted) = match text.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase()).as_deref() {
            Some("nats") => (EngineKind::Nats, false),
            Some("tls") => (EngineKind::Nats, true),
            Some("redis") => (EngineKind::Upstream, false),
            Some("rediss") => (EngineKind::Upstream, true),
            Some("unix") => return Self::read_unix(text),
            _ => return Err(wrong("unknown scheme")),
        };
        let (scheme, rest) = text.split_once("://").ok_or_else(|| wrong("an engine's address has a host"))?;
        let (who, place) = rest.rsplit_once('@').map_or((None, rest), |(who, place)| (Some(who), place));
        let (user, password) = match who.map(|who| who.split_once(':').ok_or(who)) {
            None => (None, None),
            Some(Ok(("", password))) => (None, Some(decoded(password)?)),
            Some(Ok((user, password))) => (Some(decoded(user)?), Some(decoded(password)?)),
            Some(Err(token)) => (None, Some(decoded(token)?)),
        };
        let place = place.trim_end_matches('/');
        let (host, port) = match place.rsplit_once(':') {
            // Not within the brackets of an IPv6 address.
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().map_err(|_| wrong("not a port"))?),
            _ if kind == EngineKind::Nats => (place, NATS_PORT),
            _ => (place, REDIS_PORT),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() || host.contains(|letter: char| letter.is_whitespace() || "/?#\"'".contains(letter)) {
            return Err(wrong("not a host"));
        }
        let address = format!("{scheme}://{place}");
        Ok(EngineUrl { kind, encrypted, address, user, password, host: host.into(), port, written: text.into() })
    }

    /// `unix:/path` or `unix:///path`.
    fn read_unix(text: &str) -> Result<Self, String> {
        let path = text["unix:".len()..].trim_start_matches("//");
        if !path.starts_with('/') {
            return Err(wrong("a socket has an absolute path"));
        }
        let kind = EngineKind::Upstream;
        let (address, host, written) = (text.into(), path.into(), text.into());
        Ok(EngineUrl { kind, encrypted: false, address, user: None, password: None, host, port: 0, written })
    }

    /// The path, if it is that of a socket in the file system.
    pub(crate) fn socket_path(&self) -> Option<&str> {
        self.host.starts_with('/').then_some(&self.host)
    }

    /// Whether it asks for TLS.
    pub(crate) fn is_encrypted(&self) -> bool {
        self.encrypted
    }
}

/// The servers of one engine; none for no backplane.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EngineUrls(pub(crate) Vec<EngineUrl>);

impl EngineUrls {
    /// Most addresses that are taken.
    const MAX: usize = 16;

    /// What they speak.
    pub(crate) fn kind(&self) -> EngineKind {
        self.0.first().map(|url| url.kind).unwrap_or_default()
    }
}

impl Value for EngineUrls {
    const SEVERAL: bool = true;
    const SENSITIVE: bool = true;
    const SAMPLE: Option<&'static str> = Some("nats://10.0.0.1:4222 nats://10.0.0.2:4222");

    fn parse(given: &Given<'_>, _old: &Self) -> Result<Self, String> {
        match given.args {
            [] => return Err(WRONG_COUNT.into()),
            [only] if only.is_empty() => return Ok(EngineUrls::default()),
            args if args.len() > Self::MAX => return Err(format!("at most {} addresses", Self::MAX)),
            _ => {}
        }
        let read = |arg: &Vec<u8>| EngineUrl::read(std::str::from_utf8(arg).map_err(|_| "argument must be text")?);
        let urls = EngineUrls(given.args.iter().map(read).collect::<Result<_, _>>()?);
        if urls.0.iter().any(|url| url.kind != urls.kind()) {
            return Err("all addresses must be those of one engine".into());
        }
        Ok(urls)
    }

    fn show(&self) -> Vec<u8> {
        self.0.iter().map(|url| url.written.as_str()).collect::<Vec<_>>().join(" ").into_bytes()
    }

    fn lines(&self) -> Vec<Vec<u8>> {
        if self.0.is_empty() { vec![quoted(b"")] } else { vec![self.show()] }
    }

    fn expects(_rule: &Rule) -> String {
        format!("up to {} addresses of one engine, such as nats://host:4222 or redis://host:6379", Self::MAX)
    }
}

impl Settings {
    /// Whether an upstream has the keys.
    pub(crate) fn forwards_keys(&self) -> bool {
        self.backplane_keys == BackplaneKeys::Forward
    }

    /// How many descriptors a client may need: one more for its connection to an upstream that has the keys.
    pub(crate) fn descriptors_of_client(&self) -> u32 {
        if self.forwards_keys() { 2 } else { 1 }
    }
}

/// What subjects begin with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubjectPrefix(pub String);

impl SubjectPrefix {
    /// The longest, in bytes.
    const MAX: usize = 64;
}

impl Default for SubjectPrefix {
    fn default() -> Self {
        SubjectPrefix("pregon".into())
    }
}

impl Value for SubjectPrefix {
    fn parse(given: &Given<'_>, _old: &Self) -> Result<Self, String> {
        let text = std::str::from_utf8(given.one()).unwrap_or_default();
        let is_token = |token: &str| {
            !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
        };
        if text.len() > Self::MAX || !text.split('.').all(is_token) {
            return Err("argument must be letters, digits, _ and -, with full stops in between".into());
        }
        Ok(SubjectPrefix(text.into()))
    }

    fn show(&self) -> Vec<u8> {
        self.0.clone().into_bytes()
    }

    fn expects(_rule: &Rule) -> String {
        "letters, digits, _ and -".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_say_where_and_who() {
        let read = |text: &str| {
            let url = EngineUrl::read(text)?;
            Ok((url.host.clone(), url.port, url.user.clone(), url.password.clone(), url.is_encrypted()))
        };
        let expected = |host: &str, port, user: Option<&str>, password: Option<&str>, encrypted| {
            Ok::<_, String>((host.into(), port, user.map(String::from), password.map(String::from), encrypted))
        };
        assert_eq!(read("nats://a"), expected("a", 4222, None, None, false));
        assert_eq!(read("tls://u:p%40@a:1/"), expected("a", 1, Some("u"), Some("p@"), true));
        assert_eq!(read("nats://t@[::1]:7"), expected("::1", 7, None, Some("t"), false));
        assert_eq!(read("nats://[::1]"), expected("::1", 4222, None, None, false));
        assert_eq!(read("redis://:p@a"), expected("a", 6379, None, Some("p"), false));
        assert_eq!(read("rediss://u:p@a:1"), expected("a", 1, Some("u"), Some("p"), true));
        for path in ["unix:/run/redis.sock", "unix:///run/redis.sock"] {
            assert_eq!(
                EngineUrl::read(path).map(|url| url.socket_path().map(String::from)),
                Ok(Some("/run/redis.sock".into()))
            );
        }
        for wrong in ["a:4222", "unix:redis.sock", "http://a", "nats://", "nats://a:x", "nats://a b", "nats://u:%ff@a"]
        {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn nobody_reads_a_password_where_addresses_are_shown() {
        let url = EngineUrl::read("nats://u:secret@a:1").expect("an address");
        assert_eq!((url.to_string(), format!("{url:?}")), ("nats://a:1".into(), "EngineUrl(nats://a:1)".into()));
    }
}
