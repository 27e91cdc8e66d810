//! 100 subscribers of the channel that is measured which have stopped reading, under each policy for such.

use std::io;

use super::client::request;
use super::stage::Stage;
use super::{CHANNEL, wire};

const STUCK: usize = 100;
/// So many messages of this length are more than the system holds for a connection.
const FILLERS: usize = 150;
const FILLER_BYTES: usize = 64 * 1024;

/// Nobody does anything: what the others are compared with.
pub(super) fn nobody(stage: &Stage<'_>) -> io::Result<()> {
    stage.begin()?;
    stage.rest();
    Ok(())
}

pub(super) fn disconnect(stage: &Stage<'_>) -> io::Result<()> {
    stuck(stage, "disconnect")
}

pub(super) fn drop_oldest(stage: &Stage<'_>) -> io::Result<()> {
    stuck(stage, "drop-oldest")
}

pub(super) fn drop_newest(stage: &Stage<'_>) -> io::Result<()> {
    stuck(stage, "drop-newest")
}

pub(super) fn conflate(stage: &Stage<'_>) -> io::Result<()> {
    stuck(stage, "conflate")
}

fn stuck(stage: &Stage<'_>, policy: &str) -> io::Result<()> {
    let mut client = stage.client()?;
    // Others than Pregon know one policy only, and refuse to hear of it.
    client.ask_or_be_refused(&["CONFIG", "SET", "slow-subscriber-policy", policy])?;
    // So few that they are lost from the start.
    client.ask_or_be_refused(&["CONFIG", "SET", "slow-subscriber-limit", "1mb 1000"])?;
    let mut slow = Vec::new();
    for _ in 0..STUCK {
        let mut one = stage.client()?;
        one.send(&request(&["SUBSCRIBE", "filled", CHANNEL]))?;
        one.answers(2)?;
        slow.push(one);
    }
    let publish = [b"PUBLISH".to_vec(), b"filled".to_vec(), wire::payload(0, FILLER_BYTES)];
    (0..FILLERS).try_for_each(|_| client.ask(&publish))?;
    stage.begin()?;
    stage.rest();
    Ok(())
}
