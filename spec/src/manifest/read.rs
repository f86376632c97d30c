//! Reading a manifest: a few lines for one message, half of what prost's decoder would be of every recorder.wasm.
//!
//! It refuses what prost refuses, and groups, which nobody writes. Lists are bounded while they grow.

use alloc::string::String;
use alloc::vec::Vec;

use super::{Allocator, FUNCTIONS_MAX, Function, Manifest, ManifestError, Memory, ObjectType};

/// Reads a manifest; says nothing of whether it can be trusted.
pub(super) fn manifest(bytes: &[u8]) -> Result<Manifest, ManifestError> {
    let mut manifest = Manifest::default();
    let mut fields = Fields::new(bytes);
    while let Some(field) = fields.next() {
        match field {
            1 => manifest.abi = fields.number() as u32,
            2 => manifest.build = fields.fixed64(),
            3 => manifest.mode = fields.number() as i32,
            4 => manifest.name = fields.text(),
            5 => manifest.function_count = fields.number() as u32,
            6 => push(&mut manifest.functions, &mut fields, function),
            7 => push(&mut manifest.memories, &mut fields, memory),
            8 => push(&mut manifest.allocators, &mut fields, allocator),
            9 => manifest.gates_only = fields.number() != 0,
            10 => push(&mut manifest.files, &mut fields, |fields| fields.text()),
            12 => push(&mut manifest.objects, &mut fields, object_type),
            _ => {}
        }
    }
    match fields.fault {
        None => Ok(manifest),
        Some(fault) => Err(ManifestError::Malformed(fault)),
    }
}

fn function(fields: &mut Fields) -> Function {
    let mut function = Function::default();
    fields.nested(|field, fields| match field {
        1 => function.index = fields.number() as u32,
        2 => function.name = fields.text(),
        3 => function.kind = fields.number() as i32,
        4 => function.hooked = fields.number() != 0,
        5 => function.boundary = fields.number() != 0,
        6 => function.file = fields.number() as u32,
        7 => function.line = fields.number() as u32,
        _ => {}
    });
    function
}

fn memory(fields: &mut Fields) -> Memory {
    let mut memory = Memory::default();
    fields.nested(|field, fields| match field {
        1 => memory.is_64 = fields.number() != 0,
        2 => memory.shared = fields.number() != 0,
        3 => memory.page_size_log2 = fields.number() as u32,
        _ => {}
    });
    memory
}

fn allocator(fields: &mut Fields) -> Allocator {
    let mut allocator = Allocator::default();
    fields.nested(|field, fields| match field {
        1 => allocator.index = fields.number() as u32,
        2 => allocator.family = fields.text(),
        3 => allocator.collected = fields.number() != 0,
        _ => {}
    });
    allocator
}

fn object_type(fields: &mut Fields) -> ObjectType {
    let mut object = ObjectType::default();
    fields.nested(|field, fields| match field {
        1 => object.index = fields.number() as u32,
        2 => object.name = fields.text(),
        _ => {}
    });
    object
}

fn push<T>(list: &mut Vec<T>, fields: &mut Fields, read: impl FnOnce(&mut Fields) -> T) {
    if list.len() < FUNCTIONS_MAX {
        list.push(read(fields));
    } else {
        fields.fail("a list has more entries than an engine takes functions");
    }
}

/// The fields of a message, one after the other: the one that was read last, and the first fault, after which there are no more.
struct Fields<'b> {
    rest: &'b [u8],
    wire: u64,
    number: u64,
    bytes: &'b [u8],
    fault: Option<&'static str>,
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
            _ => self.fail("a field has a type that does not exist"),
        }
        let field = u32::try_from(key >> 3).unwrap_or(0);
        if field == 0 {
            self.fail("a field has a number that does not exist");
        }
        self.fault.is_none().then_some(field)
    }

    /// Calls `take` with every field of the message that the current field holds.
    fn nested(&mut self, mut take: impl FnMut(u32, &mut Fields)) {
        let mut fields = Fields::new(self.expect(2).bytes);
        while let Some(field) = fields.next() {
            take(field, &mut fields);
        }
        self.fault = self.fault.or(fields.fault);
    }

    fn number(&mut self) -> u64 {
        self.expect(0).number
    }

    fn fixed64(&mut self) -> u64 {
        self.expect(1).number
    }

    fn text(&mut self) -> String {
        match core::str::from_utf8(self.expect(2).bytes) {
            Ok(text) => String::from(text),
            Err(_) => {
                self.fail("a text is not UTF-8");
                String::new()
            }
        }
    }

    /// Itself, if the current field is encoded so.
    fn expect(&mut self, wire: u64) -> &mut Fields<'b> {
        if self.wire != wire {
            (self.number, self.bytes) = (0, &[]);
            self.fail("a field has another type than it should");
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
                self.fail("it ends in the middle");
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
        self.fail("a number is longer than numbers are");
        0
    }

    fn fail(&mut self, fault: &'static str) {
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
