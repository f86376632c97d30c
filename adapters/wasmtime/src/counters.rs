//! An instance's counters and gates, reached through its two accessors (rule C1).
//!
//! The accessors are code of the guest: they may be slow, trap, or be nothing of ours. They run within bounds, and what
//! they say is only counted. This file knows no recorder.

use wasmtime::{AsContext, Func, Result, StoreContextMut, Trap, TypedFunc};
use waspect_abi::GATE_BIT;

/// Fuel that one accessor call may burn. It is given back: a guest's fuel is the guest's.
const FUEL: u64 = 10_000;

/// The accessors of an instance.
#[derive(Clone)]
pub(crate) struct Accessors {
    pub get: TypedFunc<u32, u64>,
    pub set: TypedFunc<(u32, u64), ()>,
}

/// What is to be done at one instance.
pub(crate) struct Work {
    pub base: u32,
    pub accessors: Accessors,
    /// Gates to set: original function index, and whether it shall be open.
    pub gates: Vec<(u32, bool)>,
    /// Counters to read, by original function index.
    pub reads: Vec<u32>,
    /// What was read.
    pub counters: Vec<(u32, u64)>,
    /// How many of the gates were set.
    pub gates_set: usize,
}

impl Work {
    pub fn new(base: u32, accessors: &Accessors) -> Work {
        Work {
            base,
            accessors: accessors.clone(),
            gates: Vec::new(),
            reads: Vec::new(),
            counters: Vec::new(),
            gates_set: 0,
        }
    }
}

/// Does `work` in a synchronous store.
pub(crate) fn run<T: 'static>(mut store: StoreContextMut<'_, T>, work: &mut [Work]) -> Result<()> {
    let fuel = lend_fuel(&mut store);
    let done = work.iter_mut().try_for_each(|work| {
        while let Some(&(func, open)) = work.gates.get(work.gates_set) {
            let counter = work.accessors.get.call(&mut store, func)?;
            work.accessors.set.call(&mut store, (func, gated(counter, open)))?;
            work.gates_set += 1;
            refuel(&mut store, fuel);
        }
        for &func in &work.reads {
            let counter = work.accessors.get.call(&mut store, func)?;
            work.counters.push((func, counter));
            refuel(&mut store, fuel);
        }
        Ok(())
    });
    restore_fuel(&mut store, fuel);
    done
}

/// Does `work` in an asynchronous store. The same as [`run`]: there is no way to write both at once.
pub(crate) async fn run_async<T: Send + 'static>(mut store: StoreContextMut<'_, T>, work: &mut [Work]) -> Result<()> {
    let fuel = lend_fuel(&mut store);
    let mut lent = Lent { store, fuel };
    for work in work {
        while let Some(&(func, open)) = work.gates.get(work.gates_set) {
            let counter = work.accessors.get.call_async(&mut lent.store, func).await?;
            work.accessors.set.call_async(&mut lent.store, (func, gated(counter, open))).await?;
            work.gates_set += 1;
            refuel(&mut lent.store, fuel);
        }
        for &func in &work.reads {
            let counter = work.accessors.get.call_async(&mut lent.store, func).await?;
            work.counters.push((func, counter));
            refuel(&mut lent.store, fuel);
        }
    }
    Ok(())
}

/// Gives the fuel back, also when the future is dropped half-way.
struct Lent<'a, T: 'static> {
    store: StoreContextMut<'a, T>,
    fuel: Option<u64>,
}

impl<T> Drop for Lent<'_, T> {
    fn drop(&mut self) {
        restore_fuel(&mut self.store, self.fuel);
    }
}

/// True for errors that say something of the accessor only, not of the guest's right to run on.
pub(crate) fn is_harmless(error: &wasmtime::Error) -> bool {
    matches!(error.downcast_ref(), Some(Trap::StackOverflow | Trap::OutOfFuel))
}

/// True when the epoch's deadline has passed.
pub(crate) fn is_interrupt(error: &wasmtime::Error) -> bool {
    matches!(error.downcast_ref(), Some(Trap::Interrupt))
}

fn gated(counter: u64, open: bool) -> u64 {
    match open {
        true => counter | GATE_BIT,
        false => counter & !GATE_BIT,
    }
}

fn lend_fuel<T>(store: &mut StoreContextMut<'_, T>) -> Option<u64> {
    let fuel = store.get_fuel().ok()?;
    let _ = store.set_fuel(FUEL);
    Some(fuel)
}

fn refuel<T>(store: &mut StoreContextMut<'_, T>, fuel: Option<u64>) {
    if fuel.is_some() {
        let _ = store.set_fuel(FUEL);
    }
}

fn restore_fuel<T>(store: &mut StoreContextMut<'_, T>, fuel: Option<u64>) {
    if let Some(fuel) = fuel {
        let _ = store.set_fuel(fuel);
    }
}

/// The accessors, where both functions are there and have the types that the ABI gives them.
pub(crate) fn accessors(store: impl AsContext, get: Option<Func>, set: Option<Func>) -> Option<Accessors> {
    Some(Accessors { get: get?.typed(&store).ok()?, set: set?.typed(&store).ok()? })
}
