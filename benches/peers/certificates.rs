//! What servers and clients need for TLS, made anew for each case.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::ClientConfig;
use tempfile::TempDir;

use crate::tls::{self, Manner};

/// A certificate for `localhost` with an ECDSA key, and the authority it comes from, in files.
#[derive(Debug)]
pub(crate) struct Certificates(TempDir);

impl Certificates {
    /// Makes them.
    pub(crate) fn new() -> io::Result<Self> {
        let dir = tempfile::tempdir()?;
        let made = |names: &[&str], common_name: &str| -> Result<_, rcgen::Error> {
            let mut params = CertificateParams::new(names.iter().map(ToString::to_string).collect::<Vec<_>>())?;
            params.distinguished_name.push(DnType::CommonName, common_name);
            Ok((params, KeyPair::generate()?))
        };
        let (mut params, key) = made(&[], "authority").map_err(io::Error::other)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = params.self_signed(&key).map_err(io::Error::other)?;
        let issuer = Issuer::new(params, key);
        let (params, key) = made(&["localhost"], "localhost").map_err(io::Error::other)?;
        let certificate = params.signed_by(&key, &issuer).map_err(io::Error::other)?;
        let certificates = Certificates(dir);
        std::fs::write(certificates.path("ca.pem"), authority.pem())?;
        std::fs::write(certificates.path("server.pem"), certificate.pem())?;
        std::fs::write(certificates.path("server.key"), key.serialize_pem())?;
        Ok(certificates)
    }

    fn path(&self, file: &str) -> PathBuf {
        self.0.path().join(file)
    }

    /// How a server is started that serves TLS on this port, and nothing else.
    pub(crate) fn server_args(&self, port: u16) -> Vec<String> {
        let files = [("cert", "server.pem"), ("key", "server.key"), ("ca-cert", "ca.pem")];
        let files = files
            .into_iter()
            .flat_map(|(name, file)| [format!("--tls-{name}-file"), self.path(file).display().to_string()]);
        let rest = ["--port", "0", "--tls-auth-clients", "no", "--tls-port", &port.to_string()].map(str::to_owned);
        rest.into_iter().chain(files).collect()
    }

    /// How clients connect.
    pub(crate) fn client(&self, manner: Manner) -> io::Result<Arc<ClientConfig>> {
        tls::client(&self.path("ca.pem"), manner)
    }
}
