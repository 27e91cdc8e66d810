//! Lists as queues: producers push what consumers wait for.

use std::io::{self, Read as _, Write as _};
use std::time::{Duration, Instant};

use super::HandOver;
use super::figures::Figures;
use super::flow::WARM_UP;
use super::poll::Poll;
use super::stream::Stream;
use super::target::Target;
use super::wire;

/// How long the generator waits for events before it looks at its clock.
const WAIT: Duration = Duration::from_millis(100);
/// What a producer is answered: the list is empty when it pushes.
const PUSHED: usize = b":1\r\n".len();

/// One consumer that waits, and the producer that pushes as soon as it does.
struct Pair {
    consumer: Stream,
    producer: Stream,
    pop: Vec<u8>,
    push: Vec<u8>,
    /// What the consumer receives for one element.
    element: Vec<u8>,
    /// Received of the next element.
    received: usize,
}

impl Pair {
    fn new(number: usize, payload: usize, consumer: Stream, producer: Stream) -> Self {
        let (key, payload) = (format!("queue:{number:07}"), wire::payload(number as u16, payload));
        let pop = wire::request([b"BRPOP".as_slice(), key.as_bytes(), b"0"].into_iter());
        let push = wire::request([b"LPUSH", key.as_bytes(), &payload].into_iter());
        let element = wire::request([key.as_bytes(), &payload].into_iter());
        Pair { consumer, producer, pop, push, element, received: 0 }
    }

    /// Lets the consumer wait, and then the producer push.
    fn begin(&mut self) -> io::Result<()> {
        self.consumer.write_all(&self.pop)?;
        self.producer.write_all(&self.push)
    }

    /// Reads what the consumer got; true if that was a whole element.
    fn consume(&mut self, buffer: &mut [u8]) -> io::Result<bool> {
        let missing = &self.element[self.received..];
        let count = self.consumer.read(&mut buffer[..missing.len()])?;
        if count == 0 || buffer[..count] != missing[..count] {
            return Err(io::Error::other("a consumer received something else than what was pushed"));
        }
        self.received = (self.received + count) % self.element.len();
        Ok(self.received == 0)
    }
}

/// Measures how many elements change hands in a second.
pub(crate) fn hand_over(target: &Target, case: &HandOver) -> io::Result<Figures> {
    let consumers = target.connections(case.pairs)?;
    let producers = target.connections(case.pairs)?;
    let mut poll = Poll::new()?;
    let mut pairs = Vec::with_capacity(case.pairs);
    for (number, (consumer, producer)) in consumers.into_iter().zip(producers).enumerate() {
        poll.add(&consumer, number)?;
        pairs.push(Pair::new(number, case.payload.max(wire::FIELDS), consumer, producer));
    }
    pairs.iter_mut().try_for_each(Pair::begin)?;
    run(&mut pairs, &mut poll, WARM_UP)?;
    let cpu = || target.cpu_time();
    let (start, cpu_at_start) = (Instant::now(), cpu()?);
    let count = run(&mut pairs, &mut poll, Duration::from_secs_f64(case.seconds))?;
    let elapsed = start.elapsed();
    let used = cpu()?.zip(cpu_at_start).map(|(end, start)| end.since(start));
    let mut figures = Figures::default();
    figures.set_rate(count, elapsed, used);
    Ok(figures)
}

/// Hands elements over for some time, and answers how many.
fn run(pairs: &mut [Pair], poll: &mut Poll, time: Duration) -> io::Result<u64> {
    let longest = pairs.iter().map(|pair| pair.element.len()).max().unwrap_or(0);
    let mut buffer = vec![0; longest.max(PUSHED)];
    let end = Instant::now() + time;
    let mut count = 0;
    while Instant::now() < end {
        for number in poll.wait(WAIT)? {
            let pair = &mut pairs[number];
            if pair.consume(&mut buffer)? {
                count += 1;
                pair.producer.read_exact(&mut buffer[..PUSHED])?;
                pair.begin()?;
            }
        }
    }
    Ok(count)
}
