//! What stands around a guest in the tests: the store's data, and outcomes put into words that can be compared.

use wasmtime::{
    AsContextMut, Error, ExternRef, Ref, RootScope, Rooted, Store, StoreLimits, StoreLimitsBuilder, ThrownException,
    Trap, Val,
};

use crate::mock::{Mock, Proof};

/// Longest memory of a test's guest that is read back, in bytes.
const MEMORY_READ_MAX: usize = 4 << 20;

/// A store's data.
pub struct Host {
    /// The strict recorder.
    pub mock: Mock,
    /// What the guest may take.
    pub limits: StoreLimits,
    /// Calls of imported functions, in words.
    pub log: Vec<String>,
}

impl Host {
    /// A host with memories and tables bounded; the bounds are the same before and after.
    pub fn new(proof: Proof, memory_bytes_max: usize) -> Host {
        let limits = StoreLimitsBuilder::new().memory_size(memory_bytes_max).table_elements(1 << 20).build();
        Host { mock: Mock::new(proof), limits, log: Vec::new() }
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
    /// Anything else: a link error, a refusal, a host function's own error.
    Failed(String),
}

impl Outcome {
    /// The outcome of a call that failed; takes the exception out of the store when there is one.
    pub fn of_error(mut store: impl AsContextMut<Data = Host>, error: &Error) -> Outcome {
        if let Some(trap) = error.downcast_ref::<Trap>() {
            return Outcome::Trapped(*trap);
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

/// The exported state of an instance in words: memories (length and hash), globals, tables.
pub fn exported_state(store: &mut Store<Host>, instance: wasmtime::Instance, names: &[String]) -> Vec<String> {
    let mut state = Vec::new();
    for name in names {
        let mut scope = RootScope::new(&mut *store);
        let words = match instance.get_export(&mut scope, name) {
            Some(wasmtime::Extern::Memory(memory)) => {
                let data = memory.data(&scope);
                format!("memory of {} bytes, hash {:016x}", data.len(), hash(&data[..data.len().min(MEMORY_READ_MAX)]))
            }
            Some(wasmtime::Extern::SharedMemory(memory)) => format!("shared memory of {} bytes", memory.data().len()),
            Some(wasmtime::Extern::Global(global)) => {
                let value = global.get(&mut scope);
                show(&mut scope, &value)
            }
            Some(wasmtime::Extern::Table(table)) => {
                let size = table.size(&scope);
                let head: Vec<String> = (0..size.min(64))
                    .map(|at| match table.get(&mut scope, at) {
                        Some(reference) => show(&mut scope, &from_ref(reference)),
                        None => "none".into(),
                    })
                    .collect();
                format!("table of {size}: {}", head.join(", "))
            }
            _ => continue,
        };
        state.push(format!("{name}: {words}"));
    }
    state
}

fn from_ref(reference: Ref) -> Val {
    reference.into()
}

/// FNV-1a over eight bytes at a time: quick, and the same everywhere.
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
