//! Certificates made for a test: an authority, and whom it vouches for.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tempfile::TempDir;

/// An authority, and a directory with its certificate (`ca.pem`) and those that it has given.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    dir: TempDir,
}

impl Authority {
    /// One that has given a certificate to the server, for `localhost` and 127.0.0.1, and one to a client named `alice`.
    pub fn new() -> Authority {
        let key = KeyPair::generate().expect("there is chance");
        let mut params = params("Test authority", &[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).expect("the key can sign");
        let dir = tempfile::tempdir().unwrap_or_else(|e| panic!("a directory for certificates: {e}"));
        write(&dir.path().join("ca.pem"), &certificate.pem());
        let authority = Authority { issuer: Issuer::new(params, key), dir };
        authority.give("server", "localhost", &["localhost", "127.0.0.1"]);
        authority.give("alice", "alice", &["alice.example"]);
        authority
    }

    /// Gives a certificate for these names, as `file.pem`, with its key, `file.key`. What has these names is replaced as
    /// certificate managers do, by rename.
    pub fn give(&self, file: &str, common_name: &str, names: &[&str]) {
        self.give_with(file, params(common_name, names));
    }

    /// The same for a certificate that has ended.
    pub fn give_ended(&self, file: &str, common_name: &str, names: &[&str]) {
        let mut params = params(common_name, names);
        params.not_before = date_time_ymd(2001, 1, 1);
        params.not_after = date_time_ymd(2002, 1, 1);
        self.give_with(file, params);
    }

    fn give_with(&self, file: &str, params: CertificateParams) {
        let key = KeyPair::generate().expect("there is chance");
        let certificate = params.signed_by(&key, &self.issuer).expect("the authority can sign");
        for (ending, text) in [("pem", certificate.pem()), ("key", key.serialize_pem())] {
            self.replace(&Path::new(file).with_extension(ending), &text);
        }
    }

    fn replace(&self, file: &Path, text: &str) {
        let new = self.dir.path().join("new");
        write(&new, text);
        std::fs::rename(&new, self.dir.path().join(file)).unwrap_or_else(|e| panic!("renaming: {e}"));
    }

    /// Takes a certificate of another authority, with its key, in place of its own.
    pub fn adopt(&self, file: &str, other: &Authority) {
        for ending in ["key", "pem"] {
            let name = Path::new(file).with_extension(ending);
            let text = std::fs::read_to_string(other.dir.path().join(&name)).expect("it was given");
            self.replace(&name, &text);
        }
    }

    /// Where a file of its directory is.
    pub fn path(&self, file: &str) -> PathBuf {
        self.dir.path().join(file)
    }

    /// The same as text.
    pub fn text(&self, file: &str) -> String {
        self.path(file).display().to_string()
    }

    /// What a server is started with that serves TLS on `port`, with the certificate `server`.
    pub fn server_args(&self, port: u16) -> Vec<String> {
        let files = [("cert-file", "server.pem"), ("key-file", "server.key"), ("ca-cert-file", "ca.pem")];
        let files = files.into_iter().flat_map(|(name, file)| [format!("--tls-{name}"), self.text(file)]);
        ["--tls-port".to_owned(), port.to_string()].into_iter().chain(files).collect()
    }

    /// How a client connects that trusts this authority, with the certificate of this file if there is one.
    pub fn client(&self, file: Option<&str>, versions: &[&'static SupportedProtocolVersion]) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(certificate(&self.path("ca.pem"))).expect("it is a certificate");
        let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()));
        let builder = builder.with_protocol_versions(versions).expect("they are known").with_root_certificates(roots);
        let config = match file {
            Some(file) => {
                let key = PrivateKeyDer::from_pem_file(self.path(file).with_extension("key")).expect("it is a key");
                let chain = vec![certificate(&self.path(file).with_extension("pem"))];
                builder.with_client_auth_cert(chain, key).expect("they belong together")
            }
            None => builder.with_no_client_auth(),
        };
        Arc::new(config)
    }
}

impl Default for Authority {
    fn default() -> Self {
        Authority::new()
    }
}

fn params(common_name: &str, names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(names).expect("they are names");
    params.distinguished_name.push(DnType::CommonName, common_name);
    params
}

fn certificate(path: &Path) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(path).expect("it is a certificate")
}

fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap_or_else(|e| panic!("writing {}: {e}", path.display()));
}
