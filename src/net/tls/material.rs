//! Files of certificates and keys.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use pkcs8::EncryptedPrivateKeyInfoRef;
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::config::{Secret, StartError};

/// Why something cannot be used: which directive or option, which file, what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The directive or option that is concerned.
    pub(crate) of: &'static str,
    path: Option<PathBuf>,
    what: String,
}

impl Fault {
    /// Of the value of a directive.
    pub(crate) fn value(of: &'static str, what: impl Into<String>) -> Self {
        Fault { of, path: None, what: what.into() }
    }

    /// Of a file that a directive names.
    pub(crate) fn file(of: &'static str, path: &Path, what: impl fmt::Display) -> Self {
        Fault { of, path: Some(path.to_owned()), what: what.to_string() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.path {
            Some(path) => write!(out, "{} {}: {}", self.of, path.display(), self.what),
            None => write!(out, "{}: {}", self.of, self.what),
        }
    }
}

impl From<Fault> for StartError {
    fn from(fault: Fault) -> Self {
        StartError::new(fault.to_string(), "correct it, or set tls-port to 0")
    }
}

/// The chain of certificates in a file, of which there is at least one.
///
/// # Errors
///
/// [`Fault`] for a file that cannot be read or is of another kind.
pub(crate) fn certificates(of: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, Fault> {
    let fault = |what: &dyn fmt::Display| Fault::file(of, path, what);
    let text = read(path).map_err(|error| fault(&error))?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match found {
        Ok(found) if found.is_empty() => Err(fault(&"there is no certificate in it (BEGIN CERTIFICATE)")),
        Ok(found) => Ok(found),
        Err(error) => Err(fault(&format_args!("it is not PEM: {error}"))),
    }
}

/// The private key in a file.
///
/// # Errors
///
/// [`Fault`] for a file that cannot be read or has no key, or one that the password does not open.
pub(crate) fn private_key(of: &'static str, path: &Path, pass: &Secret) -> Result<PrivateKeyDer<'static>, Fault> {
    let fault = |what: &dyn fmt::Display| Fault::file(of, path, what);
    let text = read(path).map_err(|error| fault(&error))?;
    let has = |mark: &str| text.windows(mark.len()).any(|window| window == mark.as_bytes());
    if has("Proc-Type: 4,ENCRYPTED") {
        return Err(fault(&"it is encrypted in the old form; convert it with: openssl pkcs8 -topk8 -in OLD -out NEW"));
    }
    if has("BEGIN ENCRYPTED PRIVATE KEY") {
        let Some(pass) = pass.password() else { return Err(fault(&"it is encrypted; set tls-key-file-pass")) };
        return decrypted(&text, pass).map_err(|what| fault(&what));
    }
    PrivateKeyDer::from_pem_slice(&text).map_err(|_| fault(&"there is no private key in it (BEGIN PRIVATE KEY)"))
}

/// The key in a text that holds one that is encrypted.
fn decrypted(text: &[u8], pass: &[u8]) -> Result<PrivateKeyDer<'static>, String> {
    // The reader of PEM does not know this kind of section; what it makes of a section is the bytes in it.
    let text = String::from_utf8_lossy(text).replace(" ENCRYPTED PRIVATE KEY", " PRIVATE KEY");
    let section =
        PrivatePkcs8KeyDer::from_pem_slice(text.as_bytes()).map_err(|error| format!("it is damaged: {error}"))?;
    let info = EncryptedPrivateKeyInfoRef::try_from(section.secret_pkcs8_der())
        .map_err(|error| format!("the encrypted key in it is of an unknown form: {error}"))?;
    let key = info.decrypt(pass).map_err(|_| "tls-key-file-pass does not open it")?;
    Ok(PrivatePkcs8KeyDer::from(key.as_bytes().to_vec()).into())
}

/// Adds the certificates of authorities in a file or in all files of a directory.
///
/// # Errors
///
/// [`Fault`] where there is none, or one that is damaged.
pub(crate) fn authorities(
    file: Option<(&'static str, &Path)>,
    dir: Option<(&'static str, &Path)>,
) -> Result<RootCertStore, Fault> {
    let mut roots = RootCertStore::empty();
    if let Some((of, path)) = file {
        for certificate in certificates(of, path)? {
            roots.add(certificate).map_err(|error| Fault::file(of, path, error))?;
        }
    }
    if let Some((of, path)) = dir {
        let entries = fs::read_dir(path).map_err(|error| Fault::file(of, path, plain(&error)))?;
        let paths = entries.filter_map(Result::ok).map(|entry| entry.path()).filter(|path| path.is_file());
        let found = paths.filter_map(|path| certificates(of, &path).ok()).flatten();
        if roots.add_parsable_certificates(found).0 == 0 {
            return Err(Fault::file(of, path, "no file in it is a certificate"));
        }
    }
    Ok(roots)
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| plain(&error))
}

/// The system's text without its number.
fn plain(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}
