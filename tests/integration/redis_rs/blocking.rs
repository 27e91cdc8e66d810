//! The blocking interface: one connection publishes, another one becomes a `PubSub`.

use std::collections::HashMap;
use std::sync::mpsc;

use redis::{Connection, ProtocolVersion, PubSub, PushKind, RedisResult, TypedCommands, Value, cmd, pipe};

use super::{PROTOCOLS, client, expect_wrong_password, field, open};
use crate::support::{DEADLINE, TestServer};

#[test]
fn the_connection_speaks_the_protocol_asked_for() -> RedisResult<()> {
    let server = TestServer::start(&[]);
    for (protocol, number) in PROTOCOLS.into_iter().zip(["2", "3"]) {
        let mut connection = client(&server, protocol).get_connection()?;
        let info: String = cmd("CLIENT").arg("INFO").query(&mut connection)?;
        assert_eq!(field(&info, "resp"), Some(number), "{info}");
        assert_eq!(field(&info, "lib-name"), Some("redis-rs"), "{info}");
    }
    Ok(())
}

#[test]
fn messages_arrive_as_they_were_published_and_are_counted() -> RedisResult<()> {
    for protocol in PROTOCOLS {
        let server = TestServer::start(&[]);
        let mut publisher = client(&server, protocol).get_connection()?;
        assert_eq!(publisher.publish("news", "nobody listens")?, 0);
        let mut connections = [connect(&server, protocol)?, connect(&server, protocol)?];
        let [mut first, mut second] = connections.each_mut().map(Connection::as_pubsub);
        first.subscribe("news")?;
        second.subscribe("news")?;
        assert_eq!(publisher.publish("news", "¡se hace saber!")?, 2);
        first.psubscribe("n*")?;
        first.psubscribe("*s")?;
        assert_eq!(publisher.publish("news", "")?, 4);
        for subscriber in [&mut first, &mut second] {
            expect_message(subscriber, "news", "¡se hace saber!")?;
            expect_message(subscriber, "news", "")?;
        }
    }
    Ok(())
}

#[test]
fn a_pattern_delivers_pattern_channel_and_message() -> RedisResult<()> {
    in_each_protocol(|_, publisher, subscriber| {
        subscriber.psubscribe("weather.[a-c]*.?ay")?;
        assert_eq!(publisher.publish("weather.delhi.day", "no match")?, 0);
        assert_eq!(publisher.publish("weather.bilbao.day", "rain")?, 1);
        let message = subscriber.get_message()?;
        assert_eq!(message.get_pattern::<String>()?, "weather.[a-c]*.?ay");
        assert_eq!(message.get_channel_name(), "weather.bilbao.day");
        assert_eq!(message.get_payload::<String>()?, "rain");
        Ok(())
    })
}

/// The crate has methods for sharded channels only in cluster mode, so the frames themselves are read here.
#[test]
fn sharded_messages_reach_only_sharded_subscribers() -> RedisResult<()> {
    for protocol in PROTOCOLS {
        let server = TestServer::start(&[]);
        let mut publisher = connect(&server, protocol)?;
        let mut sharded = connect(&server, protocol)?;
        sharded.send_packed_command(&cmd("SSUBSCRIBE").arg("orders").get_packed_command())?;
        assert_eq!(parts(sharded.recv_response()?), ["ssubscribe", "orders", "1"]);
        assert_eq!(publisher.publish("orders", "plain")?, 0);
        assert_eq!(publisher.spublish("orders", "sharded")?, 1);
        assert_eq!(parts(sharded.recv_response()?), ["smessage", "orders", "sharded"]);
        let channels: Vec<String> = cmd("PUBSUB").arg("SHARDCHANNELS").query(&mut publisher)?;
        assert_eq!(channels, ["orders"]);
        sharded.send_packed_command(&cmd("SUNSUBSCRIBE").get_packed_command())?;
        assert_eq!(parts(sharded.recv_response()?), ["sunsubscribe", "orders", "0"]);
        assert_eq!(publisher.spublish("orders", "sharded")?, 0);
    }
    Ok(())
}

#[test]
fn several_subscriptions_share_one_connection_and_end_one_by_one() -> RedisResult<()> {
    in_each_protocol(|protocol, publisher, subscriber| {
        subscribe_each(subscriber, &["news", "sport"])?;
        subscriber.psubscribe("s*")?;
        assert_eq!(publisher.publish("sport", "twice")?, 2);
        expect_message(subscriber, "sport", "twice")?;
        expect_message(subscriber, "sport", "twice")?;
        subscriber.unsubscribe("news")?;
        subscriber.punsubscribe("s*")?;
        assert_eq!(publisher.publish("news", "unheard")?, 0);
        assert_eq!(publisher.publish("sport", "once")?, 1);
        expect_message(subscriber, "sport", "once")?;
        assert_eq!(subscriber.ping_message::<Value>("still there?")?, pong(protocol, "still there?"));
        Ok(())
    })
}

#[test]
fn a_connection_that_drops_its_subscriptions_runs_commands_again() -> RedisResult<()> {
    for protocol in PROTOCOLS {
        let server = TestServer::start(&[]);
        let mut publisher = connect(&server, protocol)?;
        let mut connection = connect(&server, protocol)?;
        let mut subscriber = connection.as_pubsub();
        subscribe_each(&mut subscriber, &["news", "sport"])?;
        subscriber.psubscribe("*")?;
        drop(subscriber);
        assert_eq!(publisher.publish("news", "unheard")?, 0);
        assert_eq!(connection.publish("news", "unheard")?, 0);
        assert_eq!(connection.ping()?, "PONG");
    }
    Ok(())
}

#[test]
fn introspection_names_and_counts_subscriptions() -> RedisResult<()> {
    for protocol in PROTOCOLS {
        let server = TestServer::start(&[]);
        let mut observer = connect(&server, protocol)?;
        let mut connections = [connect(&server, protocol)?, connect(&server, protocol)?];
        let [mut first, mut second] = connections.each_mut().map(Connection::as_pubsub);
        subscribe_each(&mut first, &["news.es", "news.fr", "sport"])?;
        second.subscribe("news.es")?;
        first.psubscribe("news.*")?;
        second.psubscribe("news.*")?;
        second.psubscribe("s*")?;
        let mut channels: Vec<String> = cmd("PUBSUB").arg(&["CHANNELS", "news.*"]).query(&mut observer)?;
        channels.sort_unstable();
        assert_eq!(channels, ["news.es", "news.fr"]);
        let numsub = cmd("PUBSUB").arg(&["NUMSUB", "news.es", "sport", "none"]).to_owned();
        let counts: HashMap<String, u64> = numsub.query(&mut observer)?;
        assert_eq!([counts["news.es"], counts["sport"], counts["none"]], [2, 1, 0]);
        assert_eq!(cmd("PUBSUB").arg("NUMPAT").query::<u64>(&mut observer)?, 2);
    }
    Ok(())
}

/// The blocking interface leaves it to the program to connect and to subscribe again.
#[test]
fn a_subscriber_returns_after_the_server_restarts() -> RedisResult<()> {
    for protocol in PROTOCOLS {
        let mut server = TestServer::start(&[]);
        let client = client(&server, protocol);
        let mut connection = connect(&server, protocol)?;
        let mut subscriber = connection.as_pubsub();
        subscriber.subscribe("news")?;
        server.restart();
        let lost = subscriber.get_message().expect_err("the connection ended");
        assert!(lost.is_connection_dropped(), "{lost}");
        let mut connection = client.get_connection()?;
        let mut subscriber = connection.as_pubsub();
        subscriber.subscribe("news")?;
        assert_eq!(client.get_connection()?.publish("news", "back again")?, 1);
        expect_message(&mut subscriber, "news", "back again")?;
    }
    Ok(())
}

#[test]
fn a_transaction_publishes_everything_at_once() -> RedisResult<()> {
    in_each_protocol(|_, publisher, subscriber| {
        subscribe_each(subscriber, &["news", "sport"])?;
        let mut transaction = pipe();
        transaction.atomic().publish("news", "first").publish("nobody", "lost").publish("sport", "second");
        assert_eq!(transaction.query::<Vec<u64>>(publisher)?, [1, 0, 1]);
        expect_message(subscriber, "news", "first")?;
        expect_message(subscriber, "sport", "second")?;
        let replies: (u64, String, u64) =
            pipe().publish("news", "third").ping().publish("sport", "fourth").query(publisher)?;
        assert_eq!(replies, (1, "PONG".to_string(), 1));
        expect_message(subscriber, "news", "third")?;
        expect_message(subscriber, "sport", "fourth")?;
        Ok(())
    })
}

#[test]
fn passwords_are_checked() -> RedisResult<()> {
    let server = TestServer::start(&["--requirepass", "secret"]);
    for protocol in PROTOCOLS {
        let mut right = open(&server, ":secret@", protocol).get_connection()?;
        assert_eq!(right.publish("news", "hello")?, 0);
        let mut named = open(&server, "default:secret@", protocol).get_connection()?;
        assert_eq!(named.ping()?, "PONG");
        for wrong in [":wrong@", "nobody:secret@"] {
            expect_wrong_password(open(&server, wrong, protocol).get_connection(), protocol);
        }
        let missing = open(&server, "", protocol).get_connection();
        let refusal = missing.and_then(|mut connection| connection.publish("news", "hello"));
        assert_eq!(refusal.expect_err("a password is missing").code(), Some("NOAUTH"));
    }
    Ok(())
}

#[test]
fn the_client_list_knows_name_id_and_database() -> RedisResult<()> {
    for protocol in PROTOCOLS {
        let server = TestServer::start(&[]);
        let mut connection = connect(&server, protocol)?;
        let id = connection.client_id()?.to_string();
        connection.client_setname("crier")?;
        assert_eq!(connection.client_getname()?.as_deref(), Some("crier"));
        cmd("SELECT").arg(5).exec(&mut connection)?;
        let mut listening = connect(&server, protocol)?;
        let mut subscriber = listening.as_pubsub();
        subscribe_each(&mut subscriber, &["news", "sport"])?;
        let list: String = cmd("CLIENT").arg("LIST").query(&mut connection)?;
        let own = list.lines().find(|line| field(line, "id") == Some(&id)).unwrap_or_default();
        assert_eq!((field(own, "name"), field(own, "db")), (Some("crier"), Some("5")), "{list}");
        let subscribers: String = cmd("CLIENT").arg(&["LIST", "TYPE", "pubsub"]).query(&mut connection)?;
        assert_eq!((field(&subscribers, "flags"), field(&subscribers, "sub")), (Some("P"), Some("2")));
        assert_eq!(connection.publish("news", "from another database")?, 1);
        expect_message(&mut subscriber, "news", "from another database")?;
    }
    Ok(())
}

#[test]
fn one_resp3_connection_subscribes_and_publishes_to_itself() -> RedisResult<()> {
    let server = TestServer::start(&[]);
    let mut connection = connect(&server, ProtocolVersion::RESP3)?;
    let (sender, pushes) = mpsc::channel();
    connection.set_push_sender(sender);
    connection.subscribe_resp3("news")?;
    assert_eq!(connection.publish("news", "to myself")?, 1);
    assert_eq!(connection.ping()?, "PONG");
    let kinds: Vec<PushKind> = pushes.try_iter().map(|push| push.kind).collect();
    assert_eq!(kinds, [PushKind::Subscribe, PushKind::Message]);
    Ok(())
}

/// Runs a test in both versions of the protocol, each on a server of its own: with one connection that publishes, and
/// one that subscribes.
pub(super) fn in_each_protocol(
    test: impl Fn(ProtocolVersion, &mut Connection, &mut PubSub<'_>) -> RedisResult<()>,
) -> RedisResult<()> {
    PROTOCOLS.into_iter().try_for_each(|protocol| {
        let server = TestServer::start(&[]);
        let mut publisher = connect(&server, protocol)?;
        let mut connection = connect(&server, protocol)?;
        test(protocol, &mut publisher, &mut connection.as_pubsub())
    })
}

/// A connection on which a missing message fails the test instead of blocking it.
fn connect(server: &TestServer, protocol: ProtocolVersion) -> RedisResult<Connection> {
    let connection = client(server, protocol).get_connection()?;
    connection.set_read_timeout(Some(DEADLINE))?;
    Ok(connection)
}

/// Subscribes with one call for each channel. The crate returns after the first confirmation of a call and takes what
/// is left for the answer to the next call, so that nobody could know when that one is done.
pub(super) fn subscribe_each<C: AsRef<[u8]>>(subscriber: &mut PubSub<'_>, channels: &[C]) -> RedisResult<()> {
    channels.iter().try_for_each(|channel| subscriber.subscribe(channel.as_ref()))
}

fn expect_message(subscriber: &mut PubSub<'_>, channel: &str, payload: &str) -> RedisResult<()> {
    let message = subscriber.get_message()?;
    assert_eq!(message.get_channel_name(), channel);
    assert_eq!(message.get_payload::<String>()?, payload);
    Ok(())
}

/// The strings and numbers of a confirmation or message, whichever frame type carried them.
fn parts(value: Value) -> Vec<String> {
    let parts = match value {
        Value::Array(parts) => parts,
        Value::Push { kind, data } => std::iter::once(Value::SimpleString(kind.to_string())).chain(data).collect(),
        other => panic!("neither a confirmation nor a message: {other:?}"),
    };
    parts.into_iter().map(|part| redis::from_redis_value(part).expect("a string or number")).collect()
}

/// What a subscriber's PING is answered with: in RESP2 an array, so that it differs from a message.
fn pong(protocol: ProtocolVersion, text: &str) -> Value {
    let bulk = |text: &str| Value::BulkString(text.as_bytes().to_vec());
    match protocol {
        ProtocolVersion::RESP2 => Value::Array(vec![bulk("pong"), bulk(text)]),
        _ => bulk(text),
    }
}
