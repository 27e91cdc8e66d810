//! The asynchronous interface: message streams, multiplexed connections, and the manager that reconnects.

use std::future::Future;

use futures_util::StreamExt;
use redis::aio::{ConnectionManagerConfig, PubSub};
use redis::caching::CacheConfig;
use redis::{AsyncConnectionConfig, AsyncTypedCommands, ProtocolVersion, PushInfo, PushKind, RedisResult, cmd, pipe};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::{PROTOCOLS, client, expect_wrong_password, open};
use crate::support::{DEADLINE, TestServer};

#[tokio::test]
async fn a_stream_delivers_messages_of_channels_and_patterns() -> RedisResult<()> {
    for protocol in PROTOCOLS {
        let server = TestServer::start(&[]);
        let client = client(&server, protocol);
        let mut publisher = client.get_multiplexed_async_connection().await?;
        let mut subscriber = client.get_async_pubsub().await?;
        subscriber.subscribe(&["news", "sport"]).await?;
        subscriber.psubscribe("s*").await?;
        assert_eq!(publisher.publish("news", "one").await?, 1);
        assert_eq!(publisher.publish("sport", "two").await?, 2);
        assert_eq!(next(&mut subscriber).await, ("news".into(), "one".into()));
        assert_eq!(next(&mut subscriber).await, ("sport".into(), "two".into()));
        assert_eq!(next(&mut subscriber).await, ("sport".into(), "two".into()));
        subscriber.unsubscribe(&["news", "sport"]).await?;
        subscriber.punsubscribe("s*").await?;
        assert_eq!(publisher.publish("sport", "unheard").await?, 0);
    }
    Ok(())
}

#[tokio::test]
async fn a_split_subscriber_changes_subscriptions_and_pings_while_it_reads() -> RedisResult<()> {
    for protocol in PROTOCOLS {
        let server = TestServer::start(&[]);
        let client = client(&server, protocol);
        let mut publisher = client.get_multiplexed_async_connection().await?;
        let (mut sink, mut messages) = client.get_async_pubsub().await?.split();
        for n in 0..100 {
            let channel = format!("channel:{n}");
            sink.subscribe(&channel).await?;
            assert_eq!(publisher.publish(&channel, n).await?, 1);
            let message = in_time(messages.next()).await.expect("the stream goes on");
            assert_eq!((message.get_channel_name(), message.get_payload::<i32>()?), (channel.as_str(), n));
            sink.unsubscribe(&channel).await?;
        }
        let _: redis::Value = sink.ping_message("still there?").await?;
        assert_eq!(cmd("PUBSUB").arg("CHANNELS").query_async::<Vec<String>>(&mut publisher).await?.len(), 0);
    }
    Ok(())
}

#[tokio::test]
async fn one_multiplexed_connection_subscribes_and_publishes_to_itself() -> RedisResult<()> {
    let server = TestServer::start(&[]);
    let (sender, mut pushes) = unbounded_channel();
    let config = AsyncConnectionConfig::new().set_push_sender(sender);
    let client = client(&server, ProtocolVersion::RESP3);
    let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
    connection.subscribe("news").await?;
    assert_eq!(next_push(&mut pushes).await.kind, PushKind::Subscribe);
    let mut transaction = pipe();
    transaction.atomic().publish("news", "first").publish("nobody", "lost").publish("news", "second");
    assert_eq!(transaction.query_async::<Vec<u64>>(&mut connection).await?, [1, 0, 1]);
    for payload in ["first", "second"] {
        let message = redis::Msg::from_push_info(next_push(&mut pushes).await).expect("a message");
        assert_eq!((message.get_channel_name(), message.get_payload::<String>()?), ("news", payload.into()));
    }
    assert_eq!(connection.ping().await?, "PONG");
    Ok(())
}

#[tokio::test]
async fn the_connection_manager_returns_after_the_server_restarts() -> RedisResult<()> {
    let mut server = TestServer::start(&[]);
    let (sender, mut pushes) = unbounded_channel();
    let config = ConnectionManagerConfig::new().set_push_sender(sender).set_automatic_resubscription();
    let client = client(&server, ProtocolVersion::RESP3);
    let mut manager = client.get_connection_manager_with_config(config).await?;
    manager.subscribe("news").await?;
    manager.psubscribe("s*").await?;
    for kind in [PushKind::Subscribe, PushKind::PSubscribe] {
        assert_eq!(next_push(&mut pushes).await.kind, kind);
    }
    server.restart();
    assert_eq!(next_push(&mut pushes).await.kind, PushKind::Disconnection);
    // The manager connects and subscribes again by itself and passes the new confirmations on.
    let mut confirmed = [next_push(&mut pushes).await.kind, next_push(&mut pushes).await.kind];
    confirmed.sort_by_key(ToString::to_string);
    assert_eq!(confirmed, [PushKind::PSubscribe, PushKind::Subscribe]);
    assert_eq!(manager.publish("news", "back again").await?, 1);
    assert_eq!(next_push(&mut pushes).await.kind, PushKind::Message);
    assert_eq!(manager.publish("sport", "back again").await?, 1);
    assert_eq!(next_push(&mut pushes).await.kind, PushKind::PMessage);
    Ok(())
}

#[tokio::test]
async fn passwords_are_checked() -> RedisResult<()> {
    let server = TestServer::start(&["--requirepass", "secret"]);
    for protocol in PROTOCOLS {
        let mut right = open(&server, ":secret@", protocol).get_multiplexed_async_connection().await?;
        assert_eq!(right.publish("news", "hello").await?, 0);
        let wrong = open(&server, ":wrong@", protocol);
        expect_wrong_password(wrong.get_multiplexed_async_connection().await, protocol);
        let missing = open(&server, "", protocol).get_async_pubsub().await;
        let refusal = match missing {
            Ok(mut subscriber) => subscriber.subscribe("news").await,
            Err(refusal) => Err(refusal),
        };
        assert_eq!(refusal.expect_err("a password is missing").code(), Some("NOAUTH"));
    }
    Ok(())
}

#[tokio::test]
async fn many_tasks_share_one_connection() -> RedisResult<()> {
    for protocol in PROTOCOLS {
        let server = TestServer::start(&[]);
        let client = client(&server, protocol);
        let publisher = client.get_multiplexed_async_connection().await?;
        let mut subscriber = client.get_async_pubsub().await?;
        subscriber.psubscribe("task:*").await?;
        let tasks = (0..100).map(|task| {
            let mut publisher = publisher.clone();
            tokio::spawn(async move { publisher.publish(format!("task:{task}"), task).await })
        });
        for task in tasks.collect::<Vec<_>>() {
            assert_eq!(task.await.expect("the task ran")?, 1);
        }
        let mut heard = Vec::new();
        for _ in 0..100 {
            heard.push(next(&mut subscriber).await.0);
        }
        heard.sort_unstable();
        heard.dedup();
        assert_eq!(heard.len(), 100);
    }
    Ok(())
}

/// Channel and text of the next message.

#[tokio::test]
async fn a_cached_key_is_forgotten_when_it_changes() -> RedisResult<()> {
    let server = TestServer::start(&[]);
    let client = client(&server, ProtocolVersion::RESP3);
    let mut writer = client.get_multiplexed_async_connection().await?;
    writer.set("seat", "free").await?;
    let config = AsyncConnectionConfig::new().set_cache_config(CacheConfig::new());
    let mut reader = client.get_multiplexed_async_connection_with_config(&config).await?;
    for _ in 0..3 {
        assert_eq!(reader.get("seat").await?.as_deref(), Some("free"));
    }
    let statistics = reader.get_cache_statistics().expect("it caches");
    assert_eq!((statistics.hit, statistics.miss), (2, 1));
    writer.set("seat", "taken").await?;
    in_time(async {
        while reader.get("seat").await?.as_deref() != Some("taken") {
            tokio::task::yield_now().await;
        }
        writer.flushall().await?;
        while reader.get("seat").await?.is_some() {
            tokio::task::yield_now().await;
        }
        Ok(())
    })
    .await
}

async fn next(subscriber: &mut PubSub) -> (String, String) {
    let message = in_time(subscriber.on_message().next()).await.expect("the stream goes on");
    (message.get_channel_name().to_string(), message.get_payload().expect("text"))
}

async fn next_push(pushes: &mut UnboundedReceiver<PushInfo>) -> PushInfo {
    in_time(pushes.recv()).await.expect("the connection goes on")
}

async fn in_time<T>(awaited: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, awaited).await.expect("it comes in time")
}
