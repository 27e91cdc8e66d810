//! `--latency-dist`: how long PING takes, as a line of colours for a terminal that knows 256 of them.

use std::thread;
use std::time::{Duration, Instant};

use super::latency::{PAUSE, ping};
use crate::cli::client::{Client, Failure};
use crate::cli::options::Options;

/// From rare to frequent.
const COLOURS: [u8; 19] = [0, 233, 234, 235, 237, 239, 241, 243, 245, 247, 144, 143, 142, 184, 226, 214, 208, 202, 196];
const GREYS: [u8; 13] = [0, 233, 234, 235, 237, 239, 241, 243, 245, 247, 249, 251, 253];

/// What each character stands for: at most so many microseconds. What takes longer than all is a question mark.
const BUCKETS: [(u64, char); 30] = [
    (10, '.'),
    (125, '-'),
    (250, '*'),
    (500, '#'),
    (1000, '1'),
    (2000, '2'),
    (3000, '3'),
    (4000, '4'),
    (5000, '5'),
    (6000, '6'),
    (7000, '7'),
    (8000, '8'),
    (9000, '9'),
    (10_000, 'A'),
    (20_000, 'B'),
    (30_000, 'C'),
    (40_000, 'D'),
    (50_000, 'E'),
    (100_000, 'F'),
    (200_000, 'G'),
    (300_000, 'H'),
    (400_000, 'I'),
    (500_000, 'J'),
    (1_000_000, 'K'),
    (2_000_000, 'L'),
    (4_000_000, 'M'),
    (8_000_000, 'N'),
    (16_000_000, 'O'),
    (30_000_000, 'P'),
    (60_000_000, 'Q'),
];

/// After so many lines the legend is printed again.
const LINES_BELOW_LEGEND: u64 = 20;

/// Prints a line from time to time until the program is ended.
pub(super) fn run(client: &mut Client<'_>, grey: bool, options: &Options) -> Result<(), Failure> {
    let palette: &[u8] = if grey { &GREYS } else { &COLOURS };
    let interval = if options.interval.is_zero() { Duration::from_secs(1) } else { options.interval };
    for line in 0_u64.. {
        let mut counts = [0_u64; BUCKETS.len() + 1];
        let start = Instant::now();
        while start.elapsed() <= interval {
            counts[bucket(ping(client)?)] += 1;
            thread::sleep(PAUSE);
        }
        if line % LINES_BELOW_LEGEND == 0 {
            client.say(&legend(palette))?;
        }
        client.say(&spectrum(&counts, palette))?;
    }
    Ok(())
}

fn bucket(latency: Duration) -> usize {
    BUCKETS.iter().position(|(most_us, _)| latency.as_micros() <= u128::from(*most_us)).unwrap_or(BUCKETS.len())
}

/// The colour of a character says which share of the samples it has.
fn spectrum(counts: &[u64; BUCKETS.len() + 1], palette: &[u8]) -> String {
    let all = counts.iter().sum::<u64>().max(1);
    let mut line = "\x1b[38;5;0m".to_owned();
    let characters = BUCKETS.iter().map(|(_, character)| *character).chain(['?']);
    for (count, character) in counts.iter().zip(characters) {
        let share = *count as f64 / all as f64;
        let colour = palette[(share * (palette.len() - 1) as f64).ceil() as usize];
        line += &format!("\x1b[48;5;{colour}m{character}");
    }
    line + "\x1b[0m\n"
}

fn legend(palette: &[u8]) -> String {
    let colours: String = palette.iter().map(|colour| format!("\x1b[48;5;{colour}m ")).collect();
    format!(
        "---------------------------------------------\n\
         . - * #          .01 .125 .25 .5 milliseconds\n\
         1,2,3,...,9      from 1 to 9     milliseconds\n\
         A,B,C,D,E        10,20,30,40,50  milliseconds\n\
         F,G,H,I,J        .1,.2,.3,.4,.5       seconds\n\
         K,L,M,N,O,P,Q,?  1,2,4,8,16,30,60,>60 seconds\n\
         From 0 to 100%: {colours}\x1b[0m\n\
         ---------------------------------------------\n"
    )
}

#[cfg(test)]
mod tests {
    use super::{BUCKETS, GREYS, bucket, spectrum};
    use std::time::Duration;

    #[test]
    fn every_latency_has_its_character_and_frequent_ones_are_bright() {
        for (us, at) in [(0, 0), (10, 0), (11, 1), (60_000_000, 29), (60_000_001, 30)] {
            assert_eq!(bucket(Duration::from_micros(us)), at, "{us} us");
        }
        let mut counts = [0; BUCKETS.len() + 1];
        (counts[0], counts[30]) = (1, 3);
        let line = spectrum(&counts, &GREYS);
        assert!(line.starts_with("\x1b[38;5;0m\x1b[48;5;235m.\x1b[48;5;0m-"), "{line:?}");
        assert!(line.ends_with("\x1b[48;5;0mQ\x1b[48;5;247m?\x1b[0m\n"), "{line:?}");
    }
}
