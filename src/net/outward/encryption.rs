//! TLS of the connection to an engine: whom a node trusts, and what it shows of itself. The files are read for each
//! connection, so that renewed ones are taken.

use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

use super::Stream;
use crate::config::{Secret, Settings};
use crate::net::tls::material::{Fault, authorities, certificates, private_key};
use crate::net::tls::provider;

/// Encrypts a connection to `host`.
///
/// # Errors
///
/// One line: a file that cannot be used, or why the two sides do not come together.
pub(crate) async fn begin(plain: Box<dyn Stream>, host: &str, settings: &Settings) -> Result<Box<dyn Stream>, String> {
    begin_with(plain, host, config(settings).map_err(|fault| fault.to_string())?).await
}

/// The same with what the settings have been made into.
///
/// # Errors
///
/// One line: why the two sides do not come together.
pub(crate) async fn begin_with(
    plain: Box<dyn Stream>,
    host: &str,
    config: ClientConfig,
) -> Result<Box<dyn Stream>, String> {
    let name = ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())?;
    let encrypted = TlsConnector::from(Arc::new(config)).connect(name, plain).await;
    encrypted.map(|stream| Box::new(stream) as Box<dyn Stream>).map_err(|error| error.to_string())
}

/// What the settings make of it.
///
/// # Errors
///
/// [`Fault`] for a file that cannot be used.
pub(crate) fn config(settings: &Settings) -> Result<ClientConfig, Fault> {
    let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| Fault::value("backplane", error.to_string()))?;
    let builder = builder.with_root_certificates(roots(settings)?);
    match (&settings.backplane_tls_cert_file, &settings.backplane_tls_key_file) {
        (None, None) => Ok(builder.with_no_client_auth()),
        (Some(certificate), Some(key)) => {
            let (certificate, key) = (settings.dir.place(certificate), settings.dir.place(key));
            let chain = certificates("backplane-tls-cert-file", &certificate)?;
            let secret = private_key("backplane-tls-key-file", &key, &Secret::default())?;
            let result = builder.with_client_auth_cert(chain, secret);
            result.map_err(|error| Fault::file("backplane-tls-key-file", &key, error))
        }
        _ => Err(Fault::value(
            "backplane-tls-cert-file and backplane-tls-key-file",
            "one is of no use without the other",
        )),
    }
}

fn roots(settings: &Settings) -> Result<RootCertStore, Fault> {
    if let Some(path) = &settings.backplane_tls_ca_cert_file {
        return authorities(Some(("backplane-tls-ca-cert-file", &settings.dir.place(path))), None);
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    match roots.is_empty() {
        true => Err(Fault::value("backplane-tls-ca-cert-file", "the system trusts no authority; name the file of one")),
        false => Ok(roots),
    }
}
