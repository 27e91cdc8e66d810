//! One event reaches all that listen, and who published it does not know them.

use libtest_mimic::Failed;

use crate::example::{Case, Example};
use crate::support::language::Language;

pub(crate) static EXAMPLE: Example = Example::new("microservice-events", &[Language::Python, Language::Node]);

pub(crate) const CASES: &[Case] = &[
    ("the_demonstration_shows_one_event_in_three_consumers_and_in_monitor", demonstration),
    ("a_consumer_takes_the_kinds_that_it_wants", kinds),
];

const DEMONSTRATION: &str = r#"logger ready
mailer ready
reader ready
ana posts, 3 listen
log: blogpost {'author': 'ana', 'title': 'Pub/sub, heard by whoever is there'}
mail: ana has written "Pub/sub, heard by whoever is there"
reader sees "Pub/sub, heard by whoever is there" by ana
monitor: "PUBLISH" "events:blogpost" "{\"author\": \"ana\", \"title\": \"Pub/sub, heard by whoever is there\"}"
bea posts, 3 listen
log: blogpost {'author': 'bea', 'title': 'Ñandúes y pregones'}
mail: bea has written "Ñandúes y pregones"
reader sees "Ñandúes y pregones" by bea
monitor: "PUBLISH" "events:blogpost" "{\"author\": \"bea\", \"title\": \"\xc3\x91and\xc3\xbaes y pregones\"}""#;

fn demonstration(example: &'static Example) -> Result<(), Failed> {
    let mut stage = example.stage(&[])?;
    stage.provide_redis_cli();
    assert_eq!(stage.demonstration().join("\n"), DEMONSTRATION);
    Ok(())
}

fn kinds(example: &'static Example) -> Result<(), Failed> {
    let stage = example.stage(&[])?;
    let [mut logger, mut mailer] = ["logger", "mailer"].map(|name| {
        let mut consumer = stage.start(".venv/bin/python", &[&format!("{name}.py")]);
        consumer.expect(&format!("{name} ready"));
        consumer
    });
    let mut peer = stage.peer();
    assert_eq!(peer.call(&["PUBLISH", "events:comment", r#"{"by": "cid"}"#]), b":1\r\n");
    assert_eq!(peer.call(&["PUBLISH", "events:blogpost", r#"{"author": "ana", "title": "x"}"#]), b":2\r\n");
    assert_eq!(mailer.next_line(), "mail: ana has written \"x\"");
    assert_eq!(logger.next_line(), "log: comment {'by': 'cid'}");
    assert_eq!(logger.next_line(), "log: blogpost {'author': 'ana', 'title': 'x'}");
    Ok(())
}
