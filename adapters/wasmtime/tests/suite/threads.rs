//! Instances by the thousands, on several threads, from pools.

use std::thread;

use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::support::{Guest, Seen, call, linker, start, store};

const WAT: &str = r#"(module
    (memory (export "memory") 1)
    (func $leaf)
    (func $trap (export "trap") unreachable)
    (func $run (export "run") call $leaf call $leaf))"#;

const THREADS: usize = 4;
const INSTANCES: usize = 500;

fn run_everywhere(engine: &Engine) {
    let seen = Seen::new();
    let guest = Guest::new(&seen, engine, WAT);
    let pre = linker(engine).instantiate_pre(&guest.module).unwrap();
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for number in 0..INSTANCES {
                    let mut store = store(&seen, engine);
                    let instance = pre.instantiate(&mut store).unwrap();
                    call(&mut store, &instance, "run").unwrap();
                    if number % 5 == 0 {
                        call(&mut store, &instance, "trap").unwrap_err();
                    }
                }
            });
        }
    });
    let (runs, traps) = ((THREADS * INSTANCES) as u64, (THREADS * INSTANCES / 5) as u64);
    assert_eq!(seen.calls("run"), runs);
    assert_eq!(seen.calls("leaf"), 2 * runs);
    assert_eq!(seen.function("trap").errors, traps);
    let module = &seen.snapshot().modules[0];
    assert_eq!((module.instances_started, module.instances_ended, module.memory_bytes), (runs, runs, 0));
    assert_eq!(seen.observer.health().stores_lost, 0);
    assert_eq!(seen.snapshot().drops, []);
    let spans = seen.spans();
    assert_eq!(spans.len() as u64, 3 * runs + traps);
    let roots = spans.iter().filter(|span| span.parent_span_id.is_empty()).count() as u64;
    assert_eq!(roots, runs + traps);
    let mut ids: Vec<_> = spans.iter().map(|span| &span.span_id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), spans.len(), "ids are unique over recorders that are used again");
}

#[test]
fn module_shared_between_threads() {
    run_everywhere(&Engine::default());
}

#[test]
fn instance_per_request_from_the_pooling_allocator() {
    let mut pool = PoolingAllocationConfig::default();
    pool.total_core_instances(THREADS as u32).total_memories(THREADS as u32).total_tables(THREADS as u32);
    pool.max_memory_size(1 << 20);
    let mut config = Config::new();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    run_everywhere(&Engine::new(&config).unwrap());
}

#[test]
fn store_that_moves_between_threads_keeps_its_calls() {
    let (seen, engine) = (Seen::new(), Engine::default());
    let guest = Guest::new(&seen, &engine, WAT);
    let (mut store, instance) = start(&seen, &engine, &guest);
    for _ in 0..10 {
        store = thread::spawn(move || {
            call(&mut store, &instance, "run").unwrap();
            store
        })
        .join()
        .unwrap();
    }
    assert_eq!(seen.calls("leaf"), 20);
}
