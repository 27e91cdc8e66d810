//! Servers that act as one.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::Stdio;

use tempfile::TempDir;

use crate::generator::flow;
use crate::generator::target::Target;
use crate::generator::words::Words;
use crate::goal::REDIS_CLUSTER;
use crate::servers::{Program, Server};
use crate::suite::Way;
use crate::talk;

/// Nodes that act as one.
const NODES: usize = 3;
/// Slots of a Redis Cluster.
const SLOTS: usize = 16384;

/// What makes several servers one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Pregons and a server of NATS.
    Nats,
    /// Pregons and a Redis.
    RedisUpstream,
    /// Pregons and a Pregon.
    PregonUpstream,
    RedisCluster,
    /// The same, where everybody is at the node that has the slot.
    RedisShards,
    /// A server of NATS and nothing else, which is spoken to in its own protocol.
    BareNats,
}

impl Kind {
    /// All of them; the first has goals.
    pub(crate) const ALL: [Kind; 6] =
        [Kind::Nats, Kind::RedisUpstream, Kind::PregonUpstream, Kind::RedisCluster, Kind::RedisShards, Kind::BareNats];

    /// Its name in tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Nats => "pregon, nats",
            Kind::RedisUpstream => "pregon, redis",
            Kind::PregonUpstream => "pregon, pregon",
            Kind::RedisCluster => REDIS_CLUSTER,
            Kind::RedisShards => "redis, SPUBLISH",
            Kind::BareNats => "nats alone",
        }
    }
}

/// What the programs say of their versions.
pub(crate) fn versions() -> Vec<String> {
    let programs = [Ok(Program::pregon(None)), redis_server(), Ok(nats_server())];
    programs.into_iter().flatten().map(|program| program.version()).collect()
}

/// Servers that run, and end with this value.
#[derive(Debug)]
pub(crate) struct Deployment {
    kind: Kind,
    nodes: Vec<Server>,
    /// What joins them, if that is a server.
    engine: Option<Server>,
    /// Where a Redis Cluster keeps what it knows of itself.
    _dir: Option<TempDir>,
}

/// One of the nodes.
pub(crate) struct Node {
    pub(crate) address: SocketAddr,
    pub(crate) pid: u32,
}

impl Deployment {
    /// Starts the servers and waits until they are one.
    pub(crate) fn start(kind: Kind, io_threads: u8) -> io::Result<Self> {
        let pregon = Program::pregon(Some(io_threads));
        match kind {
            Kind::Nats => Self::joined(kind, &pregon, nats_server().start(Stdio::null())?, "nats"),
            Kind::RedisUpstream => Self::joined(kind, &pregon, redis_server()?.start(Stdio::null())?, "redis"),
            Kind::PregonUpstream => Self::joined(kind, &pregon, pregon.start(Stdio::null())?, "redis"),
            Kind::RedisCluster | Kind::RedisShards => Self::cluster(kind),
            Kind::BareNats => {
                let server = nats_server().start(Stdio::null())?;
                Ok(Deployment { kind, nodes: vec![server], engine: None, _dir: None })
            }
        }
    }

    /// Pregons that an engine joins.
    fn joined(kind: Kind, pregon: &Program, engine: Server, scheme: &str) -> io::Result<Self> {
        let url = format!("{scheme}://{}", engine.target.address);
        let keys = if kind == Kind::RedisUpstream { "forward" } else { "refuse" };
        let args = |port: u16| {
            let place = ["--port", &port.to_string(), "--backplane", &url].map(String::from);
            [&place[..], &["--backplane-keys", keys].map(String::from)].concat()
        };
        let start = |_| pregon.start_with(Stdio::null(), args, None);
        let nodes = (0..NODES).map(start).collect::<io::Result<Vec<_>>>()?;
        let knows_all = |info: &str| talk::number(info, "backplane_nodes") == Some(NODES as u64);
        talk::wait_until(&addresses(&nodes), "INFO backplane", knows_all)?;
        Ok(Deployment { kind, nodes, engine: Some(engine), _dir: None })
    }

    /// Masters of a Redis Cluster.
    fn cluster(kind: Kind) -> io::Result<Self> {
        let (redis, dir) = (redis_server()?, tempfile::tempdir()?);
        let mut nodes: Vec<Server> = Vec::new();
        for number in 0..NODES {
            // By default it is 10,000 higher than the other, which may be too high for a port.
            let bus = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
            let args = |port: u16| {
                let (port, bus, known) = (port.to_string(), bus.to_string(), format!("nodes-{number}.conf"));
                let cluster = ["--cluster-enabled", "yes", "--cluster-port", &bus, "--cluster-config-file", &known];
                let dir = dir.path().to_string_lossy();
                let all = ["--port", &port, "--dir", &dir].into_iter().chain(cluster);
                all.map(String::from).collect()
            };
            let node = redis.start_with(Stdio::null(), args, None)?;
            let (first, last) = (number * SLOTS / NODES, (number + 1) * SLOTS / NODES - 1);
            talk::ask(node.target.address, &format!("CLUSTER ADDSLOTSRANGE {first} {last}"))?;
            if let Some(other) = nodes.first() {
                let port = node.target.address.port();
                talk::ask(other.target.address, &format!("CLUSTER MEET 127.0.0.1 {port} {bus}"))?;
            }
            nodes.push(node);
        }
        let addresses = addresses(&nodes);
        talk::wait_until(&addresses, "CLUSTER INFO", |info| info.contains("cluster_state:ok"))?;
        let links = |nodes: &str| nodes.matches(" connected").count() == NODES;
        talk::wait_until(&addresses, "CLUSTER NODES", links)?;
        Ok(Deployment { kind, nodes, engine: None, _dir: Some(dir) })
    }

    /// What is put under load where messages go this way; none where they cannot.
    pub(crate) fn target(&self, way: Way) -> Option<Target> {
        let nodes = addresses(&self.nodes);
        let (from, to, words) = match self.kind {
            Kind::RedisShards if way == Way::ToAll => {
                let owner = self.owner_of_slot().ok()?;
                (owner, Vec::new(), Words::Shards)
            }
            Kind::RedisShards => return None,
            Kind::BareNats if way == Way::Within => return None,
            Kind::BareNats => (nodes[0], Vec::new(), Words::Nats),
            _ => {
                let to = match way {
                    Way::ToAll => nodes.clone(),
                    Way::Across | Way::Bystander => vec![nodes[1]],
                    Way::Within | Way::Forward => Vec::new(),
                };
                (nodes[0], to, Words::Channels)
            }
        };
        let mut pids = self.nodes.iter().chain(&self.engine).filter_map(|server| server.target.pid);
        let mut target = Target::new(from, pids.next(), None);
        (target.subscribed_at, target.words, target.helpers) = (to, words, pids.collect());
        Some(target)
    }

    /// The node that has nothing to do with messages from the first to the second.
    pub(crate) fn third_node(&self) -> Option<Node> {
        let target = &self.nodes.get(2)?.target;
        Some(Node { address: target.address, pid: target.pid? })
    }

    /// A node, its process, and the Redis behind it that has the keys; none where nothing is behind it.
    pub(crate) fn in_front(&self) -> Option<(SocketAddr, u32, SocketAddr)> {
        let engine = self.engine.as_ref().filter(|_| self.kind == Kind::RedisUpstream)?;
        let node = &self.nodes.first()?.target;
        Some((node.address, node.pid?, engine.target.address))
    }

    /// The node of a Redis Cluster at which sharded messages to the first channel are.
    fn owner_of_slot(&self) -> io::Result<SocketAddr> {
        let nodes = addresses(&self.nodes);
        let answer = talk::ask(nodes[0], &format!("CLUSTER KEYSLOT {}", flow::channel(0)))?;
        let slot: usize = answer.trim_start_matches(':').trim().parse().map_err(io::Error::other)?;
        let owner = (0..NODES).find(|number| slot < (number + 1) * SLOTS / NODES);
        Ok(nodes[owner.unwrap_or_default()])
    }
}

fn addresses(servers: &[Server]) -> Vec<SocketAddr> {
    servers.iter().map(|server| server.target.address).collect()
}

fn redis_server() -> io::Result<Program> {
    let found = Program::peers(false).into_iter().find(|program| program.name == "redis");
    found.ok_or_else(|| io::Error::other("redis-server is not on PATH"))
}

fn nats_server() -> Program {
    Program::new("nats".into(), "nats-server", ["--addr", "127.0.0.1"].map(Into::into).to_vec())
}
