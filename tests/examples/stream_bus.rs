//! Entries of streams reach websockets, and work that a worker has left is taken over.

use libtest_mimic::Failed;

use crate::example::{Case, Example, Stage};
use crate::part::Part;
use crate::support::language::Language;

pub(crate) static EXAMPLE: Example = Example::new("stream-bus", &[Language::Python]);

pub(crate) const CASES: &[Case] = &[
    ("the_demonstration_relays_entries_and_takes_work_over", demonstration),
    ("entries_come_in_order_whatever_the_frequency", frequency),
    ("each_entry_goes_to_one_worker", workers),
];

const DEMONSTRATION: &str = "\
listener ready
listener: ¡pregón!
listener: a second one
listener: end
ana ready
ana dies with job 1
pending: 1
bea ready
bea takes over job 1
bea works on job 2
pending: 0";

fn demonstration(example: &'static Example) -> Result<(), Failed> {
    let mut stage = example.stage(&[])?;
    stage.provide_redis_cli();
    assert_eq!(stage.demonstration().join("\n"), DEMONSTRATION);
    Ok(())
}

fn frequency(example: &'static Example) -> Result<(), Failed> {
    let stage = example.stage(&[])?;
    let mut app = python(&stage, &["app.py"]);
    let ready = app.expect_containing("ready at ");
    let address = ready.rsplit(' ').next().unwrap_or_default();
    let mut listeners = ["", "?max_frequency=50"].map(|query| {
        let mut listener = python(&stage, &["listener.py", &format!("{address}/stream/news{query}")]);
        listener.expect("listener ready");
        listener
    });
    let mut peer = stage.peer();
    let texts: Vec<String> = (0..30).map(|i| format!("entry {i}")).chain(["end".to_string()]).collect();
    for text in &texts {
        peer.call(&["XADD", "news", "*", "text", text]);
    }
    for listener in &mut listeners {
        for text in &texts {
            assert_eq!(listener.next_line(), format!("listener: {text}"));
        }
    }
    for listener in listeners {
        listener.finish();
    }
    Ok(())
}

fn workers(example: &'static Example) -> Result<(), Failed> {
    let stage = example.stage(&[])?;
    let workers = ["ana", "bea"].map(|name| {
        let mut worker = python(&stage, &["worker.py", "jobs", name]);
        worker.expect(&format!("{name} ready"));
        worker
    });
    let mut peer = stage.peer();
    for job in ["1", "2"] {
        peer.call(&["XADD", "jobs", "*", "text", job]);
    }
    // Whoever took the first one may have taken the second one, too.
    let [ana, mut bea] = workers;
    ana.interrupt();
    let mut done = ana.finish();
    peer.call(&["XADD", "jobs", "*", "text", "last"]);
    bea.expect("bea works on last");
    bea.interrupt();
    done.extend(bea.finish());
    for job in ["1", "2", "last"] {
        let end = format!(" {job}");
        assert_eq!(done.iter().filter(|line| line.ends_with(&end)).count(), 1, "job {job}: {done:?}");
    }
    assert_eq!(peer.call(&["XPENDING", "jobs", "workers"]), b"*4\r\n:0\r\n$-1\r\n$-1\r\n*-1\r\n");
    Ok(())
}

fn python(stage: &Stage, args: &[&str]) -> Part {
    stage.start(".venv/bin/python", args)
}
