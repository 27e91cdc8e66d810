//! Users that files keep.

use crate::clock::Clock;
use crate::command::test_support::World;
use crate::config::Config;

/// A file with this text, which goes with what is answered.
fn acl_file(text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().expect("there is room");
    let path = folder.path().join("users.acl");
    std::fs::write(&path, text).expect("there is room");
    let path = path.to_str().expect("its name is text").to_owned();
    (folder, path)
}

#[test]
fn users_of_the_configuration_are_there_from_the_start() {
    let world = World::with(&[("user", "ann on >secret +ping"), ("user", "default on >other +@all ~* &*")]);
    let client = world.client();
    assert_eq!(client.say("PING"), "-NOAUTH Authentication required.\r\n");
    assert_eq!(client.say("AUTH ann secret\r\nPING"), "+OK\r\n+PONG\r\n");
    assert_eq!(client.say("AUTH other\r\nACL USERS"), "+OK\r\n*2\r\n$3\r\nann\r\n$7\r\ndefault\r\n");
}

#[test]
fn users_that_make_no_sense_keep_the_server_from_starting() {
    let (_folder, path) = acl_file("user ann on\n");
    let (_bad_folder, bad) = acl_file("user ann on\n\nann off\nuser bob +nothing >x\n");
    let started = |pairs: &[(&str, &str)]| {
        let config = Config::from_pairs(pairs).expect("the directives are valid");
        crate::command::new_server(config, Clock::simulated()).map(drop).map_err(|error| error.to_string())
    };
    assert_eq!(started(&[("aclfile", &path)]), Ok(()));
    let error = started(&[("aclfile", &path), ("user", "bob on")]).expect_err("there are both");
    assert!(error.contains("only one would count"), "{error}");
    let error = started(&[("user", "bob on >pass +nothing")]).expect_err("there is no such command");
    assert!(error.contains("the rule '+nothing': Unknown command or category name in ACL"), "{error}");
    let error = started(&[("user", "bob #secret")]).expect_err("that is no digest");
    assert!(!error.contains("secret"), "{error}");
    let error = started(&[("aclfile", &bad)]).expect_err("there are mistakes");
    let first = format!("{bad}:3 should start with user keyword followed by the username. ");
    assert!(error.contains(&(first + &bad + ":4: Error in applying operation '+nothing': Unknown")), "{error}");
    assert!(started(&[("aclfile", "/nowhere/users.acl")]).is_err());
}

#[test]
fn acl_load_takes_all_of_a_file_or_nothing_and_ends_who_has_gone() {
    let (_folder, path) =
        acl_file("user ann on nopass +@all &a\nuser bob on nopass +@all &a &b\nuser eve on nopass +@all\n");
    let world = World::with(&[("aclfile", &path)]);
    let (operator, others) = (world.client(), ["ann", "bob", "eve"].map(|_| world.client_of(1)));
    for (other, name) in others.iter().zip(["ann", "bob", "eve"]) {
        assert_eq!(other.say(&format!("AUTH {name} x")), "+OK\r\n");
    }
    let [ann, bob, eve] = &others;
    ann.say("SUBSCRIBE a");
    bob.say("SUBSCRIBE b");
    std::fs::write(&path, "user ann on nopass +@all\nnonsense\n").expect("there is room");
    let refused = operator.say("ACL LOAD");
    assert!(refused.starts_with(&format!("-ERR {path}:2 should start with user keyword")), "{refused}");
    assert!(operator.say("ACL USERS").starts_with("*4\r\n"));
    std::fs::write(&path, "user ann on nopass +@all &a ~x\nuser bob on nopass +@all &a\n").expect("there is room");
    assert_eq!(operator.say("ACL LOAD"), "+OK\r\n");
    world.settle();
    assert!(!ann.is_finished() && bob.is_finished() && eve.is_killed());
    assert_eq!(operator.say("ACL USERS"), "*3\r\n$3\r\nann\r\n$3\r\nbob\r\n$7\r\ndefault\r\n");
}

#[test]
fn acl_save_writes_what_acl_load_reads() {
    let (_folder, path) = acl_file("");
    let world = World::with(&[("aclfile", &path)]);
    let client = world.client();
    client.say("ACL SETUSER ann on >secret ~a* %P&b +get (+set ~c)");
    let list = client.say("ACL LIST");
    assert_eq!(
        client.say("ACL SAVE\r\nACL DELUSER ann\r\nACL LOAD\r\nACL LIST"),
        format!("+OK\r\n:1\r\n+OK\r\n{list}")
    );
    let text = std::fs::read_to_string(&path).expect("it has been written");
    assert!(text.starts_with("user ann on sanitize-payload #") && !text.contains("secret"), "{text}");
    let refused = "-ERR This Redis instance is not configured to use an ACL file.";
    assert!(World::new().client().say("ACL SAVE").starts_with(refused));
}
