//! `--latency` and `--latency-history`: how long PING takes, in milliseconds.

use std::thread;
use std::time::{Duration, Instant};

use super::ask_again;
use crate::cli::client::{Client, Failure};
use crate::cli::format::Format;
use crate::cli::options::Options;

/// Between two measurements.
pub(super) const PAUSE: Duration = Duration::from_millis(10);
/// How long one part of a history is.
const PART: Duration = Duration::from_secs(15);
/// How long is measured where the output is not for people.
const ONCE: Duration = Duration::from_secs(1);

/// Measures without end. With output that is not for people and without a history, it measures for a while and prints
/// what came out.
pub(super) fn run(client: &mut Client<'_>, history: bool, options: &Options) -> Result<(), Failure> {
    let interval = |usual| if options.interval.is_zero() { usual } else { options.interval };
    let people = options.style.format == Format::Human;
    let (part, once) = (interval(PART), interval(ONCE));
    let mut start = Instant::now();
    let mut samples = Samples::default();
    loop {
        samples.add(ping(client)?);
        let line = samples.line(options.style.format);
        let elapsed = start.elapsed();
        if people {
            client.say(&format!("\x1b[0G\x1b[2K{line}"))?;
        } else if history {
            client.say(&line)?;
        } else if elapsed > once {
            return client.say(&line);
        }
        if history && elapsed > part {
            client.say(&format!(" -- {:.2} seconds range\n", elapsed.as_secs_f64()))?;
            start = Instant::now();
            samples = Samples::default();
        }
        thread::sleep(PAUSE);
    }
}

/// How long one PING takes.
pub(super) fn ping(client: &mut Client<'_>) -> Result<Duration, Failure> {
    let start = Instant::now();
    ask_again(client, "PING")?;
    Ok(start.elapsed())
}

#[derive(Default)]
struct Samples {
    count: u64,
    min_ms: u128,
    max_ms: u128,
    sum_ms: u128,
}

impl Samples {
    fn add(&mut self, sample: Duration) {
        let sample_ms = sample.as_millis();
        self.min_ms = if self.count == 0 { sample_ms } else { self.min_ms.min(sample_ms) };
        self.max_ms = self.max_ms.max(sample_ms);
        self.sum_ms += sample_ms;
        self.count += 1;
    }

    fn line(&self, format: Format) -> String {
        let Self { count, min_ms: min, max_ms: max, sum_ms } = *self;
        let average = sum_ms as f64 / count.max(1) as f64;
        match format {
            Format::Human => format!("min: {min}, max: {max}, avg: {average:.2} ({count} samples)"),
            Format::Raw => format!("{min} {max} {average:.2} {count}\n"),
            Format::Csv => format!("{min},{max},{average:.2},{count}\n"),
            Format::Json | Format::QuotedJson => {
                format!("{{\"min\": {min}, \"max\": {max}, \"avg\": {average:.2}, \"count\": {count}}}\n")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Samples;
    use crate::cli::format::Format;
    use std::time::Duration;

    #[test]
    fn samples_are_summed_up_in_every_form() {
        let mut samples = Samples::default();
        for ms in [3, 1, 4] {
            samples.add(Duration::from_millis(ms));
        }
        assert_eq!(samples.line(Format::Human), "min: 1, max: 4, avg: 2.67 (3 samples)");
        assert_eq!(samples.line(Format::Raw), "1 4 2.67 3\n");
        assert_eq!(samples.line(Format::Csv), "1,4,2.67,3\n");
        assert_eq!(samples.line(Format::Json), "{\"min\": 1, \"max\": 4, \"avg\": 2.67, \"count\": 3}\n");
    }
}
