//! TLS: what encrypts connections, from certificate files to the transport of a client.
//!
//! | file | what it holds |
//! |---|---|
//! | `material.rs` | files: certificates, keys, authorities |
//! | `identity.rs` | whose a certificate is, and until when |
//! | `suites.rs` | which versions and ciphers directives name |
//! | `sessions.rs` | sessions that clients go on with |
//! | `stamps.rs` | by what it is seen that files have changed |
//! | `setup.rs` | all of that made into what rustls is configured with |
//! | `acceptor.rs` | what is in force, and how many handshakes are under way |
//! | `handshake.rs` | the beginning of a connection |
//! | `encrypted.rs` | the state of a connection, between the bytes of its socket and those of its client |

pub(crate) mod acceptor;
pub(crate) mod encrypted;
pub(crate) mod handshake;
pub(crate) mod identity;
pub(crate) mod material;
mod sessions;
pub(crate) mod setup;
pub(crate) mod stamps;
mod suites;

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, aws_lc_rs};

/// What computes: AWS-LC, which a C compiler is enough for. Beside ring, the other that is well kept, it takes 45 seconds of
/// a core more to build, its handshakes take a quarter to a third less time, and its records an eighth less.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}
