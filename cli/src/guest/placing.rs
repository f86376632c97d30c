//! Texts among the arguments of `--invoke`: they are put where the guest's own allocator says, as a host of the module would.
//!
//! Never into memory that we grow ourselves: some allocators take whatever lies behind their own.

use anyhow::{Result, bail};
use wasmtime::{ExternType, Instance, Module, StoreContextMut, Val, ValType, format_err};

use super::values::Argument;

/// The allocator that gives room for texts: C's, under the names by which modules export it.
const ALLOCATORS: [&str; 4] = ["malloc", "_malloc", "allocate", "alloc"];

const MEMORY: &str = "memory";

/// Checks that the module can take the texts that it is given.
pub fn check(module: &Module, arguments: &[Argument]) -> Result<()> {
    let has_texts = arguments.iter().any(|argument| !matches!(argument, Argument::Number(_)));
    if has_texts && (allocator(module).is_none() || !matches!(module.get_export(MEMORY), Some(ExternType::Memory(_)))) {
        bail!(
            "a text needs room in the module's memory, but it exports no `{MEMORY}` or none of {}: pass numbers",
            ALLOCATORS.map(|name| format!("`{name}`")).join(", ")
        );
    }
    Ok(())
}

/// The values to call with: every text has been put into memory.
pub fn place<T: 'static>(
    store: &mut StoreContextMut<'_, T>,
    instance: &Instance,
    arguments: Vec<Argument>,
) -> wasmtime::Result<Vec<Val>> {
    let mut values = Vec::with_capacity(arguments.len());
    for argument in arguments {
        values.push(match argument {
            Argument::Number(value) => value,
            Argument::Text(text) => Val::I32(put(store, instance, &ended(&text))?),
            Argument::Texts(texts) => {
                let mut addresses = Vec::new();
                for text in &texts {
                    addresses.extend(put(store, instance, &ended(text))?.to_le_bytes());
                }
                // As in C, a null pointer stands behind the last.
                addresses.extend([0; 4]);
                Val::I32(put(store, instance, &addresses)?)
            }
        });
    }
    Ok(values)
}

fn ended(text: &str) -> Vec<u8> {
    [text.as_bytes(), b"\0"].concat()
}

fn allocator(module: &Module) -> Option<&'static str> {
    ALLOCATORS.into_iter().find(|name| match module.get_export(name) {
        Some(ExternType::Func(ty)) => {
            let (params, results): (Vec<_>, Vec<_>) = (ty.params().collect(), ty.results().collect());
            matches!(params[..], [ValType::I32]) && matches!(results[..], [ValType::I32])
        }
        _ => false,
    })
}

fn put<T: 'static>(store: &mut StoreContextMut<'_, T>, instance: &Instance, bytes: &[u8]) -> wasmtime::Result<i32> {
    let mut allocators = ALLOCATORS.into_iter().filter_map(|name| {
        let allocate = instance.get_typed_func::<i32, i32>(&mut *store, name).ok()?;
        Some((name, allocate))
    });
    let (name, allocate) = allocators.next().ok_or_else(|| format_err!("the module exports no allocator"))?;
    let address = allocate.call(&mut *store, i32::try_from(bytes.len())?)?;
    let memory = instance.get_memory(&mut *store, MEMORY).ok_or_else(|| format_err!("the module exports no memory"))?;
    memory
        .write(&mut *store, address as u32 as usize, bytes)
        .map_err(|_| format_err!("`{name}` has no room for a text of {} bytes", bytes.len()))?;
    Ok(address)
}
