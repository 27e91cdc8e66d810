//! The same event on a channel and on a stream: whoever was away catches up.

use libtest_mimic::Failed;

use crate::example::{Case, Example, Stage};
use crate::part::Part;
use crate::support::language::Language;

pub(crate) static EXAMPLE: Example = Example::new("guaranteed-beside-fast", &[Language::Python]);

pub(crate) const CASES: &[Case] = &[
    ("the_demonstration_shows_that_the_ledger_catches_up", demonstration),
    ("the_ledger_books_every_event_once_and_in_order_although_its_connection_is_lost", lost_connections),
    ("the_ledger_reads_a_long_log_in_batches", long_log),
];

const DEMONSTRATION: &str = "\
== both listen
dashboard: ready
ledger: ready, has missed nothing: 0 booked
publisher: order 1 paid; 2 listened
dashboard: order 1 paid
ledger: order 1 paid
== both are away
publisher: order 1 sent; 0 listened
publisher: order 2 paid; 0 listened
== both are back
dashboard: ready
ledger: order 1 sent
ledger: order 2 paid
ledger: ready, has missed nothing: 2 booked
publisher: order 2 sent; 2 listened
dashboard: order 2 sent
ledger: order 2 sent";

fn demonstration(example: &'static Example) -> Result<(), Failed> {
    let stage = example.stage(&[])?;
    assert_eq!(stage.demonstration().join("\n"), DEMONSTRATION);
    assert_eq!(stage.demonstration().join("\n"), DEMONSTRATION, "the ledger goes on where it was");
    Ok(())
}

fn lost_connections(example: &'static Example) -> Result<(), Failed> {
    let stage = example.stage(&[])?;
    let mut ledger = ledger(&stage);
    ledger.expect("ledger: ready, has missed nothing: 0 booked");
    let mut publisher = stage.start(".venv/bin/python", &["publisher.py"]);
    let mut operator = stage.peer();
    for number in 1..=100 {
        if number % 10 == 0 {
            operator.call(&["CLIENT", "KILL", "TYPE", "pubsub"]);
        }
        publisher.say(&format!("event {number}"));
        publisher.expect_containing(&format!("publisher: event {number};"));
    }
    ledger.expect("ledger: event 100");
    assert_eq!(events(&ledger_end(ledger)), (1..=100).collect::<Vec<_>>());
    publisher.finish();
    Ok(())
}

fn long_log(example: &'static Example) -> Result<(), Failed> {
    let stage = example.stage(&[])?;
    let mut publisher = stage.start(".venv/bin/python", &["publisher.py"]);
    for number in 1..=250 {
        publisher.say(&format!("event {number}"));
    }
    publisher.finish();
    let mut ledger = ledger(&stage);
    ledger.expect("ledger: ready, has missed nothing: 250 booked");
    assert_eq!(events(&ledger_end(ledger)), (1..=250).collect::<Vec<_>>());
    Ok(())
}

fn ledger(stage: &Stage) -> Part {
    stage.start(".venv/bin/python", &["ledger.py"])
}

/// Everything that the ledger has printed when it has been interrupted.
fn ledger_end(ledger: Part) -> Vec<String> {
    ledger.interrupt();
    ledger.finish()
}

/// The numbers of the events that a ledger has booked.
fn events(lines: &[String]) -> Vec<u32> {
    lines.iter().filter_map(|line| line.strip_prefix("ledger: event ")?.parse().ok()).collect()
}
