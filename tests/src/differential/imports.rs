//! The host's side: imports that log their calls, answer from a script, fail now and then, and re-enter the guest.

use wasmtime::{
    AsContextMut, Caller, Engine, Extern, ExternRef, ExternType, Func, FuncType, Linker, Module, Store, Val, ValType,
    format_err,
};
use waspect_abi::hooks::HOOK_MODULE;

use crate::hooks;
use crate::host::{Host, Outcome, show};
use crate::mock::ScopeEnd;
use crate::random::Random;

/// Host calls of one export call that are answered; the next one fails, before and after.
const HOST_CALLS_MAX: usize = 2_000;
/// One host call in so many re-enters the guest.
const REENTER_EVERY: usize = 11;
/// One host call in so many fails.
const FAIL_EVERY: usize = 23;

/// One extern an import, in order: hooks by name, the rest by their place among the original's imports.
pub(super) fn imports(engine: &Engine, store: &mut Store<Host>, module: &Module) -> Option<Vec<Extern>> {
    let mut linker = Linker::new(engine);
    hooks::link(&mut linker, |host: &mut Host| &mut host.mock).ok()?;
    let mut number = 0;
    let mut externs = Vec::new();
    for import in module.imports() {
        if import.module() == HOOK_MODULE {
            externs.push(linker.get_by_import(&mut *store, &import)?);
            continue;
        }
        externs.push(match import.ty() {
            ExternType::Func(ty) => host_function(store, ty, number).into(),
            other => other.default_value(&mut *store).ok()?,
        });
        number += 1;
    }
    Some(externs)
}

fn host_function(store: &mut Store<Host>, ty: FuncType, number: usize) -> Func {
    let types: Vec<ValType> = ty.results().collect();
    Func::new(&mut *store, ty, move |mut caller: Caller<'_, Host>, arguments, results| {
        let words: Vec<String> = arguments.iter().map(|value| show(&mut caller, value)).collect();
        let log = &mut caller.data_mut().log;
        log.push(format!("import {number}({})", words.join(", ")));
        let call = log.len();
        if call.is_multiple_of(FAIL_EVERY) || call > HOST_CALLS_MAX {
            return Err(format_err!("the host fails call {call}"));
        }
        if call.is_multiple_of(REENTER_EVERY) {
            reenter(&mut caller);
        }
        let mut random = Random::new(call as u64);
        for (result, ty) in results.iter_mut().zip(&types) {
            *result = value(&mut caller, ty, &mut random).ok_or_else(|| format_err!("no value for import {number}"))?;
        }
        Ok(())
    })
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
    caller.data_mut().log.push(format!("re-entered: {outcome:?}"));
}

/// A value of a type, small more often than not; none for references that cannot be null.
pub(super) fn value(store: impl AsContextMut, ty: &ValType, random: &mut Random) -> Option<Val> {
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
