//! Large, binary and many: what goes in comes out.

use redis::{Connection, ConnectionLike, RedisResult, TypedCommands, cmd, pipe};

use super::blocking::{in_each_protocol, subscribe_each};

#[test]
fn every_byte_value_survives_in_names_and_messages() -> RedisResult<()> {
    let every_byte: Vec<u8> = (0..=255).collect();
    let payload = every_byte.repeat(4);
    in_each_protocol(|_, publisher, subscriber| {
        subscriber.subscribe(&every_byte)?;
        subscriber.psubscribe(b"\x00*\xff")?;
        assert_eq!(publisher.publish(&every_byte, &payload)?, 2);
        for from_pattern in [false, true] {
            let message = subscriber.get_message()?;
            assert_eq!(message.from_pattern(), from_pattern);
            assert_eq!(message.get_channel::<Vec<u8>>()?, every_byte);
            assert_eq!(message.get_payload_bytes(), payload);
        }
        let channels: Vec<Vec<u8>> = cmd("PUBSUB").arg("CHANNELS").query(publisher)?;
        assert_eq!(channels, [every_byte.as_slice()]);
        Ok(())
    })
}

#[test]
fn a_megabyte_survives() -> RedisResult<()> {
    let payload: Vec<u8> = (0..=255).cycle().take(1024 * 1024 + 1).collect();
    in_each_protocol(|_, publisher, subscriber| {
        subscriber.subscribe("news")?;
        for _ in 0..2 {
            assert_eq!(publisher.publish("news", &payload)?, 1);
            // Not assert_eq, which would print both.
            assert!(subscriber.get_message()?.get_payload_bytes() == payload, "the message was altered");
        }
        Ok(())
    })
}

#[test]
fn a_thousand_channels_fit_on_one_connection() -> RedisResult<()> {
    let names: Vec<String> = (0..1000).map(|n| format!("channel:{n}")).collect();
    in_each_protocol(|_, publisher, subscriber| {
        subscribe_each(subscriber, &names)?;
        let messages = names.iter().map(|name| (name.as_str(), name.clone()));
        assert_eq!(publish_all(publisher, messages)?, [1; 1000]);
        for name in &names {
            let message = subscriber.get_message()?;
            assert_eq!(message.get_channel_name(), name);
            assert_eq!(message.get_payload::<String>()?, *name);
        }
        Ok(())
    })
}

#[test]
fn ten_thousand_messages_keep_their_order() -> RedisResult<()> {
    let channel = |n: usize| ["even", "odd"][n % 2];
    in_each_protocol(|_, publisher, subscriber| {
        subscribe_each(subscriber, &["even", "odd"])?;
        for batch in 0..10 {
            let numbers = batch * 1000..(batch + 1) * 1000;
            publish_all(publisher, numbers.map(|n| (channel(n), n.to_string())))?;
        }
        for n in 0..10_000 {
            let message = subscriber.get_message()?;
            assert_eq!(message.get_channel_name(), channel(n));
            assert_eq!(message.get_payload::<usize>()?, n);
        }
        assert!(publisher.check_connection());
        Ok(())
    })
}

/// Publishes in one pipeline and returns the numbers of receivers.
fn publish_all<'a>(
    publisher: &mut Connection,
    messages: impl Iterator<Item = (&'a str, String)>,
) -> RedisResult<Vec<u64>> {
    let mut pipeline = pipe();
    for (channel, payload) in messages {
        pipeline.publish(channel, payload);
    }
    pipeline.query(publisher)
}
