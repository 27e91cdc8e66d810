//! Who a node is to NATS: keys, statements about them, and encryption that begins before a word is said.

use std::sync::{Arc, mpsc};

use data_encoding::BASE64URL_NOPAD;
use nkeys::KeyPair;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, crypto};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::node::{JOINED, client, expect_figure, expect_message, publish, start_alone, subscriber};
use crate::support::{Authority, NatsServer, TestServer};

/// A statement about `subject`, signed by `issuer`, as NATS takes it.
fn statement(issuer: &KeyPair, subject: &KeyPair, name: &str, claims: Value) -> String {
    let encode = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
    let header = json!({ "typ": "JWT", "alg": "ed25519-nkey" });
    let body = json!({
        "jti": name, "iat": 1, "iss": issuer.public_key(), "sub": subject.public_key(), "name": name, "nats": claims,
    });
    let signed = format!("{}.{}", encode(&header), encode(&body));
    let signature = issuer.sign(signed.as_bytes()).expect("it has a seed");
    format!("{signed}.{}", BASE64URL_NOPAD.encode(&signature))
}

/// A node that is told who it is by a file with this text.
fn node_with_credentials(server: &NatsServer, dir: &TempDir, text: &str) -> TestServer {
    let file = dir.path().join("node.creds");
    std::fs::write(&file, text).expect("a file can be written");
    start_alone(&server.url(), &["--backplane-credentials-file", &file.to_string_lossy()])
}

pub(crate) fn keys_and_credentials_of_nats_are_used_and_renewed() {
    let dir = tempfile::tempdir().expect("a directory can be made");
    let (user, other) = (KeyPair::new_user(), KeyPair::new_user());
    let seed = |key: &KeyPair| key.seed().expect("it has one");
    let lines = format!("authorization {{ users: [ {{ nkey: {} }} ] }}", user.public_key());
    let mut server = NatsServer::start(&lines);
    let node = node_with_credentials(&server, &dir, &seed(&user));
    node.expect_log(JOINED);
    // The file is read for each connection.
    std::fs::write(dir.path().join("node.creds"), seed(&other)).expect("a file can be written");
    server.kill();
    server.start_again();
    node.expect_log("Authorization Violation");
    std::fs::write(dir.path().join("node.creds"), seed(&user)).expect("a file can be written");
    expect_figure(&mut client(&node), "state", |state| state == "up");

    let (operator, account) = (KeyPair::new_operator(), KeyPair::new_account());
    let all = json!({ "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true, "conn": -1, "leaf": -1 });
    let of_operator = statement(&operator, &operator, "o", json!({ "type": "operator", "version": 2 }));
    let of_account = statement(&operator, &account, "a", json!({ "type": "account", "version": 2, "limits": all }));
    let claims = json!({ "type": "user", "version": 2, "pub": {}, "sub": {}, "subs": -1, "data": -1, "payload": -1 });
    let of_user = statement(&account, &user, "u", claims);
    let server = NatsServer::start(&format!(
        "operator: {of_operator}\nresolver: MEMORY\nresolver_preload: {{ {}: {of_account} }}",
        account.public_key()
    ));
    let credentials = |key: &KeyPair| {
        let (jwt, seed) = (&of_user, seed(key));
        format!(
            "-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n\
             -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
        )
    };
    let [here, there] = [(); 2].map(|()| node_with_credentials(&server, &dir, &credentials(&user)));
    [&here, &there].into_iter().for_each(|node| _ = node.expect_log(JOINED));
    let mut peer = subscriber(&there, "SUBSCRIBE", &[b"news"]);
    publish(&mut client(&here), b"news", b"hello");
    expect_message(&mut peer, b"news", b"hello");
    let line = node_with_credentials(&server, &dir, &credentials(&other)).expect_log("no connection to the backplane");
    assert!(line.contains("Authorization Violation"), "{line}");
}

/// Encrypts what comes for a server of NATS, from the first byte on. Answers its port.
fn encrypt(server: &NatsServer, authority: &Authority) -> u16 {
    let chain = CertificateDer::from_pem_file(authority.path("server.pem")).expect("it is a certificate");
    let key = PrivateKeyDer::from_pem_file(authority.path("server.key")).expect("it is a key");
    let builder = ServerConfig::builder_with_provider(Arc::new(crypto::aws_lc_rs::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().expect("they are known").with_no_client_auth();
    let acceptor = TlsAcceptor::from(Arc::new(builder.with_single_cert(vec![chain], key).expect("they fit")));
    let (port, (tell, told)) = (server.port(), mpsc::channel());
    let serve = async move {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("there is a free port");
        tell.send(listener.local_addr().expect("it is bound").port()).expect("somebody waits for it");
        while let Ok((socket, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let mut outer = acceptor.accept(socket).await?;
                let mut inner = TcpStream::connect(("127.0.0.1", port)).await?;
                tokio::io::copy_bidirectional(&mut outer, &mut inner).await
            });
        }
    };
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("the system has descriptors").block_on(serve);
    });
    told.recv().expect("it listens")
}

pub(crate) fn a_connection_is_encrypted_before_a_word_is_said_where_it_is_to_be() {
    let (server, authority) = (NatsServer::start(""), Authority::new());
    let url = format!("tls://localhost:{}", encrypt(&server, &authority));
    let authority = authority.text("ca.pem");
    let options = ["--backplane-tls-ca-cert-file", &authority, "--backplane-tls-first", "yes"];
    let [here, there] = [(); 2].map(|()| start_alone(&url, &options));
    [&here, &there].into_iter().for_each(|node| _ = node.expect_log(JOINED));
    let mut peer = subscriber(&there, "SUBSCRIBE", &[b"news"]);
    publish(&mut client(&here), b"news", b"hello");
    expect_message(&mut peer, b"news", b"hello");
}
