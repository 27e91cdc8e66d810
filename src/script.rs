//! Scripts: what they find in their interpreter.

#[cfg_attr(not(test), expect(dead_code, reason = "the libraries come before the commands that run scripts"))]
mod lib;
