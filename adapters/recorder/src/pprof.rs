//! The pprof format: messages of its `profile.proto`, as far as a profile of ours fills them.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use prost::Message;

use crate::profile::Profile;

impl Profile {
    /// An uncompressed pprof `Profile` message: calls, wall time, allocated and live bytes. Readers take it plain or gzipped.
    pub fn pprof(&self) -> Vec<u8> {
        let mut strings = Strings::default();
        let mut kind = |name: &str, unit: &str| ValueType { kind: strings.place(name), unit: strings.place(unit) };
        let sample_type = vec![
            kind("calls", "count"),
            kind("allocated", "bytes"),
            kind("live", "bytes"),
            kind("wall", "nanoseconds"),
        ];
        let mut message = Pprof { sample_type, default_sample_type: strings.place("wall"), ..Pprof::default() };
        for (at, function) in self.functions.iter().enumerate() {
            let (id, name) = (at as u64 + 1, strings.place(&function.name));
            let filename = strings.place(&function.file);
            message.function.push(Function { id, name, system_name: name, filename, start_line: function.line.into() });
            let line = vec![Line { function_id: id, line: function.line.into() }];
            message.location.push(Location { id, line });
        }
        for (at, node) in self.nodes.iter().enumerate() {
            let figures = &node.figures;
            let value = [figures.calls as i64, figures.allocated as i64, figures.live, figures.own as i64];
            if value != [0; 4] {
                let location_id = self.stack_places(at).map(|function| u64::from(function) + 1).collect();
                message.sample.push(Sample { location_id, value: value.to_vec() });
            }
        }
        message.string_table = strings.table();
        message.encode_to_vec()
    }
}

/// Strings by place; the first is empty, as the format wants it.
struct Strings(BTreeMap<String, i64>);

impl Default for Strings {
    fn default() -> Strings {
        Strings(BTreeMap::from([(String::new(), 0)]))
    }
}

impl Strings {
    fn place(&mut self, text: &str) -> i64 {
        let next = self.0.len() as i64;
        *self.0.entry(text.to_owned()).or_insert(next)
    }

    fn table(self) -> Vec<String> {
        let mut table: Vec<(i64, String)> = self.0.into_iter().map(|(text, place)| (place, text)).collect();
        table.sort_unstable();
        table.into_iter().map(|(_, text)| text).collect()
    }
}

#[derive(Clone, PartialEq, Message)]
struct Pprof {
    #[prost(message, repeated, tag = "1")]
    sample_type: Vec<ValueType>,
    #[prost(message, repeated, tag = "2")]
    sample: Vec<Sample>,
    #[prost(message, repeated, tag = "4")]
    location: Vec<Location>,
    #[prost(message, repeated, tag = "5")]
    function: Vec<Function>,
    #[prost(string, repeated, tag = "6")]
    string_table: Vec<String>,
    #[prost(int64, tag = "14")]
    default_sample_type: i64,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct ValueType {
    #[prost(int64, tag = "1")]
    kind: i64,
    #[prost(int64, tag = "2")]
    unit: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Sample {
    #[prost(uint64, repeated, tag = "1")]
    location_id: Vec<u64>,
    #[prost(int64, repeated, tag = "2")]
    value: Vec<i64>,
}

#[derive(Clone, PartialEq, Message)]
struct Location {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(message, repeated, tag = "4")]
    line: Vec<Line>,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct Line {
    #[prost(uint64, tag = "1")]
    function_id: u64,
    #[prost(int64, tag = "2")]
    line: i64,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct Function {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(int64, tag = "2")]
    name: i64,
    #[prost(int64, tag = "3")]
    system_name: i64,
    #[prost(int64, tag = "4")]
    filename: i64,
    #[prost(int64, tag = "5")]
    start_line: i64,
}
