//! What the walrus backend refuses, with place and remedy. What it does is held against the rewriter by the oracle.

use waspect_instrumenter::{Mode, ModuleInfo, Options, Plan, walrus};

fn planned(text: &str) -> (Vec<u8>, ModuleInfo, Plan) {
    let bytes = wat::parse_str(text).expect("the text is a module");
    let info = ModuleInfo::parse(&bytes).expect("the module has facts");
    let plan = Plan::new(&info, &Options::default()).expect("the module can be planned");
    (bytes, info, plan)
}

#[test]
fn a_function_that_the_pipeline_deleted() {
    let (bytes, info, plan) = planned("(module (func $one) (func $two))");
    let (mut module, originals) = walrus::parse(&bytes, &info).expect("walrus takes it");
    module.funcs.delete(originals.function(1).expect("it has two functions"));
    let error = walrus::instrument(&mut module, &originals, &info, &plan).expect_err("one is gone");
    assert_eq!(
        error.to_string(),
        "function 1 `two`: it is no longer in the module; instrument before passes that delete functions"
    );
}

#[test]
fn a_function_that_the_pipeline_added_is_left_alone() {
    let (bytes, info, plan) = planned("(module (func $one))");
    let (mut module, originals) = walrus::parse(&bytes, &info).expect("walrus takes it");
    let mut builder = ::walrus::FunctionBuilder::new(&mut module.types, &[], &[]);
    builder.func_body().call(originals.function(0).expect("it has a function"));
    let added = builder.finish(Vec::new(), &mut module.funcs);
    walrus::instrument(&mut module, &originals, &info, &plan).expect("it can be instrumented");
    assert_eq!(module.funcs.get(added).kind.unwrap_local().size(), 1);
    ModuleInfo::parse(&module.emit_wasm()).expect("it is valid");
}

#[test]
fn a_boundary_whose_type_has_subtypes() {
    let text = r#"(module (type $open (sub (func))) (func $f (export "f") (type $open)))"#;
    let (bytes, info, plan) = planned(text);
    let (mut module, originals) = walrus::parse(&bytes, &info).expect("walrus takes it");
    let error = walrus::instrument(&mut module, &originals, &info, &plan).expect_err("its type cannot be had");
    let words = error.to_string();
    assert!(words.starts_with("function 0 `f`: its boundary would have another type"), "{words}");
}

#[test]
fn mode_ring() {
    let (bytes, info, _) = planned("(module (func $f))");
    let plan = Plan::new(&info, &Options { mode: Mode::Ring, ..Options::default() }).expect("it can be planned");
    let (mut module, originals) = walrus::parse(&bytes, &info).expect("walrus takes it");
    assert_eq!(walrus::instrument(&mut module, &originals, &info, &plan), Err(walrus::Error::Ring));
}

#[test]
fn what_walrus_does_not_know() {
    let (bytes, info, _) = planned("(module (memory 1 (pagesize 1)))");
    let words = walrus::parse(&bytes, &info).expect_err("walrus has never heard of it").to_string();
    assert!(words.starts_with("walrus refuses the module: ") && words.contains("custom page sizes"), "{words}");
}

#[test]
fn more_locals_than_memory() {
    let mut module = wasm_encoder::Module::new();
    let mut types = wasm_encoder::TypeSection::new();
    types.ty().function([], []);
    let (mut functions, mut code) = (wasm_encoder::FunctionSection::new(), wasm_encoder::CodeSection::new());
    for _ in 0..=walrus::LOCALS_MAX / 50_000 {
        functions.function(0);
        let mut body = wasm_encoder::Function::new([(50_000, wasm_encoder::ValType::I64)]);
        body.instructions().end();
        code.function(&body);
    }
    module.section(&types).section(&functions).section(&code);
    let bytes = module.finish();
    let info = ModuleInfo::parse(&bytes).expect("the module has facts");
    assert!(matches!(walrus::parse(&bytes, &info), Err(walrus::Error::Locals { .. })));
}
