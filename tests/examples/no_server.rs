//! Where no server is, programs of the examples end with one line that says which address was tried and what to do.

use std::net::SocketAddr;
use std::process::Command;

use libtest_mimic::Failed;
use socket2::{Domain, Socket, Type};

use crate::example::Example;
use crate::part::Part;
use crate::{
    distributed_cache, fire_and_forget_tour, guaranteed_beside_fast, live_notifications, microservice_events,
    queue_chat, stream_bus, ticket_notifications,
};

/// Every program that talks to the server, as it is called.
pub(crate) static PROGRAMS: &[(&Example, &[&str])] = &[
    (
        &ticket_notifications::EXAMPLE,
        &["./run.sh", ".venv/bin/python box_office.py", ".venv/bin/python department.py email"],
    ),
    (
        &fire_and_forget_tour::PYTHON,
        &["./run.sh", ".venv/bin/python resilient.py weather", ".venv/bin/python monitor.py"],
    ),
    (&fire_and_forget_tour::NODE, &["./run.sh", "node resilient.mjs weather", "node monitor.mjs"]),
    (&fire_and_forget_tour::GO, &["./run.sh", "./tour resilient weather", "./tour monitor"]),
    (
        &distributed_cache::EXAMPLE,
        &["./run.sh", ".venv/bin/python instance.py madrid announced", ".venv/bin/python instance.py madrid tracked"],
    ),
    (&live_notifications::EXAMPLE, &["./run.sh", "node server.mjs", "node api.mjs"]),
    (
        &microservice_events::EXAMPLE,
        &[
            "./run.sh",
            ".venv/bin/python api.py",
            ".venv/bin/python logger.py",
            ".venv/bin/python mailer.py",
            "node relay.mjs",
        ],
    ),
    (&stream_bus::EXAMPLE, &["./run.sh", ".venv/bin/python app.py", ".venv/bin/python worker.py jobs ana"]),
    (&queue_chat::EXAMPLE, &["./run.sh", ".venv/bin/python receiver.py bea", ".venv/bin/python sender.py ana bea"]),
    (
        &guaranteed_beside_fast::EXAMPLE,
        &["./run.sh", ".venv/bin/python dashboard.py", ".venv/bin/python ledger.py", ".venv/bin/python publisher.py"],
    ),
];

/// All programs at once, so that each waits for itself alone.
pub(crate) fn says_so(example: &Example, programs: &[&str]) -> Result<(), Failed> {
    let dir = example.installed()?;
    // A socket that has an address and does not listen: nobody else has a server there meanwhile.
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())?;
    let address = socket.local_addr()?.as_socket().ok_or("an address of the internet")?.to_string();
    let start = |call: &&str| {
        let words: Vec<&str> = call.split(' ').collect();
        let program = if words[0].contains('/') { dir.join(words[0]) } else { words[0].into() };
        let mut command = Command::new(program);
        Part::start(command.args(&words[1..]).current_dir(dir).env("REDIS_URL", format!("redis://{address}")))
    };
    let started: Vec<Part> = programs.iter().map(start).collect();
    for (part, program) in started.into_iter().zip(programs) {
        let complaints = part.refuse();
        let [line] = &complaints[..] else { panic!("{program} says {complaints:#?}") };
        assert!(line.contains(&address) && line.contains("cargo run --release"), "{program} says {line}");
    }
    Ok(())
}
