//! Guests that stop anywhere: whatever a stop leaves behind, the next 1,000 events are exact (bar R11, rule H2).

use wasmtime::{Config, Engine, Instance, Store};
use waspect_abi::manifest::Mode;
use waspect_abi::semconv::DropReason;
use waspect_abi::semconv::attribute::WASM_OUTCOME;
use waspect_instrumenter::Options;

use crate::support::{Guest, Seen, State, assert_nested, attribute, linker, observe, store};

/// `run` makes a call of every sort; `probe` makes 499 calls below one: 1,000 events.
const WAT: &str = r#"(module
    (import "host" "call" (func $host))
    (memory (export "memory") 1 100)
    (func $leaf)
    (func $probed)
    (func $tail (param i32) (if (local.get 0) (then (return_call $tail (i32.sub (local.get 0) (i32.const 1))))))
    (func $malloc (export "malloc") (param i32) (result i32) (i32.const 64))
    (func $free (export "free") (param i32))
    (func $work (param i32)
        (call $free (call $malloc (local.get 0)))
        (drop (memory.grow (i32.const 0)))
        (if (local.get 0) (then (call $work (i32.sub (local.get 0) (i32.const 1))))))
    (func $run (export "run")
        call $leaf
        call $host
        (call $work (i32.const 3))
        (call $tail (i32.const 3)))
    (func $pad (export "pad") (param i32)
        (if (local.get 0)
            (then (call $pad (i32.sub (local.get 0) (i32.const 1))))
            (else (call $endless (i64.const 1) (i64.const 2) (i64.const 3)))))
    (func $endless (param i64 i64 i64)
        (call $endless (local.get 1) (local.get 2) (local.get 0))
        (call $free (i32.wrap_i64 (local.get 0))))
    (func $probe (export "probe")
        (local $left i32)
        (local.set $left (i32.const 499))
        (loop $again
            call $probed
            (local.set $left (i32.sub (local.get $left) (i32.const 1)))
            (br_if $again (local.get $left)))))"#;

const MODES: [Mode; 2] = [Mode::Calls, Mode::Ring];

struct Dying {
    seen: Seen,
    store: Store<State>,
    instance: Instance,
    probes: u64,
}

impl Dying {
    fn new(mode: Mode, change: impl FnOnce(&mut Config)) -> Dying {
        Dying::seen_by(Seen::new(), mode, change)
    }

    fn seen_by(seen: Seen, mode: Mode, change: impl FnOnce(&mut Config)) -> Dying {
        let mut config = Config::new();
        config.consume_fuel(true).shared_memory(true);
        change(&mut config);
        let engine = Engine::new(&config).unwrap();
        let guest = Guest::with(&seen, &engine, WAT, &Options { mode, ..Options::default() });
        let mut linker = linker(&engine);
        linker.func_wrap("host", "call", || ()).unwrap();
        let mut store = store(&seen, &engine);
        store.set_fuel(u64::MAX).unwrap();
        let instance = linker.instantiate(&mut store, &guest.module).unwrap();
        Dying { seen, store, instance, probes: 0 }
    }

    fn run(&mut self, name: &str, fuel: u64, scoped: bool) -> wasmtime::Result<()> {
        self.store.set_fuel(fuel).unwrap();
        let run = self.instance.get_typed_func::<(), ()>(&mut self.store, name).unwrap();
        match scoped {
            true => waspect_wasmtime::scope(&mut self.store, observe, |store| run.call(store, ())),
            false => run.call(&mut self.store, ()),
        }
    }

    /// 1,000 events, and each of them as it was.
    fn probe(&mut self, context: &dyn std::fmt::Display) {
        self.run("probe", u64::MAX, true).unwrap();
        self.probes += 1;
        assert_eq!(self.seen.calls("probe"), self.probes, "{context}");
        assert_eq!(self.seen.calls("probed"), 499 * self.probes, "{context}");
    }

    /// Every span is closed once, as what it was, and none is below a dead one.
    fn check_spans(&self) {
        let spans = self.seen.spans();
        let probes: Vec<_> = spans.iter().filter(|span| span.name == "probe").collect();
        assert_eq!(probes.len() as u64, self.probes);
        for probe in probes {
            assert!(probe.parent_span_id.is_empty());
            assert_eq!(attribute(probe, WASM_OUTCOME), "");
            let below = spans.iter().filter(|span| span.parent_span_id == probe.span_id);
            assert_eq!(below.count(), 499);
        }
        assert_nested(&spans);
    }
}

fn stopped_at_every_fuel_value(mode: Mode, scoped: bool) {
    // Records are instructions, so that there are thousands of places to stop at: more spans than wait for an exporter.
    let always = |config: &mut waspect_recorder::Config| config.spans.always.retain(|_| mode == Mode::Calls);
    let mut dying = Dying::seen_by(Seen::with(always), mode, |_| ());
    let mut fuel = 0;
    loop {
        let finished = dying.run("run", fuel, scoped).is_ok();
        dying.probe(&format!("stopped after {fuel} fuel"));
        fuel += 1;
        if finished {
            break;
        }
    }
    assert!(fuel > 100, "the guest ran out of {fuel} fuel only");
    let runs = dying.seen.function("run");
    assert!(runs.calls <= fuel);
    // Without a scope nothing ends the root, whose spans then meet their cap.
    let drops = dying.seen.snapshot().drops;
    assert!(drops.iter().all(|&(reason, _)| !scoped && reason == DropReason::Omitted), "{mode:?}: {drops:?}");
}

#[test]
fn stopped_at_every_fuel_value_within_a_scope() {
    MODES.into_iter().for_each(|mode| stopped_at_every_fuel_value(mode, true));
}

#[test]
fn stopped_at_every_fuel_value_without_a_scope() {
    MODES.into_iter().for_each(|mode| stopped_at_every_fuel_value(mode, false));
}

#[test]
fn spans_are_exact_after_stops() {
    for mode in MODES {
        let mut dying = Dying::new(mode, |_| ());
        for fuel in (0..200).step_by(17) {
            let _ = dying.run("run", fuel, true);
            dying.probe(&fuel);
        }
        dying.check_spans();
    }
}

#[test]
fn thousand_stack_overflows_at_shifting_depths() {
    MODES.into_iter().for_each(thousand_stack_overflows);
}

fn thousand_stack_overflows(mode: Mode) {
    let mut dying = Dying::new(mode, |config| {
        config.max_wasm_stack(64 << 10);
    });
    let pad = dying.instance.get_typed_func::<i32, ()>(&mut dying.store, "pad").unwrap();
    for depth in 0..1_000 {
        dying.store.set_fuel(u64::MAX).unwrap();
        let error =
            waspect_wasmtime::scope(&mut dying.store, observe, |store| pad.call(store, depth % 100)).unwrap_err();
        assert_eq!(error.downcast_ref(), Some(&wasmtime::Trap::StackOverflow));
        if depth % 100 == 0 {
            dying.probe(&format!("overflow {depth}"));
        }
    }
    dying.probe(&"all overflows");
    assert_eq!(dying.seen.function("pad").errors, (0..1_000).map(|depth| depth % 100 + 1).sum::<u64>());
}
