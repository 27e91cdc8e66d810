//! Scripts that are made to bring the server down.

use crate::support::{Peer, TestServer};

/// What each of them ends with begins so.
const HOSTILE: &[(&str, &str)] = &[
    ("return string.find(('a'):rep(10), ('a?'):rep(1000000))", "-ERR pattern too complex"),
    ("return string.gsub('a', ('(a)*'):rep(150), '')", "-ERR "),
    ("return #{unpack({}, -2147483648, 2147483647)}", "-ERR user_script:1: too many results to unpack"),
    ("return {pcall(function() return unpack({}, 1, 100) end)}", "*1\r\n:1\r\n"),
    ("local t = {} t[1] = t return t", "*1\r\n*1\r\n*1\r\n"),
    ("local function f() return f() + 1 end return f()", "-ERR user_script:1: stack overflow"),
    ("return ('x'):rep(1000000000)", "-ERR the script needs more memory"),
    ("local s = 'a' while true do s = s .. s end", "-ERR the script needs more memory"),
    ("return cjson.decode(('['):rep(100000))", "-ERR user_script:1: Found too many nested data structures"),
    ("return cmsgpack.unpack(('\\145'):rep(100000))", "-ERR "),
    ("return struct.unpack(('b'):rep(100000), 'x')", "-ERR "),
    ("return loadstring('\\27Lua')", "$-1\r\n"),
    ("return loadstring('return 7', 'a\\0b')()", ":7\r\n"),
    ("return string.format('%99999d', 1)", "-ERR user_script:1: invalid format"),
    ("local c = coroutine.wrap(function() error('x') end) c()", "-ERR user_script:1: "),
];

#[test]
fn a_hostile_script_fails_and_harms_nobody() {
    let server = TestServer::start(&["--lua-memory-limit", "64mb"]);
    let (mut hostile, mut other) = (Peer::connect(&server.addr()), Peer::connect(&server.addr()));
    for (script, begin) in HOSTILE {
        let answer = hostile.call(&["EVAL", script, "0"]);
        assert!(answer.starts_with(begin.as_bytes()), "{script}: {}", answer[..answer.len().min(200)].escape_ascii());
        assert_eq!(hostile.call(&["EVAL", "return redis.call('ECHO', 'fine')", "0"]), b"$4\r\nfine\r\n");
        assert_eq!(other.call(&["PUBLISH", "news", "x"]), b":0\r\n");
    }
}
