//! WASI preview 1 for a guest that runs twice: nothing differs from run to run, and every call is written down.
//!
//! The calls reach wasmtime-wasi itself. It finds the guest's memory as an export of whoever calls, so a host function that
//! stands in between, and writes down, cannot call it: it exports nothing. Hence a shim, a module that re-exports the guest's
//! memory and passes the call on:
//!
//! ```wat
//! (module
//!   (import "" "memory" (memory 0))
//!   (import "wasi_snapshot_preview1" "fd_close" (func (param i32) (result i32)))
//!   (export "memory" (memory 0))
//!   (func (export "fd_close") (param i32) (result i32) (call 0 (local.get 0))))
//! ```
//!
//! Why not record the first run's answers, and give them again in the second? The host's answers are also bytes in the guest's
//! memory: all of it would have to be compared around every call.

use std::collections::BTreeSet;
use std::fmt::Write;
use wasmtime::{
    AsContextMut, Caller, Engine, ExternType, Func, FuncType, ImportType, Instance, Linker, Module, Result, Store,
    format_err,
};
use wasmtime_wasi::p1::{WasiP1Ctx, add_to_linker_sync};
use wasmtime_wasi::p2::pipe::{MemoryInputPipe, MemoryOutputPipe};
use wasmtime_wasi::{FsPerms, WasiCtxBuilder};

use crate::host::{Host, Outcome, show};
use crate::imports::memory_in_words;
use crate::mock::Proof;
use crate::trial::World;
use crate::{Unprovidable, reproducible};

/// The module name of WASI preview 1.
pub(crate) const WASI_MODULE: &str = "wasi_snapshot_preview1";
/// The memory that WASI works on.
pub(crate) const MEMORY: &str = "memory";

/// Most bytes that a guest may print to one stream.
const PRINTED_BYTES_MAX: usize = 64 << 20;

/// WASI preview 1 of one store.
pub struct Wasi {
    context: WasiP1Ctx,
    streams: [MemoryOutputPipe; 2],
    shim: Option<Instance>,
}

impl Wasi {
    pub(crate) fn new(world: &World) -> Result<Wasi, Unprovidable> {
        let streams = [(); 2].map(|()| MemoryOutputPipe::new(PRINTED_BYTES_MAX));
        let mut builder = WasiCtxBuilder::new();
        builder.args(&world.arguments).envs(&world.environment);
        builder.stdin(MemoryInputPipe::new(world.stdin.clone()));
        builder.stdout(streams[0].clone()).stderr(streams[1].clone());
        reproducible::give(&mut builder);
        builder.allow_blocking_current_thread(true);
        for (host, guest) in &world.directories {
            builder.preopened_dir(host, guest, FsPerms::ReadOnly).map_err(|error| Unprovidable::Directory {
                path: host.clone(),
                reason: error.root_cause().to_string(),
            })?;
        }
        Ok(Wasi { context: builder.build_p1(), streams, shim: None })
    }

    /// What was printed to standard output and standard error.
    pub(crate) fn printed(&self) -> [Vec<u8>; 2] {
        self.streams.each_ref().map(|stream| stream.contents().to_vec())
    }
}

/// What WASI offers in this store.
pub(crate) fn linker(engine: &Engine) -> Result<Linker<Host>> {
    let mut linker = Linker::new(engine);
    add_to_linker_sync(&mut linker, |host: &mut Host| &mut host.wasi.as_mut().expect("set before linking").context)?;
    Ok(linker)
}

/// The import as WASI provides it, each call written down; none when it is not WASI's.
pub(crate) fn import(
    linker: &Linker<Host>,
    store: &mut Store<Host>,
    shim: Option<&Module>,
    import: &ImportType<'_>,
) -> Option<Func> {
    let (direct, ty) = known(linker, store, import)?;
    let name = import.name().to_owned();
    let shim = shim.cloned().map(|shim| (shim, linker.clone()));
    Some(Func::new(&mut *store, ty, move |mut caller: Caller<'_, Host>, arguments, results| {
        let words: Vec<String> = arguments.iter().map(|value| show(&mut caller, value)).collect();
        let memory = memory_in_words(&mut caller);
        caller.data_mut().log.call(format!("{name}({}){memory}", words.join(", ")));
        let inner = match &shim {
            Some((shim, linker)) => through_shim(&mut caller, shim, linker, &name)?,
            None => direct,
        };
        let returned = inner.call(&mut caller, arguments, results);
        let words = match &returned {
            Ok(()) => results.iter().map(|value| show(&mut caller, value)).collect::<Vec<_>>().join(", "),
            Err(error) => Outcome::of_error(&mut caller, error).to_string(),
        };
        caller.data_mut().log.note(format!("{name} -> {words}"));
        returned
    }))
}

/// WASI's own function for an import that has its name and its type.
fn known(linker: &Linker<Host>, store: &mut Store<Host>, import: &ImportType<'_>) -> Option<(Func, FuncType)> {
    let (WASI_MODULE, ExternType::Func(ty)) = (import.module(), import.ty()) else { return None };
    let direct = linker.get(&mut *store, WASI_MODULE, import.name()).ok()?.into_func()?;
    FuncType::eq(&direct.ty(&*store), &ty).then_some((direct, ty))
}

/// The function that passes a call on with the guest's memory in sight; the first call makes the shim's instance.
fn through_shim(caller: &mut Caller<'_, Host>, shim: &Module, linker: &Linker<Host>, name: &str) -> Result<Func> {
    let instance = match caller.data().wasi.as_ref().and_then(|wasi| wasi.shim) {
        Some(instance) => instance,
        None => {
            let memory = caller.get_export(MEMORY).ok_or_else(|| format_err!("the guest's memory is gone"))?;
            let mut externs = Vec::new();
            for import in shim.imports() {
                externs.push(match import.module() {
                    WASI_MODULE => linker.get(&mut *caller, WASI_MODULE, import.name())?,
                    _ => memory.clone(),
                });
            }
            let instance = Instance::new(caller.as_context_mut(), shim, &externs)?;
            if let Some(wasi) = caller.data_mut().wasi.as_mut() {
                wasi.shim = Some(instance);
            }
            instance
        }
    };
    instance.get_func(&mut *caller, name).ok_or_else(|| format_err!("the shim has no `{name}`"))
}

/// The shim for a module that imports WASI and exports a memory; none for others.
pub(crate) fn shim(engine: &Engine, module: &Module) -> Result<Option<Module>> {
    let Some(ExternType::Memory(memory)) = module.get_export(MEMORY) else { return Ok(None) };
    if memory.page_size() != 1 << 16 {
        return Ok(None);
    }
    let linker = linker(engine)?;
    let mut scratch = Store::new(engine, Host::new(Proof::Strict, 0));
    let index = if memory.is_64() { "i64 " } else { "" };
    let limits = if memory.is_shared() { "0 65536 shared" } else { "0" };
    let mut imports = format!(r#"(import "" "memory" (memory {index}{limits}))"#);
    let mut functions = String::new();
    let mut named = BTreeSet::new();
    for import in module.imports() {
        let name = import.name();
        let Some((_, ty)) = known(&linker, &mut scratch, &import).filter(|_| named.insert(name.to_owned())) else {
            continue;
        };
        let list = |keyword, types: Vec<String>| match types.is_empty() {
            true => String::new(),
            false => format!("({keyword} {})", types.join(" ")),
        };
        let params = list("param", ty.params().map(|ty| ty.to_string()).collect());
        let results = list("result", ty.results().map(|ty| ty.to_string()).collect());
        let operands: String = (0..ty.params().len()).map(|at| format!("local.get {at} ")).collect();
        // Only names that WASI knows come here: none of them needs an escape.
        write!(imports, r#"(import "{WASI_MODULE}" "{name}" (func ${name} {params} {results}))"#)?;
        write!(functions, r#"(func (export "{name}") {params} {results} {operands} call ${name})"#)?;
    }
    if named.is_empty() {
        return Ok(None);
    }
    let text = format!(r#"(module {imports} (export "memory" (memory 0)) {functions})"#);
    Module::new(engine, text).map(Some)
}
