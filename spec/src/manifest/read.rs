//! Reading a manifest: a few lines for one message, a third of what prost's decoder would be of every recorder.wasm.
//!
//! It refuses what prost refuses, and groups, which nobody writes. Lists are bounded while they grow.

use alloc::string::String;
use alloc::vec::Vec;

use super::{Allocator, FUNCTIONS_MAX, Fault, Function, Manifest, Memory, ObjectType, STRING_BYTES_MAX};

/// What fields 1, 2 and so on of a list's entries are, a letter each: `n` a number, `t` the text.
const FUNCTION: &[u8] = b"ntnnnnn";
const MEMORY: &[u8] = b"nnn";
const ALLOCATOR: &[u8] = b"ntn";
const OBJECT_TYPE: &[u8] = b"nt";

/// Reads a manifest; says nothing of whether it can be trusted.
pub(super) fn manifest(bytes: &[u8]) -> Result<Manifest, Fault> {
    let mut manifest = Manifest::default();
    let mut fields = Fields::new(bytes);
    while let Some(field) = fields.next() {
        match field {
            1 => manifest.abi = fields.number() as u32,
            2 => manifest.build = fields.fixed64(),
            3 => manifest.mode = fields.number() as i32,
            4 => manifest.name = fields.text(),
            5 => manifest.function_count = fields.number() as u32,
            6 => {
                let Entry { numbers: [index, _, kind, hooked, boundary, file, line], text: name } =
                    fields.entry(FUNCTION);
                let (index, file, line, kind) = (index as u32, file as u32, line as u32, kind as i32);
                let (hooked, boundary) = (hooked != 0, boundary != 0);
                let function = Function { index, name, kind, hooked, boundary, file, line };
                fields.push(&mut manifest.functions, function);
            }
            7 => {
                let [is_64, shared, page_size_log2, ..] = fields.entry(MEMORY).numbers;
                let (is_64, shared, page_size_log2) = (is_64 != 0, shared != 0, page_size_log2 as u32);
                fields.push(&mut manifest.memories, Memory { is_64, shared, page_size_log2 });
            }
            8 => {
                let Entry { numbers: [index, _, collected, ..], text: family } = fields.entry(ALLOCATOR);
                let allocator = Allocator { index: index as u32, family, collected: collected != 0 };
                fields.push(&mut manifest.allocators, allocator);
            }
            9 => manifest.gates_only = fields.number() != 0,
            10 => {
                let file = fields.text();
                fields.push(&mut manifest.files, file);
            }
            12 => {
                let Entry { numbers: [index, ..], text: name } = fields.entry(OBJECT_TYPE);
                fields.push(&mut manifest.objects, ObjectType { index: index as u32, name });
            }
            _ => {}
        }
    }
    match fields.fault {
        None => Ok(manifest),
        Some(fault) => Err(fault),
    }
}

/// A message of numbers, by field from 1 on, and of one text: all that lists hold.
#[derive(Default)]
struct Entry {
    numbers: [u64; FUNCTION.len()],
    text: String,
}

/// The fields of a message, one after the other: the one that was read last, and the first fault, after which there are no more.
struct Fields<'b> {
    rest: &'b [u8],
    wire: u64,
    number: u64,
    bytes: &'b [u8],
    fault: Option<Fault>,
}

impl<'b> Fields<'b> {
    fn new(rest: &'b [u8]) -> Fields<'b> {
        Fields { rest, wire: 0, number: 0, bytes: &[], fault: None }
    }

    /// Reads the next field; its number.
    fn next(&mut self) -> Option<u32> {
        if self.rest.is_empty() || self.fault.is_some() {
            return None;
        }
        let key = self.varint();
        self.wire = key & 7;
        match self.wire {
            0 => self.number = self.varint(),
            1 => {
                let bytes = self.take(8);
                self.number = bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte));
            }
            2 => {
                let len = self.varint();
                self.bytes = self.take(len);
            }
            5 => _ = self.take(4),
            _ => self.fail(Fault::Type),
        }
        let field = u32::try_from(key >> 3).unwrap_or(0);
        if field == 0 {
            self.fail(Fault::Field);
        }
        self.fault.is_none().then_some(field)
    }

    /// The message that the current field holds.
    fn entry(&mut self, kinds: &[u8]) -> Entry {
        let mut entry = Entry::default();
        let mut fields = Fields::new(self.expect(2).bytes);
        while let Some(field) = fields.next() {
            let at = field as usize - 1;
            match kinds.get(at) {
                Some(b'n') => entry.numbers[at] = fields.number(),
                Some(_) => entry.text = fields.text(),
                None => {}
            }
        }
        self.fault = self.fault.or(fields.fault);
        entry
    }

    fn push<T>(&mut self, list: &mut Vec<T>, entry: T) {
        if list.len() < FUNCTIONS_MAX {
            list.push(entry);
        } else {
            self.fail(Fault::List);
        }
    }

    fn number(&mut self) -> u64 {
        self.expect(0).number
    }

    fn fixed64(&mut self) -> u64 {
        self.expect(1).number
    }

    fn text(&mut self) -> String {
        let bytes = self.expect(2).bytes;
        match core::str::from_utf8(bytes) {
            Ok(text) if text.len() <= STRING_BYTES_MAX => return String::from(text),
            Ok(_) => self.fail(Fault::LongText),
            Err(_) => self.fail(Fault::Text),
        }
        String::new()
    }

    /// Itself, if the current field is encoded so.
    fn expect(&mut self, wire: u64) -> &mut Fields<'b> {
        if self.wire != wire {
            (self.number, self.bytes) = (0, &[]);
            self.fail(Fault::WrongType);
        }
        self
    }

    fn take(&mut self, len: u64) -> &'b [u8] {
        match usize::try_from(len).ok().and_then(|len| self.rest.split_at_checked(len)) {
            Some((head, tail)) => {
                self.rest = tail;
                head
            }
            None => {
                self.fail(Fault::Cut);
                &[]
            }
        }
    }

    fn varint(&mut self) -> u64 {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = u64::from(self.take(1).first().copied().unwrap_or(0));
            if shift == 63 && byte > 1 {
                break;
            }
            number |= (byte & 127) << shift;
            if byte < 128 {
                return number;
            }
        }
        self.fail(Fault::Number);
        0
    }

    fn fail(&mut self, fault: Fault) {
        self.fault = self.fault.or(Some(fault));
    }
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;

    fn sample() -> Manifest {
        let function = |index: u32| Function {
            index,
            name: format!("function {index}"),
            kind: (index % 2) as i32,
            hooked: index.is_multiple_of(3),
            boundary: index.is_multiple_of(5),
            file: index % 2,
            line: index * 1_000,
        };
        Manifest {
            abi: 0,
            build: 0x0123_4567_89ab_cdef,
            mode: 2,
            name: "m\u{fc}".to_owned(),
            function_count: 300,
            functions: (0..20).map(function).collect(),
            memories: vec![Memory { is_64: true, shared: false, page_size_log2: 16 }, Memory::default()],
            allocators: vec![Allocator { index: 7, family: "wasi-libc".to_owned(), collected: true }],
            gates_only: true,
            files: vec!["a.rs".to_owned(), String::new()],
            objects: vec![ObjectType { index: 3, name: "box".to_owned() }],
        }
    }

    #[test]
    fn what_prost_writes_is_read() {
        for written in [sample(), Manifest::default()] {
            assert_eq!(manifest(&written.encode_to_vec()).unwrap(), written);
        }
    }

    /// Every cut, and every byte replaced: what we read, prost reads as the same; what prost refuses, we refuse.
    #[test]
    fn damaged_bytes_mean_what_they_mean_to_prost() {
        let bytes = sample().encode_to_vec();
        let cuts = (0..bytes.len()).map(|len| bytes[..len].to_vec());
        let flips = (0..bytes.len()).flat_map(|at| {
            let bytes = &bytes;
            [0, 1, 3, 4, 0x7f, 0x80, 0xff].into_iter().map(move |byte| {
                let mut damaged = bytes.clone();
                damaged[at] = byte;
                damaged
            })
        });
        let (mut read, mut refused) = (0, 0);
        for damaged in cuts.chain(flips) {
            match (manifest(&damaged), Manifest::decode(&*damaged)) {
                (Ok(ours), theirs) => {
                    assert_eq!(Ok(ours), theirs, "{damaged:?}");
                    read += 1;
                }
                // Prost skips groups.
                (Err(_), theirs) => refused += usize::from(theirs.is_err()),
            }
        }
        assert!(read > 1_000 && refused > 500, "{read} read, {refused} refused");
    }
}
