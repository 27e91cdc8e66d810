//! Who may see the pages: who knows the name and the password, if there is one.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;
use subtle::ConstantTimeEq;

use crate::config::Settings;

/// Whether a request with these headers may be answered.
pub(super) fn is_granted(settings: &Settings, headers: &HeaderMap) -> bool {
    let Some(password) = settings.metrics_password.password() else { return true };
    let wanted = [settings.metrics_user.as_bytes(), b":", password].concat();
    let Some(given) = headers.get(AUTHORIZATION).and_then(|value| credentials(value.as_bytes())) else { return false };
    given.ct_eq(&wanted).into()
}

/// What is behind `Basic` (RFC 7617).
fn credentials(value: &[u8]) -> Option<Vec<u8>> {
    let (scheme, encoded) = value.split_at_checked(b"Basic ".len())?;
    if !scheme.eq_ignore_ascii_case(b"Basic ") {
        return None;
    }
    STANDARD.decode(encoded.trim_ascii()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn is_granted_to(pairs: &[(&str, &str)], header: Option<&str>) -> bool {
        let config = Config::from_pairs(pairs).expect("valid directives");
        let mut headers = HeaderMap::new();
        if let Some(value) = header {
            headers.insert(AUTHORIZATION, value.parse().expect("a value of a header"));
        }
        is_granted(config.settings(), &headers)
    }

    #[test]
    fn who_knows_the_password_may_see_it_and_nobody_else_if_there_is_one() {
        assert!(is_granted_to(&[], None));
        let pairs = [("metrics-user", "scraper"), ("metrics-password", "se:cret")];
        let encoded = |text: &str| format!("Basic {}", STANDARD.encode(text));
        assert!(is_granted_to(&pairs, Some(&encoded("scraper:se:cret"))));
        assert!(is_granted_to(&pairs, Some(&encoded("scraper:se:cret").replace("Basic", "basic"))));
        for wrong in ["scraper:se:cre", "scraper:se:crett", "other:se:cret", ":", "", "scraper"] {
            assert!(!is_granted_to(&pairs, Some(&encoded(wrong))), "{wrong}");
        }
        for wrong in ["", "Basic", "Basic ", "Basic ???", "Bearer c2NyYXBlcjpzZTpjcmV0"] {
            assert!(!is_granted_to(&pairs, Some(wrong)), "{wrong}");
        }
        assert!(!is_granted_to(&pairs, None));
    }
}
