//! Everything of classic publish and subscribe; the same tour in three languages, which therefore has the same tests.

use libtest_mimic::Failed;

use crate::example::{Case, Example, Stage};
use crate::part::Part;
use crate::support::language::Language;

pub(crate) static PYTHON: Example = Example::new("fire-and-forget-tour/python", &[Language::Python]);
pub(crate) static NODE: Example = Example::new("fire-and-forget-tour/node", &[Language::Node]);
pub(crate) static GO: Example = Example::new("fire-and-forget-tour/go", &[Language::Go]);

pub(crate) const CASES: &[Case] = &[
    ("the_tour_visits_every_station", tour),
    ("a_resilient_subscriber_returns_after_client_kill_and_after_a_restart", resilient),
    ("the_monitor_shows_channels_and_counts_as_they_change", monitor),
];

const TOUR: &str = "\
== channels
PUBLISH news hello -> 1
  news: hello
PUBLISH sport goal -> 1
  sport: goal
PUBLISH news while nobody listens -> 0
PUBLISH news good evening -> 1
  news: good evening
== patterns
PUBLISH notifications:email matches -> 1
  notifications:email by notifications:*: matches
PUBLISH logs:web:error matches -> 1
  logs:web:error by logs:*:error: matches
PUBLISH user:7 matches -> 1
  user:7 by user:?: matches
PUBLISH sensor:b matches -> 1
  sensor:b by sensor:[abc]: matches
PUBLISH notification does not match -> 0
PUBLISH logs:web:info does not match -> 0
PUBLISH user:42 does not match -> 0
PUBLISH sensor:d does not match -> 0
PUBLISH user:7 comes twice -> 2
  user:7: comes twice
  user:7 by user:?: comes twice
PUBLISH user:7 comes once -> 1
  user:7: comes once
== introspection
PUBSUB CHANNELS -> news sport
PUBSUB CHANNELS s* -> sport
PUBSUB NUMSUB -> news:2 sport:1 chess:0
PUBSUB NUMPAT -> 1
== reconnecting
listening to weather
PUBLISH weather sunny -> 1
weather: sunny
CLIENT KILL -> 1
listening to weather
PUBLISH weather cloudy -> 1
weather: cloudy
== lagging
the sleeping subscriber was cut, the other one saw every frame";

fn tour(example: &'static Example) -> Result<(), Failed> {
    let stage = example.stage(&[])?;
    let limits = || stage.peer().call(&["CONFIG", "GET", "client-output-buffer-limit"]);
    let before = limits();
    assert_eq!(stage.demonstration().join("\n"), TOUR);
    assert_eq!(limits(), before, "the tour leaves the server as it found it");
    Ok(())
}

fn resilient(example: &'static Example) -> Result<(), Failed> {
    let mut stage = example.stage(&[])?;
    let mut subscriber = start(example, &stage, "resilient", &["weather"]);
    subscriber.expect("listening to weather");
    assert_eq!(stage.peer().call(&["CLIENT", "KILL", "TYPE", "pubsub"]), b":1\r\n");
    subscriber.expect("listening to weather");
    assert_eq!(stage.peer().call(&["PUBLISH", "weather", "sunny"]), b":1\r\n");
    assert_eq!(subscriber.next_line(), "weather: sunny");
    stage.server.restart();
    subscriber.expect("listening to weather");
    assert_eq!(stage.peer().call(&["PUBLISH", "weather", "cloudy"]), b":1\r\n");
    assert_eq!(subscriber.next_line(), "weather: cloudy");
    subscriber.interrupt();
    subscriber.finish();
    Ok(())
}

fn monitor(example: &'static Example) -> Result<(), Failed> {
    let stage = example.stage(&[])?;
    let mut monitor = start(example, &stage, "monitor", &[]);
    monitor.expect("no channels; patterns 0");
    let (mut first, mut second) = (stage.peer(), stage.peer());
    first.call(&["SUBSCRIBE", "news"]);
    monitor.expect("news 1; patterns 0");
    second.call(&["SUBSCRIBE", "logs:web:error"]);
    second.call(&["SUBSCRIBE", "news"]);
    second.call(&["PSUBSCRIBE", "logs:*"]);
    monitor.expect("logs:web:error 1, news 2; patterns 1");
    let mut only_logs = start(example, &stage, "monitor", &["logs:*"]);
    only_logs.expect("logs:web:error 1; patterns 1");
    drop((first, second));
    for mut each in [monitor, only_logs] {
        each.expect("no channels; patterns 0");
        each.interrupt();
        each.finish();
    }
    Ok(())
}

/// Starts the program of this name, wherever the example's language keeps it.
fn start(example: &Example, stage: &Stage, program: &str, args: &[&str]) -> Part {
    let (interpreter, file) = match example.folder() {
        "fire-and-forget-tour/python" => (".venv/bin/python", format!("{program}.py")),
        "fire-and-forget-tour/node" => ("node", format!("{program}.mjs")),
        _ => ("./tour", program.to_string()),
    };
    let args: Vec<&str> = std::iter::once(file.as_str()).chain(args.iter().copied()).collect();
    stage.start(interpreter, &args)
}
