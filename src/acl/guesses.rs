//! Who has given wrong passwords lately: what is answered there about passwords takes longer and longer.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};

use parking_lot::Mutex;

/// So many failures from one address are nobody's business: people mistype.
const FREE_FAILURES: u32 = 5;
/// How long the answer behind the next failure takes, in milliseconds; each further one doubles it.
const FIRST_DELAY_MS: u64 = 50;
/// An address without a failure for so many milliseconds is as good as any other.
const FORGOTTEN_MS: u64 = 60_000;
/// Addresses that are remembered at most; the one whose last failure is the oldest goes first.
const MOST_ADDRESSES: usize = 4096;

#[derive(Clone, Copy, Debug)]
struct Guesser {
    failures: u32,
    last_ms: u64,
}

/// The addresses that wrong passwords came from.
#[derive(Debug, Default)]
pub(crate) struct Guesses(Mutex<HashMap<IpAddr, Guesser>>);

impl Guesses {
    /// Remembers a wrong password of this moment, in milliseconds of the server's clock.
    pub(crate) fn note_failure(&self, from: IpAddr, now_ms: u64) {
        let mut guessers = self.0.lock();
        let from = network(from);
        if guessers.len() >= MOST_ADDRESSES && !guessers.contains_key(&from) {
            let oldest = guessers.iter().min_by_key(|(_, guesser)| guesser.last_ms).map(|(address, _)| *address);
            oldest.and_then(|address| guessers.remove(&address));
        }
        let guesser = guessers.entry(from).or_insert(Guesser { failures: 0, last_ms: now_ms });
        let is_forgotten = now_ms.saturating_sub(guesser.last_ms) > FORGOTTEN_MS;
        let before = if is_forgotten { 0 } else { guesser.failures };
        *guesser = Guesser { failures: before.saturating_add(1), last_ms: now_ms };
    }

    /// For how many milliseconds an answer to this address about a password, right or wrong, is to wait: `most_ms` at most.
    pub(crate) fn delay_ms(&self, from: IpAddr, now_ms: u64, most_ms: u64) -> u64 {
        let guesser = self.0.lock().get(&network(from)).copied();
        let recent = guesser.filter(|guesser| now_ms.saturating_sub(guesser.last_ms) <= FORGOTTEN_MS);
        let failures = recent.map_or(0, |guesser| guesser.failures.saturating_sub(FREE_FAILURES));
        let doublings = failures.saturating_sub(1).min(20);
        if failures == 0 { 0 } else { (FIRST_DELAY_MS << doublings).min(most_ms) }
    }
}

/// Who has one address of version 6 mostly has all that begin with the same 64 bits.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        version4 => version4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v4(n: u32) -> IpAddr {
        IpAddr::V4(n.into())
    }

    #[test]
    fn answers_take_longer_with_each_failure_up_to_the_most_and_others_do_not_wait() {
        let guesses = Guesses::default();
        let mut delays = Vec::new();
        for now_ms in 0..10 {
            guesses.note_failure(v4(1), now_ms);
            delays.push(guesses.delay_ms(v4(1), now_ms, 300));
        }
        assert_eq!(delays, [0, 0, 0, 0, 0, 50, 100, 200, 300, 300]);
        assert_eq!(guesses.delay_ms(v4(2), 10, 300), 0);
        assert_eq!(guesses.delay_ms(v4(1), FORGOTTEN_MS + 10, 300), 0);
        guesses.note_failure(v4(1), FORGOTTEN_MS + 10);
        assert_eq!(guesses.delay_ms(v4(1), FORGOTTEN_MS + 10, 300), 0);
        assert_eq!(guesses.delay_ms(v4(1), 10, 0), 0, "switched off");
    }

    #[test]
    fn one_network_of_version_6_counts_as_one_address() {
        let guesses = Guesses::default();
        for n in 0..6 {
            guesses.note_failure(IpAddr::V6(Ipv6Addr::from_bits(1 << 64 | n)), 0);
        }
        assert_eq!(guesses.delay_ms(IpAddr::V6(Ipv6Addr::from_bits(1 << 64 | 99)), 0, 300), 50);
        assert_eq!(guesses.delay_ms(IpAddr::V6(Ipv6Addr::from_bits(2 << 64)), 0, 300), 0);
    }

    #[test]
    fn no_more_than_so_many_addresses_are_remembered() {
        let guesses = Guesses::default();
        for n in 0..MOST_ADDRESSES as u32 + 10 {
            guesses.note_failure(v4(n), n.into());
        }
        let guessers = guesses.0.lock();
        assert_eq!(guessers.len(), MOST_ADDRESSES);
        assert!(!guessers.contains_key(&v4(9)) && guessers.contains_key(&v4(10)));
    }
}
