//! instrumenter.wasm: the rewriter for hosts that are not written in Rust. Bytes and options as JSON in; bytes, a report as JSON
//! or an error's text out.
//!
//! What it makes is what the native rewriter makes of the same bytes and options, byte for byte. Knows no host: it imports nothing.

#![allow(unsafe_code, reason = "exports without mangled names, for Wasm alone; argued there")]

#[cfg(target_family = "wasm")]
mod exports;

use serde_json::json;
use waspect_instrumenter::plan::FunctionPlan;
use waspect_instrumenter::{Error, Instrumented, ModuleInfo, Options, Plan, Symbols, rewrite};

/// What a host gives.
#[derive(Debug, Default)]
pub struct Given {
    /// The module to instrument.
    pub module: Vec<u8>,
    /// [`Options`] as JSON; nothing is the defaults.
    pub options: Vec<u8>,
    /// The module's source map, where the options say what the output's will be called.
    pub source_map: Vec<u8>,
    /// A symbol map or an unstripped build, or nothing.
    pub symbols: Vec<u8>,
}

/// What it gets. What there is none of is empty.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Made {
    /// The instrumented module.
    pub module: Vec<u8>,
    /// The manifest, wherever it is kept.
    pub manifest: Vec<u8>,
    /// The debug information as a module of its own.
    pub debug_module: Vec<u8>,
    /// The output's source map.
    pub source_map: Vec<u8>,
    /// What was done, as JSON.
    pub report: String,
}

/// Why there is nothing.
#[derive(Debug, PartialEq, Eq)]
pub enum Refused {
    /// The module carries the hooks already.
    AlreadyInstrumented(String),
    /// Anything else, with what to do about it.
    Other(String),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Refused {
        match error {
            Error::AlreadyInstrumented { .. } => Refused::AlreadyInstrumented(error.to_string()),
            _ => Refused::Other(error.to_string()),
        }
    }
}

/// Instruments a module.
pub fn instrument(given: &Given) -> Result<Made, Refused> {
    let mut options = options(given)?;
    let info = ModuleInfo::parse_with(&given.module, &options)?;
    let done = rewrite(&given.module, &info, &Plan::new(&info, &options)?)?;
    let mut warnings = Vec::new();
    let moved = done
        .code_map
        .as_ref()
        .filter(|_| options.source_map_url.is_some())
        .map(|map| map.source_map(&given.source_map));
    let (done, source_map) = match moved {
        Some(Ok(moved)) => (done, moved),
        Some(Err(error)) => {
            // The module must not name a map that there is not.
            warnings.push(error.to_string());
            options.source_map_url = None;
            (rewrite(&given.module, &info, &Plan::new(&info, &options)?)?, Vec::new())
        }
        None => (done, Vec::new()),
    };
    let report = report(&info, &done, warnings);
    let manifest = done.manifest.encode_bytes();
    Ok(Made { module: done.bytes, manifest, debug_module: done.debug_module.unwrap_or_default(), source_map, report })
}

/// What the module calls its source map.
pub fn source_map_url(module: &[u8]) -> Option<String> {
    ModuleInfo::parse(module).ok()?.source_map_url(module).map(str::to_owned)
}

fn options(given: &Given) -> Result<Options, Refused> {
    let refused =
        |error: serde_json::Error| Refused::Other(format!("options: {error}; see `waspect instrument --help`"));
    let mut options = match given.options.is_empty() {
        true => Options::default(),
        false => serde_json::from_slice(&given.options).map_err(refused)?,
    };
    options.symbols = (!given.symbols.is_empty()).then(|| Symbols(given.symbols.as_slice().into()));
    Ok(options)
}

fn report(info: &ModuleInfo, done: &Instrumented, warnings: Vec<String>) -> String {
    let plan = &done.plan;
    let (imports, functions) = plan.functions.split_at(info.imported_functions as usize);
    let observed = |part: &[FunctionPlan]| part.iter().filter(|one| one.hook.is_ok()).count();
    json!({
        "build": plan.build.to_string(),
        "mode": plan.mode.name(),
        "functions": functions.len(),
        "observedFunctions": observed(functions),
        "imports": imports.len(),
        "observedImports": observed(imports),
        "warnings": plan.warnings.iter().map(ToString::to_string).chain(warnings).collect::<Vec<_>>(),
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(text: &str, options: &str) -> Given {
        Given { module: wat::parse_str(text).unwrap(), options: options.into(), ..Given::default() }
    }

    #[test]
    fn options_are_those_of_the_rewriter_and_typing_errors_are_told() {
        let given = |options| given(r#"(module (func (export "run")))"#, options);
        let made =
            instrument(&given(r#"{"mode": "counts", "only": "exports", "debug": {"split": {"url": "x"}}}"#)).unwrap();
        assert!(made.report.contains(r#""mode":"counts","observedFunctions":1"#), "{}", made.report);
        let Err(Refused::Other(error)) = instrument(&given(r#"{"inclde": []}"#)) else { panic!("it is refused") };
        assert!(error.contains("unknown field `inclde`"), "{error}");
        let again = Given { module: made.module, ..Given::default() };
        assert!(matches!(instrument(&again), Err(Refused::AlreadyInstrumented(_))));
    }

    #[test]
    fn a_map_that_cannot_be_read_is_named_no_more() {
        let text = r#"(module (@custom "sourceMappingURL" "\05a.map") (func (export "run")))"#;
        let mut given = given(text, r#"{"sourceMapUrl": "out.map"}"#);
        assert_eq!(source_map_url(&given.module).as_deref(), Some("a.map"));
        given.source_map = br#"{"version": 3, "mappings": ""}"#.to_vec();
        let made = instrument(&given).unwrap();
        assert_eq!(source_map_url(&made.module).as_deref(), Some("out.map"));
        given.source_map = b"no map".to_vec();
        let made = instrument(&given).unwrap();
        assert_eq!((source_map_url(&made.module), &*made.source_map), (None, &[][..]));
        assert!(made.report.contains("the source map cannot be read"), "{}", made.report);
    }
}
