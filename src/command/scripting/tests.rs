//! What scripts answer, and what they may not do to others.

use std::time::Duration;

use crate::command::elsewhere;
use crate::command::test_support::{Peer, World, beside_executors, heard_until};
use crate::resp::Proto;

/// What a script answers to a client of its own.
fn answer(world: &World, script: &str) -> String {
    world.client().say(&format!("EVAL \"{script}\" 0"))
}

#[test]
fn values_are_answered_as_redis_answers_them() {
    let world = World::new();
    for (script, expected) in [
        ("return 3.99", ":3\r\n"),
        ("return {1,2,nil,4}", "*2\r\n:1\r\n:2\r\n"),
        ("return {true,false,'x',{ok='fine'}}", "*4\r\n:1\r\n$-1\r\n$1\r\nx\r\n+fine\r\n"),
        ("return redis.error_reply('MY error')", "-MY error\r\n"),
        ("return {double=3.5}", "$3\r\n3.5\r\n"),
        ("return redis.call('set','k','v')", "+OK\r\n"),
        ("return {redis.call('get','k'),redis.call('get','none')}", "*2\r\n$1\r\nv\r\n$-1\r\n"),
        ("return redis.pcall('nosuch').err", "$44\r\nERR Unknown Redis command called from script\r\n"),
        ("return select(2, pcall(redis.call,'nosuch'))", "$44\r\nERR Unknown Redis command called from script\r\n"),
        ("redis.setresp(3) return redis.call('get','none') == nil", ":1\r\n"),
        ("return redis.sha1hex('')", "$40\r\nda39a3ee5e6b4b0d3255bfef95601890afd80709\r\n"),
        ("redis.call('select', 3) return redis.call('set','k','other')", "+OK\r\n"),
        ("return redis.call('get','k')", "$1\r\nv\r\n"),
    ] {
        assert_eq!(answer(&world, script), expected, "{script}");
    }
}

#[test]
fn nothing_leads_out_of_the_interpreter_and_nothing_is_left_in_it() {
    let world = World::new();
    for script in [
        "return os.time()",
        "return io",
        "return require",
        "return dofile('x')",
        "return print('x')",
        "return debug",
        "foo = 1",
        "string.len = 1",
        "rawset(_G, 'x', 1)",
        "setmetatable(_G, {})",
        "getmetatable('').__index = 1 return ('').len",
        "table.insert(string, 1)",
        "return loadstring(string.dump(function() end))()",
        "return load(function() return string.dump(function() end) end)()",
        "redis.call = nil",
    ] {
        let heard = answer(&world, script);
        assert!(heard.starts_with("-ERR "), "{script}: {heard}");
    }
    assert_eq!(answer(&world, "return {_G.foo == nil}").split(':').next(), Some("-ERR user_script"));
    assert_eq!(answer(&world, "return #('abc')"), ":3\r\n");
}

#[test]
fn scripts_are_known_by_their_digests_until_they_are_flushed() {
    let world = World::new();
    let client = world.client();
    let sha = "e0e1f9fabfc9d4800c877a703b823ac0578ff8db";
    assert_eq!(client.say("SCRIPT LOAD \"return 1\""), format!("$40\r\n{sha}\r\n"));
    assert_eq!(client.say(&format!("EVALSHA {sha} 0")), ":1\r\n");
    assert_eq!(client.say(&format!("SCRIPT EXISTS {sha} x")), "*2\r\n:1\r\n:0\r\n");
    assert_eq!(client.say(&format!("SCRIPT SHOW {sha}")), "$8\r\nreturn 1\r\n");
    assert_eq!(client.say("SCRIPT FLUSH"), "+OK\r\n");
    assert!(client.say(&format!("EVALSHA {sha} 0")).starts_with("-NOSCRIPT "));
    assert_eq!(client.say("SCRIPT KILL"), "-NOTBUSY No scripts in execution right now.\r\n");
}

#[test]
fn p11_a_script_that_exceeds_lua_memory_limit_ends_and_the_next_one_runs() {
    let world = World::with(&[("lua-memory-limit", "2mb")]);
    let all = "local t = {} for i = 1, 1e7 do t[i] = i end return #t";
    for script in [all, "return #string.rep('x', 1e8)", "local s = 'x' while true do s = s .. s end"] {
        let heard = answer(&world, script);
        assert!(heard.starts_with("-ERR ") && heard.contains("memory"), "{script}: {heard}");
        assert_eq!(answer(&world, "return 1"), ":1\r\n", "after {script}");
    }
    let long = "x".repeat(3_000_000);
    let client = world.client();
    client.transmit(format!("*3\r\n$6\r\nSCRIPT\r\n$4\r\nLOAD\r\n$3000000\r\n{long}\r\n").as_bytes(), 65536);
    assert!(client.resume().contains("lua-memory-limit"));
}

#[test]
fn p8_what_a_script_publishes_to_its_own_client_follows_its_answer() {
    let world = World::with(&[("notify-keyspace-events", "KA")]);
    world.server.executors.keys.attach();
    let client = world.client().speaking(Proto::Resp3);
    client.say("SUBSCRIBE a __keyspace@0__:k");
    assert_eq!(client.say("EVAL \"redis.call('set','k','v') return redis.call('publish','a','b')\" 0"), "");
    while !world.server.executors.keys.is_idle() {
        world.server.executors.keys.work(&world.server, Duration::ZERO);
    }
    world.settle();
    let heard = client.resume();
    assert!(heard.starts_with(":1\r\n>3\r\n$7\r\nmessage\r\n"), "{heard}");
    assert_eq!(heard.matches("message").count(), 2);
}

#[test]
fn scripts_in_a_transaction_run_with_it() {
    let world = World::new();
    let client = world.client();
    client.say("MULTI");
    client.say("SET k 1\r\nEVAL \"return redis.call('incr', KEYS[1])\" 1 k\r\nGET k");
    assert_eq!(client.say("EXEC"), "*3\r\n+OK\r\n:2\r\n$1\r\n2\r\n");
}

#[test]
fn p12_an_endless_script_delays_no_message_and_can_be_killed() {
    let world = World::new();
    world.server.executors.keys.attach();
    let (client, waiting, other) = (world.client(), world.client(), world.client_of(1));
    beside_executors(&world.server, || {
        let endless = "EVAL \"while true do pcall(function() while true do end end) end\" 0";
        assert_eq!(client.say(endless), "");
        while !world.server.scripts.running.is_busy(u64::MAX - 1, Duration::from_millis(1)) {
            std::thread::yield_now();
        }
        assert_eq!(waiting.say("GET k"), "");
        assert!(other.say("SUBSCRIBE a").starts_with("*3"));
        assert_eq!(world.client().say("PUBLISH a b"), ":1\r\n");
        world.advance(Duration::from_secs(6));
        elsewhere::refuse_waiting(&world.server);
        let busy = "-BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.\r\n";
        assert_eq!(heard_until(&world, &waiting, "\r\n"), busy);
        assert_eq!(other.say("PING").lines().next(), Some("*3"), "the message comes first");
        assert_eq!(world.client().say("GET k"), busy);
        assert_eq!(world.client().say("EVAL 'return 1' 0"), busy);
        assert_eq!(world.client().say("SCRIPT KILL"), "+OK\r\n");
        assert!(heard_until(&world, &client, "\r\n").starts_with("-ERR Script killed by user with SCRIPT KILL"));
    });
    assert_eq!(world.server.scripts.running.kill(), Err(crate::script::running::Unkillable::Idle));
}

/// A server with an executor for keys, whose jobs are done when a test says so.
fn beside_keys() -> World {
    let world = World::new();
    world.server.executors.keys.attach();
    world
}

/// What a request is answered at once, and what when the executor has done its jobs.
fn answers(world: &World, peer: &Peer, request: &str) -> (String, String) {
    let at_once = peer.say(request);
    while !world.server.executors.keys.is_idle() {
        world.server.executors.keys.work(&world.server, Duration::ZERO);
    }
    world.settle();
    (at_once, peer.resume())
}

const RELEASE: &str = "if redis.call('get',KEYS[1]) == ARGV[1] then return redis.call('del',KEYS[1]) else return 0 end";

#[test]
fn a_script_that_is_known_to_be_short_runs_where_its_client_is_served() {
    let world = beside_keys();
    let client = world.client();
    let release = format!("EVAL \"{RELEASE}\" 1 k v");
    assert_eq!(answers(&world, &client, &release), ("".into(), ":0\r\n".into()), "it is not known yet");
    client.say("SET k v");
    assert_eq!(answers(&world, &client, &release).0, ":1\r\n");
    assert_eq!(client.say("SET k v\r\nGET k"), "+OK\r\n$1\r\nv\r\n", "the script has let go of the keys");
    let sha = answers(&world, &client, &format!("SCRIPT LOAD \"{RELEASE}\"")).1;
    let sha = sha.lines().nth(1).expect("a digest").to_ascii_uppercase();
    assert_eq!(answers(&world, &client, &format!("EVALSHA {sha} 1 k v")).0, ":1\r\n");
    assert!(world.server.executors.keys.is_idle());
    for _ in 0..2 {
        let looped = "EVAL \"for i = 1, 2 do redis.call('get','k') end return 1\" 0";
        assert_eq!(answers(&world, &client, looped), ("".into(), ":1\r\n".into()));
    }
}

#[test]
fn p12_a_short_script_that_meets_a_long_command_begins_again_elsewhere() {
    let world = beside_keys();
    let client = world.client();
    let release = format!("EVAL \"{RELEASE}\" 1 big x");
    answers(&world, &client, &release);
    assert_eq!(answers(&world, &client, &release).0, ":0\r\n");
    answers(&world, &client, "SETRANGE big 1000000 x");
    let (at_once, later) = answers(&world, &client, &release);
    assert_eq!((at_once.as_str(), later.as_str()), ("", ":0\r\n"));
    assert!(client.say("INFO commandstats").contains("cmdstat_eval:calls=3,"), "each of them has run once");
}

#[test]
fn a_short_script_is_shown_to_monitors_once_and_runs_within_transactions() {
    let world = beside_keys();
    let (client, monitor) = (world.client(), world.client());
    let incr = "EVAL \"return redis.call('incr', KEYS[1])\" 1 k";
    for expected in [":1\r\n", ":2\r\n"] {
        let (at_once, later) = answers(&world, &client, incr);
        assert_eq!(at_once + &later, expected);
    }
    beside_executors(&world.server, || {
        let queued = client.say(&format!("MULTI\r\n{incr}\r\nGET k"));
        assert_eq!(queued, "+OK\r\n+QUEUED\r\n+QUEUED\r\n");
        let executed = client.say("EXEC");
        assert_eq!(executed + &heard_until(&world, &client, "$1\r\n3\r\n"), "*2\r\n:3\r\n$1\r\n3\r\n");
    });
    monitor.say("MONITOR");
    let (at_once, later) = answers(&world, &client, incr);
    assert_eq!((at_once.as_str(), later.as_str()), ("", ":4\r\n"));
    assert_eq!(monitor.resume().to_lowercase().matches("incr").count(), 2, "the script, and its command");
}

#[test]
fn what_a_short_script_does_is_undone_by_nothing_that_was_killed_before() {
    let world = beside_keys();
    let client = world.client();
    let script = "EVAL \"redis.call('set','k','v') return redis.call('nosuch') \" 0";
    let incr = "EVAL \"return redis.call('incr','n')\" 0";
    answers(&world, &client, incr);
    let begun = world.server.scripts.running.begin(0);
    assert_eq!(world.client().say("SCRIPT KILL"), "+OK\r\n");
    drop(begun);
    assert_eq!(answers(&world, &client, incr).0, ":2\r\n");
    answers(&world, &client, script);
    assert!(answers(&world, &client, script).1.contains("script: "), "what fails says where");
    assert_eq!(client.say("SCRIPT FLUSH"), "+OK\r\n");
    assert_eq!(answers(&world, &client, incr), ("".into(), ":3\r\n".into()));
    assert_eq!(answers(&world, &client, incr).0, ":4\r\n");
}

#[test]
fn an_error_in_a_short_script_is_told_as_in_any_other() {
    let world = beside_keys();
    let client = world.client();
    client.say("SET k text");
    for script in [
        "return redis.call('incr', 'k')",
        "\\n\\n local x = redis.call('incr', 'k') \\n return x",
        "redis.call('set', 'other', 1) \\n redis.call('incr', KEYS[1])",
        "return redis.call('set', 'k')",
        "return redis.call('set', 'k', {})",
        "return redis.call('set', 'k', nil)",
        "local x \\n return x.y",
        "return 1 + redis.call('get', 'k')",
        "return redis.call('get', 'k') < 1",
        "return nosuch",
        "return tonumber('1', 99)",
        "return {redis.call('ttl', 'k'), redis.call('incr', 'k')}",
        "return 'a'..{}",
    ] {
        let request = format!("EVAL \"{script}\" 1 k");
        let (at_once, first) = answers(&world, &client, &request);
        assert!(at_once.is_empty() && first.starts_with('-'), "{script}: {first}");
        assert_eq!(answers(&world, &client, &request), (first, String::new()), "{script}");
    }
}

#[test]
fn a_short_script_answers_as_any_other() {
    let world = beside_keys();
    let client = world.client();
    client.say("MSET k text n 7");
    for script in [
        "return",
        "return nil, 1",
        "return {1, 2.9, -3.9, 'x', {true, false}, nil, 4}",
        "return {ok = 'fine'}",
        "return {err = 'MY own'}",
        "return {double = 3.5}",
        "return redis.error_reply ~= nil and redis.pcall ~= nil and redis.acl_check_cmd ~= nil",
        "return {#KEYS, #ARGV, KEYS[1], ARGV[1], ARGV[2] == nil, KEYS.x == nil}",
        "return redis.call('mget', KEYS[1], 'none', 'n')",
        "return redis.call('set', 'other', 2^53)",
        "return {redis.call('ttl', 'none'), type(redis.call('get', 'none')), tostring(redis.call('get', 'n') + 1)}",
        "local n = 0 for i = 1, #ARGV do n = n + ARGV[i] end return n",
        "local n = 0 for i = 1, #KEYS do n = n + redis.call('strlen', KEYS[i]) if n > 1 then break end end return n",
        "return tonumber(ARGV[1]) * 1e300 * 1e300",
        "return redis.REDIS_VERSION_NUM .. redis.LOG_WARNING",
    ] {
        let request = format!("EVAL \"{script}\" 2 k k 5");
        let (at_once, first) = answers(&world, &client, &request);
        assert_eq!(at_once, "", "{script}");
        assert_eq!(answers(&world, &client, &request), (first, String::new()), "{script}");
        assert_eq!(
            client.say("EVAL \"return {#KEYS, #ARGV}\" 0 a") + &answers(&world, &client, "").1,
            "*2\r\n:0\r\n:1\r\n"
        );
    }
}

#[test]
fn a_script_that_has_written_is_not_killed() {
    let world = World::new();
    let running = &world.server.scripts.running;
    let begun = running.begin(0);
    assert!(running.may_write());
    assert!(world.client().say("SCRIPT KILL").starts_with("-UNKILLABLE "));
    drop(begun);
}
