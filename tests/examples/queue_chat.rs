//! Messages wait in a queue until their receiver takes them out.

use libtest_mimic::Failed;

use crate::example::{Case, Example, Stage};
use crate::part::Part;
use crate::support::language::Language;

pub(crate) static EXAMPLE: Example = Example::new("queue-chat", &[Language::Python]);

pub(crate) const CASES: &[Case] = &[
    ("the_demonstration_shows_that_messages_wait_and_keep_every_character", demonstration),
    ("the_server_is_open_to_other_addresses", open_to_other_addresses),
    ("each_message_goes_to_one_of_two_receivers", two_receivers),
    ("what_is_no_message_does_not_stop_the_receiver", nonsense),
];

/// As the README starts it: open to other machines, without a password.
const OPEN: &[&str] = &["--bind", "0.0.0.0", "--protected-mode", "no"];

const DEMONSTRATION: &str = "\
ana to bea: ¡Hola, Bea! ¿Qué tal?
ana to bea: Mañana hay corrida de pregones 📯
2 messages wait for bea
bea: ready
bea hears ana: ¡Hola, Bea! ¿Qué tal?
bea hears ana: Mañana hay corrida de pregones 📯
ana to bea: Ça va? Grüße, 你好, привет 👋🏽
bea hears ana: Ça va? Grüße, 你好, привет 👋🏽
ana to bea: 👩‍👩‍👧‍👦 wait for you
bea hears ana: 👩‍👩‍👧‍👦 wait for you
bea: bye";

fn demonstration(example: &'static Example) -> Result<(), Failed> {
    assert_eq!(example.stage(OPEN)?.demonstration().join("\n"), DEMONSTRATION);
    Ok(())
}

fn open_to_other_addresses(example: &'static Example) -> Result<(), Failed> {
    let mut stage = example.stage(OPEN)?;
    let mut bea = receiver(&stage);
    // Another address of this machine, on which a server bound to 127.0.0.1 does not listen.
    stage.set("REDIS_URL", format!("redis://127.0.0.2:{}", stage.server.port()));
    let mut ana = sender(&stage);
    for text in ["ñandú 🦤", "\"quoted\" \\ back", "{\"json\": [1]}"] {
        ana.say(text);
        assert_eq!(bea.next_line(), format!("bea hears ana: {text}"));
    }
    ana.finish();
    bea.interrupt();
    assert_eq!(bea.finish().last().map(String::as_str), Some("bea: bye"));
    Ok(())
}

fn two_receivers(example: &'static Example) -> Result<(), Failed> {
    let stage = example.stage(OPEN)?;
    let [first, mut second] = [receiver(&stage), receiver(&stage)];
    let mut ana = sender(&stage);
    let numbers: Vec<String> = (0..40).map(|n| format!("{n:02}")).collect();
    for number in &numbers {
        ana.say(&format!("message {number}"));
    }
    first.interrupt();
    let first = first.finish();
    // The last one can only be taken by the second receiver, after all others have been taken.
    ana.say("the end");
    second.expect("bea hears ana: the end");
    second.interrupt();
    let shares = [first, second.finish()].map(|lines| {
        let numbers = lines.iter().filter_map(|line| line.strip_prefix("bea hears ana: message "));
        numbers.map(str::to_string).collect::<Vec<_>>()
    });
    for share in &shares {
        assert!(share.is_sorted(), "the oldest comes first: {share:?}");
    }
    let mut all = shares.concat();
    all.sort();
    assert_eq!(all, numbers);
    Ok(())
}

fn nonsense(example: &'static Example) -> Result<(), Failed> {
    let stage = example.stage(OPEN)?;
    let mut bea = receiver(&stage);
    assert_eq!(stage.peer().call(&["LPUSH", "chat:bea", "hello", "{}", "[1]"]), b":3\r\n");
    let mut ana = sender(&stage);
    ana.say("still there?");
    assert_eq!(bea.next_line(), "bea hears ana: still there?");
    Ok(())
}

fn receiver(stage: &Stage) -> Part {
    let mut receiver = stage.start(".venv/bin/python", &["receiver.py", "bea"]);
    receiver.expect("bea: ready");
    receiver
}

fn sender(stage: &Stage) -> Part {
    stage.start(".venv/bin/python", &["sender.py", "ana", "bea"])
}
