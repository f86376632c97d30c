//! Trace and span ids from the randomness that the host gave.
//!
//! A span's id is a function of its frame's number, so it need not be kept and can be given away while the frame is open.

/// Makes ids: unguessable from outside, unique within a recorder, and across recorders as unlikely to meet as random ones.
#[derive(Clone, Debug)]
pub(crate) struct Ids {
    key: [u64; 2],
    traces: u64,
}

impl Ids {
    pub(crate) fn new(entropy: [u8; 16]) -> Ids {
        let both = u128::from_le_bytes(entropy);
        Ids { key: [both as u64, (both >> 64) as u64], traces: 0 }
    }

    /// A new trace id; never zero.
    pub(crate) fn trace(&mut self) -> [u8; 16] {
        self.traces = self.traces.wrapping_add(1);
        let high = mix(self.key[1] ^ mix(self.traces)) | 1 << 63;
        let low = mix(self.key[0].rotate_left(32) ^ mix(self.traces));
        (u128::from(low) << 64 | u128::from(high)).to_le_bytes()
    }

    /// The span id of the frame with this number; never zero.
    pub(crate) fn span(&self, sequence: u64) -> [u8; 8] {
        let id = mix(mix(self.key[0].wrapping_add(sequence)) ^ self.key[1]);
        if id == 0 { [1; 8] } else { id.to_le_bytes() }
    }

    /// A key for hash tables.
    pub(crate) fn hash_key(&self) -> u64 {
        mix(self.key[0] ^ self.key[1].rotate_left(17))
    }
}

/// A bijection that scatters: the finalizer of splitmix64.
pub(crate) fn mix(mut value: u64) -> u64 {
    value = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    value = (value ^ value >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    value = (value ^ value >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ value >> 31
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ids_are_distinct_and_not_zero() {
        let mut ids = Ids::new([7; 16]);
        let spans: BTreeSet<_> = (0..100_000).map(|sequence| ids.span(sequence)).collect();
        let traces: BTreeSet<_> = (0..100_000).map(|_| ids.trace()).collect();
        assert_eq!((spans.len(), traces.len()), (100_000, 100_000));
        assert!(!spans.contains(&[0; 8]) && !traces.contains(&[0; 16]));
    }
}
