//! A record's bytes, and how records are found again among damaged ones. Pure: bytes in, bytes out.
//!
//! ```text
//! marker "wspR" | length u32 | sequence u64 | checksum of the payload u32 | checksum of these 20 bytes u32 | payload
//! ```
//!
//! Numbers are little-endian. Checksums are CRC-32 that begin with the segment's salt, which stands in no file: payloads are
//! strangers' bytes, and one that holds a forged record must not be taken for it when the search for the next record
//! leads through a damaged payload.

use memchr::memmem;

/// Bytes before a record's payload.
pub const HEADER_BYTES: usize = 24;

/// Longest payload. A longer one in a header is damage.
pub const PAYLOAD_BYTES_MAX: usize = 64 << 20;

const MARKER: [u8; 4] = *b"wspR";

/// What stands before a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Header {
    length: usize,
    sequence: u64,
    payload_checksum: u32,
}

/// Appends a record's bytes.
///
/// # Panics
/// When the payload is longer than [`PAYLOAD_BYTES_MAX`].
pub fn encode(salt: u32, sequence: u64, payload: &[u8], out: &mut Vec<u8>) {
    assert!(payload.len() <= PAYLOAD_BYTES_MAX, "the caller refuses payloads of {} bytes", payload.len());
    let start = out.len();
    out.extend(MARKER);
    out.extend((payload.len() as u32).to_le_bytes());
    out.extend(sequence.to_le_bytes());
    out.extend(checksum(salt, payload).to_le_bytes());
    let header = checksum(salt, &out[start..]);
    out.extend(header.to_le_bytes());
    out.extend(payload);
}

/// What stands at the beginning of some bytes of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A whole record of that sequence number, so many bytes in all, [`HEADER_BYTES`] included.
    Record {
        /// Its number.
        sequence: u64,
        /// Bytes to go on after.
        bytes: usize,
    },
    /// So many bytes that are no record, or a damaged one.
    Damage {
        /// Bytes to go on after.
        bytes: usize,
    },
    /// At least so many bytes are needed to tell.
    More {
        /// Bytes in all, from the same beginning.
        bytes: usize,
    },
    /// Nothing.
    End,
}

/// Looks at the beginning of `bytes`; `last` says that the segment ends with them.
pub fn step(salt: u32, bytes: &[u8], last: bool) -> Step {
    if bytes.is_empty() && last {
        return Step::End;
    }
    if bytes.len() < HEADER_BYTES && !last {
        return Step::More { bytes: HEADER_BYTES };
    }
    if let Some(header) = header(salt, bytes) {
        let whole = HEADER_BYTES + header.length;
        match bytes.get(HEADER_BYTES..whole) {
            None if !last => return Step::More { bytes: whole },
            Some(payload) if checksum(salt, payload) == header.payload_checksum => {
                return Step::Record { sequence: header.sequence, bytes: whole };
            }
            _ => {}
        }
    }
    Step::Damage { bytes: damaged(salt, bytes, last) }
}

/// How far it is from bytes that begin no record to the next header, or to where the next one could begin.
fn damaged(salt: u32, bytes: &[u8], last: bool) -> usize {
    for at in memmem::find_iter(&bytes[1..], &MARKER).map(|at| at + 1) {
        let cut_off = bytes.len() - at < HEADER_BYTES && !last;
        if cut_off || header(salt, &bytes[at..]).is_some() {
            return at;
        }
    }
    match last {
        true => bytes.len(),
        // The last three bytes may begin a marker.
        false => (bytes.len() - (MARKER.len() - 1)).max(1),
    }
}

fn header(salt: u32, bytes: &[u8]) -> Option<Header> {
    let bytes: &[u8; HEADER_BYTES] = bytes.first_chunk()?;
    let number = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
    let length = number(4) as usize;
    let good = bytes.starts_with(&MARKER) && length <= PAYLOAD_BYTES_MAX && number(20) == checksum(salt, &bytes[..20]);
    good.then(|| Header {
        length,
        sequence: u64::from_le_bytes(bytes[8..16].try_into().expect("eight bytes")),
        payload_checksum: number(16),
    })
}

fn checksum(salt: u32, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(salt);
    hasher.update(bytes);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALT: u32 = 0x5eed;

    fn encoded(payloads: &[&[u8]]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (sequence, payload) in payloads.iter().enumerate() {
            encode(SALT, sequence as u64, payload, &mut bytes);
        }
        bytes
    }

    /// The sequence numbers that are found, reading in pieces that begin with `piece` bytes.
    fn found(bytes: &[u8], piece: usize) -> Vec<u64> {
        let (mut at, mut end, mut found) = (0, piece.min(bytes.len()), Vec::new());
        loop {
            match step(SALT, &bytes[at..end], end == bytes.len()) {
                Step::Record { sequence, bytes } => {
                    found.push(sequence);
                    at += bytes;
                }
                Step::Damage { bytes } => {
                    assert!(bytes > 0, "it goes on");
                    at += bytes;
                }
                Step::More { bytes: needed } => {
                    assert!(at + needed > end, "more is more");
                    end = (at + needed).min(bytes.len());
                }
                Step::End => return found,
            }
            end = end.max((at + 1).min(bytes.len()));
        }
    }

    #[test]
    fn records_are_found_whatever_the_pieces() {
        let bytes = encoded(&[b"one", b"", b"three wspR"]);
        for piece in 0..bytes.len() {
            assert_eq!(found(&bytes, piece), [0, 1, 2], "{piece}");
        }
    }

    #[test]
    fn any_flipped_bit_costs_one_record() {
        let bytes = encoded(&[b"first", b"second", b"third"]);
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            for piece in [0, 7, bytes.len()] {
                assert_eq!(found(&damaged, piece).len(), 2, "bit {bit}");
            }
        }
    }

    #[test]
    fn any_truncation_costs_what_it_cuts() {
        let bytes = encoded(&[b"first", b"second"]);
        let first = HEADER_BYTES + 5;
        for length in 0..bytes.len() {
            assert_eq!(found(&bytes[..length], 0).len(), usize::from(length >= first), "{length}");
        }
    }

    #[test]
    fn a_record_inside_a_damaged_payload_is_not_believed() {
        let mut forged = Vec::new();
        encode(SALT ^ 1, 7, b"forged", &mut forged);
        let mut bytes = encoded(&[&forged, b"next"]);
        bytes[HEADER_BYTES + forged.len() - 1] ^= 1;
        assert_eq!(found(&bytes, 0), [1]);
    }
}
