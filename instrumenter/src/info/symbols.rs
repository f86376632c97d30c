//! Names from a file beside the module: a symbol map, or the module as it was before its names were stripped.
//!
//! A wrong name is worse than none. What can be compared is compared, and one difference refuses the whole file.

use std::num::NonZeroUsize;

use wasmparser::{BinaryReader, FunctionBody};

use super::names::demangle;
use super::{Body, ModuleInfo, NameSource};
use crate::Error;
use crate::error::Place;
use crate::options::Options;

/// Takes the names of a file of symbols.
pub(super) fn read(
    info: &mut ModuleInfo,
    module: &[u8],
    symbols: &[u8],
    threads: Option<NonZeroUsize>,
) -> Result<(), Error> {
    match symbols.starts_with(b"\0asm") {
        true => read_build(info, module, symbols, threads),
        false => read_map(info, symbols),
    }
}

/// A line `index:name` a function. Compilers list every function: then their number is compared. A list with gaps is
/// somebody's own.
fn read_map(info: &mut ModuleInfo, map: &[u8]) -> Result<(), Error> {
    let text = std::str::from_utf8(map).map_err(|_| differ("it is neither text nor a module"))?;
    let count = info.functions.len();
    let (mut listed, mut listed_count, mut last) = (vec![false; count], 0, 0);
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let number = number + 1;
        let read =
            line.split_once(':').and_then(|(index, name)| Some((index.trim().parse::<u32>().ok()?, name.trim())));
        let Some((index, name)) = read else { return Err(differ(format!("line {number} is not `index:name`"))) };
        match listed.get_mut(index as usize) {
            None => {
                return Err(differ(format!("line {number} names function {index}, the module has {count} functions")));
            }
            Some(true) => return Err(differ(format!("line {number} names function {index} again"))),
            Some(listed) => *listed = true,
        }
        (listed_count, last) = (listed_count + 1, last.max(index));
        info.has_names |= info.give_name(index, demangle(name), NameSource::Symbols);
    }
    match listed_count {
        0 => Err(differ("it names no function")),
        complete if complete == last as usize + 1 && complete < count => {
            Err(differ(format!("it lists {complete} functions, the module has {count}")))
        }
        _ => Ok(()),
    }
}

/// The same module with names: functions, types and bodies must be the same.
fn read_build(info: &mut ModuleInfo, module: &[u8], build: &[u8], threads: Option<NonZeroUsize>) -> Result<(), Error> {
    let options = Options { threads, ..Options::default() };
    let named = ModuleInfo::parse_with(build, &options).map_err(|error| differ(error.to_string()))?;
    if !named.has_names {
        return Err(differ("this build has no names either"));
    }
    if named.functions.len() != info.functions.len() || named.imported_functions != info.imported_functions {
        let count =
            |info: &ModuleInfo| format!("{} functions, {} imported", info.functions.len(), info.imported_functions);
        return Err(differ(format!("it has {}, the module {}", count(&named), count(info))));
    }
    for (index, (mine, theirs)) in info.functions.iter().zip(&named.functions).enumerate() {
        let place = || Place { function: Some(index as u32), name: theirs.name.clone() };
        let differs = |message: &str| Error::Symbols { place: place(), message: message.to_string() };
        if info.function_type(index as u32) != named.function_type(index as u32) {
            return Err(differs("its type is another"));
        }
        let same = |mine: &Body, theirs: &Body| same_body(&module[mine.range.clone()], &build[theirs.range.clone()]);
        match (&mine.body, &theirs.body) {
            (Some(mine), Some(theirs)) if same(mine, theirs) => {}
            (None, None) if mine.name == theirs.name => {}
            (None, None) => return Err(differs(&format!("here it is `{}`", mine.name))),
            _ => return Err(differs("its body is another")),
        }
    }
    for (index, function) in named.functions.into_iter().enumerate() {
        if matches!(function.named_by, NameSource::NameSection | NameSource::Pclntab) {
            info.has_names |= info.give_name(index as u32, function.name, NameSource::Symbols);
        }
    }
    if info.name.is_empty() {
        info.name = named.name;
    }
    Ok(())
}

/// The same instructions: tools that strip may write numbers shorter than linkers do.
fn same_body(mine: &[u8], theirs: &[u8]) -> bool {
    mine == theirs || same_instructions(mine, theirs).unwrap_or(false)
}

fn same_instructions(mine: &[u8], theirs: &[u8]) -> wasmparser::Result<bool> {
    let [mine, theirs] = [mine, theirs].map(|bytes| FunctionBody::new(BinaryReader::new(bytes, 0)));
    let locals =
        |body: &FunctionBody<'_>| body.get_locals_reader()?.into_iter().collect::<wasmparser::Result<Vec<_>>>();
    if locals(&mine)? != locals(&theirs)? {
        return Ok(false);
    }
    let [mut mine, mut theirs] = [mine.get_operators_reader()?, theirs.get_operators_reader()?];
    while !mine.eof() && !theirs.eof() {
        if mine.read()? != theirs.read()? {
            return Ok(false);
        }
    }
    Ok(mine.eof() && theirs.eof())
}

fn differ(message: impl Into<String>) -> Error {
    Error::Symbols { place: Place::default(), message: message.into() }
}
