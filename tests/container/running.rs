//! Containers of the image, and what is asked of them over the loopback.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};

use libtest_mimic::Failed;
use rustix::process::{Pid, Signal};

use crate::buildah::{buildah, run, scratch_dir};
use crate::image::{Image, NAME};
use crate::support::server::next_free_port;
use crate::support::{Authority, DEADLINE, Peer};

const PASSWORD: &str = "a secret";

pub(crate) fn options_alone_start_the_server(image: &Image) -> Result<(), Failed> {
    let server = Container::new(&[])?.start(image, &["--requirepass", PASSWORD])?;
    server.expect_password();
    Ok(())
}

pub(crate) fn a_command_for_the_redis_image_starts_the_server(image: &Image) -> Result<(), Failed> {
    let server = Container::new(&[])?.start(image, &["redis-server", "--requirepass", PASSWORD])?;
    server.expect_password();
    Ok(())
}

/// Documents with commands for docker: the image is built, and each `docker run` starts it with the arguments that it gives.
const DOCUMENTS: [(&str, &str); 2] =
    [("README.md", include_str!("../../README.md")), ("docs/container.md", include_str!("../../docs/container.md"))];

pub(crate) fn what_documents_tell_docker_starts_the_server(image: &Image) -> Result<(), Failed> {
    for (name, document) in DOCUMENTS {
        let mut started = 0;
        for line in document.lines().filter(|line| line.starts_with("docker ")) {
            match line.split(' ').skip(1).collect::<Vec<_>>().as_slice() {
                ["build", "-t", "pregon", "."] => {}
                ["run", "-p", "6379:6379", "pregon", arguments @ ..] => {
                    let server = Container::new(&[])?.start(image, arguments)?;
                    let answer = Peer::connect(&server.addr()).call(&["AUTH", "secret"]);
                    assert_eq!(answer, b"+OK\r\n", "{name}: {line}");
                    started += 1;
                }
                _ => return Err(format!("{name}: nobody runs this: {line}").into()),
            }
        }
        assert!(started > 0, "{name} starts no container");
    }
    Ok(())
}

pub(crate) fn a_mounted_configuration_file_is_read(image: &Image) -> Result<(), Failed> {
    let file = scratch_dir().join("redis.conf");
    std::fs::write(&file, format!("requirepass \"{PASSWORD}\"\nsave 60 1\n"))?;
    let mount = format!("{}:/etc/redis.conf:ro", file.display());
    let server = Container::new(&["--volume", &mount])?.start(image, &["redis-server", "/etc/redis.conf"])?;
    server.expect_password();
    Ok(())
}

pub(crate) fn the_health_check_tells_whether_the_server_answers(image: &Image) -> Result<(), Failed> {
    let mut server = Container::new(&[])?.start(image, &[])?;
    let [_, client, command @ ..] = image.health_check.as_slice() else { return Err("it has none".into()) };
    let port = server.port.to_string();
    // The host's name stands in /etc/hosts, which a static binary has to read by itself.
    for options in [&["-p", &port][..], &["-p", &port, "-h", "localhost"]] {
        let answer = run(server.container.command(&[client]).args(options).args(command))?;
        assert_eq!(answer, "PONG\n");
    }
    server.stop()?;
    let refused = run(server.container.command(&[client, "-p", &port]).args(command));
    assert!(refused.is_err(), "nobody listens any more, but: {refused:?}");
    Ok(())
}

pub(crate) fn the_health_check_works_where_only_tls_is_on(image: &Image) -> Result<(), Failed> {
    let authority = Authority::new();
    let files = scratch_dir().join("tls");
    std::fs::create_dir_all(&files)?;
    for file in ["ca.pem", "server.pem", "server.key"] {
        std::fs::copy(authority.path(file), files.join(file))?;
    }
    let port = next_free_port();
    let mount = format!("{}:/tls:ro", files.display());
    let options = format!("PREGON_CLI_OPTIONS=--tls --cacert /tls/ca.pem -p {port}");
    let tls = ["--tls-cert-file", "/tls/server.pem", "--tls-key-file", "/tls/server.key", "--tls-auth-clients", "no"];
    let ports = ["--port", "0", "--tls-port", &port.to_string()];
    let container = Container::new(&["--volume", &mount, "--env", &options])?;
    let mut server = container.start_at(image, &tls, port, &ports)?;
    let [_, client, command @ ..] = image.health_check.as_slice() else { return Err("it has none".into()) };
    let check = |server: &Server| run(server.container.command(&[client]).args(command));
    assert_eq!(check(&server)?, "PONG\n");
    server.stop()?;
    let refused = check(&server);
    assert!(refused.is_err(), "nobody listens any more, but: {refused:?}");
    Ok(())
}

pub(crate) fn sigterm_ends_the_container_with_exit_code_0(image: &Image) -> Result<(), Failed> {
    let mut server = Container::new(&[])?.start(image, &[])?;
    let mut subscriber = Peer::connect(&server.addr());
    subscriber.send("SUBSCRIBE news\r\n");
    subscriber.expect("*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n");
    assert_eq!(Peer::connect(&server.addr()).call(&["PUBLISH", "news", "hello"]), b":1\r\n");
    let status = server.stop()?;
    assert!(status.success(), "after SIGTERM it ended with {status}, signal {:?}", status.signal());
    subscriber.expect("*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$5\r\nhello\r\n");
    subscriber.expect_closed();
    Ok(())
}

/// A container, removed when it is dropped.
#[derive(Debug)]
struct Container {
    name: String,
    options: Vec<String>,
}

impl Container {
    /// One of the image, to be run with options of buildah.
    fn new(options: &[&str]) -> Result<Container, Failed> {
        let name = run(&mut buildah(&["from", NAME]))?.trim().to_string();
        Ok(Container { name, options: options.iter().map(ToString::to_string).collect() })
    }

    /// A call of a program in it.
    fn command(&self, program: &[&str]) -> Command {
        let mut command = buildah(&["run", "--isolation", "chroot"]);
        command.args(&self.options).args([&self.name, "--"]).args(program);
        command
    }

    /// Starts it as an engine does: the entry point, then `arguments` or the image's command. The port is one of the
    /// machine's, because this isolation has no network of its own.
    fn start(self, image: &Image, arguments: &[&str]) -> Result<Server, Failed> {
        let port = next_free_port();
        self.start_at(image, arguments, port, &["--port", &port.to_string()])
    }

    /// The same for a server that is told by `ports` to serve this one.
    fn start_at(self, image: &Image, arguments: &[&str], port: u16, ports: &[&str]) -> Result<Server, Failed> {
        let mut command = self.command(&[]);
        command.args(&image.entrypoint);
        if arguments.is_empty() {
            command.args(&image.command)
        } else {
            command.args(arguments)
        };
        command.args(ports).stdout(Stdio::piped()).process_group(0);
        Server::when_ready(command.spawn()?, self, port)
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        // What stays is removed with the directory at the end.
        let _ = run(&mut buildah(&["rm", &self.name]));
    }
}

/// A container whose server runs. It is killed when it is dropped.
#[derive(Debug)]
struct Server {
    child: Child,
    container: Container,
    port: u16,
    /// The server's process, which the machine sees like any other.
    pid: Pid,
    /// What it prints after it is ready.
    log: Receiver<String>,
}

impl Server {
    /// Follows a container that has been started until its server is ready.
    fn when_ready(mut child: Child, container: Container, port: u16) -> Result<Server, Failed> {
        let log = lines_of(child.stdout.take());
        let mut printed = String::new();
        let mut pid = None;
        loop {
            let line = match log.recv_timeout(DEADLINE) {
                Ok(line) => line,
                Err(error) => {
                    kill_group(&mut child);
                    return Err(format!("{error}, and the server is not ready:\n{printed}").into());
                }
            };
            printed += &format!("{line}\n");
            let number = || line.split(' ').find_map(|word| word.strip_prefix("pid=")?.parse().ok());
            pid = pid.or_else(|| number().and_then(Pid::from_raw));
            if line.contains("Ready to accept connections") {
                let pid = pid.ok_or_else(|| format!("no pid in: {printed}"))?;
                return Ok(Server { child, container, port, pid, log });
            }
        }
    }

    fn addr(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    fn expect_password(&self) {
        let mut peer = Peer::connect(&self.addr());
        assert_eq!(peer.call(&["PING"]), b"-NOAUTH Authentication required.\r\n");
        assert_eq!(peer.call(&["AUTH", PASSWORD]), b"+OK\r\n");
        assert_eq!(peer.call(&["PING"]), b"+PONG\r\n");
    }

    /// Sends SIGTERM to the server, as an engine does, and waits for the end of the container.
    fn stop(&mut self) -> Result<ExitStatus, Failed> {
        rustix::process::kill_process(self.pid, Signal::TERM)?;
        // The end of its output is the end of the server.
        loop {
            match self.log.recv_timeout(DEADLINE) {
                Ok(_) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(self.child.wait()?),
                Err(RecvTimeoutError::Timeout) => return Err("the server does not end".into()),
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            kill_group(&mut self.child);
        }
    }
}

/// Ends buildah and all that it started. Errors say that they have ended.
fn kill_group(child: &mut Child) {
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _ = rustix::process::kill_process_group(group, Signal::KILL);
    }
    let _ = child.wait();
}

/// The lines of a stream, read by a thread of their own so that they can be waited for with a deadline.
fn lines_of(stream: Option<impl Read + Send + 'static>) -> Receiver<String> {
    let (sender, lines) = mpsc::channel();
    if let Some(stream) = stream {
        std::thread::spawn(move || {
            let lines = BufReader::new(stream).lines().map_while(Result::ok);
            // Fails when nobody reads them any more; the stream is drained all the same.
            lines.for_each(|line| drop(sender.send(line)));
        });
    }
    lines
}
