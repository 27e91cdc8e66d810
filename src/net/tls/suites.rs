//! Which versions and ciphers the directives name, in the syntax of OpenSSL.

use rustls::crypto::CryptoProvider;
use rustls::{CipherSuite, SupportedCipherSuite, SupportedProtocolVersion, version};

use super::material::Fault;
use crate::config::Settings;

/// Ciphers of TLS 1.3 as the directive calls them.
const SUITES_13: [(&str, CipherSuite); 3] = [
    ("TLS_AES_256_GCM_SHA384", CipherSuite::TLS13_AES_256_GCM_SHA384),
    ("TLS_AES_128_GCM_SHA256", CipherSuite::TLS13_AES_128_GCM_SHA256),
    ("TLS_CHACHA20_POLY1305_SHA256", CipherSuite::TLS13_CHACHA20_POLY1305_SHA256),
];

/// Ciphers of TLS 1.2 as OpenSSL calls them.
const SUITES_12: [(&str, CipherSuite); 6] = [
    ("ECDHE-ECDSA-AES256-GCM-SHA384", CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384),
    ("ECDHE-RSA-AES256-GCM-SHA384", CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384),
    ("ECDHE-ECDSA-CHACHA20-POLY1305", CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256),
    ("ECDHE-RSA-CHACHA20-POLY1305", CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256),
    ("ECDHE-ECDSA-AES128-GCM-SHA256", CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256),
    ("ECDHE-RSA-AES128-GCM-SHA256", CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256),
];

/// The versions that are spoken.
///
/// # Errors
///
/// [`Fault`] for an unknown word, and where no version is left that is safe.
pub(super) fn versions(settings: &Settings) -> Result<Vec<&'static SupportedProtocolVersion>, Fault> {
    const OF: &str = "tls-protocols";
    let text = settings.tls_protocols.as_str();
    let mut versions = Vec::new();
    for word in text.split_whitespace() {
        match word.to_ascii_lowercase().as_str() {
            "tlsv1.2" => versions.push(&version::TLS12),
            "tlsv1.3" => versions.push(&version::TLS13),
            "tlsv1" | "tlsv1.1" => {}
            _ => return Err(Fault::value(OF, format!("unknown version '{word}'; there are TLSv1.2 and TLSv1.3"))),
        }
    }
    match versions.is_empty() {
        false => Ok(versions),
        true if text.trim().is_empty() => Ok(vec![&version::TLS13, &version::TLS12]),
        true => Err(Fault::value(OF, "none of these is safe; there are TLSv1.2 and TLSv1.3")),
    }
}

/// The ciphers of both versions, in the order of preference.
///
/// # Errors
///
/// [`Fault`] for an unknown cipher, and where none is left.
pub(super) fn suites(settings: &Settings, provider: &CryptoProvider) -> Result<Vec<SupportedCipherSuite>, Fault> {
    let new = newer(&settings.tls_ciphersuites)?;
    let old = older(&settings.tls_ciphers)?;
    let find = |wanted: CipherSuite| provider.cipher_suites.iter().find(|suite| suite.suite() == wanted).copied();
    Ok(new.into_iter().chain(old).filter_map(find).collect())
}

fn newer(text: &str) -> Result<Vec<CipherSuite>, Fault> {
    if text.is_empty() {
        return Ok(SUITES_13.iter().map(|(_, suite)| *suite).collect());
    }
    let find = |word: &str| {
        let known = SUITES_13.iter().find(|(name, _)| name.eq_ignore_ascii_case(word));
        known.map(|(_, suite)| *suite).ok_or_else(|| Fault::value("tls-ciphersuites", format!("unknown '{word}'")))
    };
    text.split(':').filter(|word| !word.is_empty()).map(find).collect()
}

/// A cipher list: words separated by colons, commas or blanks. A word adds the ciphers that it stands for; with `!` or `-` in
/// front it takes them away, with `+` it moves them to the end. What stands for none here is passed over, as in OpenSSL.
fn older(text: &str) -> Result<Vec<CipherSuite>, Fault> {
    let text = if text.is_empty() { "DEFAULT" } else { text };
    let mut chosen: Vec<(&str, CipherSuite)> = Vec::new();
    let mut banned = Vec::new();
    for word in text.split([':', ',', ' ']).filter(|word| !word.is_empty()) {
        let (sign, name) = match word.split_at_checked(1) {
            Some((sign @ ("!" | "-" | "+"), name)) => (sign, name),
            _ => ("", word),
        };
        let meant: Vec<_> = SUITES_12.into_iter().filter(|(suite, _)| stands_for(name, suite)).collect();
        if sign == "+" {
            chosen.sort_by_key(|suite| meant.contains(suite));
            continue;
        }
        if sign.is_empty() {
            let new = meant.into_iter().filter(|suite| !banned.contains(suite) && !chosen.contains(suite));
            let new: Vec<_> = new.collect();
            chosen.extend(new);
            continue;
        }
        chosen.retain(|suite| !meant.contains(suite));
        if sign == "!" {
            banned.extend(meant);
        }
    }
    if chosen.is_empty() {
        return Err(Fault::value(
            "tls-ciphers",
            "it names no cipher that is safe; see the example file for those there are",
        ));
    }
    Ok(chosen.into_iter().map(|(_, suite)| suite).collect())
}

/// Whether a word of a cipher list stands for this cipher: its name, or properties joined by `+`.
fn stands_for(word: &str, suite: &str) -> bool {
    let has = |part: &str| suite.split('-').any(|known| known == part);
    let is_property = |property: &str| match property.to_ascii_uppercase().as_str() {
        "ALL" | "DEFAULT" | "HIGH" | "ECDHE" | "EECDH" | "KECDHE" | "KEECDH" | "TLSV1.2" => true,
        "AES" => has("AES128") || has("AES256"),
        "AESGCM" => has("GCM"),
        "AECDSA" => has("ECDSA"),
        "ARSA" => has("RSA"),
        part => has(part),
    };
    word.eq_ignore_ascii_case(suite) || word.split('+').all(is_property)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<&'static str> {
        let chosen = older(text).expect("some are left");
        let name = |suite| SUITES_12.iter().find(|(_, known)| *known == suite).expect("it is one of them").0;
        chosen.into_iter().map(name).collect()
    }

    #[test]
    fn ciphers_are_chosen_ordered_and_taken_away_as_in_openssl() {
        let all: Vec<_> = SUITES_12.iter().map(|(name, _)| *name).collect();
        for text in ["", "DEFAULT", "DEFAULT:!MEDIUM", "ALL:!aNULL:!MD5", "HIGH@STRENGTH:DEFAULT"] {
            assert_eq!(names(text), all, "{text}");
        }
        assert_eq!(names("ECDHE-RSA-AES128-GCM-SHA256"), [all[5]]);
        assert_eq!(names("EECDH+AESGCM:!aECDSA"), [all[1], all[5]]);
        assert_eq!(names("CHACHA20:AES256"), [all[2], all[3], all[0], all[1]]);
        assert_eq!(names("ALL:!AES:ALL:+ECDHE-ECDSA-CHACHA20-POLY1305"), [all[3], all[2]]);
        for text in ["RC4", "ALL:!ALL", "ECDHE-RSA-AES128-SHA"] {
            assert!(older(text).is_err(), "{text}");
        }
    }

    #[test]
    fn versions_and_new_ciphers_are_those_that_are_named() {
        let versions_of = |text: &str| {
            let settings = Settings { tls_protocols: text.into(), ..Settings::default() };
            versions(&settings).map(|versions| versions.len())
        };
        assert_eq!(
            [versions_of(""), versions_of("TLSv1.2"), versions_of("tlsv1.1 TLSv1.3 TLSv1.2")],
            [Ok(2), Ok(1), Ok(2)]
        );
        assert!(versions_of("TLSv1.1").is_err() && versions_of("TLSv9").is_err());
        assert_eq!(newer("TLS_AES_128_GCM_SHA256"), Ok(vec![CipherSuite::TLS13_AES_128_GCM_SHA256]));
        assert!(newer("TLS_NULL").is_err());
    }
}
