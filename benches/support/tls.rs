//! How connections over TLS are made: always with the same version, cipher and key exchange, so that servers are compared with
//! each other and not with what they agree on.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::{ClientSessionStore, Resumption, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::crypto::aws_lc_rs::{cipher_suite, default_provider, kx_group};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, NamedGroup, RootCertStore};

/// What differs between connections of cases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Manner {
    /// Whether TLS 1.2 is spoken, and not 1.3.
    pub(crate) older: bool,
    /// Whether sessions of earlier connections are gone on with.
    pub(crate) resumed: bool,
}

/// For servers with a certificate of the authority in this file, for `localhost`.
pub(crate) fn client(authority: &Path, manner: Manner) -> io::Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_file(authority).map_err(io::Error::other)?;
    roots.add(certificate).map_err(io::Error::other)?;
    let (version, suite) = match manner.older {
        true => (&TLS12, cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256),
        false => (&TLS13, cipher_suite::TLS13_AES_128_GCM_SHA256),
    };
    let mut provider = default_provider();
    provider.cipher_suites = vec![suite];
    // The second for the certificate, which TLS 1.2 asks to be of one of them.
    provider.kx_groups = vec![kx_group::X25519, kx_group::SECP256R1];
    let builder = ClientConfig::builder_with_provider(Arc::new(provider)).with_protocol_versions(&[version]);
    let mut config = builder.map_err(io::Error::other)?.with_root_certificates(roots).with_no_client_auth();
    config.resumption = match manner.resumed {
        true => Resumption::store(Arc::new(Tickets::default())),
        false => Resumption::disabled(),
    };
    Ok(Arc::new(config))
}

/// The sessions of one server, one for each of any number of connections that come at once: what rustls itself has keeps
/// eight.
#[derive(Debug, Default)]
struct Tickets {
    older: Mutex<Option<Tls12ClientSessionValue>>,
    newer: Mutex<Vec<Tls13ClientSessionValue>>,
}

impl ClientSessionStore for Tickets {
    fn set_kx_hint(&self, _: ServerName<'static>, _: NamedGroup) {}

    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        None
    }

    fn set_tls12_session(&self, _: ServerName<'static>, session: Tls12ClientSessionValue) {
        *self.older.lock().unwrap_or_else(PoisonError::into_inner) = Some(session);
    }

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.older.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {
        *self.older.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn insert_tls13_ticket(&self, _: ServerName<'static>, ticket: Tls13ClientSessionValue) {
        self.newer.lock().unwrap_or_else(PoisonError::into_inner).push(ticket);
    }

    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.newer.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }
}
