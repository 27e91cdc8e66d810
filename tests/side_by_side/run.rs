//! Plays a script against one server and keeps what came back, step by step.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::frame::Frame;
use crate::script::{Action, Amount, Receive, Script};
use crate::support::TestServer;
use crate::text::{Template, Variables};

/// How long a server may take for what one step waits for. Only a failing script ever waits this long.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the last PING on each connection carries.
const LAST_WORD: &str = "end-of-script";

/// What came back at one receiving step.
pub(crate) struct Received {
    /// The step's place in the script; the number of steps for the check after the last one.
    pub(crate) step: usize,
    pub(crate) bytes: Vec<u8>,
    /// Why the step did not get what it waits for.
    pub(crate) problem: Option<String>,
}

/// Plays the script. The second value tells whether our bytes are expected where the script lists a difference.
///
/// The record ends at the first step that did not get what it waits for.
///
/// # Errors
/// Says what makes the script unplayable, such as a variable that is not set.
pub(crate) fn play(script: &Script, server: &TestServer, ours: bool) -> Result<Vec<Received>, String> {
    let (server, dir) = (SocketAddr::from(([127, 0, 0, 1], server.port())), server.dir());
    let mut player = Player { server, dir, resp: script.resp, open: BTreeMap::new(), variables: Variables::new() };
    let mut record = Vec::new();
    for (index, step) in script.steps.iter().enumerate() {
        let fail = |problem| format!("{}.txt:{}: {problem}", script.family, step.line);
        if let Action::Receive(receive) = &step.action {
            let (bytes, problem) = player.receive(&step.connection, receive, ours).map_err(fail)?;
            let stop = problem.is_some();
            record.push(Received { step: index, bytes, problem });
            if stop {
                return Ok(record);
            }
        } else {
            player.act(&step.connection, &step.action).map_err(fail)?;
        }
    }
    let (bytes, problem) = player.finish();
    record.push(Received { step: script.steps.len(), bytes, problem });
    Ok(record)
}

struct Player {
    server: SocketAddr,
    /// The server's directory.
    dir: PathBuf,
    resp: u8,
    open: BTreeMap<String, Wire>,
    variables: Variables,
}

impl Player {
    fn act(&mut self, name: &str, action: &Action) -> Result<(), String> {
        if matches!(action, Action::Close) {
            self.open.remove(name).ok_or("the connection is not open")?;
            return Ok(());
        }
        // Opened before the variables are filled in, since the connection's own address may be one of them.
        self.wire(name)?;
        match action {
            Action::Commands(commands) => {
                let mut bytes = Vec::new();
                for command in commands {
                    self.encode(command, &mut bytes)?;
                }
                self.wire(name)?.send(&bytes);
            }
            Action::Raw(pieces) => {
                let pieces = self.fill(pieces)?;
                self.send_apart(name, pieces.iter().map(Vec::as_slice))?;
            }
            Action::EachByte(bytes) => {
                let bytes = bytes.fill(&self.variables)?;
                self.send_apart(name, bytes.chunks(1))?;
            }
            Action::EveryCut(bytes) => {
                let bytes = bytes.fill(&self.variables)?;
                let halves = (1..bytes.len()).flat_map(|cut| [&bytes[..cut], &bytes[cut..]]);
                self.send_apart(name, halves)?;
            }
            Action::Waits => self.await_blocked(name)?,
            Action::Writes(file, content) => {
                let content = content.fill(&self.variables)?;
                std::fs::write(self.dir.join(file), content).map_err(|error| format!("{file}: {error}"))?;
            }
            Action::Open | Action::Close | Action::Receive(_) => {}
        }
        Ok(())
    }

    /// Asks the server again and again until it says that the connection is blocked.
    fn await_blocked(&mut self, name: &str) -> Result<(), String> {
        let address = self.variables.get(&format!("{name}.addr")).cloned().unwrap_or_default();
        let address = format!("addr={} ", String::from_utf8_lossy(&address));
        let mut observer = Wire::open(self.server, 2)?;
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            observer.send(b"CLIENT LIST\r\n");
            let (list, _) = observer.frames(1);
            let list = String::from_utf8_lossy(&list).into_owned();
            let flags = list.lines().find(|line| line.contains(&address)).and_then(|line| line.split(" flags=").nth(1));
            if flags.and_then(|flags| flags.split(' ').next()).is_some_and(|flags| flags.contains('b')) {
                return Ok(());
            }
        }
        Err("the connection does not wait".to_owned())
    }

    /// Reads what the step waits for: the bytes, and why there are fewer than wanted.
    fn receive(&mut self, name: &str, receive: &Receive, ours: bool) -> Result<(Vec<u8>, Option<String>), String> {
        let mut amount = receive.amount;
        if let (true, Some(differs), Amount::Frames(_)) = (ours, &receive.differs, amount) {
            let frames = Frame::parse_all(&differs.bytes).ok_or("the expected bytes are not frames")?;
            amount = Amount::Frames(frames.len());
        }
        let wire = self.wire(name)?;
        let (bytes, problem) = match amount {
            Amount::Frames(count) => wire.frames(count),
            Amount::UntilEnd => wire.until_end(),
        };
        if amount == Amount::UntilEnd && problem.is_none() {
            self.open.remove(name);
        }
        if let (Some(keep), None) = (&receive.keep, &problem) {
            match Frame::parse(&bytes) {
                Ok(Some((Frame::Line(b':', number), _))) => {
                    self.variables.insert(keep.clone(), number);
                }
                _ => {
                    return Ok((bytes, Some("the reply to keep is not an integer".to_owned())));
                }
            }
        }
        Ok((bytes, problem))
    }

    /// Checks with a PING, twice, that no connection has anything left to read.
    fn finish(&mut self) -> (Vec<u8>, Option<String>) {
        let ping = format!("*2\r\n$4\r\nPING\r\n${}\r\n{LAST_WORD}\r\n", LAST_WORD.len());
        let mut all = Vec::new();
        for (name, wire) in &mut self.open {
            for _ in 0..2 {
                wire.send(ping.as_bytes());
                let (bytes, problem) = wire.frames(1);
                let echoes = bytes.windows(LAST_WORD.len()).any(|part| part == LAST_WORD.as_bytes());
                // In which words a user is refused is for the steps to compare.
                let refused = bytes.starts_with(b"-NOPERM ");
                let expected = echoes || refused || bytes == b"+QUEUED\r\n" || bytes.starts_with(b"-NOAUTH ");
                all.extend_from_slice(if refused { b"-NOPERM " } else { &bytes });
                if let Some(problem) = problem {
                    return (all, Some(format!("`{name}` after the last step: {problem}")));
                }
                if !expected {
                    return (all, Some(format!("`{name}` has more to read after the last step")));
                }
            }
        }
        (all, None)
    }

    fn wire(&mut self, name: &str) -> Result<&mut Wire, String> {
        if !self.open.contains_key(name) {
            let wire = Wire::open(self.server, self.resp)?;
            let address = wire.stream.local_addr().map_err(|error| error.to_string())?;
            self.variables.insert(format!("{name}.addr"), address.to_string().into_bytes());
            self.variables.insert("server.addr".to_owned(), self.server.to_string().into_bytes());
            self.open.insert(name.to_owned(), wire);
        }
        self.open.get_mut(name).ok_or_else(|| format!("`{name}` is not open"))
    }

    /// Sends pieces so that the server very likely reads each on its own: another connection's PING is answered
    /// between any two.
    fn send_apart<'piece>(&mut self, name: &str, pieces: impl Iterator<Item = &'piece [u8]>) -> Result<(), String> {
        let mut pulse = None;
        for (index, piece) in pieces.enumerate() {
            if index > 0 {
                let pulse = match &mut pulse {
                    Some(pulse) => pulse,
                    none => none.insert(Wire::open(self.server, 2)?),
                };
                pulse.send(b"PING\r\n");
                pulse.frames(1);
            }
            self.wire(name)?.send(piece);
        }
        Ok(())
    }

    fn fill(&self, templates: &[Template]) -> Result<Vec<Vec<u8>>, String> {
        templates.iter().map(|template| template.fill(&self.variables)).collect()
    }

    fn encode(&self, command: &[Template], bytes: &mut Vec<u8>) -> Result<(), String> {
        bytes.extend_from_slice(format!("*{}\r\n", command.len()).as_bytes());
        for argument in self.fill(command)? {
            bytes.extend_from_slice(format!("${}\r\n", argument.len()).as_bytes());
            bytes.extend_from_slice(&argument);
            bytes.extend_from_slice(b"\r\n");
        }
        Ok(())
    }
}

/// A client's connection, and the bytes that it has read but not yet handed out.
struct Wire {
    stream: TcpStream,
    unread: Vec<u8>,
}

impl Wire {
    fn open(server: SocketAddr, resp: u8) -> Result<Wire, String> {
        let stream = TcpStream::connect(server).map_err(|error| format!("connecting: {error}"))?;
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        let mut wire = Wire { stream, unread: Vec::new() };
        if resp == 3 {
            wire.send(b"HELLO 3\r\n");
            let (bytes, problem) = wire.frames(1);
            if problem.is_some() || !bytes.starts_with(b"%") {
                return Err(format!("HELLO 3 was answered {}", bytes.escape_ascii()));
            }
        }
        Ok(wire)
    }

    /// Sends everything. An error says that the server has closed the connection, which shows when a step reads.
    fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    fn frames(&mut self, count: usize) -> (Vec<u8>, Option<String>) {
        let deadline = Instant::now() + PATIENCE;
        let mut length = 0;
        for seen in 0..count {
            loop {
                match Frame::parse(&self.unread[length..]) {
                    Ok(Some((_, used))) => {
                        length += used;
                        break;
                    }
                    Ok(None) => {}
                    Err(problem) => return (std::mem::take(&mut self.unread), Some(problem)),
                }
                if let Err(problem) = self.read(deadline) {
                    let problem = format!("{problem} after {seen} of {count} frames");
                    return (std::mem::take(&mut self.unread), Some(problem));
                }
            }
        }
        let rest = self.unread.split_off(length);
        (std::mem::replace(&mut self.unread, rest), None)
    }

    fn until_end(&mut self) -> (Vec<u8>, Option<String>) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Err(problem) = self.read(deadline) {
                let problem = (problem != CLOSED).then(|| format!("{problem}, and it is not closed"));
                return (std::mem::take(&mut self.unread), problem);
            }
        }
    }

    fn read(&mut self, deadline: Instant) -> Result<(), String> {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = left.max(Duration::from_millis(1));
        self.stream.set_read_timeout(Some(timeout)).map_err(|error| error.to_string())?;
        let mut buffer = [0; 16 * 1024];
        match self.stream.read(&mut buffer) {
            Ok(0) => Err(CLOSED.to_owned()),
            Ok(length) => {
                self.unread.extend_from_slice(&buffer[..length]);
                Ok(())
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                Err("nothing more came".to_owned())
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => Err(CLOSED.to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }
}

const CLOSED: &str = "the connection was closed";
