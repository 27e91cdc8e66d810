//! A cache of two levels, whose instances learn what to forget from each other or from the server.

use libtest_mimic::Failed;

use crate::example::{Case, Example, Stage};
use crate::part::Part;
use crate::support::language::Language;

pub(crate) static EXAMPLE: Example = Example::new("distributed-cache", &[Language::Python]);

pub(crate) const CASES: &[Case] = &[
    ("the_demonstration_shows_that_bilbao_forgets_what_madrid_changes", demonstration),
    ("an_announcing_cache_forgets_everything_when_it_may_have_missed_something", announced_after_loss),
    ("a_tracking_cache_forgets_everything_when_it_may_have_missed_something", tracked_after_loss),
    ("a_tracking_cache_notices_what_strangers_change", tracked_with_strangers),
];

const DEMONSTRATION: &str = "\
== announced
madrid: ready
madrid: sets price to 10
bilbao: ready
bilbao: price is 10, says the server
bilbao: price is 10, says memory
madrid: sets price to 12
bilbao: forgets price
bilbao: price is 12, says the server
== tracked
madrid: ready
madrid: sets price to 10
bilbao: ready
bilbao: price is 10, says the server
bilbao: price is 10, says memory
madrid: sets price to 12
bilbao: forgets price
bilbao: price is 12, says the server
madrid: sets price to 9 for 2 seconds
bilbao: forgets price
bilbao: price is 9, says the server
bilbao: forgets price
bilbao: price is unknown, says the server";

fn demonstration(example: &'static Example) -> Result<(), Failed> {
    assert_eq!(example.stage(&[])?.demonstration().join("\n"), DEMONSTRATION);
    Ok(())
}

fn announced_after_loss(example: &'static Example) -> Result<(), Failed> {
    come_back(&mut example.stage(&[])?, "announced")
}

fn tracked_after_loss(example: &'static Example) -> Result<(), Failed> {
    come_back(&mut example.stage(&[])?, "tracked")
}

/// The connections that listen are lost, and then the server is: each time both instances begin anew, and still learn
/// of changes.
fn come_back(stage: &mut Stage, kind: &str) -> Result<(), Failed> {
    let (mut madrid, mut bilbao) = (instance(stage, "madrid", kind), instance(stage, "bilbao", kind));
    change(stage, &mut madrid, &mut bilbao);
    assert_eq!(stage.peer().call(&["CLIENT", "KILL", "TYPE", "pubsub"]), b":2\r\n");
    madrid.expect("madrid: forgets everything");
    bilbao.expect("bilbao: forgets everything");
    change(stage, &mut madrid, &mut bilbao);
    stage.server.restart();
    madrid.expect("madrid: forgets everything");
    bilbao.expect("bilbao: forgets everything");
    change(stage, &mut madrid, &mut bilbao);
    for instance in [madrid, bilbao] {
        instance.finish();
    }
    Ok(())
}

/// What is changed in Madrid is forgotten in Bilbao. Neither remembers anything before.
fn change(stage: &Stage, madrid: &mut Part, bilbao: &mut Part) {
    assert_eq!(stage.peer().call(&["SET", "price", "11"]), b"+OK\r\n");
    ask(bilbao, "get price", "bilbao: price is 11, says the server");
    ask(madrid, "set price 12", "madrid: sets price to 12");
    bilbao.expect("bilbao: forgets price");
    ask(bilbao, "get price", "bilbao: price is 12, says the server");
    ask(bilbao, "get price", "bilbao: price is 12, says memory");
}

fn tracked_with_strangers(example: &'static Example) -> Result<(), Failed> {
    let stage = example.stage(&[])?;
    let mut bilbao = instance(&stage, "bilbao", "tracked");
    let mut stranger = stage.peer();
    assert_eq!(stranger.call(&["SET", "price", "7"]), b"+OK\r\n");
    ask(&mut bilbao, "get price", "bilbao: price is 7, says the server");
    assert_eq!(stranger.call(&["DEL", "price"]), b":1\r\n");
    bilbao.expect("bilbao: forgets price");
    ask(&mut bilbao, "set price 8", "bilbao: sets price to 8");
    ask(&mut bilbao, "get price", "bilbao: price is 8, says the server");
    assert_eq!(stranger.call(&["FLUSHALL"]), b"+OK\r\n");
    bilbao.expect("bilbao: forgets everything");
    ask(&mut bilbao, "get price", "bilbao: price is unknown, says the server");
    Ok(())
}

fn instance(stage: &Stage, name: &str, kind: &str) -> Part {
    let mut instance = stage.start(".venv/bin/python", &["instance.py", name, kind]);
    instance.expect(&format!("{name}: ready"));
    instance
}

/// Types a line, which is answered by the next line.
fn ask(instance: &mut Part, line: &str, answer: &str) {
    instance.say(line);
    assert_eq!(instance.next_line(), answer);
}
