//! Neighbours that connect, or ask about those who have connected; and what administrators ask.

use std::io::{self, Write as _};
use std::thread;
use std::time::Duration;

use super::client::request;
use super::keys::repeated;
use super::stage::Stage;

/// Connections that are opened at once.
const STORM: usize = 100;

/// CLIENT LIST of 10,000.
pub(super) fn client_list(stage: &Stage<'_>) -> io::Result<()> {
    let _idle = stage.idle(10_000)?;
    repeated(stage, &["CLIENT", "LIST"])
}

/// CLIENT KILL of 10,000.
pub(super) fn client_kill(stage: &Stage<'_>) -> io::Result<()> {
    let _idle = stage.idle(10_000)?;
    let mut client = stage.client()?;
    stage.begin()?;
    client.ask(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"])?;
    stage.rest();
    Ok(())
}

/// 10,000 clients that go at once.
pub(super) fn all_leave(stage: &Stage<'_>) -> io::Result<()> {
    let idle = stage.idle(10_000)?;
    stage.begin()?;
    drop(idle);
    stage.rest();
    Ok(())
}

/// Clients that connect and go as fast as they can.
pub(super) fn storm(stage: &Stage<'_>) -> io::Result<()> {
    stage.begin()?;
    while stage.goes_on() {
        drop(stage.idle(STORM)?);
    }
    Ok(())
}

/// The same, while every connection is logged and nobody reads the log.
pub(super) fn stalled_log(stage: &Stage<'_>) -> io::Result<()> {
    stage.configure(&[("loglevel", "debug")])?;
    storm(stage)
}

/// Clients without the password that speak another protocol, which is logged, while nobody reads the log.
pub(super) fn other_protocol(stage: &Stage<'_>) -> io::Result<()> {
    stage.configure(&[("requirepass", "secret")])?;
    stage.begin()?;
    while stage.goes_on() {
        for _ in 0..STORM {
            let mut stream = stage.target.connect()?;
            // The server may have closed it already.
            let _ = stream.write_all(b"POST / HTTP/1.1\r\nHost: here\r\n\r\n");
        }
    }
    Ok(())
}

/// A client without the password that sends rubbish and does not read what it is answered.
pub(super) fn rubbish(stage: &Stage<'_>) -> io::Result<()> {
    stage.configure(&[("requirepass", "secret")])?;
    let lines = b"x\n".repeat(32 * 1024);
    stage.begin()?;
    while stage.goes_on() {
        let mut stream = stage.target.connect()?;
        stream.socket().set_nonblocking(true)?;
        // Until the server closes the connection.
        while stage.goes_on() {
            match stream.write(&lines) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => thread::sleep(Duration::from_millis(1)),
                Err(_) => break,
            }
        }
    }
    Ok(())
}

/// CONFIG SET of an address with a name that nobody knows.
pub(super) fn unknown_host(stage: &Stage<'_>) -> io::Result<()> {
    let mut client = stage.client()?;
    stage.begin()?;
    while stage.goes_on() {
        client.ask_or_be_refused(&["CONFIG", "SET", "bind", "127.0.0.1 nobody.knows.invalid"])?;
    }
    Ok(())
}

/// COMMAND DOCS, many times in one write.
pub(super) fn command_docs(stage: &Stage<'_>) -> io::Result<()> {
    let mut client = stage.client()?;
    let many = request(&["COMMAND", "DOCS"]).repeat(50);
    stage.begin()?;
    while stage.goes_on() {
        client.send(&many)?;
        client.answers(50)?;
    }
    Ok(())
}

/// SLOWLOG GET of 100,000 entries.
pub(super) fn slowlog(stage: &Stage<'_>) -> io::Result<()> {
    stage.configure(&[("slowlog-max-len", "100000"), ("slowlog-log-slower-than", "0")])?;
    stage.client()?.repeat(100_000, &["ECHO", "something that takes a little room in the log"])?;
    repeated(stage, &["SLOWLOG", "GET", "-1"])
}

/// LATENCY HISTOGRAM of one command, named thousands of times.
pub(super) fn histograms(stage: &Stage<'_>) -> io::Result<()> {
    let mut args = vec!["LATENCY", "HISTOGRAM"];
    args.resize(5_000, "ping");
    repeated(stage, &args)
}
