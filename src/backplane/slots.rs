//! Hash slots of keys, and which node has which, for clients that know of clusters.
//!
//! Slots are dealt out in blocks. Each goes to the node that has the highest score for it (rendezvous hashing) and has not had its
//! share yet, and scores come from the names of nodes alone. So all nodes that know of each other deal out the same, shares are
//! equal, and when a node comes or goes few slots change hands but for those that it gets or had.
//!
//! Source: the page "Redis cluster specification" of Redis' documentation.

use crc::{CRC_16_XMODEM, Crc};
use sha1::{Digest, Sha1};

/// How many slots there are.
pub(crate) const SLOTS: u16 = 16_384;
/// Into how many blocks they are divided: clients are told of each that is apart from others of its node.
const BLOCKS: u16 = 512;
/// Slots of one.
const BLOCK: u16 = SLOTS / BLOCKS;

/// The slot of a key: of what stands in its first braces, if anything does, so that keys can be kept together.
pub(crate) fn slot_of(key: &[u8]) -> u16 {
    static CRC: Crc<u16> = Crc::<u16>::new(&CRC_16_XMODEM);
    let tag = key.iter().position(|byte| *byte == b'{').and_then(|open| {
        let inner = &key[open + 1..];
        let close = inner.iter().position(|byte| *byte == b'}')?;
        (close > 0).then(|| &inner[..close])
    });
    CRC.checksum(tag.unwrap_or(key)) % SLOTS
}

/// A node that has slots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    /// What it is known by to clients: 40 hexadecimal digits.
    pub(crate) id: String,
    pub(crate) host: String,
    /// The ports for those who do not encrypt, and for those who do; 0 for none.
    pub(crate) port: u16,
    pub(crate) tls_port: u16,
}

impl Owner {
    /// A node of this name, which clients reach at this address, and by this port if they encrypt; 0 for none.
    pub(crate) fn new(name: &str, address: &str, tls_port: u16) -> Self {
        let (host, port) = address.rsplit_once(':').unwrap_or((address, "0"));
        let id = Sha1::digest(name.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let port = port.parse().ok().filter(|port| *port != tls_port).unwrap_or_default();
        Owner { id, host: host.into(), port, tls_port }
    }

    /// The port for a client that encrypts or does not; the other one where there is none of that kind.
    pub(crate) fn port(&self, encrypts: bool) -> u16 {
        let (wanted, other) = if encrypts { (self.tls_port, self.port) } else { (self.port, self.tls_port) };
        if wanted > 0 { wanted } else { other }
    }

    /// Where a client is sent that encrypts or does not.
    pub(crate) fn address(&self, encrypts: bool) -> String {
        format!("{}:{}", self.host, self.port(encrypts))
    }

    fn seed(&self) -> u64 {
        self.id.bytes().fold(0, |seed, byte| mix(seed ^ u64::from(byte)))
    }
}

/// Which node has which slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SlotMap {
    /// This node first.
    pub(crate) owners: Vec<Owner>,
    /// For each block an index of `owners`.
    blocks: Vec<u16>,
}

impl SlotMap {
    /// Deals out all slots to these nodes, of which there is at least one; the first is this one. Those beyond as many as there
    /// are blocks get none.
    pub(crate) fn deal(owners: Vec<Owner>) -> Self {
        let seeds: Vec<u64> = owners.iter().map(Owner::seed).collect();
        let share = usize::from(BLOCKS).div_ceil(owners.len());
        let mut counts = vec![0; owners.len()];
        let blocks = (0..BLOCKS).map(|block| {
            let score = |owner: &usize| mix(seeds[*owner] ^ mix(u64::from(block) + 1));
            // Two of one score are two of one name.
            let best = (0..owners.len()).filter(|owner| counts[*owner] < share).max_by_key(score).unwrap_or_default();
            counts[best] += 1;
            best as u16
        });
        SlotMap { blocks: blocks.collect(), owners }
    }

    /// The node that has a slot; none for this one.
    pub(crate) fn elsewhere(&self, slot: u16) -> Option<&Owner> {
        match self.blocks[usize::from(slot % SLOTS / BLOCK)] {
            0 => None,
            other => self.owners.get(usize::from(other)),
        }
    }

    /// Whether the first node has a slot less than it had by `before`, and whether it has the same.
    pub(crate) fn compare(&self, before: &SlotMap) -> (bool, bool) {
        let mut pairs = before.blocks.iter().zip(&self.blocks).map(|(old, new)| (*old == 0, *new == 0));
        (pairs.clone().any(|(had, has)| had && !has), pairs.all(|(had, has)| had == has))
    }

    /// The slots of each node, as ranges with both ends.
    pub(crate) fn ranges(&self) -> Vec<Vec<(u16, u16)>> {
        let mut ranges: Vec<Vec<(u16, u16)>> = vec![Vec::new(); self.owners.len()];
        for (begin, owner) in (0..SLOTS).step_by(BLOCK.into()).zip(&self.blocks) {
            let of_owner = &mut ranges[usize::from(*owner)];
            let end = begin + (BLOCK - 1);
            match of_owner.last_mut() {
                Some((_, last)) if *last + 1 == begin => *last = end,
                _ => of_owner.push((begin, end)),
            }
        }
        ranges
    }
}

/// A permutation of 64 bits that leaves no trace of their order (the finalizer of splitmix64).
fn mix(mut bits: u64) -> u64 {
    bits = bits.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owners(names: &[&str]) -> Vec<Owner> {
        names.iter().map(|name| Owner::new(name, "10.0.0.1:6379", 0)).collect()
    }

    fn names_of(map: &SlotMap) -> Vec<&str> {
        map.blocks.iter().map(|owner| map.owners[usize::from(*owner)].id.as_str()).collect()
    }

    #[test]
    fn keys_lie_where_redis_puts_them() {
        for (key, slot) in [
            (&b""[..], 0),
            (b"123456789", 0x31C3 % SLOTS),
            (b"foo{bar}", 5061),
            (b"bar", 5061),
            (b"foo{}{bar}", 8363),
            (b"foo{{bar}}zap", 4015),
            (b"foo{bar}{zap}", 5061),
        ] {
            assert_eq!(slot_of(key), slot, "{}", key.escape_ascii());
        }
    }

    #[test]
    fn all_nodes_deal_out_the_same_in_about_equal_shares() {
        let map = SlotMap::deal(owners(&["a", "b", "c", "d", "e"]));
        let other = SlotMap::deal(owners(&["e", "d", "a", "c", "b"]));
        assert_eq!(names_of(&map), names_of(&other));
        for ranges in map.ranges() {
            let count: u32 = ranges.iter().map(|(begin, end)| u32::from(end - begin) + 1).sum();
            let fair = u32::from(SLOTS) / 5;
            assert!(count.abs_diff(fair) <= 5 * u32::from(BLOCK), "{count} of {fair}");
        }
    }

    #[test]
    fn few_slots_change_hands_when_a_node_comes_or_goes() {
        let names: Vec<String> = (0..20).map(|number| format!("node-{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        for count in 2..20 {
            let (before, after) = (SlotMap::deal(owners(&names[..count])), SlotMap::deal(owners(&names[..=count])));
            let moved = names_of(&before).iter().zip(names_of(&after)).filter(|(old, now)| *old != now).count();
            let fair = usize::from(BLOCKS) / (count + 1);
            assert!(moved <= 2 * fair, "{moved} blocks of {BLOCKS} moved from {count} nodes, where {fair} have to");
        }
    }

    #[test]
    fn a_node_knows_what_it_has_lost() {
        let (one, two) = (SlotMap::deal(owners(&["a"])), SlotMap::deal(owners(&["a", "b"])));
        assert_eq!(
            (two.compare(&one), one.compare(&two), two.compare(&two)),
            ((true, false), (false, false), (false, true))
        );
        let lost = (0..SLOTS).filter(|slot| two.elsewhere(*slot).is_some()).count();
        assert_eq!(lost, usize::from(SLOTS) / 2);
    }

    #[test]
    fn addresses_of_any_kind_are_told_to_clients() {
        assert_eq!(Owner::new("a", "10.0.0.1:7", 0).address(false), "10.0.0.1:7");
        assert_eq!(Owner::new("a", "[::1]:7", 0).address(false), "::1:7", "as Redis writes it");
        assert_eq!(Owner::new("a", "x", 0).id.len(), 40);
        for (address, tls_port, plain, encrypted) in [("h:7", 0, 7, 7), ("h:7", 8, 7, 8), ("h:8", 8, 8, 8)] {
            let owner = Owner::new("a", address, tls_port);
            assert_eq!((owner.port(false), owner.port(true)), (plain, encrypted), "{address} {tls_port}");
        }
    }
}
