//! A profile in the pprof format.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use prost::Message;
use waspect_abi::pprof::{Function, Line, Location, Mapping, Profile as Pprof, Sample, ValueType};

use crate::profile::Profile;

impl Profile {
    /// An uncompressed pprof `Profile` message: calls, wall time, allocated and live bytes. Readers take it plain or gzipped.
    /// Each module is a mapping, so that a function which nothing names (`func[N]`) can be named by who has its manifest.
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
        let mut stands = vec![false; self.functions.len()];
        for (at, node) in self.nodes.iter().enumerate() {
            let figures = &node.figures;
            let value = [figures.calls as i64, figures.allocated as i64, figures.live, figures.own as i64];
            if value != [0; 4] {
                self.stack_places(at).for_each(|function| stands[function as usize] = true);
                let location_id = self.stack_places(at).map(|function| u64::from(function) + 1).collect();
                message.sample.push(Sample { location_id, value: value.to_vec(), label: Vec::new() });
            }
        }
        // A piece of a profile is about few of the functions that were ever met.
        let standing = || self.functions.iter().enumerate().filter(|(at, _)| stands[*at]);
        let mut used = vec![false; self.modules.len()];
        standing().filter_map(|(_, function)| function.module).for_each(|module| used[module as usize] = true);
        for (at, module) in self.modules.iter().enumerate().filter(|(at, _)| used[*at]) {
            let (filename, build_id) = (strings.place(&module.name), strings.place(&module.build.hex()));
            let id = at as u64 + 1;
            // What is named already, no reader is to look for in a binary.
            message.mapping.push(Mapping { id, filename, build_id, has_functions: true, ..Mapping::default() });
        }
        for (at, function) in standing() {
            let (id, name) = (at as u64 + 1, strings.place(&function.name));
            let filename = strings.place(&function.file);
            message.function.push(Function { id, name, system_name: name, filename, start_line: function.line.into() });
            let line = vec![Line { function_id: id, line: function.line.into(), column: 0 }];
            let mapping_id = function.module.map_or(0, |module| u64::from(module) + 1);
            message.location.push(Location { id, mapping_id, line, ..Location::default() });
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
