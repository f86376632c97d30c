//! Names in profiles: a function's module is what its places say (`Mapping.build_id`), else what the sender said of the whole.

use std::collections::HashMap;

use waspect_abi::BuildId;
use waspect_abi::pprof::Profile;

use super::check::build_id;
use super::namer::Namer;
use super::naming::index;

/// Texts of a profile that grows.
struct Texts<'p> {
    table: &'p mut Vec<String>,
    added: HashMap<String, i64>,
}

/// Names the functions of a profile that was checked.
pub fn name(profile: &mut Profile, build: &str, namer: &mut Namer) {
    let all = build_id(build);
    let builds = builds(profile);
    let mut texts = Texts { table: &mut profile.string_table, added: HashMap::new() };
    for function in &mut profile.function {
        let build = match builds.get(&function.id) {
            None => all,
            Some(build) => *build,
        };
        let Some((build, index)) = build.zip(index(texts.at(function.name))) else { continue };
        let named = namer
            .function(build, index, |named| (texts.place(named.name), texts.place(named.file), i64::from(named.line)));
        if let Some((name, file, line)) = named {
            (function.name, function.system_name) = (name, name);
            if file != 0 {
                (function.filename, function.start_line) = (file, line);
            }
        }
    }
}

/// The builds of functions whose places tell one; `None`: places in several.
fn builds(profile: &Profile) -> HashMap<u64, Option<BuildId>> {
    let text = |place: i64| usize::try_from(place).ok().and_then(|place| profile.string_table.get(place));
    let mappings = profile.mapping.iter();
    let mappings: HashMap<u64, Option<BuildId>> =
        mappings.map(|mapping| (mapping.id, text(mapping.build_id).and_then(|text| build_id(text)))).collect();
    let mut builds = HashMap::new();
    for location in &profile.location {
        let Some(build @ Some(_)) = mappings.get(&location.mapping_id).copied() else { continue };
        for line in &location.line {
            let known = builds.entry(line.function_id).or_insert(build);
            if *known != build {
                *known = None;
            }
        }
    }
    builds
}

impl Texts<'_> {
    fn at(&self, place: i64) -> &str {
        usize::try_from(place).ok().and_then(|place| self.table.get(place)).map_or("", String::as_str)
    }

    /// The place of a text; each is added once, however many functions it names.
    fn place(&mut self, text: &str) -> i64 {
        if text.is_empty() {
            return 0;
        }
        if let Some(place) = self.added.get(text) {
            return *place;
        }
        let place = self.table.len() as i64;
        self.table.push(text.to_owned());
        self.added.insert(text.to_owned(), place);
        place
    }
}
