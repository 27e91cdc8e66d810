//! TLS of the client: whom it trusts, what it shows of itself, and bytes to and from an encrypted connection.

use std::io::{self, ErrorKind, Read, Write};
use std::path::PathBuf;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use crate::config::Secret;
use crate::net::tls::material::{Fault, authorities, certificates, private_key};
use crate::net::tls::provider;

/// How the options say that the connection is to be encrypted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Encryption {
    /// Authorities that the server's certificate may come from; those that the system trusts without this and `ca_dir`.
    pub(super) ca_file: Option<PathBuf>,
    pub(super) ca_dir: Option<PathBuf>,
    /// The client's own certificate, and its key.
    pub(super) certificate: Option<PathBuf>,
    pub(super) key: Option<PathBuf>,
    /// The name that the server is asked for and that its certificate has to be for; without, the host.
    pub(super) name: Option<String>,
    /// Whether every certificate is believed.
    pub(super) insecure: bool,
}

impl Encryption {
    /// Encrypts the connection to `host` that comes through `socket`: the handshake is complete then.
    ///
    /// # Errors
    ///
    /// One line: a file that cannot be used, or why server and client do not come together.
    pub(super) fn begin(&self, host: &str, socket: &mut (impl Read + Write)) -> io::Result<Encrypted> {
        let config = self.config().map_err(|fault| io::Error::other(fault.to_string()))?;
        let name = self.name.as_deref().unwrap_or(host).to_owned();
        let name = ServerName::try_from(name).map_err(|error| io::Error::other(format!("--sni: {error}")))?;
        let connection = ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
        let mut encrypted = Encrypted(Box::new(connection));
        encrypted.0.complete_io(socket)?;
        Ok(encrypted)
    }

    fn config(&self) -> Result<ClientConfig, Fault> {
        let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        let builder = builder.map_err(|error| Fault::value("--tls", error.to_string()))?;
        let builder = if self.insecure {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(Credulous(provider())))
        } else {
            builder.with_root_certificates(self.roots()?)
        };
        match (&self.certificate, &self.key) {
            (None, None) => Ok(builder.with_no_client_auth()),
            (Some(certificate), Some(key)) => {
                let chain = certificates("--cert", certificate)?;
                let secret = private_key("--key", key, &Secret::default())?;
                builder.with_client_auth_cert(chain, secret).map_err(|error| Fault::file("--key", key, error))
            }
            _ => Err(Fault::value("--cert and --key", "one is of no use without the other")),
        }
    }

    fn roots(&self) -> Result<RootCertStore, Fault> {
        let (file, dir) = (self.ca_file.as_deref(), self.ca_dir.as_deref());
        if file.is_some() || dir.is_some() {
            return authorities(file.map(|path| ("--cacert", path)), dir.map(|path| ("--cacertdir", path)));
        }
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        match roots.is_empty() {
            true => Err(Fault::value("--cacert", "the system trusts no authority; name the file of one")),
            false => Ok(roots),
        }
    }
}

/// The client's end of an encrypted connection, without its socket.
pub(super) struct Encrypted(Box<ClientConnection>);

impl Encrypted {
    /// Reads what the server has sent: at least something, unless it has ended.
    pub(super) fn read(&mut self, socket: &mut (impl Read + Write), buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.0.reader().read(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                read => return read,
            }
            // The server may wait for what is still here.
            match self.flush(socket) {
                Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(error),
                _ => {}
            }
            if self.0.read_tls(socket)? == 0 {
                return Ok(0);
            }
            self.0.process_new_packets().map_err(io::Error::other)?;
        }
    }

    /// Whether something is there to be read without a look at the socket.
    pub(super) fn has_input(&mut self) -> bool {
        self.0.process_new_packets().is_ok_and(|state| state.plaintext_bytes_to_read() > 0)
    }

    /// Encrypts some of these bytes and sends what the socket takes of it.
    pub(super) fn write(&mut self, socket: &mut impl Write, bytes: &[u8]) -> io::Result<usize> {
        self.flush(socket)?;
        let count = self.0.writer().write(bytes)?;
        match self.flush(socket) {
            Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error),
            _ => Ok(count),
        }
    }

    /// Encrypts all of these bytes and sends them.
    pub(super) fn write_all(&mut self, socket: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
        let mut sent = 0;
        while sent < bytes.len() {
            sent += self.write(socket, &bytes[sent..])?;
        }
        self.flush(socket)
    }

    /// Sends what has been encrypted.
    pub(super) fn flush(&mut self, socket: &mut impl Write) -> io::Result<()> {
        while self.0.wants_write() {
            self.0.write_tls(socket)?;
        }
        Ok(())
    }

    /// Whether the socket has not taken everything yet.
    pub(super) fn has_output(&self) -> bool {
        self.0.wants_write()
    }
}

/// Believes every certificate, but checks that the server has the key to it.
#[derive(Debug)]
struct Credulous(Arc<CryptoProvider>);

impl ServerCertVerifier for Credulous {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
