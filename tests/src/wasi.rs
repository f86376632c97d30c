//! Runs real guests under WASI preview 1, with and without the hooks.

use wasmtime::{AsContextMut, Config, Engine, Instance, Linker, Module, OptLevel, Result, Store, Val, format_err};
use wasmtime_wasi::p1::{WasiP1Ctx, add_to_linker_sync};
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::{I32Exit, WasiCtxBuilder};

use waspect_abi::BuildId;
use waspect_verify::reproducible;

use crate::engine;
use crate::facts::Facts;
use crate::hooks;
use crate::mock::{Heap, Mock, Proof, ScopeEnd};
use crate::tape::Tape;

/// Most bytes that a guest may print.
const OUTPUT_BYTES_MAX: usize = 4 << 20;

/// What a host does with a guest.
#[derive(Clone, Copy, Debug)]
pub enum Drive<'a> {
    /// A command: `_start`, with these arguments after the program's name.
    Command(&'a [&'a str]),
    /// An export that takes and gives one `i32`.
    Invoke(&'a str, i32),
    /// The QuickJS reactor: `qjs_init_argv` with these arguments.
    QuickJs(&'a [&'a str]),
    /// The pii-shield reactor (Go): every text is redacted.
    PiiShield(&'a [&'a str]),
}

/// What came of it.
#[derive(Debug)]
pub struct Ran {
    /// What the guest printed, or returned.
    pub output: String,
    /// `proc_exit`'s code, a trap, or an error; empty when it just returned.
    pub end: String,
    /// What the hooks saw.
    pub mock: Mock,
}

struct Host {
    wasi: WasiP1Ctx,
    mock: Mock,
}

/// An engine without fuel that compiles quickly: large guests are compiled three times.
pub fn engine() -> Engine {
    let mut config = Config::new();
    config.cranelift_opt_level(OptLevel::None).shared_memory(true);
    engine::proposals(&mut config);
    Engine::new(&config).expect("wasmtime takes this configuration")
}

/// Compiles and runs a guest; `original` are the bytes before instrumentation.
pub fn run(engine: &Engine, original: &[u8], prepared: &[u8], drive: Drive<'_>) -> Result<Ran> {
    run_compiled(&Module::new(engine, prepared)?, original, drive)
}

/// Runs a guest that is compiled.
pub fn run_compiled(module: &Module, original: &[u8], drive: Drive<'_>) -> Result<Ran> {
    record(module, original, drive, None)
}

/// As [`run_compiled`], with the hook calls on a tape that comes back in the mock.
pub fn record(module: &Module, original: &[u8], drive: Drive<'_>, tape: Option<Tape>) -> Result<Ran> {
    let stdout = MemoryOutputPipe::new(OUTPUT_BYTES_MAX);
    let mut builder = WasiCtxBuilder::new();
    builder.stdout(stdout.clone()).arg("guest");
    // pii-shield salts what it hides with random bytes, Go asks for the time.
    reproducible::give(&mut builder);
    if let Drive::Command(arguments) = drive {
        builder.args(arguments);
    }
    let (mut store, instance) = instantiate(module, original, &mut builder, tape)?;
    let returned = steer(&mut store, instance, drive);
    let end = if returned.is_ok() { ScopeEnd::Returned } else { ScopeEnd::Left };
    store.data_mut().mock.scope_end(end);
    let (returned, end) = match returned {
        Ok(text) => (text, String::new()),
        Err(error) => match error.downcast_ref::<I32Exit>() {
            Some(exit) => (String::new(), format!("exit {}", exit.0)),
            None => (String::new(), error.root_cause().to_string()),
        },
    };
    let output = format!("{}{returned}", String::from_utf8_lossy(&stdout.contents()));
    Ok(Ran { output, end, mock: store.into_data().mock })
}

/// What a guest that keeps its own books says of its heap: as much of it as the guest exports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Books {
    /// Allocations and reallocations.
    pub given: u64,
    /// Their bytes.
    pub given_bytes: u64,
    /// Frees; none where memory is collected.
    pub taken: Option<u64>,
    /// Bytes alive; the same.
    pub live_bytes: Option<u64>,
}

/// Lets a guest of `tests/guests/allocators` work, and gives its own books and what the hooks said meanwhile.
pub fn books(engine: &Engine, original: &[u8], prepared: &[u8], rounds: i32) -> Result<(Books, Heap)> {
    let module = Module::new(engine, prepared)?;
    let (mut store, instance) = instantiate(&module, original, &mut WasiCtxBuilder::new(), None)?;
    if instance.get_func(&mut store, "_initialize").is_some() {
        call(&mut store, instance, "_initialize", &[])?;
    }
    store.data_mut().mock.forget_heap();
    call(&mut store, instance, "work", &[rounds])?;
    let heap = store.data().mock.heap();
    let mut entry = |name| match instance.get_typed_func::<(), u64>(&mut store, name) {
        Ok(entry) => entry.call(&mut store, ()).map(Some),
        Err(_) => Ok(None),
    };
    let missing = |name| move || format_err!("the guest exports no `{name}`");
    let books = Books {
        given: entry("given")?.ok_or_else(missing("given"))?,
        given_bytes: entry("given_bytes")?.ok_or_else(missing("given_bytes"))?,
        taken: entry("taken")?,
        live_bytes: entry("live_bytes")?,
    };
    store.data_mut().mock.scope_end(ScopeEnd::Returned);
    let (faults, _) = store.data_mut().mock.take_faults();
    match faults.first() {
        Some(fault) => Err(format_err!("{fault}")),
        None => Ok((books, heap)),
    }
}

/// A guest whose hooks the strict mock takes, in a scope that was begun; `original` are its bytes before instrumentation.
fn instantiate(
    module: &Module,
    original: &[u8],
    wasi: &mut WasiCtxBuilder,
    tape: Option<Tape>,
) -> Result<(Store<Host>, Instance)> {
    let engine = module.engine();
    let mut store = Store::new(engine, Host { wasi: wasi.build_p1(), mock: Mock::new(Proof::Strict) });
    store.data_mut().mock.tape = tape;
    let mut linker = Linker::new(engine);
    add_to_linker_sync(&mut linker, |host: &mut Host| &mut host.wasi)?;
    hooks::link(&mut linker, |host: &mut Host| &mut host.mock)?;
    // micropython's own imports; the programs that the tests run never call them.
    linker.define_unknown_imports_as_traps(module)?;
    let mock = &mut store.data_mut().mock;
    mock.expect(BuildId::of(original), Facts::of(original));
    mock.scope_begin();
    let instance = linker.instantiate(&mut store, module)?;
    Ok((store, instance))
}

/// Drives an instance; what it gives back is as [`Ran::output`].
pub fn steer(mut store: impl AsContextMut, instance: Instance, drive: Drive<'_>) -> Result<String> {
    match drive {
        Drive::Command(_) => call(&mut store, instance, "_start", &[]).map(|_| String::new()),
        Drive::Invoke(name, argument) => Ok(format!("{:?}", call(&mut store, instance, name, &[argument])?)),
        Drive::QuickJs(arguments) => {
            call(&mut store, instance, "_initialize", &[])?;
            let mut texts = vec!["qjs"];
            texts.extend(arguments);
            let mut pointers = Vec::new();
            for text in &texts {
                let address = place(&mut store, instance, "malloc", &[text.as_bytes(), b"\0"].concat())?;
                pointers.extend(address.to_le_bytes());
            }
            let argv = place(&mut store, instance, "malloc", &pointers)?;
            Ok(format!("{:?}", call(&mut store, instance, "qjs_init_argv", &[texts.len() as i32, argv])?))
        }
        Drive::PiiShield(texts) => {
            call(&mut store, instance, "_initialize", &[])?;
            texts.iter().map(|text| redact(&mut store, instance, text)).collect()
        }
    }
}

/// One text through pii-shield's `redact`, which gives address and length in one `i64`.
fn redact(mut store: impl AsContextMut, instance: Instance, text: &str) -> Result<String> {
    let address = place(&mut store, instance, "allocate", text.as_bytes())?;
    let redact = instance.get_typed_func::<(i32, i32), u64>(&mut store, "redact")?;
    let packed = redact.call(&mut store, (address, text.len() as i32))?;
    let memory = instance.get_memory(&mut store, "memory").ok_or_else(|| format_err!("no memory"))?;
    let mut bytes = vec![0; packed as u32 as usize];
    memory.read(&store, (packed >> 32) as usize, &mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned() + "\n")
}

/// Copies bytes to where the guest's own allocator puts them.
fn place(mut store: impl AsContextMut, instance: Instance, allocator: &str, bytes: &[u8]) -> Result<i32> {
    let address = call(&mut store, instance, allocator, &[bytes.len() as i32])?;
    let address = address.ok_or_else(|| format_err!("`{allocator}` gives no address"))?;
    let memory = instance.get_memory(&mut store, "memory").ok_or_else(|| format_err!("no memory"))?;
    memory.write(&mut store, address as u32 as usize, bytes)?;
    Ok(address)
}

fn call(mut store: impl AsContextMut, instance: Instance, name: &str, arguments: &[i32]) -> Result<Option<i32>> {
    let func = instance.get_func(&mut store, name).ok_or_else(|| format_err!("no export `{name}`"))?;
    let arguments: Vec<Val> = arguments.iter().map(|&argument| Val::I32(argument)).collect();
    let mut results = vec![Val::I32(0); func.ty(&store).results().len()];
    func.call(&mut store, &arguments, &mut results)?;
    Ok(results.first().and_then(Val::i32))
}
