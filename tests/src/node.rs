//! Cases for the scripts in `tests/node`: bytes before and after, and the types that JavaScript cannot ask a module for.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use wasmparser::{CompositeInnerType, FuncType, Parser, Payload, RefType, TypeRef, ValType};
use waspect_abi::hooks::{HOOK_MODULE, Hook};
use waspect_abi::{ABI_VERSION, COUNTER_GET_EXPORT};

use crate::facts::Facts;
use crate::host::hash;
use crate::random::Random;

/// A module before and after.
pub struct Case {
    /// What reports call it.
    pub name: String,
    /// Its bytes.
    pub original: Vec<u8>,
    /// What the rewriter made of it, by mode.
    pub modes: Vec<(String, Vec<u8>)>,
    /// Whether its exported functions are called; otherwise it is only instantiated.
    pub called: bool,
}

/// Cases on disk, ready to be judged.
pub struct Cases {
    folder: tempfile::TempDir,
    count: usize,
}

impl Default for Cases {
    fn default() -> Self {
        Cases { folder: tempfile::tempdir().expect("a folder can be made"), count: 0 }
    }
}

impl Cases {
    /// Adds a case.
    pub fn add(&mut self, case: &Case) {
        let write = |name: &str, bytes: &[u8]| {
            let path = self.folder.path().join(format!("{}.{name}.wasm", self.count));
            fs::write(&path, bytes).expect("a module can be written");
            path
        };
        let original = write("original", &case.original);
        let modes: serde_json::Map<String, Value> =
            case.modes.iter().map(|(mode, bytes)| (mode.clone(), json!(write(mode, bytes)))).collect();
        let line = describe(case, &original, modes).to_string();
        let mut file =
            fs::OpenOptions::new().create(true).append(true).open(self.list()).expect("the list can be opened");
        writeln!(file, "{line}").expect("the list can be written");
        self.count += 1;
    }

    fn list(&self) -> PathBuf {
        self.folder.path().join("cases.jsonl")
    }

    /// Has all cases judged; what came of it, as `tests/node/judge.mjs` tells it.
    pub fn judge(&self, flags: &[&str]) -> Value {
        let list = self.list();
        let output = run(flags, "judge", &[&list]);
        serde_json::from_str(output.lines().last().unwrap_or_default()).expect("the last line is JSON")
    }
}

/// Runs a script of `tests/node`; its standard output.
pub fn run(flags: &[&str], script: &str, arguments: &[&Path]) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("node").join(script).with_extension("mjs");
    let mut command = Command::new("node");
    let output = command.args(flags).arg(&path).args(arguments).output().expect("node is installed");
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{script}: {}\n{stdout}\n{stderr}", output.status);
    stdout.into_owned()
}

fn describe(case: &Case, original: &Path, modes: serde_json::Map<String, Value>) -> Value {
    let facts = Facts::of(&case.original);
    let types = Types::of(&case.original).expect("a module that was instrumented can be read");
    let calls = facts.function_exports.iter().filter(|_| case.called).map(|(name, &index)| {
        let mut random = Random::new(hash(name.as_bytes()));
        let params = types.functions.get(index as usize).map(|ty| ty.params()).unwrap_or_default();
        let arguments: Vec<Value> = params.iter().map(|ty| argument(*ty, &mut random)).collect();
        json!({ "name": name, "index": index, "arguments": arguments })
    });
    json!({
        "name": case.name,
        "original": original,
        "modes": modes,
        "hook_module": HOOK_MODULE,
        "hooks": Hook::ALL.map(Hook::name),
        "abi": ABI_VERSION,
        "counter_get": COUNTER_GET_EXPORT,
        "functions": facts.functions,
        "defined": (facts.imported_functions..facts.functions).collect::<Vec<_>>(),
        "memories": facts.memories.len(),
        "imports": types.imports,
        "exports": facts.exports,
        "calls": calls.collect::<Vec<_>>(),
    })
}

/// A value of a type, small more often than not, as `{ type: text }`.
fn argument(ty: ValType, random: &mut Random) -> Value {
    let number = random.number();
    let number = if number.is_multiple_of(2) { number >> 1 & 0xf } else { number };
    let text = match ty {
        ValType::I32 => (number as i32).to_string(),
        ValType::I64 => (number as i64).to_string(),
        ValType::F32 => (number as u8 as f32 / 4.0).to_string(),
        ValType::F64 => (number as u16 as f64 / 4.0).to_string(),
        _ => number.to_string(),
    };
    json!({ type_name(ty): text })
}

fn type_name(ty: ValType) -> String {
    match ty {
        ValType::Ref(RefType::FUNCREF) => "anyfunc".to_owned(),
        other => other.to_string(),
    }
}

/// Types that JavaScript needs to make imports.
#[derive(Default)]
struct Types {
    imports: Vec<Value>,
    functions: Vec<FuncType>,
}

impl Types {
    fn of(module: &[u8]) -> wasmparser::Result<Types> {
        let mut found = Types::default();
        let mut types: Vec<Option<FuncType>> = Vec::new();
        let func = |types: &[Option<FuncType>], index: u32| types.get(index as usize).cloned().flatten();
        for payload in Parser::new(0).parse_all(module) {
            match payload? {
                Payload::TypeSection(groups) => {
                    for group in groups {
                        types.extend(group?.into_types().map(|ty| match ty.composite_type.inner {
                            CompositeInnerType::Func(func) => Some(func),
                            _ => None,
                        }));
                    }
                }
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports() {
                        let import = import?;
                        if let TypeRef::Func(index) = import.ty {
                            found.functions.push(func(&types, index).unwrap_or_else(empty));
                        }
                        let described = describe_import(import.ty, |index| func(&types, index).unwrap_or_else(empty));
                        let mut described = described.unwrap_or_else(|| json!({ "kind": "unknown" }));
                        described["module"] = import.module.into();
                        described["name"] = import.name.into();
                        found.imports.push(described);
                    }
                }
                Payload::FunctionSection(indices) => {
                    for index in indices {
                        found.functions.push(func(&types, index?).unwrap_or_else(empty));
                    }
                }
                _ => {}
            }
        }
        Ok(found)
    }
}

fn empty() -> FuncType {
    FuncType::new([], [])
}

fn describe_import(ty: TypeRef, func: impl Fn(u32) -> FuncType) -> Option<Value> {
    let names = |types: &[ValType]| types.iter().map(|ty| type_name(*ty)).collect::<Vec<_>>();
    let limits = |initial: u64, maximum: Option<u64>| match maximum {
        Some(maximum) => json!({ "initial": initial, "maximum": maximum }),
        None => json!({ "initial": initial }),
    };
    Some(match ty {
        TypeRef::Func(index) | TypeRef::FuncExact(index) => {
            json!({ "kind": "function", "results": names(func(index).results()) })
        }
        TypeRef::Memory(memory) => {
            let mut ty = limits(memory.initial, memory.maximum);
            ty["shared"] = memory.shared.into();
            json!({ "kind": "memory", "type": ty })
        }
        TypeRef::Table(table) => {
            let mut ty = limits(table.initial, table.maximum);
            ty["element"] = type_name(ValType::Ref(table.element_type)).into();
            json!({ "kind": "table", "type": ty })
        }
        TypeRef::Global(global) => {
            json!({ "kind": "global", "type": { "value": type_name(global.content_type), "mutable": global.mutable } })
        }
        TypeRef::Tag(tag) => {
            json!({ "kind": "tag", "type": { "parameters": names(func(tag.func_type_idx).params()) } })
        }
    })
}
