//! The thread that speaks with the engine of the backplane.

use std::io;
use std::sync::Arc;

use super::io_thread;
use super::vital::vital;
use crate::link;
use crate::server::Server;

/// Starts it, if there is a backplane. It ends with the process, which does not wait for it.
///
/// # Errors
///
/// Those of the system, when it has no threads or descriptors left.
pub(super) fn spawn(server: &Arc<Server>) -> io::Result<()> {
    if server.backplane.is_none() {
        return Ok(());
    }
    let (server, runtime) = (server.clone(), io_thread::runtime()?);
    let run = move || runtime.block_on(vital(link::run(server)));
    std::thread::Builder::new().name("backplane".into()).spawn(run).map(drop)
}
