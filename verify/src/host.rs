//! What stands around a guest: the store's data, and outcomes put into words that can be compared.

use std::collections::HashMap;
use std::fmt;

use wasmtime::{
    AsContextMut, Error, ExternRef, Memory, RootScope, Rooted, Store, StoreLimits, StoreLimitsBuilder, Table,
    ThrownException, Trap, Val,
};
use wasmtime_wasi::I32Exit;
use xxhash_rust::xxh3::xxh3_64;

use crate::log::HostLog;
use crate::mock::{Mock, Proof};
use crate::wasi::Wasi;

/// Longest memory that is read back, in bytes, unless a trial says otherwise.
const READ_BYTES_MAX: usize = 4 << 20;

/// A store's data.
pub struct Host {
    /// The strict recorder.
    pub mock: Mock,
    /// What the guest may take.
    pub limits: StoreLimits,
    /// Calls of imported functions.
    pub log: HostLog,
    /// WASI preview 1, where the module gets it.
    pub wasi: Option<Wasi>,
    /// Longest memory that is read back, in bytes: of a longer one only the beginning.
    pub read_bytes_max: usize,
    /// Bytes of memories that may still be read back. It shrinks alike before and after, as long as the runs are alike.
    pub read_bytes_left: u64,
}

impl Host {
    /// A host with memories and tables bounded; the bounds are the same before and after.
    pub fn new(proof: Proof, memory_bytes_max: usize) -> Host {
        let limits = StoreLimitsBuilder::new().memory_size(memory_bytes_max).table_elements(1 << 20).build();
        Host {
            mock: Mock::new(proof),
            limits,
            log: HostLog::default(),
            wasi: None,
            read_bytes_max: READ_BYTES_MAX,
            read_bytes_left: u64::MAX,
        }
    }
}

/// How a call into a guest ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It returned these values.
    Returned(Vec<String>),
    /// A trap of this kind.
    Trapped(Trap),
    /// An exception left the guest: its payload.
    Threw(Vec<String>),
    /// `proc_exit` with this code.
    Exited(i32),
    /// Anything else: a link error, a refusal, a host function's own error.
    Failed(String),
}

impl Outcome {
    /// The outcome of a call that failed; takes the exception out of the store when there is one.
    pub fn of_error(mut store: impl AsContextMut<Data = Host>, error: &Error) -> Outcome {
        if let Some(trap) = error.downcast_ref::<Trap>() {
            return Outcome::Trapped(*trap);
        }
        if let Some(exit) = error.downcast_ref::<I32Exit>() {
            return Outcome::Exited(exit.0);
        }
        if error.is::<ThrownException>() {
            let mut scope = RootScope::new(&mut store);
            let Some(exception) = scope.as_context_mut().take_pending_exception() else {
                return Outcome::Failed("an exception that the store has not got".into());
            };
            let fields: Vec<Val> = exception.fields(scope.as_context_mut()).into_iter().flatten().collect();
            return Outcome::Threw(fields.iter().map(|value| show(&mut scope, value)).collect());
        }
        Outcome::Failed(format!("{error:#}"))
    }

    /// True when a limit was met that instrumentation legitimately meets at another point: the outcome and all state after
    /// it are not comparable.
    pub fn met_a_limit(&self) -> bool {
        matches!(self, Outcome::Trapped(Trap::StackOverflow | Trap::OutOfFuel))
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Returned(values) if values.is_empty() => f.write_str("returned"),
            Outcome::Returned(values) => write!(f, "returned {}", values.join(", ")),
            Outcome::Trapped(trap) => write!(f, "{trap}"),
            Outcome::Threw(values) => write!(f, "threw ({})", values.join(", ")),
            Outcome::Exited(code) => write!(f, "exited with code {code}"),
            Outcome::Failed(reason) => write!(f, "failed: {reason}"),
        }
    }
}

/// A value in words: equal words, equal values, as far as a host can tell across two stores.
pub fn show(mut store: impl AsContextMut, value: &Val) -> String {
    match value {
        Val::I32(value) => format!("i32 {value:#x}"),
        Val::I64(value) => format!("i64 {value:#x}"),
        Val::F32(bits) => format!("f32 {bits:#x}"),
        Val::F64(bits) => format!("f64 {bits:#x}"),
        Val::V128(value) => format!("v128 {:#x}", value.as_u128()),
        Val::FuncRef(None) | Val::ExternRef(None) | Val::AnyRef(None) | Val::ExnRef(None) | Val::ContRef(None) => {
            "null".into()
        }
        Val::FuncRef(Some(func)) => format!("func {:?}", func.ty(&store).params().len()),
        Val::ExternRef(Some(reference)) => show_extern(&mut store, reference),
        Val::AnyRef(Some(reference)) => {
            if let Ok(Some(i31)) = reference.as_i31(&store) {
                return format!("i31 {:#x}", i31.get_u32());
            }
            if let Ok(Some(object)) = reference.as_struct(&store) {
                let fields = object.fields(store.as_context_mut()).map_or(0, |fields| fields.len());
                return format!("struct of {fields}");
            }
            if let Ok(Some(array)) = reference.as_array(&store) {
                return format!("array of {}", array.len(&store).unwrap_or(0));
            }
            match ExternRef::convert_any(&mut store, *reference) {
                Ok(host) => format!("any {}", show_extern(&mut store, &host)),
                Err(error) => format!("any that cannot be read: {error}"),
            }
        }
        Val::ExnRef(Some(_)) => "exn".into(),
        Val::ContRef(Some(_)) => "cont".into(),
    }
}

fn show_extern(mut store: impl AsContextMut, reference: &Rooted<ExternRef>) -> String {
    let store = store.as_context_mut();
    match reference.data(&store) {
        Ok(Some(data)) => match data.downcast_ref::<u32>() {
            Some(number) => format!("extern {number}"),
            None => "extern of an unknown host type".into(),
        },
        Ok(None) => "extern of the guest".into(),
        Err(error) => format!("extern that cannot be read: {error}"),
    }
}

/// The exported state of an instance in words: memories (length and hash), globals, tables, and which functions are the same one.
pub fn exported_state(store: &mut Store<Host>, instance: wasmtime::Instance, names: &[String]) -> Vec<String> {
    let mut functions = Functions::default();
    let mut state = Vec::new();
    for name in names {
        let mut scope = RootScope::new(&mut *store);
        let words = match instance.get_export(&mut scope, name) {
            Some(wasmtime::Extern::Memory(memory)) => show_memory(&mut scope, memory),
            Some(wasmtime::Extern::SharedMemory(memory)) => format!("shared memory of {} bytes", memory.data().len()),
            Some(wasmtime::Extern::Global(global)) => {
                let value = global.get(&mut scope);
                functions.show(&mut scope, &value, name)
            }
            Some(wasmtime::Extern::Table(table)) => show_table(&mut scope, table, name, &mut functions),
            Some(wasmtime::Extern::Func(func)) => functions.show(&mut scope, &Val::FuncRef(Some(func)), name),
            _ => continue,
        };
        state.push(format!("{name}: {words}"));
    }
    state
}

/// Entries of a table that are shown in words; the rest are hashed.
const ENTRIES_SHOWN: u64 = 64;

fn show_table(mut store: impl AsContextMut, table: Table, name: &str, functions: &mut Functions) -> String {
    let size = table.size(&store);
    let mut shown = Vec::new();
    let mut rest = 0u64;
    for at in 0..size {
        let words = match table.get(&mut store, at) {
            Some(reference) => functions.show(&mut store, &reference.into(), &format!("{name}[{at}]")),
            None => "none".into(),
        };
        match at < ENTRIES_SHOWN {
            true => shown.push(words),
            false => rest = rest.rotate_left(7) ^ hash(words.as_bytes()),
        }
    }
    format!("table of {size}: {}; hash of the rest {rest:016x}", shown.join(", "))
}

/// Functions that were seen, by the place where each was seen first: their identity, across two stores.
#[derive(Default)]
struct Functions(HashMap<usize, String>);

impl Functions {
    fn show(&mut self, mut store: impl AsContextMut, value: &Val, place: &str) -> String {
        let Val::FuncRef(Some(func)) = value else { return show(store, value) };
        let identity = func.to_raw(&mut store).addr();
        let first = self.0.entry(identity).or_insert_with(|| place.to_owned());
        format!("function first seen as {first}")
    }
}

/// A memory in words: its length, and a hash of what may still be read of it.
pub fn show_memory(mut store: impl AsContextMut<Data = Host>, memory: Memory) -> String {
    let (data, host) = memory.data_and_store_mut(store.as_context_mut());
    let read = &data[..data.len().min(host.read_bytes_max)];
    match host.read_bytes_left.checked_sub(read.len() as u64) {
        Some(left) => {
            host.read_bytes_left = left;
            format!("memory of {} bytes, hash {:016x}", data.len(), xxh3_64(read))
        }
        None => format!("memory of {} bytes, not read", data.len()),
    }
}

/// FNV-1a over eight bytes at a time, for what is short. Seeds come from it.
pub fn hash(bytes: &[u8]) -> u64 {
    let mut state = 0xcbf2_9ce4_8422_2325u64;
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        state = (state ^ u64::from_le_bytes(*word)).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(5);
    }
    for byte in rest {
        state = (state ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    state
}
