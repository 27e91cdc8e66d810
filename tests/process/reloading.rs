//! SIGHUP: the configuration file read again.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use rustix::process::Signal;
use tempfile::TempDir;

use crate::child::{Running, eventually};
use crate::support::server::next_free_port;
use crate::support::{DEADLINE, Peer};

/// A server with a configuration file, a Unix socket and a log file, in a directory of its own.
struct Place {
    dir: TempDir,
    server: Running,
}

impl Place {
    fn start(directives: &str) -> Place {
        let dir = tempfile::tempdir().unwrap_or_else(|e| panic!("a directory: {e}"));
        write(dir.path(), directives);
        let server = Running::start(dir.path(), &["redis.conf", "--unixsocket", "s", "--logfile", "log"]);
        let place = Place { dir, server };
        place.expect_log("Ready to accept connections unix");
        place
    }

    fn expect_log(&self, text: &str) {
        eventually(text, || fs::read_to_string(self.dir.path().join("log")).ok().filter(|log| log.contains(text)));
    }

    /// The server hears that its file says this now.
    fn reload(&self, directives: &str) {
        write(self.dir.path(), directives);
        self.server.signal(Signal::HUP);
    }

    /// The answer to one inline command.
    fn ask(&self, command: &str) -> String {
        let mut stream = UnixStream::connect(self.dir.path().join("s")).unwrap_or_else(|e| panic!("connecting: {e}"));
        let mut answer = String::new();
        let asked = stream
            .set_read_timeout(Some(DEADLINE))
            .and_then(|()| stream.write_all(format!("{command}\r\nQUIT\r\n").as_bytes()))
            .and_then(|()| stream.read_to_string(&mut answer));
        asked.unwrap_or_else(|e| panic!("{command}: {e}"));
        answer
    }

    fn value(&self, name: &str) -> String {
        self.ask(&format!("CONFIG GET {name}")).lines().nth(4).unwrap_or_default().to_owned()
    }
}

fn write(dir: &Path, directives: &str) {
    fs::write(dir.join("redis.conf"), directives).unwrap_or_else(|e| panic!("a file: {e}"));
}

#[test]
fn a_hangup_reads_the_file_again_and_says_what_has_changed() {
    let place = Place::start("port 0\ntimeout 100\nslowlog-max-len 7\n");
    place.ask("CONFIG SET slowlog-max-len 9");
    place.reload("port 0\ntimeout 200\nslowlog-max-len 7\nloglevel verbose\ndatabases 3\n");
    place.expect_log("configuration read again changed=\"timeout loglevel\"");
    place.expect_log("these change only when the server is started anew directives=\"databases\"");
    assert_eq!([place.value("timeout"), place.value("slowlog-max-len")], ["200", "9"]);
}

#[test]
fn a_hangup_with_an_error_in_the_file_changes_nothing_and_names_the_line() {
    let place = Place::start("port 0\ntimeout 100\n");
    place.reload("port 0\ntimeout 200\nmaxclients many\n");
    place.expect_log("redis.conf line 3: maxclients: ");
    assert_eq!(place.value("timeout"), "100");
    place.reload("port 0\ntimeout 200\nmaxclients 4000000000\n");
    place.expect_log("configuration read again, and nothing changed: maxclients: ");
    assert_eq!(place.value("timeout"), "100");
    place.reload("port 0\ntimeout 300\n");
    place.expect_log("changed=\"timeout\"");
    assert_eq!(place.value("timeout"), "300");
}

#[test]
fn a_hangup_moves_the_server_to_the_port_that_the_file_names() {
    let place = Place::start("port 0\n");
    let port = next_free_port();
    place.reload(&format!("port {port}\n"));
    place.expect_log("configuration read again changed=\"port\"");
    assert_eq!(Peer::connect(&format!("127.0.0.1:{port}")).call(&["PING"]), b"+PONG\r\n");
}
