//! Scripts that are made to bring the server down.

use rustix::process::Signal;

use crate::child::eventually;
use crate::support::{Peer, TestServer};

/// Fails again and again where the interpreter's stack is full, within coroutines that nobody keeps.
const FILLS_THE_STACK: &str = "
    local function fails() pcall(redis.call, 'GET') return redis.call('GET') end
    local function handler() while true do assert(coroutine.wrap(xpcall)(load(fails)), -1) end end
    for _ = 1, 100 do xpcall(redis.call, handler) end
    return { ok = 'fine' }";

/// What each of them ends with begins so.
const HOSTILE: &[(&str, &str)] = &[
    ("return string.find(('a'):rep(10), ('a?'):rep(1000000))", "-ERR pattern too complex"),
    ("return string.gsub('a', ('(a)*'):rep(150), '')", "-ERR "),
    ("return #{unpack({}, -2147483648, 2147483647)}", "-ERR user_script:1: too many results to unpack"),
    ("return {pcall(function() return unpack({}, 1, 100) end)}", "*1\r\n:1\r\n"),
    ("local t = {} t[1] = t return t", "*1\r\n*1\r\n*1\r\n"),
    ("local t = {} for i = 1, 50000 do t[i] = 'x' end return t", "*50000\r\n$1\r\nx\r\n"),
    ("local function f() return f() + 1 end return f()", "-ERR user_script:1: stack overflow"),
    ("return ('x'):rep(1000000000)", "-ERR the script needs more memory"),
    ("local s = 'a' while true do s = s .. s end", "-ERR the script needs more memory"),
    ("return cjson.decode(('['):rep(100000))", "-ERR user_script:1: Found too many nested data structures"),
    ("return cmsgpack.unpack(('\\145'):rep(100000))", "-ERR "),
    ("return struct.unpack(('b'):rep(100000), 'x')", "-ERR "),
    ("return loadstring('\\27Lua')", "$-1\r\n"),
    ("return load(function() return 'return (' end)", "$-1\r\n"),
    ("return loadstring('return 7', 'a\\0b')()", ":7\r\n"),
    ("return string.format('%99999d', 1)", "-ERR user_script:1: invalid format"),
    ("local c = coroutine.wrap(function() error('x') end) c()", "-ERR user_script:1: "),
    (FILLS_THE_STACK, "+fine\r\n"),
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

/// A script without end.
const ENDLESS: &str = "local n = 0\nwhile true do\n n = n + 1\nend";

/// A client that runs an endless script, and another one that has been told that the server is busy with it.
fn busy(server: &TestServer, script: &str) -> (Peer, Peer) {
    let (mut caller, mut other) = (Peer::connect(&server.addr()), Peer::connect(&server.addr()));
    caller.send_command(&["EVAL", script, "1", "k"]);
    // Until the script has begun, the other one's commands run.
    eventually("busy", || other.call(&["GET", "k"]).starts_with(b"-BUSY ").then_some(()));
    (caller, other)
}

#[test]
fn a_script_that_is_killed_ends_and_its_line_is_told() {
    let server = TestServer::start(&["--busy-reply-threshold", "1"]);
    let caught =
        "while true do pcall(function() while true do end end) xpcall(function() while true do end end, tostring) end";
    for (script, place) in [(ENDLESS, ""), (caught, "user_script:1.\r\n")] {
        let (mut caller, mut other) = busy(&server, script);
        assert_eq!(other.call(&["SCRIPT", "KILL"]), b"+OK\r\n");
        let answer = caller.read_frame();
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.starts_with("-ERR Script killed by user with SCRIPT KILL... script: "), "{answer}");
        assert!(answer.ends_with(place) && (!place.is_empty() || !answer.contains(":1.")), "{answer}");
        assert_eq!(other.call(&["SCRIPT", "KILL"]), b"-NOTBUSY No scripts in execution right now.\r\n");
        assert_eq!(caller.call(&["EVAL", "return 1", "0"]), b":1\r\n");
    }
}

#[test]
fn a_server_that_a_script_keeps_busy_is_shut_down() {
    let written = "redis.call('SET', KEYS[1], 'x') while true do end";
    for script in [ENDLESS, written] {
        let mut server = TestServer::start(&["--busy-reply-threshold", "1"]);
        let (_caller, mut other) = busy(&server, script);
        other.send("SHUTDOWN NOSAVE\r\n");
        assert_eq!(server.wait_for_exit().code(), Some(0), "{script}");
    }
    let mut server = TestServer::start(&["--busy-reply-threshold", "1"]);
    let _clients = busy(&server, written);
    server.signal(Signal::TERM);
    assert_eq!(server.wait_for_exit().code(), Some(0));
}

#[test]
fn an_endless_script_is_killed_also_when_its_caller_has_gone() {
    let server = TestServer::start(&["--busy-reply-threshold", "1"]);
    let (caller, mut other) = busy(&server, ENDLESS);
    drop(caller);
    assert!(other.call(&["GET", "k"]).starts_with(b"-BUSY "));
    assert_eq!(other.call(&["SCRIPT", "KILL"]), b"+OK\r\n");
    eventually("an end", || (other.call(&["GET", "k"]) == b"$-1\r\n").then_some(()));
}

#[test]
fn the_threshold_holds_for_a_script_that_runs_when_it_is_set() {
    let server = TestServer::start(&["--busy-reply-threshold", "1000000"]);
    let (mut caller, mut other) = (Peer::connect(&server.addr()), Peer::connect(&server.addr()));
    caller.send_command(&["EVAL", ENDLESS, "0"]);
    assert_eq!(other.call(&["CONFIG", "SET", "busy-reply-threshold", "1"]), b"+OK\r\n");
    eventually("busy", || other.call(&["GET", "k"]).starts_with(b"-BUSY ").then_some(()));
    assert_eq!(other.call(&["SCRIPT", "KILL"]), b"+OK\r\n");
    assert!(caller.read_frame().starts_with(b"-ERR Script killed"));
}
