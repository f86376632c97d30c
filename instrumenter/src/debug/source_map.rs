//! Source maps (ECMA-426): JSON whose `mappings` lead from offsets in the module to places in sources.
//!
//! Only the text of `mappings` is replaced; every other byte of the file stays. A module is one line, its columns are the
//! offsets of instructions in the file.

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::CodeMap;

/// Why a source map cannot be kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceMapError {
    /// Not what the standard says.
    #[error("the source map cannot be read: {0}; make it anew with the tool that made the module")]
    Malformed(String),
    /// A map of maps.
    #[error("the source map has sections, which are not supported; flatten it first")]
    Sections,
}

#[derive(Deserialize)]
struct Fields<'a> {
    version: u32,
    #[serde(borrow)]
    mappings: Option<&'a str>,
    sections: Option<IgnoredAny>,
}

impl CodeMap {
    /// The source map of the output, from that of the input.
    pub fn source_map(&self, map: &[u8]) -> Result<Vec<u8>, SourceMapError> {
        let malformed = |message: &str| SourceMapError::Malformed(message.to_owned());
        let fields: Fields<'_> =
            serde_json::from_slice(map).map_err(|error| SourceMapError::Malformed(error.to_string()))?;
        if fields.sections.is_some() {
            return Err(SourceMapError::Sections);
        }
        if fields.version != 3 {
            return Err(malformed("its version is not 3"));
        }
        let mappings = fields.mappings.ok_or_else(|| malformed("it has no mappings"))?;
        let start = mappings.as_ptr().addr() - map.as_ptr().addr();
        let mut out = Vec::with_capacity(map.len() + mappings.len() / 4);
        out.extend_from_slice(&map[..start]);
        self.mappings(mappings.as_bytes(), &mut out)
            .ok_or_else(|| malformed("its mappings are no list of segments"))?;
        out.extend_from_slice(&map[start + mappings.len()..]);
        Ok(out)
    }

    fn mappings(&self, mappings: &[u8], out: &mut Vec<u8>) -> Option<()> {
        let line = mappings.trim_ascii_end();
        let line = &line[..line.iter().rposition(|byte| *byte != b';').map_or(0, |last| last + 1)];
        let (mut old, mut writer) = (Segment::default(), Writer { out, last: Segment::default(), begun: false });
        for text in line.split(|byte| *byte == b',').filter(|text| !text.is_empty()) {
            old.advance(text)?;
            let offset = usize::try_from(old.fields[0]).ok()?;
            if let Some(new) = self.output_offset(offset) {
                writer.write(Segment {
                    fields: [new.into(), old.fields[1], old.fields[2], old.fields[3], old.fields[4]],
                    ..old
                });
            }
        }
        // What was injected behind the last function has no source.
        if writer.begun && writer.last.count > 1 && writer.last.fields[0] < self.output_end().into() {
            let mut end = writer.last;
            (end.fields[0], end.count) = (self.output_end().into(), 1);
            writer.write(end);
        }
        out.extend_from_slice(&mappings[line.len()..]);
        Some(())
    }
}

/// A segment with its numbers summed up: column, source, line, column in it, name; the first `count` of them.
#[derive(Clone, Copy, Default)]
struct Segment {
    fields: [i64; 5],
    count: usize,
}

impl Segment {
    /// Adds the next segment's numbers.
    fn advance(&mut self, text: &[u8]) -> Option<()> {
        let mut digits = text.iter().copied().peekable();
        self.count = 0;
        while digits.peek().is_some() {
            let field = self.fields.get_mut(self.count)?;
            *field = field.checked_add(number(&mut digits)?)?;
            self.count += 1;
        }
        matches!(self.count, 1 | 4 | 5).then_some(())
    }
}

struct Writer<'a> {
    out: &'a mut Vec<u8>,
    /// Each number as the last segment that has it left it.
    last: Segment,
    begun: bool,
}

impl Writer<'_> {
    fn write(&mut self, segment: Segment) {
        if std::mem::replace(&mut self.begun, true) {
            self.out.push(b',');
        }
        for (last, new) in self.last.fields.iter_mut().zip(segment.fields).take(segment.count) {
            put_number(self.out, new - *last);
            *last = new;
        }
        self.last.count = segment.count;
    }
}

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The bit of a digit that says that another one follows.
const MORE: i64 = 32;

/// Digits of a number at most: 32 bits and a sign, and some to spare.
const NUMBER_DIGITS_MAX: u32 = 10;

/// A number in base 64, five bits a digit, least first, the sign in the lowest bit.
fn number(digits: &mut impl Iterator<Item = u8>) -> Option<i64> {
    let mut value = 0;
    for at in 0..NUMBER_DIGITS_MAX {
        let digit = digits.next()?;
        let digit = DIGITS.iter().position(|other| *other == digit)? as i64;
        value |= (digit & (MORE - 1)) << (5 * at);
        if digit & MORE == 0 {
            return Some(if value & 1 == 0 { value >> 1 } else { -(value >> 1) });
        }
    }
    None
}

fn put_number(out: &mut Vec<u8>, number: i64) {
    let mut rest = (number.unsigned_abs() << 1) as i64 | i64::from(number < 0);
    loop {
        let more = if rest >= MORE { MORE } else { 0 };
        out.push(DIGITS[(rest & (MORE - 1) | more) as usize]);
        rest >>= 5;
        if more == 0 {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code_map::Move;

    fn map() -> CodeMap {
        let mut map = CodeMap::new(20..40);
        map.append(&[Move { from: 21, to: 1 }, Move { from: 30, to: 60 }], 0);
        map.finish(75);
        map.stands(30);
        map
    }

    #[test]
    fn columns_move_and_the_rest_of_the_file_stays() {
        // Offset 5 is in no function; 22 and 31 have places, 35 has none.
        let before = r#"{"version":3, "x":[1,{"mappings":0}],"mappings":"KAAA,iBACA,SAECA,I;","names":["a"]}"#;
        let after = String::from_utf8(map().source_map(before.as_bytes()).unwrap()).unwrap();
        assert_eq!(after, before.replace("KAAA,iBACA,SAECA,I;", "gCACA,2DAECA,I;"));
        let mut segment = Segment::default();
        let columns: Vec<_> = ["gCACA", "2DAECA", "I"]
            .map(|text| {
                segment.advance(text.as_bytes());
                segment.fields
            })
            .into();
        assert_eq!(columns, [[32, 0, 1, 0, 0], [91, 0, 3, 1, 0], [95, 0, 3, 1, 0]]);
    }

    #[test]
    fn numbers_are_read_as_they_were_written() {
        for value in [0, 1, -1, 15, -16, 16, 1 << 30, -(1 << 31)] {
            let mut text = Vec::new();
            put_number(&mut text, value);
            assert_eq!(number(&mut text.iter().copied()), Some(value), "{}", String::from_utf8_lossy(&text));
        }
    }

    #[test]
    fn what_is_no_source_map_is_refused() {
        for (text, wanted) in [
            ("", "EOF"),
            (r#"{"version":3,"sections":[],"mappings":""}"#, "sections"),
            (r#"{"version":2,"mappings":""}"#, "version"),
            (r#"{"version":3}"#, "no mappings"),
            (r#"{"version":3,"mappings":"A?"}"#, "no list"),
            (r#"{"version":3,"mappings":"AAAA;AAAA"}"#, "no list"),
            (r#"{"version":3,"mappings":"gggggggggggggggggggggA"}"#, "no list"),
            (r#"{"version":3,"mappings":"AAAA\u002c"}"#, "borrowed"),
        ] {
            let error = map().source_map(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(wanted), "{text}: {error}");
        }
    }
}
