//! `--check`: everything that is wrong or in vain, with its place.

use super::*;

/// What is found in the file and the options.
fn check(args: &[&str]) -> Examination {
    match call(&[args, &["--check"]].concat()) {
        Ok(Invocation::Check(found)) => found,
        other => panic!("{args:?}: {other:?}"),
    }
}

fn errors(found: &Examination) -> Vec<String> {
    found.errors.iter().map(ToString::to_string).collect()
}

#[test]
fn every_error_is_found_where_it_stands_and_the_rest_is_read() {
    let files = Files::new(&[("inner.conf", "timeout x\nmaxclients 7\n")]);
    let inner = files.text("inner.conf");
    files.write(
        "redis.conf",
        &format!("daemonize yes\nprot 1\nport 65536\nrequirepass \"a\ninclude {inner}\ninclude /nowhere.conf\nhz x\n"),
    );
    let main = files.text("redis.conf");
    let found = check(&[&main, "--databases", "0"]);
    let expected = [
        format!("{main} line 2: unknown directive 'prot'; did you mean 'port'?"),
        format!("{main} line 3: port: argument must be between 0 and 65535 inclusive; it takes: 0..65535"),
        format!("{main} line 4: unbalanced quotes; "),
        format!("{inner} line 1: timeout: "),
        format!("{main} line 6: include: can't open /nowhere.conf: "),
        format!("{main} line 7: hz: "),
        "command line: databases: ".into(),
        format!("{main} line 1: daemonize: the server stays in the foreground; "),
    ];
    let errors = errors(&found);
    assert_eq!(errors.len(), expected.len(), "{errors:#?}");
    for (error, expected) in errors.iter().zip(expected) {
        assert!(error.starts_with(&expected), "{error}\n{expected}");
    }
    assert_eq!(found.config.settings().maxclients, 7);
}

#[test]
fn what_a_start_refuses_is_the_first_of_what_is_found() {
    let files = Files::new(&[("redis.conf", "timeout 1\nport x\nprot 1\n"), ("good.conf", "timeout 1\n")]);
    let file = files.text("redis.conf");
    assert_eq!(errors(&check(&[&file]))[0], error(&[&file]));
    assert!(check(&[&files.text("good.conf")]).errors.is_empty());
    let absent = files.text("absent.conf");
    assert_eq!(errors(&check(&[&absent])), [error(&[&absent])]);
}

#[test]
fn a_file_that_includes_itself_twice_is_left_when_that_is_clear() {
    let files = Files::new(&[("loop.conf", "")]);
    let file = files.text("loop.conf");
    files.write("loop.conf", &format!("include {file}\ninclude {file}\n"));
    assert!(check(&[&file]).errors.len() <= 101);
}

#[test]
fn what_is_in_vain_is_said_of_each_line() {
    let files = Files::new(&[("inner.conf", "appendonly yes\n")]);
    let inner = files.text("inner.conf");
    let text =
        format!("save 900 1\ninclude {inner}\nsave 60 5\nloadmodule /x.so\nrename-command HSET \"\"\nhz 10\nport 1\n");
    files.write("redis.conf", &text);
    let main = files.text("redis.conf");
    let found = check(&[&main, "--search.timeout", "1"]);
    let disk = "no effect here. Nothing is kept on disk: keys are gone when the server ends.";
    let modules =
        "no effect here. There are no modules and none of their commands, and scripts are replicated to nobody.";
    assert_eq!(
        found.in_vain,
        [
            format!("{main} line 1: save: {disk}"),
            format!("{inner} line 1: appendonly: {disk}"),
            format!("{main} line 3: save: {disk}"),
            format!("{main} line 4: loadmodule: {modules}"),
            format!("command line: search.timeout: {modules}"),
            format!("{main} line 5: rename-command HSET: no effect here. There is no such command."),
        ]
    );
    assert_eq!((found.in_effect, found.idle), (vec!["port", "rename-command"], vec!["hz"]));
}

/// As it comes with the package, without its comments.
const DEBIAN: &str = "bind 127.0.0.1 -::1\nport 6379\ndaemonize yes\nlogfile /var/log/redis/redis-server.log\nsave 60 5\n\
    dir /var/lib/redis\nappendonly no\nhz 10\n";

#[test]
fn the_file_of_a_distribution_shows_what_to_change_what_works_and_what_does_not() {
    let files = Files::new(&[("redis.conf", DEBIAN)]);
    let file = files.text("redis.conf");
    let found = check(&[&file]);
    assert_eq!(errors(&found).len(), 1);
    assert!(errors(&found)[0].starts_with(&format!("{file} line 3: daemonize: ")), "{found:?}");
    let summary = found.summary();
    assert_eq!(
        summary,
        [
            "in effect: bind, dir, logfile, port",
            "no effect here, and not missed: as in Redis when nothing is said: appendonly, hz",
        ]
    );
    // As its unit starts it.
    assert!(check(&[&file, "--supervised", "systemd", "--daemonize", "no"]).errors.is_empty());
}
