//! What operators see of the server over HTTP: metrics, health, and all numbers as JSON.
//!
//! It is served by the thread that governs, so it answers whatever the io-threads are busy with, and nothing that is asked here
//! keeps a client waiting. Connections are few, short of patience and bounded.
//!
//! | module | what it is |
//! |---|---|
//! | `serving` | connections: how many, how long, encrypted or not |
//! | `routes` | what is answered at which path, to whom |
//! | `access` | who may see it |
//! | `figures` | what is known of the server at one moment |
//! | `families` | what of that goes by which name |
//! | `exposition` | the same as text for Prometheus |

mod access;
mod delays;
mod exposition;
mod families;
mod figures;
mod routes;
mod serving;

pub(crate) use serving::{Site, serve};
