//! Files, includes, standard input.

use super::*;

#[test]
fn a_file_sets_typed_values() {
    let config = text(
        "# comment\n\n  port 7000\r\nBIND 127.0.0.1 -::1\nrequirepass \"a\\x20b\"\nunixsocketperm 700\n\
         client-output-buffer-limit pubsub 1mb 512kb 10 normal 2g 1k 0\nmaxmemory-clients 5%\nloglevel WARNING\n\
         slowlog-log-slower-than -1\ntimeout 0\nshutdown-on-sigterm now nosave\nlogfile /tmp/x.log\n",
    );
    let settings = config.settings();
    assert_eq!(settings.port, 7000);
    assert_eq!(settings.bind, [BindAddress::read("127.0.0.1"), BindAddress::read("-::1")]);
    assert!(settings.bind[1].optional && !settings.bind[0].optional);
    assert_eq!(settings.requirepass.password(), Some(&b"a b"[..]));
    assert_eq!(settings.unixsocketperm, FileMode(0o700));
    let OutputLimits { normal, pubsub, replica } = settings.client_output_buffer_limit;
    assert_eq!((pubsub.hard, pubsub.soft, pubsub.soft_for.as_secs()), (ByteSize::mib(1), ByteSize(512 << 10), 10));
    assert_eq!((normal.hard, normal.soft), (ByteSize(2_000_000_000), ByteSize(1000)));
    assert_eq!(replica, OutputLimits::default().replica);
    assert_eq!(settings.maxmemory_clients.limit(ByteSize(1000)), Some(50));
    assert_eq!(settings.loglevel, LogLevel::Warning);
    assert_eq!(settings.slowlog_log_slower_than.enabled(), None);
    assert_eq!(settings.timeout.enabled(), None);
    assert!(settings.shutdown_on_sigterm.now && settings.shutdown_on_sigterm.nosave);
    assert_eq!(settings.logfile.as_deref(), Some(Path::new("/tmp/x.log")));
    assert!(config.is_explicit("port") && !config.is_explicit("maxclients"));
}

#[test]
fn the_last_value_wins_and_gathering_directives_gather() {
    let config = text(
        "timeout 1\ntimeout 2\nsave 900 1\nsave 300 10\nrename-command FLUSHALL \"\"\nrename-command DEBUG \"bug\"\n",
    );
    assert_eq!(config.settings().timeout, Seconds(2));
    assert_eq!(value(&config, "save"), "900 1 300 10");
    let renames = &config.settings().rename_command;
    assert_eq!(renames.len(), 2);
    assert_eq!((renames[0].to.as_slice(), renames[1].to.as_slice()), (&b""[..], &b"bug"[..]));
    assert_eq!(value(&text("save 900 1\nsave \"\"\n"), "save"), "");
}

#[test]
fn sizes_have_the_units_of_redis() {
    for (size, bytes) in [
        ("1", 1),
        ("1b", 1),
        ("1k", 1000),
        ("1kb", 1024),
        ("1m", 1_000_000),
        ("1MB", 1 << 20),
        ("1g", 1_000_000_000),
        ("1Gb", 1 << 30),
    ] {
        assert_eq!(text(&format!("maxmemory {size}")).settings().maxmemory, ByteSize(bytes), "{size}");
    }
    for wrong in ["-1", "1tb", "1 kb", "kb1"] {
        assert!(Config::from_pairs(&[("maxmemory", wrong)]).is_err(), "{wrong}");
    }
}

#[test]
fn an_include_is_read_at_its_place_and_may_be_a_pattern() {
    let files =
        Files::new(&[("10.conf", "port 10\ntimeout 10\n"), ("20.conf", "port 20\n"), (".hidden.conf", "x y\n")]);
    let main = format!("timeout 1\ninclude {}\nport 30\n", files.text("*.conf"));
    assert_eq!(text(&main).settings().port, 30);
    assert_eq!(text(&main).settings().timeout, Seconds(10));
    let first = format!("port 30\ninclude {}\n", files.text("[12]0.conf"));
    assert_eq!(text(&first).settings().port, 20);
    let nothing = format!("include {}\nport 1\n", files.text("none-*.conf"));
    assert_eq!(text(&nothing).settings().port, 1);
}

#[test]
fn an_error_names_the_file_and_line_where_it_is() {
    let files = Files::new(&[("inner.conf", "timeout 1\nport x\n"), ("loop.conf", "")]);
    files.write("outer.conf", &format!("port 1\ninclude {}\n", files.text("inner.conf")));
    files.write("loop.conf", &format!("\ninclude {}\n", files.text("loop.conf")));
    files.write("missing.conf", &format!("include {}\n", files.text("absent.conf")));
    let place = format!("{} line 2: port: argument couldn't be parsed into an integer; ", files.text("inner.conf"));
    assert!(error(&[&files.text("outer.conf")]).starts_with(&place));
    let looped = error(&[&files.text("loop.conf")]);
    assert!(looped.starts_with(&format!("{} line 2: more than 16 files", files.text("loop.conf"))), "{looped}");
    let missing = error(&[&files.text("missing.conf")]);
    let (includer, absent) = (files.text("missing.conf"), files.text("absent.conf"));
    let expected = format!("{includer} line 1: include: can't open {absent}: No such file or directory; ");
    assert!(missing.starts_with(&expected), "{missing}");
    assert!(error(&[&absent]).starts_with(&format!("{absent}: can't open the configuration file: No such file")));
}

#[test]
fn every_mistake_is_one_line_with_a_cure() {
    for (line, expected) in [
        ("prot 1", "unknown directive 'prot'; did you mean 'port'?"),
        ("frobnicate 1", "unknown directive 'frobnicate'; remove it; pregon --print-example lists every directive"),
        ("port", "port: wrong number of arguments; it takes: 0..65535"),
        ("port 1 2", "port: wrong number of arguments; it takes: 0..65535"),
        ("port 65536", "port: argument must be between 0 and 65535 inclusive; it takes: 0..65535"),
        ("protected-mode maybe", "protected-mode: argument must be 'yes' or 'no'; it takes: yes|no"),
        ("requirepass \"a", "unbalanced quotes; close every quote, and put a blank after a closing one"),
        ("include a b", "include: wrong number of arguments; it takes: a path or a pattern"),
        (
            "appendfsync often",
            "appendfsync: argument(s) must be one of the following: everysec, always, no; it takes: ",
        ),
        ("daemonize yes", "daemonize: the server stays in the foreground; let systemd"),
        ("replicaof \"\" 1", "replicaof: Invalid master host; it takes: host and port, or: no one"),
        (
            "tls-auth-clients maybe",
            "tls-auth-clients: argument(s) must be one of the following: no, yes, optional; it takes: no|yes|optional",
        ),
        ("sentinel monitor m 127.0.0.1 6379 2", "sentinel: this is no Sentinel; remove the line"),
        ("\"a\\nb\" 1", "unknown directive 'a b'; "),
    ] {
        let files = Files::new(&[("redis.conf", &format!("timeout 1\n{line}\n"))]);
        let error = error(&[&files.text("redis.conf")]);
        let expected = format!("{} line 2: {expected}", files.text("redis.conf"));
        assert!(error.starts_with(&expected), "{error}\n{expected}");
        assert_eq!(error.lines().count(), 1);
    }
}

/// Values that ask for something that does not exist here, and values of the same directives that do not.
const ONE_VALUE_ONLY: [(&str, &str); 1] = [("daemonize yes", "daemonize no")];

#[test]
fn what_takes_one_value_only_is_judged_when_all_has_been_read() {
    for (refused, taken) in ONE_VALUE_ONLY {
        let (name, value) = taken.split_once(' ').expect("a name and a value");
        let files = Files::new(&[("inner.conf", &format!("timeout 1\n{refused}\n"))]);
        let include = format!("include {}", files.text("inner.conf"));
        files.write("redis.conf", &format!("{include}\n"));
        for (text, args) in [
            (format!("{refused}\n{taken}\n"), vec![]),
            (format!("{include}\n{taken}\n"), vec![]),
            (String::new(), vec![files.text("redis.conf"), format!("--{name}"), value.replace('"', "")]),
            (String::new(), vec![format!("--{refused}"), format!("--{taken}")]),
        ] {
            let mut all: Vec<&str> = args.iter().map(String::as_str).collect();
            all.push("-");
            let read = call_with(&all, &text);
            assert!(matches!(read, Ok(Invocation::Run { .. })), "{text} {args:?}: {read:?}");
        }
        let error = error(&[&files.text("redis.conf"), "--timeout", "1"]);
        assert!(error.starts_with(&format!("{} line 2: {name}: ", files.text("inner.conf"))), "{error}");
        let error = call_with(&["-"], &format!("{taken}\n{refused}\n{refused}\n")).expect_err("the last wins");
        assert_eq!((error.origin.as_deref(), error.line), (Some("standard input"), Some(2)));
    }
}

#[test]
fn lines_about_users_add_up_and_name_each_once() {
    let (config, _) = run_with(&["-"], "user ann on >x +@all\nuser bob off (+get ~a)\n");
    let words: Vec<usize> = config.settings().user.0.iter().map(|user| user.words.len()).collect();
    assert_eq!(words, [4, 4]);
    assert!(!format!("{config:?}").contains(">x"));
    let error = call_with(&["-"], "user ann on\nuser ann off\n").expect_err("she is there twice");
    assert_eq!(error.line, Some(2));
}

#[test]
fn the_user_that_redis_writes_into_every_file_is_no_error() {
    let (_, warnings) =
        run_with(&["-"], "user default on nopass sanitize-payload ~* &* +@all\ndaemonize no\ntls-port 0\n");
    assert_eq!(warnings, Vec::<String>::new());
}

/// Every directive of a stock redis.conf of Redis 7.2, with its value there.
const STOCK: &str = r#"
bind 127.0.0.1 -::1
protected-mode yes
port 6379
tcp-backlog 511
timeout 0
tcp-keepalive 300
daemonize no
pidfile /var/run/redis_6379.pid
loglevel notice
logfile ""
databases 16
always-show-logo no
set-proc-title yes
proc-title-template "{title} {listen-addr} {server-mode}"
locale-collate ""
stop-writes-on-bgsave-error yes
rdbcompression yes
rdbchecksum yes
dbfilename dump.rdb
rdb-del-sync-files no
dir ./
replica-serve-stale-data yes
replica-read-only yes
repl-diskless-sync yes
repl-diskless-sync-delay 5
repl-diskless-sync-max-replicas 0
repl-diskless-load disabled
repl-disable-tcp-nodelay no
replica-priority 100
acllog-max-len 128
lazyfree-lazy-eviction no
lazyfree-lazy-expire no
lazyfree-lazy-server-del no
replica-lazy-flush no
lazyfree-lazy-user-del no
lazyfree-lazy-user-flush no
oom-score-adj no
oom-score-adj-values 0 200 800
disable-thp yes
appendonly no
appendfilename "appendonly.aof"
appenddirname "appendonlydir"
appendfsync everysec
no-appendfsync-on-rewrite no
auto-aof-rewrite-percentage 100
auto-aof-rewrite-min-size 64mb
aof-load-truncated yes
aof-use-rdb-preamble yes
aof-timestamp-enabled no
slowlog-log-slower-than 10000
slowlog-max-len 128
latency-monitor-threshold 0
notify-keyspace-events ""
hash-max-listpack-entries 512
hash-max-listpack-value 64
list-max-listpack-size -2
list-compress-depth 0
set-max-intset-entries 512
set-max-listpack-entries 128
set-max-listpack-value 64
zset-max-listpack-entries 128
zset-max-listpack-value 64
hll-sparse-max-bytes 3000
stream-node-max-bytes 4096
stream-node-max-entries 100
activerehashing yes
client-output-buffer-limit normal 0 0 0
client-output-buffer-limit replica 256mb 64mb 60
client-output-buffer-limit pubsub 32mb 8mb 60
hz 10
dynamic-hz yes
aof-rewrite-incremental-fsync yes
rdb-save-incremental-fsync yes
jemalloc-bg-thread yes
"#;

#[test]
fn a_stock_file_of_redis_starts_and_nothing_is_said_of_it() {
    let (config, warnings) = run_with(&["-"], STOCK);
    assert_eq!(warnings, Vec::<String>::new());
    assert_eq!(config.settings().bind.len(), 2);
    assert_eq!(value(&config, "auto-aof-rewrite-min-size"), "67108864");
}

#[test]
fn the_parameters_of_a_module_are_named_in_the_warning() {
    let (_, warnings) =
        run_with(&["-"], "loadmodule /x/search.so A B\nsearch.timeout 5\nsearch.timeout 6\nrdbcompression no\nhz 5\n");
    let names: Vec<&str> = warnings.iter().filter_map(|line| line.split(". ").next()).collect();
    let expected = ["rdbcompression", "loadmodule, search.timeout", "hz"];
    assert_eq!(names, expected.map(|names| format!("no effect here: {names}")));
}

#[test]
fn what_editors_put_in_front_of_a_text_and_at_its_line_ends_is_no_part_of_it() {
    let files = Files::new(&[("redis.conf", "\u{feff}timeout 7\r\nport 0\r\n")]);
    assert_eq!(value(&run(&[&files.text("redis.conf")]), "timeout"), "7");
}
