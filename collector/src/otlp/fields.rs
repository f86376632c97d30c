//! An encoded message, read field by field where it lies: nothing is built, nothing is copied.
//!
//! ```text
//! for (number, field) in Fields::new(request) { if let (1, Field::Bytes(resource_spans)) = (number, field) { ... } }
//! ```
//!
//! It is for bytes that [`super::inspect`] has seen. What is broken all the same ends the message early.

use prost::encoding::{WireType, decode_key, decode_varint};

/// The fields of a message, in the order in which they were written.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'b>(&'b [u8]);

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field<'b> {
    /// An integer, a boolean, an enumeration.
    Varint(u64),
    /// Four or eight bytes, as a number.
    Fixed(u64),
    /// Text, bytes, or a message.
    Bytes(&'b [u8]),
}

impl<'b> Fields<'b> {
    /// The fields of these bytes.
    pub fn new(message: &'b [u8]) -> Fields<'b> {
        Fields(message)
    }

    /// The bytes that are not read yet.
    pub fn rest(&self) -> &'b [u8] {
        self.0
    }

    fn take(&mut self, length: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn read(&mut self) -> Option<(u32, Field<'b>)> {
        // Groups are in no version of OTLP: one of a stranger's is stepped over with all that it holds.
        let mut groups = 0_u32;
        loop {
            // Every message ends, and an error of prost's is an allocation.
            if self.0.is_empty() {
                return None;
            }
            let (number, wire) = decode_key(&mut self.0).ok()?;
            let field = match wire {
                WireType::Varint => Field::Varint(decode_varint(&mut self.0).ok()?),
                WireType::SixtyFourBit => Field::Fixed(u64::from_le_bytes(self.take(8)?.try_into().ok()?)),
                WireType::ThirtyTwoBit => Field::Fixed(u32::from_le_bytes(self.take(4)?.try_into().ok()?).into()),
                WireType::LengthDelimited => {
                    let length = usize::try_from(decode_varint(&mut self.0).ok()?).ok()?;
                    Field::Bytes(self.take(length)?)
                }
                WireType::StartGroup => {
                    groups += 1;
                    continue;
                }
                WireType::EndGroup => {
                    groups = groups.checked_sub(1)?;
                    continue;
                }
            };
            if groups == 0 {
                return Some((number, field));
            }
        }
    }
}

/// The messages, or texts, in the fields of that number.
pub fn messages(message: &[u8], number: u32) -> impl Iterator<Item = &[u8]> {
    Fields::new(message).filter_map(move |field| match field {
        (field, Field::Bytes(bytes)) if field == number => Some(bytes),
        _ => None,
    })
}

impl<'b> Iterator for Fields<'b> {
    type Item = (u32, Field<'b>);

    fn next(&mut self) -> Option<(u32, Field<'b>)> {
        let read = self.read();
        if read.is_none() {
            self.0 = &[];
        }
        read
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::otlp::{Signal, samples};

    #[test]
    fn fields_are_as_they_were_written() {
        let message = [0x08, 0x96, 0x01, 0x12, 0x02, b'h', b'i', 0x1d, 1, 0, 0, 0, 0x21, 2, 0, 0, 0, 0, 0, 0, 0];
        let expected = [(1, Field::Varint(150)), (2, Field::Bytes(b"hi")), (3, Field::Fixed(1)), (4, Field::Fixed(2))];
        assert!(Fields::new(&message).eq(expected));
    }

    #[test]
    fn what_is_broken_ends_the_message() {
        let request = samples::request(Signal::Traces);
        for end in 0..request.len() {
            let resource_spans = Fields::new(&request[..end]).count();
            assert_eq!(resource_spans, 0, "{end}: the one field is not whole");
        }
        assert_eq!(Fields::new(&[0x0b; 100_000]).count(), 0, "groups in groups");
        assert!(Fields::new(&[0x0b, 0x10, 7, 0x0c, 0x18, 8]).eq([(3, Field::Varint(8))]), "a group is stepped over");
    }
}
