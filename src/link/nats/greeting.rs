//! The beginning of a connection to a server of NATS.

use serde_json::{Value, json};

use super::credentials;
use super::protocol::{self, Said};
use crate::config::{EngineUrl, Settings};
use crate::link::connection::{Broken, Connection};
use crate::version::VERSION;

/// Payloads are as large as a server takes unless it says otherwise, in bytes.
const USUAL_PAYLOAD: usize = 1024 * 1024;

/// Says who this is, and waits until that is accepted. Answers the largest payload that the server takes, too, in bytes.
///
/// # Errors
///
/// [`Broken`] with the reason.
pub(super) async fn greet(
    mut connection: Connection,
    url: &EngineUrl,
    settings: &Settings,
) -> Result<(Connection, usize), Broken> {
    let encrypts_first = url.is_encrypted() && settings.backplane_tls_first;
    if encrypts_first {
        connection = connection.encrypt(url, settings).await?;
    }
    let Said::Info(info) = hear(&mut connection).await? else {
        return Err(Broken("it does not begin with INFO".into()));
    };
    let encrypts = url.is_encrypted() || info["tls_required"] == true;
    if encrypts && !encrypts_first {
        connection = connection.encrypt(url, settings).await?;
    }
    introduce(&mut connection, url, settings, &info, encrypts)?;
    loop {
        match hear(&mut connection).await? {
            Said::Pong => return Ok((connection, max_payload(&info).unwrap_or(USUAL_PAYLOAD))),
            Said::Refusal(why) => return Err(Broken(why)),
            _ => {}
        }
    }
}

/// The largest payload that a server says it takes, in bytes.
pub(super) fn max_payload(info: &Value) -> Option<usize> {
    usize::try_from(info["max_payload"].as_u64()?).ok()
}

/// Says who this is: by the credentials in the address, and by those of the file.
fn introduce(
    connection: &mut Connection,
    url: &EngineUrl,
    settings: &Settings,
    info: &Value,
    encrypts: bool,
) -> Result<(), Broken> {
    let mut words = json!({
        "verbose": false, "pedantic": false, "echo": false, "headers": false, "protocol": 1,
        "lang": "rust", "name": "pregon", "version": VERSION, "tls_required": encrypts,
    });
    match (&url.user, &url.password) {
        (Some(user), password) => {
            words["user"] = user.as_str().into();
            words["pass"] = password.as_deref().unwrap_or_default().into();
        }
        (None, Some(token)) => words["auth_token"] = token.as_str().into(),
        (None, None) => {}
    }
    if let Some(credentials) = credentials::of(settings).map_err(|fault| Broken(fault.to_string()))? {
        credentials.introduce(&mut words, info["nonce"].as_str()).map_err(Broken)?;
    }
    connection.buffers.output.extend_from_slice(format!("CONNECT {words}\r\nPING\r\n").as_bytes());
    Ok(())
}

/// Waits for the next thing that the server says.
async fn hear(connection: &mut Connection) -> Result<Said, Broken> {
    loop {
        if let Some(said) = protocol::take(&mut connection.buffers.input)? {
            return Ok(said);
        }
        connection.go_on(0).await?;
    }
}
