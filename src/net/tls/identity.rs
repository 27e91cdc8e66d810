//! Whose a certificate is, and until when.

use std::fmt;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use x509_cert::Certificate;
use x509_cert::der::Decode;

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
