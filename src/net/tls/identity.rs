//! Whose a certificate is, and until when.

use std::borrow::Cow;
use std::fmt;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::name::Name;

use crate::config::CertificateUser;

/// `id-at-commonName` of X.520.
const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");

/// What the log tells of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// Whom it names, as `CN=example.org,O=...`.
    pub(crate) subject: String,
    /// When it ends.
    pub(crate) until: SystemTime,
}

impl Identity {
    /// What is known of a certificate; none if it is not one.
    pub(crate) fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let certificate = Certificate::from_der(certificate).ok()?;
        let content = certificate.tbs_certificate();
        let until = content.validity().not_after.to_system_time();
        Some(Identity { subject: content.subject().to_string(), until })
    }

    /// How long it is good from `now` on; none if it is not any more.
    pub(crate) fn rest(&self, now: SystemTime) -> Option<Duration> {
        self.until.duration_since(now).ok()
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Timestamp::try_from(self.until) {
            Ok(until) => write!(out, "{} until {until}", self.subject),
            Err(_) => out.write_str(&self.subject),
        }
    }
}

/// What stands at this place in a certificate, in its order.
pub(crate) fn names(certificate: &CertificateDer<'_>, place: CertificateUser) -> Vec<String> {
    let Ok(certificate) = Certificate::from_der(certificate) else { return Vec::new() };
    let content = certificate.tbs_certificate();
    match place {
        CertificateUser::Off => Vec::new(),
        CertificateUser::CommonName => common_names(content.subject()),
        CertificateUser::AlternativeName => {
            let found = content.get_extension::<SubjectAltName>().ok().flatten();
            let names = found.map(|(_, names)| names.0).unwrap_or_default();
            names.iter().filter_map(alternative_name).collect()
        }
    }
}

fn common_names(subject: &Name) -> Vec<String> {
    let parts = subject.iter_rdn().flat_map(|part| part.iter());
    let values = parts.filter(|part| part.oid == COMMON_NAME).map(|part| String::from_utf8_lossy(part.value.value()));
    values.map(Cow::into_owned).collect()
}

/// A name of a host, an address for mail or a URI; others name no user.
fn alternative_name(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::DnsName(text) | GeneralName::Rfc822Name(text) | GeneralName::UniformResourceIdentifier(text) => {
            Some(text.to_string())
        }
        _ => None,
    }
}
