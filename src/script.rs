//! Scripts: the interpreter in its sandbox, the scripts that it knows, and the one that is running.
//!
//! | module | what it is |
//! |---|---|
//! | `cache` | scripts by their digests |
//! | `header` | what the first line of a script says of it |
//! | `brevity` | which scripts are short whatever they find |
//! | `running` | which script runs, and whether it may go on |
//! | `interpreter` | what every interpreter has: the sandbox, and functions made of scripts |
//! | `vm` | runs any script |
//! | `short` | runs scripts that are short, fast |
//! | `asking` | how a script asks for a command to be run |
//! | `quiet` | functions of the server for scripts, during which nothing is collected |
//! | `sandbox`, `api` | what scripts find there |
//! | `lib` | the libraries that scripts have beside Lua's own |
//! | `raised` | errors on their way through a script |
//! | `failed` | what becomes of an error that a script has not caught |
//! | `convert` | values of scripts and answers |
//!
//! Nothing here knows a command: who runs a script says how it runs commands.

mod api;
pub mod asking;
pub(crate) mod brevity;
pub mod cache;
mod convert;
mod failed;
pub(crate) mod header;
pub mod interpreter;
mod lib;
mod quiet;
pub mod raised;
pub(crate) mod running;
mod sandbox;
pub(crate) mod short;
pub mod vm;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use parking_lot::Mutex;

use cache::Cache;
use running::Running;

/// What a server knows of scripts.
#[derive(Debug, Default)]
pub struct Scripts {
    pub(crate) cache: Mutex<Cache>,
    pub(crate) running: Arc<Running>,
    /// What the interpreters occupy, in bytes.
    pub(crate) vm_bytes: Arc<AtomicU64>,
}
