//! How a client comes to a connection that is ready for commands.

use std::io;
use std::thread;
use std::time::Duration;

use super::{Client, Failure};
use crate::cli::connection::{Connection, system_text};
use crate::cli::options::{Options, Protocol};
use crate::cli::reply::Reply;

impl Client<'_> {
    /// Connects, dropping a connection that is open. A refused password, database or protocol is reported and leaves
    /// the connection open: the next command then shows what the server makes of it.
    pub(in crate::cli) fn connect(&mut self) -> Result<(), Failure> {
        self.open()?;
        self.prepare()?;
        Ok(())
    }

    /// The same, for what makes no sense on a connection where something was refused.
    pub(in crate::cli) fn connect_fully(&mut self) -> Result<(), Failure> {
        self.open()?;
        if self.prepare()? { Ok(()) } else { Err(Failure::Fatal) }
    }

    /// Makes the connection that was lost again, every second, saying how often it was tried.
    pub(in crate::cli) fn reconnect(&mut self) -> Result<(), Failure> {
        for attempt in 1_u64.. {
            self.say(&format!("\r\x1b[0KReconnecting... {attempt}\r"))?;
            self.forget();
            let connection = self.open_connection();
            thread::sleep(Duration::from_secs(1));
            if let Ok(connection) = connection {
                self.connection = Some(connection);
                self.prepare()?;
                break;
            }
        }
        self.say("\r\x1b[0K")
    }

    fn open_connection(&self) -> io::Result<Connection> {
        let Options { timeout, family, encryption, .. } = self.options;
        Connection::open(&self.target, *timeout, *family, encryption.as_ref())
    }

    fn open(&mut self) -> Result<(), Failure> {
        self.forget();
        match self.open_connection() {
            Ok(connection) => self.connection = Some(connection),
            Err(error) => {
                let reason = system_text(&error);
                self.complain(format_args!("Could not connect to Redis at {}: {reason}", self.target.clone()));
                return Err(Failure::Unreachable);
            }
        }
        Ok(())
    }

    /// Drops the connection and what was known of it.
    fn forget(&mut self) {
        self.connection = None;
        self.database = 0;
        self.before_transaction = None;
        self.leave_subscriptions();
        self.resp3 = false;
    }

    /// Sets an open connection up; false where the server refused something.
    fn prepare(&mut self) -> Result<bool, Failure> {
        Ok(self.authenticate()? && self.select()? && self.switch_protocol()?)
    }

    fn authenticate(&mut self) -> Result<bool, Failure> {
        let Some(password) = &self.options.password else {
            return Ok(true);
        };
        let mut command = vec![b"AUTH".to_vec()];
        command.extend(self.options.user.clone());
        command.push(password.clone());
        self.set_up("AUTH", &command)
    }

    /// Selects the wanted database unless it is selected.
    pub(super) fn select(&mut self) -> Result<bool, Failure> {
        if self.wanted_database == self.database {
            return Ok(true);
        }
        let number = self.wanted_database.to_string();
        let selected = self.set_up(&format!("SELECT {number}"), &[b"SELECT".to_vec(), number.into_bytes()])?;
        if selected {
            self.database = self.wanted_database;
        }
        Ok(selected)
    }

    fn switch_protocol(&mut self) -> Result<bool, Failure> {
        if self.options.protocol != Protocol::Resp2 {
            self.resp3 = self.set_up("HELLO 3", &[b"HELLO".to_vec(), b"3".to_vec()])?;
        }
        Ok(self.resp3 || self.options.protocol != Protocol::Resp3)
    }

    /// Sends a command that the user did not type. An error reply is reported as `shown failed: ...`.
    fn set_up(&mut self, shown: &str, command: &[Vec<u8>]) -> Result<bool, Failure> {
        let reply = self.send(command).and_then(|()| self.receive());
        match reply {
            Ok(Reply::Error(text)) => {
                self.complain(format_args!("{shown} failed: {}", String::from_utf8_lossy(&text)));
                Ok(false)
            }
            Ok(_) => Ok(true),
            Err(failure) => {
                self.complain("\nI/O error");
                Err(failure)
            }
        }
    }
}
