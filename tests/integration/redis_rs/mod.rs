//! The `redis` crate as a Rust program uses it, blocking and on tokio, in RESP2 and RESP3.

use redis::{Client, ErrorKind, IntoConnectionInfo, ProtocolVersion, RedisError, RedisResult};

use crate::support::TestServer;

mod blocking;
mod encrypted;
mod payloads;
mod tokio;

const PROTOCOLS: [ProtocolVersion; 2] = [ProtocolVersion::RESP2, ProtocolVersion::RESP3];

/// A client of `server` that speaks `protocol`.
fn client(server: &TestServer, protocol: ProtocolVersion) -> Client {
    open(server, "", protocol)
}

/// The same with `credentials`, which stand in the URL before the address and end with an `@`.
fn open(server: &TestServer, credentials: &str, protocol: ProtocolVersion) -> Client {
    let url = format!("redis://{credentials}{}", server.addr());
    let info = url.as_str().into_connection_info().expect("a valid URL");
    let settings = info.redis_settings().clone().set_protocol(protocol);
    Client::open(info.set_redis_settings(settings)).expect("valid settings")
}

/// The value of `field` in a line of CLIENT LIST or CLIENT INFO.
fn field<'a>(line: &'a str, field: &str) -> Option<&'a str> {
    line.split([' ', '\n']).find_map(|pair| pair.strip_prefix(field)?.strip_prefix('='))
}

/// Fails unless `result` says that the password was wrong: in RESP2 the crate has an error of its own for that, in
/// RESP3 it passes on what HELLO answered.
fn expect_wrong_password<T>(result: RedisResult<T>, protocol: ProtocolVersion) {
    let refusal = result.map(drop).expect_err("the password is wrong");
    let told = |refusal: &RedisError| match protocol {
        ProtocolVersion::RESP2 => refusal.kind() == ErrorKind::AuthenticationFailed,
        _ => refusal.code() == Some("WRONGPASS"),
    };
    assert!(told(&refusal), "{refusal}");
}
