//! Who a node is to a server of NATS that asks for more than a password: the seed of a key, by which it signs what the server
//! makes up for each connection, and for servers with accounts a statement of who may use that key (a JWT).
//!
//! Source: the page "NKEYS and JWT Authentication" of NATS' documentation; `credsRE` in github.com/nats-io/jwt.

use std::fs;
use std::path::Path;

use data_encoding::BASE64URL_NOPAD;
use nkeys::KeyPair;
use serde_json::Value;

use crate::config::Settings;
use crate::net::tls::material::Fault;

const OF: &str = "backplane-credentials-file";

/// A key, and who may use it.
pub(in crate::link) struct Credentials {
    key: KeyPair,
    jwt: Option<String>,
}

/// What the file says that the settings name, if they name one. It is read for each connection, so that a renewed one is taken.
///
/// # Errors
///
/// [`Fault`] for a file that cannot be used.
pub(in crate::link) fn of(settings: &Settings) -> Result<Option<Credentials>, Fault> {
    let Some(path) = &settings.backplane_credentials_file else { return Ok(None) };
    let path = settings.dir.place(path);
    let text = fs::read_to_string(&path).map_err(|error| Fault::file(OF, &path, error))?;
    read(&text, &path).map(Some)
}

/// A `.creds` file, which has both between lines that begin with dashes, or the seed of a key alone.
fn read(text: &str, path: &Path) -> Result<Credentials, Fault> {
    let block = |name: &str| {
        let mut lines = text.lines().skip_while(|line| !(line.starts_with("---") && line.contains(name)));
        lines.next();
        lines.map(str::trim).find(|line| !line.is_empty())
    };
    let jwt = block("BEGIN NATS USER JWT");
    let seed = match block("BEGIN USER NKEY SEED") {
        Some(seed) => seed,
        None => text.trim(),
    };
    // What is wrong with it is not said in its words: they hold what is secret.
    let key = KeyPair::from_seed(seed).map_err(|_| Fault::file(OF, path, "there is no seed of a user's key in it"))?;
    Ok(Credentials { key, jwt: jwt.map(str::to_owned) })
}

impl Credentials {
    /// Adds to the words of CONNECT who this is. `nonce` is what the server has made up.
    ///
    /// # Errors
    ///
    /// Why they are of no use to this server.
    pub(super) fn introduce(&self, words: &mut Value, nonce: Option<&str>) -> Result<(), String> {
        let nonce = nonce.ok_or("the server does not ask for a key, so backplane-credentials-file is of no use")?;
        let signature = self.key.sign(nonce.as_bytes()).map_err(|error| error.to_string())?;
        words["sig"] = BASE64URL_NOPAD.encode(&signature).into();
        match &self.jwt {
            Some(jwt) => words["jwt"] = jwt.as_str().into(),
            None => words["nkey"] = self.key.public_key().into(),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn introduced(text: &str) -> Value {
        let mut words = json!({});
        let credentials = read(text, Path::new("file")).unwrap_or_else(|fault| panic!("{fault}"));
        credentials.introduce(&mut words, Some("nonce")).expect("there is a nonce");
        words
    }

    #[test]
    fn a_file_has_a_seed_alone_or_a_statement_too() {
        let seed = KeyPair::new_user().seed().expect("it has one");
        let key = KeyPair::from_seed(&seed).expect("it is one");
        let alone = introduced(&format!("{seed}\n"));
        assert_eq!(alone["nkey"], key.public_key());
        let signature = BASE64URL_NOPAD.decode(alone["sig"].as_str().expect("text").as_bytes()).expect("it is encoded");
        key.verify(b"nonce", &signature).expect("it is its signature");
        let both = introduced(&format!(
            "-----BEGIN NATS USER JWT-----\r\nabc.def.ghi\r\n------END NATS USER JWT------\r\n\r\nsome text\r\n\
             -----BEGIN USER NKEY SEED-----\r\n{seed}\r\n------END USER NKEY SEED------\r\n"
        ));
        assert_eq!((both["jwt"].as_str(), both.get("nkey")), (Some("abc.def.ghi"), None));
    }

    #[test]
    fn what_is_wrong_with_a_file_is_said_without_what_is_in_it() {
        for text in ["", "SUNONSENSE", "-----BEGIN USER NKEY SEED-----\nSUX\n"] {
            let fault = read(text, Path::new("file")).err().expect("it is wrong").to_string();
            assert_eq!(fault, "backplane-credentials-file file: there is no seed of a user's key in it");
        }
    }
}
