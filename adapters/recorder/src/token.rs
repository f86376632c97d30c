//! Tokens (rules T1 to T5): where a frame is, and which of the frames that were ever there.
//!
//! The low 18 bits are the frame's depth plus one, so that a token is never 0; the high 14 bits are the low bits of the
//! frame's sequence number. Depth alone tells open frames apart (T2); the generation finds stale tokens (T4).

const DEPTH_BITS: u32 = 18;

/// Most frames that a lane can hold.
pub(crate) const DEPTH_MAX: usize = (1 << DEPTH_BITS) - 2;

/// The token of the frame with this sequence number at this depth, which is below [`DEPTH_MAX`].
#[inline]
pub(crate) fn new(sequence: u64, depth: usize) -> u32 {
    (sequence as u32) << DEPTH_BITS | (depth as u32 + 1)
}

/// The depth that a token names; none for 0 and other nonsense.
#[inline]
pub(crate) fn depth(token: u32) -> Option<usize> {
    ((token & ((1 << DEPTH_BITS) - 1)) as usize).checked_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_name_their_depth_and_are_never_zero() {
        for sequence in [0, 1, (1 << 14) - 1, 1 << 14, u64::MAX] {
            for depth_of in [0, 1, 77, DEPTH_MAX - 1] {
                let token = new(sequence, depth_of);
                assert_ne!(token, 0);
                assert_eq!(depth(token), Some(depth_of));
            }
        }
        assert_eq!(depth(0), None);
        assert_eq!(depth(1 << DEPTH_BITS), None);
    }
}
