//! What a record of mode `ring` costs the thread that replays it: records that real guests wrote, told to a recorder again and again.
//!
//! ```console
//! cargo xtask bench replay
//! ```
//!
//! Mode `ring` is as fast as its floor where this is less than a call takes in the guest, hooks included.

use std::fs;
use std::sync::Arc;
use std::time::Instant;

use wasmtime::{Caller, Engine, Linker, Module, Result, Store};
use wasmtime_wasi::WasiCtxBuilder;
use wasmtime_wasi::p1::{WasiP1Ctx, add_to_linker_sync};
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use waspect_abi::hooks::{HOOK_MODULE, Hook};
use waspect_abi::ring::{self, CLOCK_UNIT_LOG2, Record};
use waspect_instrumenter::{Options, instrument};
use waspect_recorder::{Config, Recorder, Timestamp};
use waspect_tests::programs;
use waspect_tests::wasi::{self, Drive};

const ROUNDS: usize = 9;
const RECORDS_MAX: usize = 8_000_000;
/// Records in one log of the adapter's.
const LOG_RECORDS: usize = 4_096;
/// What a call takes in the guest, about: how many share a reading of the clock.
const CALL_NS: usize = 14;

struct State {
    wasi: WasiP1Ctx,
    records: Vec<u64>,
}

fn main() -> Result<()> {
    let guests = [
        ("sqlite", Drive::Command(&["5000"])),
        ("quickjs", Drive::Command(&["60"])),
        ("fib", Drive::Invoke("fib", 27)),
    ];
    for (name, drive) in guests {
        let original = fs::read(programs::find(name))?;
        let module = instrument(&original, &Options::default())?;
        let records = record(&module.bytes, drive)?;
        let calls = records.iter().filter(|record| matches!(word(**record), Record::Enter(_))).count();
        let manifest = Arc::new(module.manifest);
        let mut rounds: Vec<f64> = (0..ROUNDS)
            .map(|_| {
                let mut recorder = Recorder::new(&Config::default(), Some([3; 16]));
                recorder.add_manifest(manifest.clone());
                let [a, b] = [(manifest.build >> 32) as u32, manifest.build as u32];
                let base = recorder.module(Timestamp(0), 0, a, b, manifest.function_count);
                recorder.scope_begin(Timestamp(0), 0, None);
                let began = Instant::now();
                let mut told = 0;
                for log in records.chunks(LOG_RECORDS) {
                    let now = Timestamp(((told + log.len()) / 2 * CALL_NS) as u64);
                    recorder.ring(now, base, told as u32, log);
                    told += log.len();
                }
                began.elapsed().as_nanos() as f64 / calls as f64
            })
            .collect();
        rounds.sort_by(f64::total_cmp);
        println!("{name:<10} {calls:>8} calls, {:5.1} ns a call", rounds[ROUNDS / 2]);
    }
    Ok(())
}

fn word(record: u64) -> Record {
    Record::from_word((record >> 32) as u32)
}

/// The records that a guest would write, taken from the hooks of mode `calls`, with the times that they would have if each call took
/// as long.
fn record(bytes: &[u8], drive: Drive<'static>) -> Result<Vec<u64>> {
    let engine = Engine::default();
    let module = Module::new(&engine, bytes)?;
    let mut linker = Linker::new(&engine);
    add_to_linker_sync(&mut linker, |state: &mut State| &mut state.wasi)?;
    linker.func_wrap(HOOK_MODULE, Hook::Enter.name(), |mut caller: Caller<'_, State>, func: u32| {
        caller.data_mut().write(Record::Enter(func))
    })?;
    linker.func_wrap(HOOK_MODULE, Hook::Exit.name(), |mut caller: Caller<'_, State>, token: u32| {
        caller.data_mut().write(Record::Exit(token));
    })?;
    let mut wasi = WasiCtxBuilder::new();
    wasi.stdout(MemoryOutputPipe::new(4 << 20)).arg("guest");
    if let Drive::Command(arguments) = drive {
        wasi.args(arguments);
    }
    let mut store = Store::new(&engine, State { wasi: wasi.build_p1(), records: Vec::new() });
    // The other hooks do nothing.
    linker.define_unknown_imports_as_default_values(&mut store, &module)?;
    let instance = linker.instantiate(&mut store, &module)?;
    wasi::steer(&mut store, instance, drive)?;
    Ok(store.into_data().records)
}

impl State {
    /// Writes a record, and gives the token of the call that it opens.
    fn write(&mut self, record: Record) -> u32 {
        let number = self.records.len();
        if number < RECORDS_MAX {
            let time = (number / 2 * CALL_NS) >> CLOCK_UNIT_LOG2;
            self.records.push(u64::from(record.word()) << 32 | time as u64);
        }
        ring::token(number as u32)
    }
}
