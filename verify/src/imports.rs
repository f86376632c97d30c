//! The host's side: hooks, WASI, and stubs that log their calls, answer with generated values, fail and re-enter when asked to.

use wasmtime::{
    AsContextMut, Caller, Engine, Extern, ExternRef, ExternType, Func, FuncType, Linker, Store, Val, ValType,
    format_err,
};
use waspect_abi::hooks::HOOK_MODULE;

use crate::host::{Host, Outcome, show, show_memory};
use crate::mock::ScopeEnd;
use crate::random::Random;
use crate::side::Side;
use crate::trial::{Stubs, Trial};
use crate::wasi::{self, MEMORY, WASI_MODULE, Wasi};
use crate::{Unprovidable, hooks};

/// One extern an import, in order. Stubs are known by their place among the original's imports.
pub(crate) fn imports(
    engine: &Engine,
    store: &mut Store<Host>,
    side: &Side,
    trial: &Trial,
) -> Result<Vec<Extern>, Unprovidable> {
    let mut hooks = Linker::new(engine);
    hooks::link(&mut hooks, |host: &mut Host| &mut host.mock).expect("a new linker has room");
    let wasi = match side.module.imports().any(|import| import.module() == WASI_MODULE) {
        true => {
            store.data_mut().wasi = Some(Wasi::new(&trial.world)?);
            Some(wasi::linker(engine).expect("a new linker has room"))
        }
        false => None,
    };
    let mut number = 0;
    let mut externs = Vec::new();
    for import in side.module.imports() {
        let unprovidable = || Unprovidable::Import {
            module: import.module().to_owned(),
            field: import.name().to_owned(),
            ty: format!("{:?}", import.ty()),
        };
        if import.module() == HOOK_MODULE {
            externs.push(hooks.get_by_import(&mut *store, &import).ok_or_else(unprovidable)?);
            continue;
        }
        let known = wasi.as_ref().and_then(|wasi| wasi::import(wasi, store, side.shim.as_ref(), &import));
        externs.push(match (known, import.ty()) {
            (Some(func), _) => func.into(),
            (None, ExternType::Func(ty)) => stub(store, ty, number, trial).into(),
            (None, other) => other.default_value(&mut *store).map_err(|_| unprovidable())?,
        });
        number += 1;
    }
    Ok(externs)
}

fn stub(store: &mut Store<Host>, ty: FuncType, number: usize, trial: &Trial) -> Func {
    let types: Vec<ValType> = ty.results().collect();
    let (stubs, seed) = (trial.stubs, trial.seed);
    Func::new(&mut *store, ty, move |mut caller: Caller<'_, Host>, arguments, results| {
        let words: Vec<String> = arguments.iter().map(|value| show(&mut caller, value)).collect();
        let memory = memory_in_words(&mut caller);
        let log = &mut caller.data_mut().log;
        log.call(format!("import {number}({}){memory}", words.join(", ")));
        let call = log.calls();
        let Stubs { calls_max, fail_every, reenter_every } = stubs;
        if call > calls_max || fail_every > 0 && call.is_multiple_of(fail_every) {
            return Err(format_err!("the host fails call {call}"));
        }
        if reenter_every > 0 && call.is_multiple_of(reenter_every) {
            reenter(&mut caller);
        }
        let mut random = Random::new(call ^ seed.rotate_left(32));
        for (result, ty) in results.iter_mut().zip(&types) {
            *result = value(&mut caller, ty, &mut random).ok_or_else(|| format_err!("no value for import {number}"))?;
        }
        Ok(())
    })
}

/// The guest's memory as it hands it to the host: what a pointer among the arguments points to is in it.
pub(crate) fn memory_in_words(caller: &mut Caller<'_, Host>) -> String {
    match caller.get_export(MEMORY) {
        Some(Extern::Memory(memory)) => format!(" with a {}", show_memory(caller.as_context_mut(), memory)),
        _ => String::new(),
    }
}

/// Calls the first export that needs no argument. What comes of it is logged, and never leaves the host function.
fn reenter(caller: &mut Caller<'_, Host>) {
    let Some(func) = (0..4).find_map(|at| {
        let func = caller.get_export(&format!("{at}"))?.into_func()?;
        (func.ty(&*caller).params().len() == 0).then_some(func)
    }) else {
        return;
    };
    let mut results = vec![Val::I32(0); func.ty(&*caller).results().len()];
    caller.data_mut().mock.scope_begin();
    let returned = func.call(&mut *caller, &[], &mut results);
    let end = if returned.is_ok() { ScopeEnd::Returned } else { ScopeEnd::Left };
    caller.data_mut().mock.scope_end(end);
    let outcome = match returned {
        Ok(()) => Outcome::Returned(results.iter().map(|value| show(&mut *caller, value)).collect()),
        Err(error) => Outcome::of_error(&mut *caller, &error),
    };
    caller.data_mut().log.note(format!("re-entered: {outcome}"));
}

/// A value of a type, small more often than not; none for references that cannot be null.
pub(crate) fn value(store: impl AsContextMut, ty: &ValType, random: &mut Random) -> Option<Val> {
    let number = random.number();
    let number = if number.is_multiple_of(2) { number >> 1 & 0xf } else { number };
    Some(match ty {
        ValType::I32 => Val::I32(number as i32),
        ValType::I64 => Val::I64(number as i64),
        ValType::F32 => Val::F32((number as u8 as f32 / 4.0).to_bits()),
        ValType::F64 => Val::F64((number as u16 as f64 / 4.0).to_bits()),
        ValType::V128 => Val::V128(u128::from(number).into()),
        ValType::Ref(reference) if reference.heap_type().is_extern() => {
            Val::ExternRef(Some(ExternRef::new(store, number as u32).ok()?))
        }
        _ => ty.default_value()?,
    })
}
