//! How long publishers wait while somebody lists very many channels.

use std::io::{self, Read as _, Write as _};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Instant;

use super::Listing;
use super::figures::Figures;
use super::flow::{channel, joined};
use super::listeners::new_histogram;
use super::stream::Stream;
use super::target::Target;
use super::wire;

/// Connections that publish in turn, one publish in flight in all: enough that some share the lister's thread.
const PUBLISHERS: usize = 8;
/// How often everything is listed.
const LISTINGS: usize = 3;
/// Length of a channel's name, in bytes.
const NAME_LEN: usize = 32;

/// Publishes to nobody while another client lists all channels, and measures from each publish to its reply.
pub(crate) fn listing(target: &Target, case: &Listing) -> io::Result<Figures> {
    let names: Vec<String> = (0..case.channels).map(|number| format!("{number:0NAME_LEN$}")).collect();
    let _held = target.subscribe_many("SUBSCRIBE", &names)?;
    let mut lister = target.connect()?;
    let mut publishers = target.connections(PUBLISHERS)?;
    let publish = wire::request([b"PUBLISH", channel(0).as_bytes(), &wire::payload(0, wire::FIELDS)].into_iter());
    let mut waits_ns = new_histogram();
    let done = &AtomicBool::new(false);
    thread::scope(|scope| {
        let listing = scope.spawn(move || {
            let listed = (0..LISTINGS).try_for_each(|_| list(&mut lister, case.channels));
            done.store(true, Relaxed);
            listed
        });
        while !done.load(Relaxed) {
            for publisher in &mut publishers {
                let start = Instant::now();
                publisher.write_all(&publish)?;
                let mut reply = [0; 4];
                publisher.read_exact(&mut reply)?;
                if &reply != b":0\r\n" {
                    return Err(io::Error::other("the server refused a PUBLISH"));
                }
                waits_ns.saturating_record(start.elapsed().as_nanos() as u64);
            }
        }
        joined(listing.join())
    })?;
    let mut figures = Figures::default();
    figures.set_latencies(&waits_ns);
    Ok(figures)
}

/// Lists all channels; what comes is counted by its length.
fn list(lister: &mut Stream, channels: usize) -> io::Result<()> {
    lister.write_all(&wire::request([b"PUBSUB".as_slice(), b"CHANNELS"].into_iter()))?;
    let name_len = format!("${NAME_LEN}\r\n\r\n").len() + NAME_LEN;
    let mut missing = format!("*{channels}\r\n").len() + channels * name_len;
    let mut buffer = vec![0; 256 * 1024];
    while missing > 0 {
        let count = lister.read(&mut buffer)?;
        if count == 0 || count > missing {
            return Err(io::Error::other("PUBSUB CHANNELS did not list the channels of this case"));
        }
        missing -= count;
    }
    Ok(())
}
