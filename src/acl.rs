//! Users, and what each of them may do: which commands, on which keys and channels, and how much of it.
//!
//! | file | what it holds |
//! |---|---|
//! | `catalogue.rs` | the names that rules may use: of this server's commands, and of Redis' others |
//! | `commands.rs`, `keys.rs`, `channels.rs` | the three parts of a set of permissions |
//! | `covering.rs` | whether one pattern covers another |
//! | `limits.rs`, `usage.rs` | how much the connections of a user may have and do together, and how much that is |
//! | `rights.rs` | all that holds for a user: passwords, permissions, limits |
//! | `rule.rs` | the rules by which these are changed, one word each, and what can be wrong with one |
//! | `print.rs` | the rules that make a user what it is |
//! | `user.rs` | a user: what does not change about it, and its rights of now |
//! | `users.rs` | all users |
//! | `file.rs` | users as files keep them |
//! | `guesses.rs` | who has given wrong passwords lately |
//! | `log.rs` | ACL LOG: what was refused to whom |
//!
//! A user that exists keeps its place in memory, and its connections keep a pointer to it: what is changed holds for their
//! next command. Names of commands are known here only through the [`Catalogue`], which the table of commands makes.
//!
//! Source: `acl.c` of Redis 7.2. Rights for one direction of a channel, limits, and rules about slow subscribers are not in Redis.

mod catalogue;
mod channels;
mod commands;
mod covering;
mod file;
mod guesses;
mod keys;
mod limits;
pub(crate) mod log;
mod print;
mod rights;
pub(crate) mod rule;
mod usage;
mod user;
mod users;

pub(crate) use catalogue::{Catalogue, Listed};
pub(crate) use channels::{ChannelUse, Direction};
pub(crate) use file::Definitions;
pub(crate) use keys::KeyUse;
pub(crate) use limits::Limit;
pub(crate) use print::Shown;
pub(crate) use rights::{Asked, Denial, Rights};
pub(crate) use usage::{Seat, Tally};
pub(crate) use user::{Checks, User};
pub(crate) use users::{Acl, DEFAULT_USER};
