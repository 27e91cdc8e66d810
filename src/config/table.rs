//! The table of directives that have an effect: one entry each, from which [`Settings`], file syntax, command line,
//! CONFIG GET / SET / REWRITE, `--help`, the manual page and `redis.conf.example` come. Directives of Redis without effect are in
//! `ignored.rs`.
//!
//! To add one, add an entry; if its type is new, implement [`Value`] for it. The syntax is explained at `directives!`.

use std::path::PathBuf;

use super::compound::{BindAddress, Directory, FileMode, IoThreads, Percentiles, Rename, Secret, ShutdownFlags};
use super::engine::{EngineUrls, SubjectPrefix};
use super::events::KeyspaceEvents;
use super::limits::{MaxmemoryClients, OutputLimits};
use super::param::{Change, Effect, Param, Section, Store};
use super::settings::directives;
use super::slow::{SlowLimit, SlowPolicy};
use super::user::UserLines;
use super::value::{
    ANY, BackplaneCounts, BackplaneForwardAuth, BackplaneKeys, BackplaneOffline, ByteSize, CertificateUser,
    ClientCertificates, DrainOrder, EvictionPolicy, INT_MAX, LONG_MAX, LogFormat, LogLevel, Micros, Millis,
    PatternSubscribe, Permission, PubsubDefault, Seconds, Supervised, Value, number,
};

directives! {
    /// Addresses to listen on, separated by blanks. `*` stands for every IPv4 address of the machine, `::*` for every
    /// IPv6 address, and a host name for what it resolves to. With a `-` in front, an address that this machine does not
    /// have is skipped; without it, the server does not start. At most 16.
    /// Name the addresses that clients really use when the machine has several networks; `127.0.0.1 -::1` keeps the
    /// server to the machine itself. See protected-mode for what a wide default means without a password.
    bind: Vec<BindAddress> = vec![BindAddress::read("*"), BindAddress::read("-::*")], "bind", Network, Runtime, ANY
        => Effect::Addresses("Failed to bind to specified addresses.");

    /// TCP port to listen on. 0 means no TCP but that of tls-port; then set one of it and unixsocket, or nobody can connect.
    port: u16 = 6379, "port", Network, Runtime, number(0, 65535)
        => Effect::Addresses("Unable to listen on this port. Check server logs.");

    /// Path of a Unix socket to listen on besides TCP; empty for none. Clients on the same machine save the work of the
    /// TCP stack with it. A socket file that a former run has left behind is replaced.
    unixsocket: Option<PathBuf> = None, "unixsocket", Network, Start, ANY;

    /// Permissions of the Unix socket's file, in octal: 700 lets only the owner connect, 770 the group too.
    /// 0 leaves what the umask of the process gives.
    unixsocketperm: FileMode = FileMode(0), "unixsocketperm", Network, Start, number(0, 0o777);

    /// Length of the queue of connections that the kernel has completed and the server has not yet accepted. Raise it
    /// when very many clients connect at once. Linux cuts it to net.core.somaxconn.
    tcp_backlog: u32 = 511, "tcp-backlog", Network, Start, number(0, INT_MAX);

    /// Seconds of silence after which the kernel asks whether a peer is still there (SO_KEEPALIVE); 0 for never.
    /// Finds peers that vanished without closing, and keeps firewalls from forgetting an idle connection: set it below
    /// their timeout. It takes about this time until the first probe and as long again until the connection ends.
    tcp_keepalive: Seconds = Seconds(300), "tcp-keepalive", Network, Runtime, number(0, INT_MAX)
        => Effect::Sockets;

    /// Seconds for which the system at a subscriber's end may leave the server without an answer before the connection
    /// is ended; 0 leaves it to the kernel, which takes about a quarter of an hour. Keepalive does not notice a vanished
    /// peer while data is on its way, and a subscriber always has data on its way, so this is what frees its queue. A
    /// subscriber that only does not read is not ended by this, because its system answers for it; the longer it has not
    /// read, the less often that is asked, so if it vanishes then, that is noticed up to four minutes later. Redis has no
    /// such directive.
    subscriber_dead_peer_timeout: Seconds = Seconds(60),
        "subscriber-dead-peer-timeout", Network, Runtime, number(0, INT_MAX / 1000);

    /// Seconds for which nothing was sent to a subscriber after which it is sent a sign of life, so that neither its program nor
    /// what stands in between takes the connection for dead; 0 for never. It is a push of its own type (>3 alive _ 0), which
    /// clients skip; those that speak RESP2 are sent nothing. Redis has no such directive.
    subscriber_sign_of_life: Seconds = Seconds(0), "subscriber-sign-of-life", Network, Runtime, number(0, INT_MAX);

    /// Seconds after which a client that sends nothing is closed; 0 for never. Subscribers, blocked clients and clients
    /// that MONITOR are never closed for silence. Set it where applications leak connections.
    timeout: Seconds = Seconds(0), "timeout", Network, Runtime, number(0, INT_MAX);

    /// Threads that serve clients, each with its own share of the connections; 1 to 128. The default is the number of
    /// cores that the process may use, because fan-out to many subscribers runs on all of them. Set fewer to leave
    /// cores to other programs; 1 costs the least CPU for each message. Redis' default is 1, and there it means
    /// threads that only read and write.
    io_threads: IoThreads = IoThreads::default(), "io-threads", Network, Start, number(1, IoThreads::MAX as i128);

    /// TCP port on which connections are encrypted; 0 means none. tls-cert-file and tls-key-file have to be set then, and
    /// so has tls-ca-cert-file or tls-ca-cert-dir, unless tls-auth-clients is no. Addresses are those of bind. With port 0
    /// beside it, nobody gets in over TCP without TLS.
    tls_port: u16 = 0, "tls-port", Tls, Runtime, number(0, 65535)
        => Effect::Addresses("Unable to listen on this port. Check server logs.");

    /// File with the server's certificate, in PEM, and behind it those that lead to the authority that its clients trust.
    /// When the file changes, it is taken within a minute, or at once on SIGHUP, together with the key; connections that
    /// exist live on. If it cannot be taken, the one before stays in force and the log says why.
    tls_cert_file: Option<PathBuf> = None, "tls-cert-file", Tls, Runtime, ANY => Effect::Tls;

    /// File with the private key that belongs to the certificate, in PEM. It needs to be readable for this user only.
    tls_key_file: Option<PathBuf> = None, "tls-key-file", Tls, Runtime, ANY => Effect::Tls;

    /// Password of the private key, if the file is encrypted (BEGIN ENCRYPTED PRIVATE KEY); empty for none.
    tls_key_file_pass: Secret = Secret::default(), "tls-key-file-pass", Tls, Runtime, ANY => Effect::Tls;

    /// File with the certificates of the authorities that clients' certificates have to come from, in PEM.
    tls_ca_cert_file: Option<PathBuf> = None, "tls-ca-cert-file", Tls, Runtime, ANY => Effect::Tls;

    /// Directory with such files; what else is in it is passed over.
    tls_ca_cert_dir: Option<PathBuf> = None, "tls-ca-cert-dir", Tls, Runtime, ANY => Effect::Tls;

    /// Whether clients have to show a certificate: yes, no, or optional for those that have one.
    tls_auth_clients: ClientCertificates = ClientCertificates::Yes, "tls-auth-clients", Tls, Runtime, ANY => Effect::Tls;

    /// Which part of a client's certificate names the user that it is from the start: off for none, CN for the common name,
    /// SAN for the alternative names, of which the first that is a user's counts. A client whose certificate names no user
    /// that is on is the default user, as without a certificate, and may log in by AUTH. Redis 7.4 has no such directive.
    tls_auth_clients_user: CertificateUser = CertificateUser::Off, "tls-auth-clients-user", Tls, Runtime, ANY;

    /// Versions of TLS that are spoken, in quotes and separated by blanks: TLSv1.2, TLSv1.3; empty for both. Older ones are
    /// not safe and not there.
    tls_protocols: String = String::new(), "tls-protocols", Tls, Runtime, ANY => Effect::Tls;

    /// Ciphers of TLS 1.2 in the syntax of OpenSSL, in the order of preference; empty for all that are safe:
    /// ECDHE-ECDSA- or ECDHE-RSA- before AES256-GCM-SHA384, AES128-GCM-SHA256 and CHACHA20-POLY1305.
    tls_ciphers: String = String::new(), "tls-ciphers", Tls, Runtime, ANY => Effect::Tls;

    /// Ciphers of TLS 1.3, separated by colons, in the order of preference; empty for all: TLS_AES_256_GCM_SHA384,
    /// TLS_AES_128_GCM_SHA256, TLS_CHACHA20_POLY1305_SHA256.
    tls_ciphersuites: String = String::new(), "tls-ciphersuites", Tls, Runtime, ANY => Effect::Tls;

    /// With yes, the server's order of ciphers counts, otherwise the client's.
    tls_prefer_server_ciphers: bool = false, "tls-prefer-server-ciphers", Tls, Runtime, ANY => Effect::Tls;

    /// Whether clients that come back may go on with the session that they had, which saves most of the time of a
    /// handshake.
    tls_session_caching: bool = true, "tls-session-caching", Tls, Runtime, ANY => Effect::Tls;

    /// Sessions that are remembered for that; the oldest goes first. Each takes about a kilobyte, more with certificates of
    /// clients. 0 stands for the largest number, a million.
    tls_session_cache_size: u32 = 20480, "tls-session-cache-size", Tls, Runtime, number(0, INT_MAX), bounds => Effect::Tls;

    /// Seconds for which a session is remembered; 0 for ever.
    tls_session_cache_timeout: Seconds = Seconds(300), "tls-session-cache-timeout", Tls, Runtime, number(0, INT_MAX)
        => Effect::Tls;

    /// Handshakes that may be under way at the same time; who comes after them waits in the kernel's queue. A handshake
    /// takes a thread a good part of a millisecond, and others have their turns between two of its steps. Redis has no
    /// such directive.
    tls_handshake_limit: u32 = 1000, "tls-handshake-limit", Tls, Runtime, number(1, INT_MAX), bounds;

    /// Seconds that a handshake may take; the connection is closed then. Redis has no such directive.
    tls_handshake_timeout: Seconds = Seconds(10), "tls-handshake-timeout", Tls, Runtime, number(1, 3600);

    /// Password for the default user; empty for none. Clients give it with AUTH or HELLO. Many guesses are possible,
    /// so make it long and random. It is sent in the clear unless the network protects it.
    requirepass: Secret = Secret::default(), "requirepass", Security, Runtime, ANY
        => Effect::Password;

    /// Milliseconds for which an answer about a password may be delayed at most, right or wrong; 0 for no delay. Behind the
    /// fifth wrong password from one address within a minute the delay is short, and doubles with each further one. Nobody
    /// else waits. Clients on the machine itself are never delayed: a proxy there stands for many. Redis has no such
    /// directive.
    auth_failure_delay: Millis = Millis(2000), "auth-failure-delay", Security, Runtime, number(0, 60_000);

    /// A user: its name, and the rules that make it, as ACL SETUSER takes them. May be repeated, once for each user; CONFIG
    /// REWRITE keeps the users of then, with digests for passwords. The user default is who has not logged in; what is
    /// said of it here counts and not requirepass.
    user: UserLines = UserLines::default(), "user", Security, FileOnly, ANY;

    /// File with users, a line as for user for each, instead of such lines here; empty for none. Relative to dir. ACL LOAD
    /// reads it again, all of it or nothing, and ACL SAVE writes it.
    aclfile: Option<PathBuf> = None, "aclfile", Security, Start, ANY;

    /// Which channels users have that ACL SETUSER makes, before any rule about channels: resetchannels for none, allchannels
    /// for all.
    acl_pubsub_default: PubsubDefault = PubsubDefault::ResetChannels, "acl-pubsub-default", Security, Runtime, ANY;

    /// Which patterns a user may PSUBSCRIBE to that has not all channels: literal for those that stand among its channels
    /// just so, as in Redis; covered for all that match no channel that it does not have, so that `news:sport:*` is allowed
    /// to who has `&news:*`. Redis has no such directive.
    acl_pattern_subscribe: PatternSubscribe = PatternSubscribe::Literal, "acl-pattern-subscribe", Security, Runtime, ANY;

    /// Number of entries that ACL LOG keeps of what was refused to users; the oldest goes first.
    acllog_max_len: u64 = 128, "acllog-max-len", Security, Runtime, number(0, LONG_MAX), bounds;

    /// Length that ACL LOG keeps at most of the name of a key, channel or user, and of what it says of the client: whoever is
    /// refused something chooses these. Redis has no such directive, and keeps all of them.
    acllog_name_max_len: ByteSize = ByteSize(4 * 1024), "acllog-name-max-len", Security, Runtime, number(0, LONG_MAX), bounds;

    /// With yes, and as long as no password is set, only clients from the machine itself are served; others are told
    /// why and closed. Switch it off only where the network itself keeps strangers away.
    protected_mode: bool = true, "protected-mode", Security, Runtime, ANY;

    /// Gives a command another name, or with "" takes it away. May be repeated. Meant for commands that an operator
    /// needs and applications must not use. The old name is unknown afterwards.
    rename_command: Vec<Rename> = Vec::new(), "rename-command", Security, FileOnly, ANY;

    /// Who may use DEBUG: no for nobody, local for clients from the machine itself, yes for everybody. DEBUG can make
    /// the server sleep or fail on purpose; it serves test suites, not production.
    enable_debug_command: Permission = Permission::No, "enable-debug-command", Security, Start, ANY;

    /// Who may change protected directives by CONFIG SET: no, local or yes, as for enable-debug-command. Protected are
    /// dir and dbfilename. Of these only dir has an effect here: it moves the log file when that is opened anew.
    enable_protected_configs: Permission = Permission::No, "enable-protected-configs", Security, Start, ANY;

    /// Number of databases that SELECT knows. Channels do not belong to a database: a message reaches its subscribers
    /// whatever either side has selected.
    databases: u32 = 16, "databases", Limits, Start, number(1, 65_536);

    /// Connections that are served at the same time; more get an error and are closed. Each one needs a file
    /// descriptor: at start the server raises its own limit as far as it is allowed to. Where that is not enough it says
    /// so, and serves as many as there are descriptors for: CONFIG GET shows how many.
    maxclients: u32 = 10000, "maxclients", Limits, Runtime, number(1, u32::MAX as i128), bounds
        => Effect::Descriptors;

    /// How much output may wait for a client before it is closed, for each class: `normal` without subscriptions,
    /// `pubsub` with at least one, `replica` for compatibility. After the class come the hard limit, at which the client
    /// is closed at once, and the soft limit with the seconds for which it may be exceeded. 0 is no limit. Several
    /// classes may stand on one line. This is what keeps a slow subscriber from using up the memory: raise it for
    /// subscribers that must survive long pauses. A message that waits for many subscribers takes its memory once,
    /// but counts in full for each of them. Two messages may wait beyond the hard limit: the one that is being written,
    /// and the newest for a subscriber that reads, so that messages larger than the limit arrive.
    client_output_buffer_limit: OutputLimits = OutputLimits::default(),
        "client-output-buffer-limit", Limits, Runtime, ANY, bounds;

    /// What becomes of a subscriber whose socket refuses what it is sent while more waits for it than slow-subscriber-limit says:
    /// disconnect closes it, at the limits of client-output-buffer-limit alone; drop-oldest and drop-newest let it lose messages;
    /// conflate lets of each channel only the newest message wait, as soon as its socket refuses something, and the oldest go
    /// beyond the limit. It is told in their place how many it has lost. The rule `slow:` of its user comes before this, and a
    /// connection may choose for itself by PREGON SLOW. docs/slow-subscribers.md says more. Redis has no such directive.
    slow_subscriber_policy: SlowPolicy = SlowPolicy::Disconnect, "slow-subscriber-policy", Limits, Runtime, ANY;

    /// How much may wait for a subscriber that may lose messages: bytes and messages, 0 for no limit. What is being written to it
    /// does not count, and one message may always wait. The limits of client-output-buffer-limit hold above this, for it, too.
    slow_subscriber_limit: SlowLimit = SlowLimit::default(), "slow-subscriber-limit", Limits, Runtime, ANY, bounds;

    /// Bytes that the server keeps of a client's requests before it runs them, unfinished or queued by MULTI; the client
    /// is closed beyond. At least 1mb. Raise it for very large transactions.
    client_query_buffer_limit: ByteSize = ByteSize::mib(1024),
        "client-query-buffer-limit", Limits, Runtime, number(1024 * 1024, LONG_MAX), bounds;

    /// Longest single argument in bytes, and with it the longest message. At least 1mb. A client that announces more is
    /// told so and closed.
    proto_max_bulk_len: ByteSize = ByteSize::mib(512),
        "proto-max-bulk-len", Limits, Runtime, number(1024 * 1024, LONG_MAX), bounds;

    /// Longest name of a channel in bytes, in SUBSCRIBE, PUBLISH and their sharded forms, which are refused beyond; 0 is no
    /// limit. To find the patterns that match a name takes time in proportion to it, while every publisher waits. A key so
    /// long that the channel of its keyspace notifications would be longer is told of by its keyevent channel only.
    channel_name_max_len: ByteSize = ByteSize(64 * 1024),
        "channel-name-max-len", Limits, Runtime, number(0, LONG_MAX), bounds;

    /// Longest pattern of PSUBSCRIBE in bytes, which is refused beyond; 0 is no limit. Every pattern takes memory and,
    /// if it resembles a channel's name, time when somebody publishes.
    pattern_max_len: ByteSize = ByteSize(64 * 1024), "pattern-max-len", Limits, Runtime, number(0, LONG_MAX), bounds;

    /// Bytes that the server may use, as used_memory in INFO counts them; 0 is no limit. Beyond it keys are evicted by
    /// maxmemory-policy, and commands that need memory are refused when none may go. Subscribers' queues count, too;
    /// they are bounded by client-output-buffer-limit and maxmemory-clients.
    maxmemory: ByteSize = ByteSize(0), "maxmemory", Limits, Runtime, number(0, u64::MAX as i128), bounds;

    /// Which keys go when maxmemory is reached: allkeys-lru (not used for longest), allkeys-lfu (used least often),
    /// allkeys-random, the same three of keys with a deadline only (volatile-lru, volatile-lfu, volatile-random),
    /// volatile-ttl (expires first), or noeviction. A cache wants allkeys-lru; queues and streams want noeviction.
    maxmemory_policy: EvictionPolicy = EvictionPolicy::NoEviction, "maxmemory-policy", Limits, Runtime, ANY;

    /// Keys that are looked at to find one to evict. More come closer to the exact order and cost more time.
    maxmemory_samples: u32 = 5, "maxmemory-samples", Limits, Runtime, number(1, 64);

    /// How slowly the counter of a key's uses rises under the lfu policies: with 10 it is at its end after about a million
    /// uses, with 0 after 250, with 100 after ten million.
    lfu_log_factor: u32 = 10, "lfu-log-factor", Limits, Runtime, number(0, INT_MAX);

    /// Minutes after which the counter of a key's uses falls by one under the lfu policies; 0 for never.
    lfu_decay_time: u32 = 1, "lfu-decay-time", Limits, Runtime, number(0, INT_MAX);

    /// Bytes that all clients together may hold, or a percentage of maxmemory such as 5%; 0 is no limit. What counts is
    /// all that a client can make grow: what it has sent and what waits for it, subscriptions, names, what it watches,
    /// tracks or waits for (tot-mem in CLIENT LIST). Beyond it the clients that hold most are closed first. Set it where many subscribers may become
    /// slow at once, or where clients choose themselves to how many names they listen.
    maxmemory_clients: MaxmemoryClients = MaxmemoryClients::Bytes(ByteSize(0)),
        "maxmemory-clients", Limits, Runtime, number(0, LONG_MAX), bounds;

    /// With yes, the kernel gives this process memory in pages of 4 KB only. Pages of 2 MB, which some systems use for
    /// everybody, make room that is kept ready for a long request or value real memory before anything is in it.
    disable_thp: bool = true, "disable-thp", Limits, Start, ANY;

    /// Milliseconds after which a script counts as busy, and SCRIPT KILL can be thought of: commands on keys are answered
    /// BUSY from then on. Messages are not concerned, they never wait for a script. 0 is for never.
    busy_reply_threshold: Millis = Millis(5000), "busy-reply-threshold" or "lua-time-limit",
        Limits, Runtime, number(0, LONG_MAX);

    /// Bytes that a script may use, beside what the interpreter itself takes; 0 is no limit. A script that needs more ends
    /// with an error. Scripts that SCRIPT LOAD keeps may take as much. Redis has no such directive.
    lua_memory_limit: ByteSize = ByteSize::mib(256), "lua-memory-limit", Limits, Runtime, number(0, LONG_MAX), bounds;

    /// Addresses of the engine through which several servers act as one: what is published at one of them is heard at
    /// all. Write `nats://host:4222` for a server of NATS (`tls://` for an encrypted connection), or `redis://host:6379` for
    /// an upstream that speaks the Redis protocol (`rediss://`, `unix:/path`), with `user:password@` before the host where it
    /// asks for credentials. Several addresses are those of one engine, of which one is used at a time. Empty for a server on its
    /// own. docs/scale-out.md says what holds between servers.
    backplane: EngineUrls = EngineUrls::default(), "backplane", Backplane, Start, ANY;

    /// What the subjects of NATS begin with under which messages travel: servers that have the same prefix at the same NATS act
    /// as one. Letters, digits, `_` and `-`, with full stops in between.
    backplane_prefix: SubjectPrefix = SubjectPrefix::default(), "backplane-prefix", Backplane, Start, ANY;

    /// What this server calls itself among the others, for PREGON NODES and logs; empty for a name that is drawn at each start.
    backplane_id: String = String::new(), "backplane-id", Backplane, Start, ANY;

    /// Milliseconds for which PUBSUB CHANNELS, NUMSUB, NUMPAT, SHARDCHANNELS and SHARDNUMSUB wait for the answers of other servers.
    /// What a server does not answer in time is missing from the answer and counted.
    backplane_gather_timeout: Millis = Millis(250), "backplane-gather-timeout", Backplane, Runtime, number(1, 60_000);

    /// Whose receivers PUBLISH and SPUBLISH count: local for those at this server, cluster for those at all. To count all, each of
    /// them is asked before the message is published, which takes a round trip and makes the publisher wait for it, for
    /// backplane-gather-timeout at most.
    backplane_counts: BackplaneCounts = BackplaneCounts::Local, "backplane-counts", Backplane, Runtime, ANY;

    /// What becomes of PUBLISH and SPUBLISH while there is no connection to the engine: serve for messages that are heard at this
    /// server, refuse for an error where a publisher is to know that others do not hear it.
    backplane_offline: BackplaneOffline = BackplaneOffline::Serve, "backplane-offline", Backplane, Runtime, ANY;

    /// Whether SUBSCRIBE is confirmed only when the engine knows of it, so that whoever sees the confirmation can publish at
    /// any server and is heard. It waits two seconds at most, and not while there is no connection, nor within MULTI.
    backplane_confirm: bool = true, "backplane-confirm", Backplane, Runtime, ANY;

    /// Milliseconds for which the engine is still asked for what no client listens to any more, because clients that
    /// reconnect soon listen again.
    backplane_linger: Millis = Millis(1000), "backplane-linger", Backplane, Runtime, number(0, 3_600_000);

    /// Bytes of messages that may wait for the engine. What is published when they are full is counted, and heard at this
    /// server only, or nowhere where the engine is an upstream.
    backplane_queue_limit: ByteSize = ByteSize::mib(256),
        "backplane-queue-limit", Backplane, Runtime, number(1024 * 1024, LONG_MAX), bounds;

    /// Bytes of messages from other servers that may wait until the rest of them has come: an engine carries large ones in
    /// pieces.
    backplane_pieces_limit: ByteSize = ByteSize::mib(1024),
        "backplane-pieces-limit", Backplane, Start, number(1024 * 1024, LONG_MAX), bounds;

    /// Seconds of silence after which a connection to the engine is given up and another is made. A third of it is how often
    /// the engine is asked whether it is there.
    backplane_timeout: Seconds = Seconds(15), "backplane-timeout", Backplane, Runtime, number(1, 3600);

    /// What becomes of commands on keys beside a backplane: refuse for an error, because keys stay on one server while
    /// messages reach all; local where every server is to keep keys of its own; forward where the engine is an upstream that
    /// has them: commands on keys, scripts, and all that this server does not have go there, on a connection for each client
    /// that sends some, so that every program that uses Redis works here. Say how many databases there are by databases, too.
    backplane_keys: BackplaneKeys = BackplaneKeys::Refuse, "backplane-keys", Backplane, Start, ANY;

    /// Who a client is at the upstream where commands on keys go there (backplane-keys forward): backplane for the user of
    /// the backplane's address, client for the user and the password that the client has given here with AUTH or HELLO, and
    /// the upstream's default user for who has given none. What a client may do is judged at both servers then; passwords of more
    /// than 4096 bytes are refused.
    backplane_forward_auth: BackplaneForwardAuth = BackplaneForwardAuth::Backplane,
        "backplane-forward-auth", Backplane, Start, ANY;

    /// Whether this server looks like a node of a Redis Cluster to clients; of no effect without a backplane. Slots are dealt out evenly to all
    /// nodes that are there, keys are served by the node that has their slot (others answer -MOVED), and messages at any node.
    /// Keys go with the node that has them when that goes, and those whose slots another node gets are dropped in time
    /// (cluster-moved-keys-timeout).
    cluster_enabled: bool = false, "cluster-enabled", Backplane, Start, ANY;

    /// Address or name under which clients and PREGON NODES are told to reach this server; empty for the address from which it
    /// speaks with the engine.
    cluster_announce_ip: String = String::new(), "cluster-announce-ip", Backplane, Runtime, ANY;

    /// Port under which they are; 0 for that of port, or tls-port where that is 0.
    cluster_announce_port: u16 = 0, "cluster-announce-port", Backplane, Runtime, number(0, 65535);

    /// Port under which clients that encrypt are told to reach it; 0 for that of tls-port.
    cluster_announce_tls_port: u16 = 0, "cluster-announce-tls-port", Backplane, Runtime, number(0, 65535);

    /// Seconds after which keys go whose slots other nodes have got, and which nobody can reach here any more, if slots have
    /// not changed hands since. 0 keeps them.
    cluster_moved_keys_timeout: Seconds = Seconds(60), "cluster-moved-keys-timeout", Backplane, Runtime, number(0, 86_400 * 365);

    /// File with the authorities that the engine's certificate may come from, in PEM; empty for those that the system trusts.
    /// This file and the two below are read for each connection.
    backplane_tls_ca_cert_file: Option<PathBuf> = None, "backplane-tls-ca-cert-file", Backplane, Runtime, ANY;

    /// File with the certificate that this server shows to the engine, in PEM; empty for none.
    backplane_tls_cert_file: Option<PathBuf> = None, "backplane-tls-cert-file", Backplane, Runtime, ANY;

    /// File with the key of that certificate, in PEM and not encrypted.
    backplane_tls_key_file: Option<PathBuf> = None, "backplane-tls-key-file", Backplane, Runtime, ANY;

    /// File with the credentials of this server for NATS: a `.creds` file, which nsc writes, or the seed of a user's nkey; empty for
    /// none but those in the address. It is read for each connection.
    backplane_credentials_file: Option<PathBuf> = None, "backplane-credentials-file", Backplane, Runtime, ANY;

    /// Whether a connection to `tls://` is encrypted before NATS has said anything (`handshake_first` there), and not when it has
    /// said who it is.
    backplane_tls_first: bool = false, "backplane-tls-first", Backplane, Runtime, ANY;

    /// Keys that are remembered with the clients that cache them (CLIENT TRACKING), at most; 0 for no bound. Beyond it,
    /// clients are told to forget keys that have not changed.
    tracking_table_max_keys: u64 = 1_000_000, "tracking-table-max-keys", Keys, Runtime, number(0, LONG_MAX), bounds;

    /// Which changes of keys are published: letters for classes of events, and K for messages to `__keyspace@<db>__:<key>`,
    /// E for messages to `__keyevent@<db>__:<event>`; empty for none. g is for commands on keys of any type, $ for strings,
    /// l for lists, t for streams, x for keys whose time is over, e for evicted ones, n for new ones, m for keys that were
    /// asked for and are not there; A stands for all but n and m. Publishing costs time with every change, so it is off
    /// unless you set it.
    notify_keyspace_events: KeyspaceEvents = KeyspaceEvents::default(), "notify-keyspace-events", Keys, Runtime, ANY;

    /// How much the log says: debug, verbose, notice, warning or nothing. No level logs single messages.
    loglevel: LogLevel = LogLevel::Notice, "loglevel", Process, Runtime, ANY => Effect::Log;

    /// How a log line looks: human for people, redis as Redis writes it, with the number of the process and the local time,
    /// for programs that read its log, json for programs that collect logs, one object on each line. Redis has no such
    /// directive.
    logformat: LogFormat = LogFormat::Human, "logformat", Process, Start, ANY;

    /// Directory in which logfile, pidfile and unixsocket are where they are written without a directory. The default is the
    /// directory in which the server was started; nothing else is read or written there, so neither has to be writable.
    dir: Directory = Directory::default(), "dir", Process, Protected, ANY;

    /// File to which the log is appended; empty for standard output, which suits containers and systemd.
    logfile: Option<PathBuf> = None, "logfile", Process, Start, ANY;

    /// Bytes of log lines that may wait to be written. A reader of standard output or a disk that does not keep up costs
    /// the lines that find no room: they are counted, as log_lines_dropped in INFO, and a line says how many are missing.
    /// Clients never wait for the log. At least 64kb. Redis has no such directive.
    log_buffer_limit: ByteSize = ByteSize::mib(1), "log-buffer-limit", Process, Runtime, number(64 * 1024, LONG_MAX), bounds
        => Effect::Log;

    /// Who is told that the server is ready, alive, or ending: systemd, in a unit of Type=notify or notify-reload and with
    /// WatchdogSec, if you like; auto for systemd if it has started the server; no for nobody. upstart is accepted and not
    /// told anything.
    supervised: Supervised = Supervised::No, "supervised", Process, Start, ANY;

    /// File into which the process id is written at start, and which is removed at the end; empty for none. A file that
    /// cannot be written is a warning, not an error.
    pidfile: Option<PathBuf> = None, "pidfile", Process, Start, ANY;

    /// TCP port for what operators ask over HTTP: a page at /, /metrics for Prometheus, /health/live, /health/ready, /json; 0
    /// means none.
    metrics_port: u16 = 0, "metrics-port", Observation, Start, number(0, 65535);

    /// Addresses for metrics-port, as for bind: only this machine's own unless it is said here.
    metrics_bind: Vec<BindAddress> = vec![BindAddress::read("127.0.0.1"), BindAddress::read("-::1")],
        "metrics-bind", Observation, Start, ANY;

    /// Whether it is encrypted there, with the certificate of tls-cert-file, and clients show theirs as tls-auth-clients says.
    metrics_tls: bool = false, "metrics-tls", Observation, Start, ANY;

    /// The name that clients have to give there together with metrics-password.
    metrics_user: String = "metrics".into(), "metrics-user", Observation, Runtime, ANY;

    /// Password that is asked for there, but not for health; "" asks for none.
    metrics_password: Secret = Secret::default(), "metrics-password", Observation, Runtime, ANY;

    /// How many channels /metrics names, the busiest of the last seconds, each with its rates: as many series as that, four times.
    /// 0 names none.
    metrics_channels: u64 = 10, "metrics-channels", Observation, Runtime, number(0, 1000), bounds;

    /// Microseconds from which a command counts as slow and is kept for SLOWLOG; 0 keeps every command, a negative
    /// number none. Time spent waiting for the client or the network does not count.
    slowlog_log_slower_than: Micros = Micros(10000), "slowlog-log-slower-than", Observation, Runtime, number(-1, LONG_MAX);

    /// Number of entries that SLOWLOG keeps; the oldest goes first. Each holds the arguments of its command, cut to a
    /// few kilobytes.
    slowlog_max_len: u64 = 128, "slowlog-max-len", Observation, Runtime, number(0, LONG_MAX), bounds;

    /// How many channels PUBSUB TOP and the metrics can tell apart by what was published there lately, on each thread and for each
    /// measure; 0 switches that off. A channel with more than one part in so many of all messages is among them. The first 256
    /// bytes of each name are kept.
    channel_top_size: u64 = 128, "channel-top-size", Observation, Runtime, number(0, 10_000), bounds;

    /// Seconds over which PUBSUB TOP looks back at least; at most half as long again.
    channel_top_window: Seconds = Seconds(10), "channel-top-window", Observation, Runtime, number(1, 3600);

    /// How many clients may trace messages by PUBSUB TRACE at once: each publisher compares its channels with the patterns of all.
    channel_trace_clients: u64 = 8, "channel-trace-clients", Observation, Runtime, number(0, 1000), bounds;

    /// Of how many messages in a second each of them is told at most, so that to look on does not become the load that one
    /// looks at; 0 is no limit.
    channel_trace_rate: u64 = 1000, "channel-trace-rate", Observation, Runtime, number(0, LONG_MAX), bounds;

    /// Milliseconds from which an event is kept for LATENCY; 0 keeps none.
    latency_monitor_threshold: Millis = Millis(0), "latency-monitor-threshold", Observation, Runtime, number(0, LONG_MAX);

    /// Whether the distribution of each command's time is kept, for INFO latencystats and LATENCY HISTOGRAM. Costs some
    /// kilobytes for each command in use.
    latency_tracking: bool = true, "latency-tracking", Observation, Runtime, ANY;

    /// Percentiles that INFO latencystats shows, from 0 to 100, separated by blanks; "" for none.
    latency_tracking_info_percentiles: Percentiles = Percentiles(vec![50.0, 99.0, 99.9]),
        "latency-tracking-info-percentiles", Observation, Runtime, ANY;

    /// Seconds for which the server, when it is told to end or by PREGON DRAIN, serves on as before and only says that it is
    /// not ready, so that load balancers and other nodes send no new clients when these are ended. What starts the server must
    /// give it so much time to end, and drain-time and shutdown-timeout.
    drain_wait: Seconds = Seconds(0), "drain-wait", Shutdown, Runtime, number(0, INT_MAX);

    /// Seconds in which the server ends its clients then, a few at a time, each with what waits for it, so that they do not
    /// all come back elsewhere at once. New ones are told to connect elsewhere. With 0 they stay until the end.
    drain_time: Seconds = Seconds(0), "drain-time", Shutdown, Runtime, number(0, INT_MAX);

    /// Who goes first in that time: subscribers-last or subscribers-first for one half of it for each kind, or together.
    drain_order: DrainOrder = DrainOrder::SubscribersLast, "drain-order", Shutdown, Runtime, ANY;

    /// Seconds for which the server, when it is told to end, goes on sending what is queued for its clients; 0 ends at
    /// once. It ends earlier when all has been sent. In Redis it waits for replicas instead.
    shutdown_timeout: Seconds = Seconds(10), "shutdown-timeout", Shutdown, Runtime, number(0, INT_MAX);

    /// What SIGTERM does: default, or some of save, nosave, now and force, as the options of SHUTDOWN. Nothing is ever
    /// saved here, so only now makes a difference: it skips shutdown-timeout.
    shutdown_on_sigterm: ShutdownFlags = ShutdownFlags::default(), "shutdown-on-sigterm", Shutdown, Runtime, ANY;

    /// What SIGINT does; the words are those of shutdown-on-sigterm.
    shutdown_on_sigint: ShutdownFlags = ShutdownFlags::default(), "shutdown-on-sigint", Shutdown, Runtime, ANY;
}
