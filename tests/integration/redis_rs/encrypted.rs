//! Over TLS, with a certificate of the client's own.

use std::fs;

use futures_util::StreamExt as _;
use redis::{Client, ClientTlsConfig, Commands as _, RedisResult, TlsCertificates};

use crate::support::server::next_free_port;
use crate::support::{Authority, TestServer};

/// A server that shows a certificate and wants to see one, and a client that has one.
fn start(authority: &Authority) -> (TestServer, Client) {
    let port = next_free_port();
    let args = authority.server_args(port);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let file = |name: &str| fs::read(authority.path(name)).expect("it is there");
    let client_tls = ClientTlsConfig { client_cert: file("alice.pem"), client_key: file("alice.key") };
    let certificates = TlsCertificates { client_tls: Some(client_tls), root_cert: Some(file("ca.pem")) };
    let client = Client::build_with_tls(format!("rediss://localhost:{port}"), certificates);
    (TestServer::start(&args), client.expect("the certificates are valid"))
}

#[test]
fn a_blocking_client_publishes_and_listens_over_tls() -> RedisResult<()> {
    let authority = Authority::new();
    let (_server, client) = start(&authority);
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
    let authority = Authority::new();
    let (_server, client) = start(&authority);
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
