//! Pregon: a pub/sub server that speaks the Redis protocol.
//!
//! # The data's walk
//!
//! ```text
//! socket -> read buffer -> Decoder -> Args -> gate -> handler (plain fn)
//!                                                       | reply into the client's own outbox
//!                                                       v
//!                      Hub: count the receivers, one entry in the mailbox of each worker that has any
//!                                                       |
//! socket <- one writev for all that has gathered <- Outbox <- Worker: fan out to its own clients
//! ```
//!
//! A [*worker*](worker) is one io-thread with its connections. Everything of a connection happens on its worker's thread:
//! reading, running commands, writing. The only thing that threads share on the way of a message is the [hub], and what
//! happens under its lock costs what the number of workers costs: a publish looks the channel up, adds up the counts of
//! its listeners and appends one entry to the mailbox of each worker that has some. The fan-out itself runs outside the
//! lock, on every core at once, in memory that only one core touches. Publishes of one read that follow each other are posted
//! [under one hold](hub::Hub) of the lock, because it costs most when it changes hands.
//!
//! What a client sends is read into memory that all connections of a thread share, and run there. Of a long argument all
//! but the beginning is read to where it stays: room is made for it as it comes, and a message or a value is made of it
//! without a copy. A message is copied once otherwise, however many receive it. Answers are [written in pieces](resp::answer)
//! which the outbox takes as they are, and a value that stays where it was received is answered from there.
//!
//! # Threads
//!
//! `io-threads` runtimes of one thread each, no work stealing. A publish wakes another worker once, when its mailbox
//! becomes non-empty, not once for each subscriber. A worker writes to the sockets of its subscribers itself, without waking their
//! tasks, a few at a time between reading from publishers: the publisher has its reply at once, so messages gather in the
//! outboxes and leave together, which saves the system calls that fan-out costs most.
//!
//! The main thread serves no client: it [governs](process::govern), that is, it hears signals, carries out what directives ask
//! of the system, and ends the server, whatever the io-threads are busy with. The first io-thread [accepts](process::doormen)
//! connections; while it is late the main thread does, as its [deputy](process::deputy).
//!
//! To wake a thread costs more than most requests, so clients [gather](worker::placement) on the first threads while these have
//! time to spare. A connection moves to another thread while nothing of it is under way: when it begins to listen to something to
//! which very many do, and when its thread is saturated while others are not, as far as that evens out what they have to do.
//!
//! # Order
//!
//! P1 to P12 are the promises that the README numbers.
//!
//! All mailboxes receive their entries in the order in which publishers held the hub's lock, so all subscribers see
//! messages in one order (P1, P2), and an effect comes after its cause (P3). A worker changes its lists of subscribers
//! only at one position of its mailbox: it takes what is in it under the same lock under which the hub counts the change,
//! and delivers that before it makes the change (P4). A subscriber that moves is counted at the other worker from one position of the
//! order on: its old worker delivers what comes before that, its new one is told at that position to expect it, and keeps what comes
//! later until its connection is there. EXEC holds the lock from its first command to its last if some of
//! them publish or subscribe and all of them are short.
//!
//! # Pressure
//!
//! A publisher never waits for a subscriber; it waits only while the server itself is behind with offering messages to
//! sockets: each entry of a [mailbox] has its cost, and everybody who sends something (a message, what has happened to a key,
//! a line for a monitor, an answer, an order) hears which workers have fallen behind, runs nothing more of what it has read,
//! and waits for these workers alone ([`hub::Hub::relieved`], and the connection's `give_way`). A worker delivers a bounded
//! number of steps until its other tasks have their turns. A subscriber is cut, or loses messages where its policy says so, only
//! for bytes that its socket has refused (P7).
//!
//! # Keys
//!
//! All keys lie behind one lock, which commands on keys that follow each other pass on within a turn. It is taken before
//! the hub's, so that what happens to keys is published in the order in which it happened; pub/sub alone never takes it.
//! Who waits for a list or a stream is served by the command that feeds it, before the lock is given back: its own command
//! runs again from the top, and its worker is sent the answer.
//!
//! What happens to keys delays no message (P12): a command that takes [long](command::cost) runs [elsewhere](command::elsewhere),
//! on a thread for such commands, and so does every command that finds the lock taken for longer than short ones take. Its
//! client waits as if it were blocked; its answer comes through the mailbox of its worker. What is large is freed on a thread
//! of its own.
//!
//! # Bounds
//!
//! A turn lasts half a millisecond, or 256 KiB of answers, if the client's limit is not lower; then others have theirs
//! ([`session`]). Under the hub's lock there are a bounded number of steps, which debug builds count. What a client holds is
//! summed up in one place ([`client::held`]), and what waits for a thread in its [mailbox].
//!
//! # Modules
//!
//! | module | what it is |
//! |---|---|
//! | [`process`] | the process: threads, signals, the end |
//! | [`net`] | listeners, transports, one client's loop |
//! | [`session`] | one client's protocol state; bytes in, replies out, no I/O |
//! | [`command`] | the commands: table, gate, families |
//! | [`resp`], [`quoting`] | the protocol: decoder, replies, error texts, quotes |
//! | [`hub`], [`pattern`] | who listens to what, at which port; the index of patterns |
//! | [`mailbox`] | what waits for a port, and what it costs |
//! | [`keyspace`] | strings, lists, streams; who waits for them |
//! | [`script`] | the interpreter of scripts |
//! | [`worker`], [`client`], [`message`] | a thread's clients and which they are, what waits for them, shared frames |
//! | [`server`], [`pause`], [`drain`], [`shutdown`], [`lazy_free`] | what all threads share |
//! | [`observe`] | what is counted, logged and kept for operators; what the process uses |
//! | [`config`] | directives: the table, files, command line, CONFIG |
//! | `web` | a page, metrics and health, over HTTP |
//! | `acl` | users, and what each of them may do |
//! | `backplane`, `link` | several servers as one: what threads share of that, and the thread that speaks with the engine |
//! | `relay` | what a client and the upstream that has its keys say to each other |
//! | [`clock`], [`ids`], [`version`] | time, real or simulated; what clients and threads are known by; which version this is |
//! | [`cli`] | the client that the binary is when called as `redis-cli` |
//!
//! # Locks
//!
//! Taken in this order, none across an `.await`: the [keyspace], that of administration (commands that change what others
//! see, and EXEC of such commands), the [hub] (EXEC of a few commands holds it if some of them publish or subscribe), the
//! configuration, the live [clients](client::registry), then any other, of which none is taken while another of them is held.
//!
//! # Words
//!
//! *Client*: the peer, and what its worker keeps of it. *Connection*: its socket and task. *Session*: its protocol state.
//! *Outbox*: what waits to be written to it. *Hub*: who listens to what. *Worker*: one io-thread's share of the clients.
//! *Port*: where what was sent is taken out, a worker's or another's. *Mailbox*: what waits for it. *Order*: what a worker is
//! told to do. *Message*: what was published. *Frame*: its encoded bytes. *Topic*: the kind of a subscription. *Command*: an
//! entry of the table. *Call*: one execution of it. *Turn*: what a client's commands run in until others have theirs.
//! *Task*: commands that run elsewhere. *Param*: a directive.

pub(crate) mod acl;
pub(crate) mod backplane;
pub mod cli;
pub mod client;
pub mod clock;
pub mod command;
pub mod config;
pub(crate) mod drain;
pub mod hub;
pub mod ids;
pub mod keyspace;
pub(crate) mod lazy_free;
pub(crate) mod link;
pub mod mailbox;
pub mod message;
pub(crate) mod net;
pub mod observe;
pub mod pattern;
pub mod pause;
pub mod process;
pub(crate) mod quoting;
pub(crate) mod relay;
pub mod resp;
pub mod script;
pub mod server;
pub mod session;
pub mod shutdown;
pub(crate) mod version;
pub(crate) mod web;
pub mod worker;
