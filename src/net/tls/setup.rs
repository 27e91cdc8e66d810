//! The directives and the files that they name, made into what connections are encrypted with.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};

use super::identity::Identity;
use super::material::{Fault, authorities, certificates, private_key};
use super::sessions::Sessions;
use super::stamps::Stamps;
use super::{provider, suites};
use crate::config::{ClientCertificates, Settings};

/// What connections are encrypted with that begin now.
#[derive(Debug)]
pub(crate) struct Credentials {
    /// For rustls.
    pub(crate) config: Arc<ServerConfig>,
    /// Whose certificate it is; none if it is of a form that only rustls understands.
    pub(crate) identity: Option<Identity>,
    /// The files as they were before they were read.
    pub(crate) stamps: Stamps,
}

/// Reads the files and makes credentials of them. May take as long as the file system does.
///
/// # Errors
///
/// [`Fault`] for the first directive or file that cannot be used.
pub(crate) fn credentials(settings: &Settings) -> Result<Credentials, Fault> {
    let stamps = Stamps::of(settings);
    let mut provider = CryptoProvider::clone(&provider());
    provider.cipher_suites = suites::suites(settings, &provider)?;
    let versions = suites::versions(settings)?;
    let provider = Arc::new(provider);
    let key = certified_key(settings, &provider)?;
    let identity = key.cert.first().and_then(Identity::of);
    let verifier = verifier(settings, &provider)?;
    let builder = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&versions)
        .map_err(|error| Fault::value("tls-ciphers", format!("nothing is left for tls-protocols: {error}")))?;
    let resolver = Arc::new(SingleCertAndKey::from(key));
    let mut config = builder.with_client_cert_verifier(verifier).with_cert_resolver(resolver);
    config.ignore_client_order = settings.tls_prefer_server_ciphers;
    if settings.tls_session_caching {
        let lifetime = settings.tls_session_cache_timeout.enabled();
        config.session_storage = Arc::new(Sessions::new(settings.tls_session_cache_size as usize, lifetime));
        // One for each connection: a client that comes back on as many as it had finds as many.
        config.send_tls13_tickets = 1;
    } else {
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    }
    Ok(Credentials { config: Arc::new(config), identity, stamps })
}

fn certified_key(settings: &Settings, provider: &CryptoProvider) -> Result<CertifiedKey, Fault> {
    const CERTIFICATE: &str = "tls-cert-file";
    const KEY: &str = "tls-key-file";
    let place = |of, path: &Option<PathBuf>| match path {
        Some(path) => Ok(settings.dir.place(path)),
        None => Err(Fault::value(of, "it is not set, and tls-port is")),
    };
    let (certificate, key) = (place(CERTIFICATE, &settings.tls_cert_file)?, place(KEY, &settings.tls_key_file)?);
    let chain = certificates(CERTIFICATE, &certificate)?;
    let secret = private_key(KEY, &key, &settings.tls_key_file_pass)?;
    CertifiedKey::from_der(chain, secret, provider).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => {
            Fault::file(KEY, &key, format_args!("it is not the key of the certificate in {}", certificate.display()))
        }
        error => Fault::file(KEY, &key, format_args!("it cannot be used with {}: {error}", certificate.display())),
    })
}

/// Who judges clients' certificates.
fn verifier(settings: &Settings, provider: &Arc<CryptoProvider>) -> Result<Arc<dyn ClientCertVerifier>, Fault> {
    const FILE: &str = "tls-ca-cert-file";
    if settings.tls_auth_clients == ClientCertificates::No {
        return Ok(WebPkiClientVerifier::no_client_auth());
    }
    let file = settings.tls_ca_cert_file.as_deref().map(|path| settings.dir.place(path));
    let dir = settings.tls_ca_cert_dir.as_deref().map(|path| settings.dir.place(path));
    if file.is_none() && dir.is_none() {
        let what =
            "set it or tls-ca-cert-dir, so that clients' certificates can be judged, or set tls-auth-clients to no";
        return Err(Fault::value(FILE, what));
    }
    let file = file.as_deref().map(|path| (FILE, path));
    let dir = dir.as_deref().map(|path| ("tls-ca-cert-dir", path));
    let roots = authorities(file, dir)?;
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
    let builder = match settings.tls_auth_clients {
        ClientCertificates::Optional => builder.allow_unauthenticated(),
        _ => builder,
    };
    builder.build().map_err(|error| Fault::value(FILE, error.to_string()))
}
