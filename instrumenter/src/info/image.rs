//! The first memory as it is when an instance begins: what active data segments put there, zeros between them.
//!
//! Nothing is copied: a hostile module may spread a few bytes over 4 GiB.

use wasmparser::{BinaryReader, Data, DataKind, SectionLimited};

use super::slots::constant;
use super::{ModuleInfo, sections};

/// Bytes of the first memory, by address.
pub(super) struct Image<'a> {
    /// Start and bytes, by ascending start, none within another.
    segments: Vec<(u64, &'a [u8])>,
}

impl<'a> Image<'a> {
    /// None where segments overlap: which of them wins is a question for engines.
    pub fn new(info: &ModuleInfo, module: &'a [u8]) -> Option<Image<'a>> {
        let mut segments = Vec::new();
        for section in info.sections.iter().filter(|section| section.id == sections::DATA) {
            let reader = BinaryReader::new(&module[section.range.clone()], section.range.start as u64);
            for data in SectionLimited::<Data>::new(reader).ok()?.into_iter().flatten() {
                if let DataKind::Active { memory_index: 0, offset_expr } = data.kind
                    && let Some(start) = constant(&offset_expr)
                    && !data.data.is_empty()
                {
                    segments.push((start, data.data));
                }
            }
        }
        segments.sort_by_key(|(start, _)| *start);
        let apart = segments.is_sorted_by(|(start, bytes), (next, _)| start + bytes.len() as u64 <= *next);
        apart.then_some(Image { segments })
    }

    /// Where `pattern` stands within one segment at an address that is a multiple of its length, ascending.
    pub fn find<const N: usize>(&self, pattern: [u8; N]) -> impl Iterator<Item = u64> {
        self.segments.iter().flat_map(move |(start, bytes)| {
            let skipped = (N - (start % N as u64) as usize) % N;
            let words = bytes.get(skipped..).unwrap_or_default().as_chunks::<N>().0;
            let found = words.iter().enumerate().filter(move |(_, word)| **word == pattern);
            found.map(move |(at, _)| start + (skipped + at * N) as u64)
        })
    }

    /// A little-endian number of 4 bytes.
    pub fn u32(&self, at: u64) -> u32 {
        u32::from_le_bytes(self.array(at))
    }

    /// A little-endian number of 8 bytes.
    pub fn u64(&self, at: u64) -> u64 {
        u64::from_le_bytes(self.array(at))
    }

    /// A text that ends with a zero; None where it is longer than `length_max` or not UTF-8.
    pub fn text(&self, at: u64, length_max: usize) -> Option<&'a str> {
        let (start, bytes) = self.segment(at)?;
        let bytes = bytes.get(usize::try_from(at - start).ok()?..)?;
        // Behind a segment's end there are zeros, unless the next one begins right there.
        let length = match bytes.iter().take(length_max + 1).position(|byte| *byte == 0) {
            Some(length) => length,
            None if bytes.len() <= length_max && self.array(at + bytes.len() as u64) == [0] => bytes.len(),
            None => return None,
        };
        std::str::from_utf8(&bytes[..length]).ok()
    }

    fn array<const N: usize>(&self, at: u64) -> [u8; N] {
        std::array::from_fn(|offset| {
            let at = at.saturating_add(offset as u64);
            let byte = self.segment(at).and_then(|(start, bytes)| bytes.get(usize::try_from(at - start).ok()?));
            byte.copied().unwrap_or(0)
        })
    }

    /// The last segment that begins at or before an address.
    fn segment(&self, at: u64) -> Option<(u64, &'a [u8])> {
        let next = self.segments.partition_point(|(start, _)| *start <= at);
        next.checked_sub(1).map(|last| self.segments[last])
    }
}
