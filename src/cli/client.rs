//! One session with a server: connects and reconnects, sends commands, prints replies and pushes.

mod connecting;

use std::io::Write;
use std::thread;

use super::connection::{Connection, Lost, Target};
use super::format::Format;
use super::interrupt::Interrupt;
use super::meaning::{answers_with_text, invalidated_keys, lower, message_kind};
use super::options::Options;
use super::reply::Reply;

/// Why a command came to no end. What the user has to know is printed, except for [`Failure::Lost`].
#[derive(Debug)]
pub(super) enum Failure {
    /// No connection could be made; a later attempt may succeed.
    Unreachable,
    /// The connection ended.
    Lost(Lost),
    /// There is nothing more to do: an error reply where that ends the program, output that nobody reads, a stream of
    /// messages that ended.
    Fatal,
}

/// The state that the client shares with the server, as far as it can know it from what it sends and receives.
pub(super) struct Client<'a> {
    options: &'a Options,
    target: Target,
    /// Selected after each connect.
    wanted_database: i32,
    connection: Option<Connection>,
    database: i32,
    /// The database before MULTI, while in a transaction.
    before_transaction: Option<i32>,
    subscribed: bool,
    /// How many names it listens to, by kind: channels and patterns together, sharded channels.
    listens_to: [i64; 2],
    resp3: bool,
    /// Error replies do not end the program, and a lost connection is made again.
    interactive: bool,
    /// Where people can press Ctrl-C to end what goes on without end.
    interrupt: Option<Interrupt>,
    out: &'a mut dyn Write,
    err: &'a mut dyn Write,
}

impl<'a> Client<'a> {
    pub(super) fn new(options: &'a Options, interactive: bool, out: &'a mut dyn Write, err: &'a mut dyn Write) -> Self {
        Self {
            options,
            target: options.target.clone(),
            wanted_database: options.database,
            connection: None,
            database: 0,
            before_transaction: None,
            subscribed: false,
            listens_to: [0; 2],
            resp3: false,
            interactive,
            interrupt: None,
            out,
            err,
        }
    }

    /// Connects to another server, which later connects go to as well.
    pub(super) fn connect_to(&mut self, host: String, port: u16) -> Result<(), Failure> {
        self.target = Target::Tcp { host, port };
        self.connect()
    }

    pub(super) fn disconnect(&mut self) {
        self.connection = None;
    }

    /// What to wait for beside the input; none without a connection.
    pub(super) fn descriptors(&self) -> Option<(&Connection, Option<&Interrupt>)> {
        Some((self.connection.as_ref()?, self.interrupt.as_ref()))
    }

    /// Ctrl-C ends monitoring from now on, and what the caller does where it asks for [`Self::interrupt`].
    pub(super) fn heed(&mut self, interrupt: Interrupt) {
        self.interrupt = Some(interrupt);
    }

    pub(super) fn interrupt(&mut self) -> Option<&mut Interrupt> {
        self.interrupt.as_mut()
    }

    /// Takes the connection from the client.
    pub(super) fn take_connection(&mut self) -> Result<Connection, Failure> {
        self.connection.take().ok_or(Failure::Lost(Lost::Closed))
    }

    /// Whether a command that the user did not type would be answered with nothing else happening.
    pub(super) fn is_idle(&self) -> bool {
        self.connection.is_some() && !self.subscribed && self.before_transaction.is_none()
    }

    pub(super) fn is_subscribed(&self) -> bool {
        self.subscribed
    }

    /// Sends a command `repeat` times (for ever if negative) and prints what it answers. Connects first if needed.
    pub(super) fn run(&mut self, command: &[Vec<u8>], mut repeat: i64) -> Result<(), Failure> {
        if self.connection.is_none() {
            self.connect()?;
        }
        let name = lower(&command[0]);
        while repeat != 0 {
            repeat -= i64::from(repeat > 0);
            self.send(command)?;
            if name == "monitor" {
                return self.print_monitored();
            }
            match self.print_answer(command, &name) {
                Err(Failure::Lost(lost)) if name == "shutdown" && lost.is_disconnect() => {
                    self.disconnect();
                    return Ok(());
                }
                answered => answered?,
            }
            thread::sleep(self.options.interval);
        }
        Ok(())
    }

    /// The reply to a command that the user did not type; error replies included, pushes left out.
    pub(super) fn ask(&mut self, command: &[impl AsRef<[u8]>]) -> Result<Reply, Failure> {
        self.send(command)?;
        loop {
            match self.receive()? {
                Reply::Push(_) => {}
                reply => return Ok(reply),
            }
        }
    }

    /// The replies to several, sent together.
    pub(super) fn ask_all(&mut self, commands: &[Vec<&[u8]>]) -> Result<Vec<Reply>, Failure> {
        for command in commands {
            self.send(command)?;
        }
        commands.iter().map(|_| self.receive_in_band()).collect()
    }

    /// Prints the next message of a subscription.
    pub(super) fn print_message(&mut self) -> Result<(), Failure> {
        let reply = self.receive()?;
        self.print_checked(&reply, false)
    }

    /// Prints the messages that have arrived already.
    pub(super) fn print_arrived(&mut self) -> Result<(), Failure> {
        while let Some(connection) = &mut self.connection
            && let Some(reply) = connection.buffered().map_err(Failure::Lost)?
        {
            self.print(&reply, false)?;
        }
        Ok(())
    }

    /// `127.0.0.1:6379[1](TX)(subscribed mode)> `
    pub(super) fn prompt(&self) -> String {
        if self.connection.is_none() {
            return "not connected> ".to_owned();
        }
        let target = match &self.target {
            Target::Tcp { host, port } if host.contains(':') => format!("[{host}]:{port}"),
            Target::Tcp { .. } => self.target.to_string(),
            Target::Unix(_) => format!("redis {}", self.target),
        };
        let database = if self.database == 0 { String::new() } else { format!("[{}]", self.database) };
        let transaction = if self.before_transaction.is_some() { "(TX)" } else { "" };
        let subscribed = if self.subscribed { "(subscribed mode)" } else { "" };
        format!("{target}{database}{transaction}{subscribed}> ")
    }

    /// Writes text for the user beside replies.
    pub(super) fn say(&mut self, text: &str) -> Result<(), Failure> {
        self.write(text.as_bytes())
    }

    /// Writes a line to standard error. That it cannot be written changes nothing.
    pub(super) fn complain(&mut self, line: impl std::fmt::Display) {
        let _ = writeln!(self.err, "{line}");
    }

    fn send(&mut self, command: &[impl AsRef<[u8]>]) -> Result<(), Failure> {
        let connection = self.connection.as_mut().ok_or(Failure::Lost(Lost::Closed))?;
        connection.send(command).map_err(Failure::Lost)
    }

    fn receive(&mut self) -> Result<Reply, Failure> {
        let connection = self.connection.as_mut().ok_or(Failure::Lost(Lost::Closed))?;
        connection.receive().map_err(Failure::Lost)
    }

    /// Waits for the reply that a command without subscriptions gets: pushes in between are printed or left out.
    fn receive_in_band(&mut self) -> Result<Reply, Failure> {
        loop {
            match self.receive()? {
                Reply::Push(items) if self.options.show_pushes => self.print_push(Reply::Push(items))?,
                Reply::Push(_) => {}
                reply => return Ok(reply),
            }
        }
    }

    /// Prints commands as they run, until Ctrl-C is pressed or the connection ends.
    fn print_monitored(&mut self) -> Result<(), Failure> {
        self.wait_for_interrupt(true);
        let result = self.follow_monitored();
        self.wait_for_interrupt(false);
        result
    }

    /// Ctrl-C ends what is going on from now on, also what is being printed, or the program.
    pub(super) fn wait_for_interrupt(&mut self, waits: bool) {
        if let Some(interrupt) = &self.interrupt {
            interrupt.is_waited_for(waits);
        }
    }

    fn follow_monitored(&mut self) -> Result<(), Failure> {
        loop {
            let reply = match self.receive_monitored() {
                Ok(Some(reply)) => reply,
                Ok(None) => return self.connect(),
                Err(Failure::Lost(lost)) => {
                    self.complain(format_args!("Error: {lost}"));
                    return Err(Failure::Fatal);
                }
                Err(failure) => return Err(failure),
            };
            self.print_checked(&reply, false)?;
            if matches!(reply, Reply::Error(_)) {
                return Ok(());
            }
        }
    }

    /// The next command that runs; none after Ctrl-C.
    fn receive_monitored(&mut self) -> Result<Option<Reply>, Failure> {
        let Some(interrupt) = &mut self.interrupt else {
            return self.receive().map(Some);
        };
        let connection = self.connection.as_mut().ok_or(Failure::Lost(Lost::Closed))?;
        connection.receive_unless(interrupt).map_err(Failure::Lost)
    }

    /// Reads and prints until the command is answered. Commands of the subscribe family are answered by one message for
    /// each name, between which messages of other subscriptions may come.
    fn print_answer(&mut self, command: &[Vec<u8>], name: &str) -> Result<(), Failure> {
        let as_text = answers_with_text(command);
        let subscribes = matches!(name, "subscribe" | "psubscribe" | "ssubscribe");
        let unsubscribes = matches!(name, "unsubscribe" | "punsubscribe" | "sunsubscribe");
        let mut confirmations = if subscribes || unsubscribes { (command.len() - 1).max(1) } else { 0 };
        loop {
            let in_band = confirmations == 0 && !self.subscribed;
            let reply = if in_band { self.receive_in_band()? } else { self.receive()? };
            self.print_checked(&reply, as_text)?;
            if let Some(kind) = message_kind(&reply, self.resp3)
                && !in_band
            {
                if confirmations == 0 || !kind.eq_ignore_ascii_case(name.as_bytes()) {
                    continue;
                }
                self.count_names(name, &reply);
                self.subscribed |= subscribes;
                confirmations -= 1;
                if confirmations > 0 {
                    continue;
                }
                self.subscribed &= self.listens_to != [0; 2];
            } else if matches!(reply, Reply::Push(_)) {
                continue;
            }
            return self.note(command, name, &reply);
        }
    }

    /// How many names a confirmation says that are listened to.
    fn count_names(&mut self, name: &str, confirmation: &Reply) {
        let (Reply::Array(items) | Reply::Push(items)) = confirmation else {
            return;
        };
        if let Some(Reply::Integer(count)) = items.get(2) {
            self.listens_to[usize::from(matches!(name, "ssubscribe" | "sunsubscribe"))] = *count;
        }
    }

    fn leave_subscriptions(&mut self) {
        self.subscribed = false;
        self.listens_to = [0; 2];
    }

    /// Keeps in mind what the answered command changed.
    fn note(&mut self, command: &[Vec<u8>], name: &str, reply: &Reply) -> Result<(), Failure> {
        let failed = matches!(reply, Reply::Error(_));
        match (name, command.len()) {
            ("select", 2) if !failed => {
                let number = String::from_utf8_lossy(&command[1]).trim().parse().unwrap_or(0);
                self.use_database(number);
            }
            ("auth", 2 | 3) => {
                self.select()?;
            }
            ("multi", 1) if !failed => self.before_transaction = Some(self.database),
            ("exec", 1) => self.leave_transaction(failed || *reply == Reply::Nil),
            ("discard", 1) if !failed => self.leave_transaction(true),
            ("reset", 1) if !failed => {
                self.before_transaction = None;
                self.use_database(0);
                self.resp3 = false;
                self.leave_subscriptions();
            }
            ("hello", _) => match reply {
                Reply::Map(_) => self.resp3 = true,
                Reply::Array(_) => self.resp3 = false,
                _ => {}
            },
            _ => {}
        }
        Ok(())
    }

    /// Databases selected in a transaction that was not executed are not selected.
    fn leave_transaction(&mut self, undone: bool) {
        if let Some(before) = self.before_transaction.take()
            && undone
        {
            self.use_database(before);
        }
    }

    fn use_database(&mut self, number: i32) {
        self.database = number;
        self.wanted_database = number;
    }

    /// Prints a reply, or ends the program with it where an error reply is to do so.
    fn print_checked(&mut self, reply: &Reply, as_text: bool) -> Result<(), Failure> {
        match reply {
            Reply::Error(text) if self.options.fail_on_error && !self.interactive => {
                self.complain(String::from_utf8_lossy(text));
                Err(Failure::Fatal)
            }
            _ => self.print(reply, as_text),
        }
    }

    fn print(&mut self, reply: &Reply, as_text: bool) -> Result<(), Failure> {
        let style = &self.options.style;
        let text = if as_text { style.render_text(reply) } else { style.render(reply) };
        self.write(&text)
    }

    /// A push that no command asked for. People read the keys of an invalidation on one line.
    fn print_push(&mut self, push: Reply) -> Result<(), Failure> {
        match invalidated_keys(&push) {
            Some(keys) if self.options.style.format == Format::Human => {
                let line = [b"-> invalidate: ", keys.join(&b", "[..]).as_slice(), b"\n"].concat();
                self.write(&line)
            }
            _ => self.print(&push, false),
        }
    }

    /// Writes bytes for the user beside replies.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.out.write_all(bytes).and_then(|()| self.out.flush()).map_err(|_| Failure::Fatal)
    }
}

#[cfg(test)]
mod tests;
