//! The core without sockets: sessions in memory, simulated time, RESP2 and RESP3, one worker and several.

mod clients;
mod delivery;
mod harness;
mod history;
mod limits;
mod model;
mod order;
mod random;
mod rights;
mod rights_model;
mod sessions;
mod subscribing;
mod threads;
mod transactions;
mod user_limits;
mod value;
