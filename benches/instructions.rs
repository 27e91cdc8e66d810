//! How many instructions outside the kernel one message costs: Pregon runs under callgrind (`valgrind` has to be installed), and
//! what a run with so many messages needs is taken from what one with twice as many needs, so that start and end do not count.
//!
//! Time says what a message costs on one machine at one moment; this says the same on each, to a few percent, whatever else runs.
//! Messages have 64 bytes, and as many come at once as a row says. `--folder FOLDER` leaves a profile of each row there, for
//! `callgrind_annotate`: of one more run, because callgrind does not know any more who called what when it counts anew.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;

/// Messages of the shorter run: a multiple of each number that come at once.
const MESSAGES: usize = 16 * 1024;
/// How long the server, which is slower by a factor of 50, may take for its start and for each answer.
const PATIENCE: Duration = Duration::from_secs(60);
/// Subscribers, and messages at once.
const CASES: [(usize, usize); 4] = [(0, 1), (0, 64), (1, 1), (1, 16)];

/// Counts the instructions that one message costs
#[derive(Debug, Parser)]
#[command(name = "instructions")]
struct Options {
    /// Pregon's program, if it is not the one that was built with this one; without what benchmarks are built with, the server
    /// ends under valgrind, where it looks for a page of the kernel's that valgrind hides
    #[arg(long, value_name = "FILE", default_value = env!("CARGO_BIN_EXE_pregon"))]
    program: PathBuf,
    /// Where to leave profiles
    #[arg(long)]
    folder: Option<PathBuf>,
    /// Passed by cargo bench; without it nothing runs, so that `cargo test --benches` is quick
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    let options = Options::parse();
    if !options.bench {
        println!("measurements run with `cargo bench --bench instructions`");
        return ExitCode::SUCCESS;
    }
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("instructions: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> io::Result<()> {
    let temporary = tempfile::tempdir()?;
    if let Some(folder) = &options.folder {
        fs::create_dir_all(folder)?;
    }
    println!("{:<12} {:>8} {:>24}", "subscribers", "at once", "instructions a message");
    for (subscribers, at_once) in CASES {
        let load = |messages| Load { subscribers, at_once, messages };
        let count = |messages| instructions(&options.program, &temporary.path().join("counts"), load(messages), true);
        let each = (count(2 * MESSAGES)? - count(MESSAGES)?) / MESSAGES as f64;
        println!("{subscribers:<12} {at_once:>8} {each:>24.0}");
        if let Some(folder) = &options.folder {
            let profile = folder.join(format!("callgrind.{subscribers}-{at_once}"));
            instructions(&options.program, &profile, load(2 * MESSAGES), false)?;
        }
    }
    Ok(())
}

/// What is published.
#[derive(Clone, Copy)]
struct Load {
    subscribers: usize,
    at_once: usize,
    messages: usize,
}

/// All instructions of a server that this goes through, from its start or from after the first messages on.
fn instructions(program: &Path, file: &Path, load: Load, forgets: bool) -> io::Result<f64> {
    let Load { subscribers, at_once, messages } = load;
    let mut server = Server::start(program, file)?;
    let mut listening = (0..subscribers).map(|_| server.connect()).collect::<io::Result<Vec<_>>>()?;
    for subscriber in &mut listening {
        exchange(subscriber, b"SUBSCRIBE news\r\n", b"*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n")?;
    }
    let payload = [b'x'; 64];
    let payload = String::from_utf8_lossy(&payload);
    let request = format!("*3\r\n$7\r\nPUBLISH\r\n$4\r\nnews\r\n$64\r\n{payload}\r\n").repeat(at_once);
    let reply = format!(":{subscribers}\r\n").repeat(at_once);
    let message = format!("*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$64\r\n{payload}\r\n").repeat(at_once);
    let mut publisher = server.connect()?;
    // The first message also pays for what is made once.
    for round in 0..=messages / at_once {
        if round == 1 && forgets {
            server.forget()?;
        }
        exchange(&mut publisher, request.as_bytes(), reply.as_bytes())?;
        for subscriber in &mut listening {
            exchange(subscriber, b"", message.as_bytes())?;
        }
    }
    publisher.write_all(b"SHUTDOWN NOSAVE\r\n")?;
    server.child.wait()?;
    let written = fs::read_to_string(file)?;
    let total = written.lines().find_map(|line| line.strip_prefix("totals: ")?.trim().parse().ok());
    total.ok_or_else(|| io::Error::other("callgrind does not say how many instructions there were"))
}

/// Says something, and fails if something else is answered than this.
fn exchange(stream: &mut TcpStream, request: &[u8], answer: &[u8]) -> io::Result<()> {
    stream.write_all(request)?;
    let mut received = vec![0; answer.len()];
    stream.read_exact(&mut received)?;
    if received == answer {
        return Ok(());
    }
    Err(io::Error::other(format!("the server answered {}", String::from_utf8_lossy(&received))))
}

/// A server under callgrind; it ends with this value.
struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    /// With one io-thread.
    fn start(program: &Path, file: &Path) -> io::Result<Self> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let child = Command::new("valgrind")
            .args(["--tool=callgrind", &format!("--callgrind-out-file={}", file.display())])
            .arg(program)
            .args(["--bind", "127.0.0.1", "--io-threads", "1", "--port", &port.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| io::Error::other(format!("valgrind: {error}")))?;
        let mut server = Server { child, address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)) };
        let start = Instant::now();
        while TcpStream::connect(server.address).is_err() {
            if server.child.try_wait()?.is_some() || start.elapsed() > PATIENCE {
                return Err(io::Error::other("the server does not start under valgrind"));
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(server)
    }

    /// Counts anew: how long a program takes to find out how fast the processor's clock is differs from start to start.
    fn forget(&self) -> io::Result<()> {
        let mut control = Command::new("callgrind_control");
        let output = control.args(["--zero", &self.child.id().to_string()]).stdin(Stdio::null()).output()?;
        if output.status.success() { Ok(()) } else { Err(io::Error::other("callgrind_control has failed")) }
    }

    fn connect(&self) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(self.address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(stream)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
