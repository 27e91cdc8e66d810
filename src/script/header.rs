//! The first line of a script: `#!lua flags=no-writes,allow-stale`.
//!
//! Source: `evalExtractShebangFlags` in Redis 7.2 (eval.c).

use crate::resp::errors::ReplyError;

/// What a script says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ScriptFlags {
    /// It writes nothing.
    pub(crate) no_writes: bool,
    /// It may run when there is no memory.
    pub(crate) allow_oom: bool,
}

/// What the first line says, if it is for us, and the script without it. The line stays as an empty one, so that lines
/// keep their numbers.
///
/// # Errors
///
/// What of the line is not understood.
pub(crate) fn parse(body: &[u8]) -> Result<(Option<ScriptFlags>, &[u8]), ReplyError> {
    if !body.starts_with(b"#!") {
        return Ok((None, body));
    }
    let Some(end) = body.iter().position(|byte| *byte == b'\n') else {
        return Err(ReplyError::err("Invalid script shebang"));
    };
    let mut words = body[..end].split(|byte| byte.is_ascii_whitespace()).filter(|word| !word.is_empty());
    let engine = words.next().unwrap_or_default();
    if engine != b"#!lua" {
        return Err(ReplyError::err([b"Unexpected engine in script shebang: ", engine].concat()));
    }
    let mut flags = ScriptFlags::default();
    for word in words {
        let Some(names) = word.strip_prefix(b"flags=") else {
            return Err(ReplyError::err([b"Unknown lua shebang option: ", word].concat()));
        };
        for name in names.split(|byte| *byte == b',').filter(|_| !names.is_empty()) {
            match name {
                b"no-writes" => flags.no_writes = true,
                b"allow-oom" => flags.allow_oom = true,
                // There are neither replicas nor a cluster.
                b"allow-stale" | b"no-cluster" | b"allow-cross-slot-keys" => {}
                other => return Err(ReplyError::err([b"Unexpected flag in script shebang: ", other].concat())),
            }
        }
    }
    Ok((Some(flags), &body[end..]))
}
