//! What operators see of the server over HTTP: a page, metrics, health, and all numbers as JSON.
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
//! | `assets` | the page, as files |
//! | `board` | what it shows of one moment |
//! | `channels` | the busiest channels |
//! | `history` | what happened in each of the last seconds |
//! | `laggards` | the subscribers that keep up worst |
//! | `warnings` | what an operator should know of |
//! | `events` | those who watch, and what they are sent |
//! | `text` | names that clients have given, as they are shown |

mod access;
mod assets;
mod board;
mod channels;
mod delays;
mod events;
mod exposition;
mod families;
mod figures;
mod history;
mod laggards;
mod routes;
mod serving;
mod text;
mod warnings;

pub(crate) use serving::{Site, serve};
