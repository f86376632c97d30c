//! The ring of mode `ring` (rules R1 to R9): where things stand in an instance's memory, and what a record says.

/// The export under which a host finds the memory (rule R1).
pub const RING_EXPORT: &str = "waspect_ring";

/// Where the clock cell stands: a `u32` that the host writes (rule R3).
pub const CLOCK_OFFSET: u32 = 0;

/// Where the company cell stands: not 0 where another instance of the store has a ring too (rule R8).
pub const COMPANY_OFFSET: u32 = 4;

/// Where the cursor stands: a `u32` that the instance writes, the number of the next record (rule R4). Not in the clock's
/// cache line: two threads write these.
pub const CURSOR_OFFSET: u32 = 64;

/// Where the first record stands.
pub const RECORDS_OFFSET: u32 = 128;

/// Records that the ring holds, a power of two: 8 KiB, so that it stays in a processor's first cache beside what the guest
/// works on. A `flush` costs some 50 ns, which nobody notices once in 1,024 records.
pub const RECORDS: u32 = 1_024;

/// Length of a record in bytes.
pub const RECORD_BYTES: u32 = 8;

/// The clock's unit, as a power of two of nanoseconds: 4,096 ns. 32 bits of it wrap after 4.9 hours.
pub const CLOCK_UNIT_LOG2: u32 = 12;

/// The memory's size in pages of 64 KiB.
pub const PAGES: u64 = 1;

/// What a record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record {
    /// A function begins: its original index.
    Enter(u32),
    /// The call with this token ends.
    Exit(u32),
}

impl Record {
    /// Reads the upper half of a record; any value is one.
    #[inline]
    pub const fn from_word(word: u32) -> Record {
        if word & 1 == 0 { Record::Enter(word >> 1) } else { Record::Exit(word) }
    }

    /// The upper half of a record.
    pub const fn word(self) -> u32 {
        match self {
            Record::Enter(function) => function << 1,
            Record::Exit(token) => token | 1,
        }
    }
}

/// The token of the call whose `enter` is the record of this number (rule R5). Never 0.
#[inline]
pub const fn token(number: u32) -> u32 {
    number << 1 | 1
}

/// A reading of a clock of nanoseconds, as the clock cell has it.
#[inline]
pub const fn clock(now_ns: u64) -> u32 {
    (now_ns >> CLOCK_UNIT_LOG2) as u32
}

/// Where the record of a number stands in the memory.
#[inline]
pub const fn record_offset(number: u32) -> u32 {
    RECORDS_OFFSET + (number % RECORDS) * RECORD_BYTES
}

const _: () = assert!(RECORDS.is_power_of_two() && record_offset(RECORDS - 1) + RECORD_BYTES <= 1 << 16);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_say_what_they_were_made_from() {
        for record in [Record::Enter(0), Record::Enter(999_999), Record::Exit(token(0)), Record::Exit(token(u32::MAX))]
        {
            assert_eq!(Record::from_word(record.word()), record);
        }
    }

    #[test]
    fn a_token_is_never_zero_and_names_its_record() {
        assert_eq!([token(0), token(1), token(1 << 31)], [1, 3, 1]);
    }
}
