//! What joins this server with others: messages that are published at one are heard at all.
//!
//! The servers, the *nodes*, do not know each other; each has a connection to an *engine*, which carries messages between
//! them. This module is what all threads of a node share of that; the thread that speaks with the engine is the
//! [link](crate::link).
//!
//! What is published here goes to this node's own subscribers at once, as if it were alone, and into the mailbox of the link,
//! in the same order. What the link receives goes to this node's subscribers only. So local delivery never waits for the
//! engine, and a stalled engine costs messages for others, which are counted, and nothing else.
//!
//! A node asks its engine for what its clients listen to, and SUBSCRIBE is confirmed when the engine knows of it: it
//! [announces](Backplane::announce) its names first, waits, and joins then.
//!
//! | file | what it holds |
//! |---|---|
//! | `subject.rs` | where a message to a channel goes, and what a pattern asks for |
//! | `interest.rs` | what is asked for |
//! | `envelope.rs` | a message between nodes |
//! | `origins.rs` | what has come from each node |
//! | `control.rs` | what nodes tell each other beside messages |
//! | `members.rs`, `gather.rs`, `nodes.rs` | which nodes there are; what they are asked; both together |
//! | `slots.rs`, `moved.rs` | hash slots of keys, and which node has which; keys whose slots others have got |
//! | `status.rs` | how the connection is doing, for INFO |

pub(crate) mod control;
pub(crate) mod envelope;
pub(crate) mod gather;
pub(crate) mod interest;
pub(crate) mod members;
pub(crate) mod moved;
pub(crate) mod nodes;
pub(crate) mod origins;
pub(crate) mod slots;
pub(crate) mod status;
pub(crate) mod subject;

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};

use parking_lot::{Mutex, RwLock};
use tokio::sync::Notify;

use crate::client::registry::ClientInfo;
use crate::config::{EngineKind, Settings};
use crate::hub::Carries;
use crate::ids::{PortId, Topic};
use crate::resp::decode::OwnedArgs;
use interest::{Change, Interest};
use members::Member;
use moved::Moved;
use nodes::Nodes;
use slots::{Owner, SlotMap};
use status::Status;
use subject::{Naming, Subjects};

/// Names whose interest changes under one hold of the lock, at most.
pub(crate) const NAMES_AT_ONCE: usize = 128;
/// What the channels begin with on which nodes speak with each other where the engine is an upstream.
pub(crate) const CONTROL_CHANNELS: &str = "__pregon__:";
/// For how long a confirmation waits for the engine, in milliseconds.
const LONGEST_WAIT_MS: u64 = 2000;

/// Says when the engine knows of what was announced.
#[derive(Clone, Debug, Default)]
pub(crate) struct Announced(Arc<AtomicBool>);

impl Announced {
    /// Whether it does, or cannot be waited for any longer.
    pub(crate) fn is_known(&self) -> bool {
        self.0.load(Acquire)
    }
}

/// Who waits until the engine knows what was wanted before this position, or so long.
#[derive(Debug)]
struct Waiter {
    client: Arc<ClientInfo>,
    announced: Announced,
    position: u64,
    until_ms: u64,
}

impl Waiter {
    fn end(self) -> Arc<ClientInfo> {
        self.announced.0.store(true, Release);
        self.client
    }
}

/// What is asked for, and who waits for it.
#[derive(Debug)]
struct Asking {
    interest: Interest,
    /// Whether there is a connection.
    is_up: bool,
    /// For whom no probe has been sent yet, the longest first.
    waiters: VecDeque<Waiter>,
    /// For whom one has, with its number.
    probed: VecDeque<(u64, Waiter)>,
    /// Names of commands whose clients have gone, which nobody wants any more.
    abandoned: VecDeque<(Topic, OwnedArgs, Range<usize>)>,
}

/// What all threads share of the connection to an engine.
#[derive(Debug)]
pub(crate) struct Backplane {
    /// Where messages for the engine wait.
    pub(crate) port: PortId,
    /// Rung when some do, or the engine is to be told something.
    pub(crate) bell: Notify,
    /// How it is doing.
    pub(crate) status: Status,
    /// The other nodes.
    pub(crate) nodes: Nodes,
    /// Which node has which slot, where this one is part of a cluster to clients; none in it until it is known.
    pub(crate) cluster: Option<RwLock<Option<Arc<SlotMap>>>>,
    /// Keys whose slots other nodes have got.
    pub(crate) moved: Moved,
    naming: Naming,
    asking: Mutex<Asking>,
    confirms: AtomicBool,
}

impl Backplane {
    /// That of a server with these settings, if it is to have one. Its port is the one behind those of the workers.
    pub(crate) fn new(settings: &Settings, run_id: &str) -> Option<Self> {
        if settings.backplane.0.is_empty() {
            return None;
        }
        let asking = Asking {
            interest: Interest::new(settings.backplane_linger.0),
            is_up: false,
            waiters: VecDeque::new(),
            probed: VecDeque::new(),
            abandoned: VecDeque::new(),
        };
        Some(Backplane {
            port: settings.io_threads.0.into(),
            bell: Notify::new(),
            status: Status::new(),
            nodes: Nodes::new(settings, run_id),
            cluster: settings.cluster_enabled.then(RwLock::default),
            moved: Moved::default(),
            naming: match settings.backplane.kind() {
                EngineKind::Nats => Naming::Subjects(Subjects::new(&settings.backplane_prefix.0)),
                EngineKind::Upstream => Naming::Names,
            },
            asking: Mutex::new(asking),
            confirms: settings.backplane_confirm.into(),
        })
    }

    /// What the hub is to give to the link while there is no connection.
    pub(crate) fn carries(&self) -> Carries {
        match self.naming {
            Naming::Subjects(_) => Carries::Copies,
            // It would come back.
            Naming::Names => Carries::Nothing,
        }
    }

    /// Whether nodes speak with each other on this channel, so that clients may not: what is said there is believed.
    pub(crate) fn is_reserved(&self, channel: &[u8]) -> bool {
        matches!(self.naming, Naming::Names) && channel.starts_with(CONTROL_CHANNELS.as_bytes())
    }

    /// One subscription to each of these names, up to [`NAMES_AT_ONCE`], is about to begin. Answers whether the engine is known
    /// to send all of them already.
    pub(crate) fn announce<'n>(&self, topic: Topic, names: impl Iterator<Item = &'n [u8]>) -> bool {
        let subjects: Vec<Vec<u8>> = names.map(|name| self.naming.of_interest(topic, name)).collect();
        let mut asking = self.asking.lock();
        let mut known = true;
        subjects.iter().for_each(|subject| known &= asking.interest.want(subject));
        let rings = !asking.interest.is_settled();
        drop(asking);
        if rings {
            self.bell.notify_one();
        }
        known
    }

    /// Lets `client` wait until the engine knows of everything that was announced before; none if it need not. It is told
    /// to go on then.
    pub(crate) fn wait(&self, client: &Arc<ClientInfo>, now_ms: u64) -> Option<Announced> {
        let mut asking = self.asking.lock();
        if !self.confirms.load(Relaxed) || !asking.is_up {
            return None;
        }
        let (announced, position) = (Announced::default(), asking.interest.position());
        let until_ms = now_ms + LONGEST_WAIT_MS;
        asking.waiters.push_back(Waiter { client: client.clone(), announced: announced.clone(), position, until_ms });
        drop(asking);
        self.bell.notify_one();
        Some(announced)
    }

    /// One subscription to each of these names, up to [`NAMES_AT_ONCE`], has ended or does not begin.
    pub(crate) fn release<'n>(&self, names: impl Iterator<Item = (Topic, &'n [u8])>, now_ms: u64) {
        let subjects: Vec<Vec<u8>> = names.map(|(topic, name)| self.naming.of_interest(topic, name)).collect();
        let mut asking = self.asking.lock();
        subjects.iter().for_each(|subject| asking.interest.release(subject, now_ms));
    }

    /// These arguments of a command were announced, and their client has gone.
    pub(crate) fn abandon(&self, topic: Topic, args: OwnedArgs, names: Range<usize>) {
        self.asking.lock().abandoned.push_back((topic, args, names));
    }

    /// There is a new connection to the engine, which is to be told everything.
    pub(crate) fn begin(&self) {
        let mut asking = self.asking.lock();
        asking.is_up = true;
        asking.interest.restart();
    }

    /// The connection has ended. Answers those who have waited for it, who are to be told to go on.
    pub(crate) fn end(&self) -> Vec<Arc<ClientInfo>> {
        let mut asking = self.asking.lock();
        asking.is_up = false;
        asking.interest.stop();
        let (waiters, probed) = (std::mem::take(&mut asking.waiters), std::mem::take(&mut asking.probed));
        probed.into_iter().map(|(_, waiter)| waiter).chain(waiters).map(Waiter::end).collect()
    }

    /// What the engine is to be told next, about so much, and the number of the probe that is to follow it, if somebody waits
    /// for that, or nothing more is to be told and `probes` says so or something waits to be given up.
    pub(crate) fn take_changes(&self, most: usize, probes: bool, now_ms: u64) -> (Vec<Change>, Option<u64>) {
        let mut asking = self.asking.lock();
        let changes = asking.interest.take_changes(most, now_ms);
        let Asking { interest, waiters, probed, .. } = &mut *asking;
        let told = waiters.iter().take_while(|waiter| interest.has_told(waiter.position)).count();
        let at_rest = interest.is_settled() && (probes || interest.needs_probe());
        let probe = (told > 0 || at_rest).then(|| interest.probe());
        if let Some(probe) = probe {
            probed.extend(waiters.drain(..told).map(|waiter| (probe, waiter)));
        }
        (changes, probe)
    }

    /// Whether the engine is to be told more.
    pub(crate) fn has_changes(&self) -> bool {
        !self.asking.lock().interest.is_settled()
    }

    /// The engine has answered a probe. Answers those who have waited for it, who are to be told to go on.
    pub(crate) fn note_answer(&self, probe: u64, now_ms: u64) -> Vec<Arc<ClientInfo>> {
        let mut asking = self.asking.lock();
        asking.interest.note_answer(probe, now_ms);
        let done = asking.probed.iter().take_while(|(sent, _)| *sent <= probe).count();
        asking.probed.drain(..done).map(|(_, waiter)| waiter.end()).collect()
    }

    /// Gives up what nobody wants any more, and the patience of those who have waited for too long, who are answered: they are
    /// to be told to go on. To be called again soon if it says that there is more.
    pub(crate) fn expire(&self, now_ms: u64) -> (Vec<Arc<ClientInfo>>, bool) {
        let mut asking = self.asking.lock();
        let mut impatient = Vec::new();
        while let Some(waiter) = asking.waiters.pop_front_if(|waiter| waiter.until_ms <= now_ms) {
            impatient.push(waiter.end());
        }
        while let Some((_, waiter)) = asking.probed.pop_front_if(|(_, waiter)| waiter.until_ms <= now_ms) {
            impatient.push(waiter.end());
        }
        let gone = self.release_abandoned(&mut asking, now_ms);
        let more = asking.interest.expire(now_ms, NAMES_AT_ONCE);
        (impatient, gone | more)
    }

    /// Releases some of the names of clients that have gone; answers whether there are more.
    fn release_abandoned(&self, asking: &mut Asking, now_ms: u64) -> bool {
        let Some((topic, args, names)) = asking.abandoned.front_mut() else { return false };
        let end = names.end.min(names.start + NAMES_AT_ONCE);
        for name in args.args().from(names.start).take(end - names.start) {
            asking.interest.release(&self.naming.of_interest(*topic, name), now_ms);
        }
        names.start = end;
        if names.start == names.end {
            asking.abandoned.pop_front();
        }
        true
    }

    /// Deals out the slots anew to all nodes that are there, if this one has any.
    pub(crate) fn deal(&self, now_ms: u64) {
        let Some(cluster) = &self.cluster else { return };
        let condition = self.status.condition();
        let own = Owner::new(&self.nodes.id, &condition.address, condition.tls_port);
        let others = self.nodes.all().into_iter().filter(|member| member.presence.has_slots);
        let others =
            others.map(|Member { presence, .. }| Owner::new(&presence.id, &presence.address, presence.tls_port));
        let map = Arc::new(SlotMap::deal([own].into_iter().chain(others).collect()));
        let before = cluster.write().replace(map.clone());
        if let Some(before) = before {
            let (lost, same) = map.compare(&before);
            self.moved.note_deal(lost, same, now_ms);
        }
    }

    /// Which node has which slot now, as far as is known.
    pub(crate) fn slots(&self) -> Option<Arc<SlotMap>> {
        self.cluster.as_ref()?.read().clone()
    }

    /// Does from now on what these settings say.
    pub(crate) fn follow(&self, settings: &Settings) {
        self.confirms.store(settings.backplane_confirm, Relaxed);
        self.asking.lock().interest.set_linger(settings.backplane_linger.0);
    }

    /// How much is asked for, and how much is wanted.
    pub(crate) fn interest(&self) -> (usize, usize) {
        let asking = self.asking.lock();
        (asking.interest.asked(), asking.interest.wanted())
    }
}
