//! Over TLS, with a certificate of the client's own.

use std::fs;

use futures_util::StreamExt as _;
use redis::{Client, ClientTlsConfig, Commands as _, RedisResult, TlsCertificates};

use crate::support::Authority;
use crate::support::encrypted::{Encrypted, Shows};

/// A client that trusts this authority, with a certificate of its own unless it is to show none.
fn client(server: &Encrypted, trusts: &Authority, shows_one: bool) -> Client {
    let file = |of: &Authority, name: &str| fs::read(of.path(name)).expect("it is there");
    let own = &server.authority;
    let client_tls =
        shows_one.then(|| ClientTlsConfig { client_cert: file(own, "alice.pem"), client_key: file(own, "alice.key") });
    let certificates = TlsCertificates { client_tls, root_cert: Some(file(trusts, "ca.pem")) };
    let url = format!("rediss://localhost:{}", server.port);
    Client::build_with_tls(url, certificates).expect("the certificates are valid")
}

fn start(shows: Shows) -> (Encrypted, Client) {
    let server = Encrypted::start(shows, &[]);
    let client = client(&server, &server.authority, true);
    (server, client)
}

/// What the client says when it is refused, or refuses.
fn refusal(client: &Client) -> String {
    client.get_connection().err().map(|error| error.to_string()).expect("there is a reason")
}

#[test]
fn a_blocking_client_publishes_and_listens_over_tls() -> RedisResult<()> {
    let (_server, client) = start(Shows::Valid);
    let mut listening = client.get_connection()?;
    let mut subscriber = listening.as_pubsub();
    subscriber.subscribe("news")?;
    let payload = "x".repeat(300_000);
    let receivers: u32 = client.get_connection()?.publish("news", &payload)?;
    assert_eq!(receivers, 1);
    assert_eq!(subscriber.get_message()?.get_payload::<String>()?, payload);
    Ok(())
}

#[test]
fn a_client_on_tokio_publishes_and_listens_over_tls() -> RedisResult<()> {
    let (_server, client) = start(Shows::Valid);
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("the system has descriptors");
    runtime.block_on(async {
        let mut subscriber = client.get_async_pubsub().await?;
        subscriber.subscribe("news").await?;
        let mut publisher = client.get_multiplexed_async_connection().await?;
        let receivers: u32 = redis::cmd("PUBLISH").arg("news").arg("hello").query_async(&mut publisher).await?;
        assert_eq!(receivers, 1);
        let message = subscriber.on_message().next().await.expect("it is there");
        assert_eq!(message.get_payload::<String>()?, "hello");
        Ok(())
    })
}

#[test]
fn a_connection_outlives_its_certificate_and_the_next_one_sees_the_new_one() -> RedisResult<()> {
    let (server, before) = start(Shows::Valid);
    let (mut listening, mut publisher) = (before.get_connection()?, before.get_connection()?);
    let mut subscriber = listening.as_pubsub();
    subscriber.subscribe("news")?;
    server.renew();
    let mut after = client(&server, &server.next, true).get_connection()?;
    for publisher in [&mut publisher, &mut after] {
        assert_eq!(publisher.publish::<_, _, u32>("news", "still there")?, 1);
        assert_eq!(subscriber.get_message()?.get_payload::<String>()?, "still there");
    }
    let refused = refusal(&before);
    assert!(refused.contains("invalid peer certificate: "), "{refused}");
    Ok(())
}

#[test]
fn a_certificate_that_has_ended_or_is_for_another_name_is_refused_and_so_is_who_shows_none() {
    for (shows, why) in [(Shows::Ended, "certificate expired"), (Shows::OfAnother, "certificate not valid for name")] {
        let (_server, client) = start(shows);
        let refused = refusal(&client);
        assert!(refused.contains(why), "{refused}");
    }
    let (server, _) = start(Shows::Valid);
    let without = client(&server, &server.authority, false);
    assert!(without.get_connection().and_then(|mut connection| connection.ping::<String>()).is_err());
}

#[test]
fn tls_1_2_is_spoken_where_nothing_else_is() -> RedisResult<()> {
    let server = Encrypted::start(Shows::Valid, &["--tls-protocols", "TLSv1.2"]);
    let answer: String = client(&server, &server.authority, true).get_connection()?.ping()?;
    assert_eq!(answer, "PONG");
    Ok(())
}
