//! A Bloom filter: says of a request in a few bytes a term which terms it surely does not have. Pure.
//!
//! Why not a table of terms? Attributes are often ids, of which each stands in one request: a table would hold more of them than
//! the log holds text, and writing it would cost more than writing the log. A filter costs ten bits a term, whatever they are.

use std::collections::HashSet;

/// Bits for each term; with [`PROBES`] one answer in a hundred is a `maybe` too many.
const BITS: usize = 10;
const PROBES: u64 = 7;

/// Terms beyond which a filter is not worth its bytes.
pub const TERMS_MAX: usize = 1 << 16;

/// A filter of these terms. Empty: it says `maybe` to everything.
pub fn build(terms: &HashSet<u64>) -> Vec<u8> {
    if terms.len() >= TERMS_MAX {
        return Vec::new();
    }
    let mut filter = vec![0; (terms.len() * BITS).next_power_of_two().max(64) / 8];
    for term in terms {
        for bit in bits(filter.len(), *term) {
            filter[bit / 8] |= 1 << (bit % 8);
        }
    }
    filter
}

/// False: the term is surely not there.
pub fn may_hold(filter: &[u8], term: u64) -> bool {
    filter.is_empty() || bits(filter.len(), term).all(|bit| filter[bit / 8] & 1 << (bit % 8) != 0)
}

/// The bits of a term, by two hashes in place of seven.
fn bits(bytes: usize, term: u64) -> impl Iterator<Item = usize> {
    let bits = bytes as u64 * 8;
    let (first, step) = (term & 0xffff_ffff, term >> 32 | 1);
    (0..PROBES).map(move |probe| ((first + probe * step) % bits) as usize)
}

#[cfg(test)]
mod tests {
    use rand::rngs::SmallRng;
    use rand::{Rng, SeedableRng};

    use super::*;

    #[test]
    fn what_is_there_is_found_and_little_else() {
        let mut random = SmallRng::seed_from_u64(1);
        for count in [0, 1, 10, 500, 3000] {
            let terms: HashSet<u64> = (0..count).map(|_| random.random()).collect();
            let filter = build(&terms);
            assert!(terms.iter().all(|term| may_hold(&filter, *term)));
            let wrong = (0..10_000).filter(|_| may_hold(&filter, random.random())).count();
            assert!(wrong < 200, "{wrong} of 10000 with {count} terms");
        }
    }

    #[test]
    fn a_flood_of_terms_takes_no_room() {
        let filter = build(&(0..TERMS_MAX as u64).collect());
        assert!(filter.is_empty() && may_hold(&filter, 7));
        let largest = build(&(1..TERMS_MAX as u64).collect());
        assert!(largest.len() <= 128 << 10, "{}", largest.len());
    }
}
