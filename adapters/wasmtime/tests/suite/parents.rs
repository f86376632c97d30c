//! Where a root's parent comes from, and what sampling makes of it.

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use wasmtime::Engine;
use waspect_wasmtime::parent_from_headers;

use crate::support::{Guest, Seen, call, start};

const WAT: &str = r#"(module (func $leaf) (func $run (export "run") call $leaf))"#;
const HEADER: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn context(flags: TraceFlags) -> Context {
    let state = TraceState::from_key_value([("vendor", "1")]).unwrap();
    let (trace, span) = (TraceId::from_bytes([7; 16]), SpanId::from_bytes([8; 8]));
    Context::new().with_remote_span_context(SpanContext::new(trace, span, flags, false, state))
}

#[test]
fn root_continues_the_current_context() {
    let (seen, engine) = (Seen::new(), Engine::default());
    let guest = Guest::new(&seen, &engine, WAT);
    let (mut store, instance) = start(&seen, &engine, &guest);
    let attached = context(TraceFlags::SAMPLED).attach();
    call(&mut store, &instance, "run").unwrap();
    drop(attached);
    let run = seen.span("run");
    assert_eq!((&run.trace_id[..], &run.parent_span_id[..]), (&[7; 16][..], &[8; 8][..]));
    assert_eq!(run.trace_state, "vendor=1");
    assert_eq!(seen.span("leaf").trace_id, run.trace_id);
}

#[test]
fn named_parent_goes_before_the_context_and_serves_one_call() {
    let (seen, engine) = (Seen::new(), Engine::default());
    let guest = Guest::new(&seen, &engine, WAT);
    let (mut store, instance) = start(&seen, &engine, &guest);
    store.data_mut().observe.set_parent(parent_from_headers(HEADER, None).unwrap());
    let attached = context(TraceFlags::SAMPLED).attach();
    call(&mut store, &instance, "run").unwrap();
    let run = seen.span("run");
    assert_eq!(run.trace_id[..4], [0x0a, 0xf7, 0x65, 0x19]);
    assert_eq!(run.parent_span_id[..4], [0xb7, 0xad, 0x6b, 0x71]);
    call(&mut store, &instance, "run").unwrap();
    drop(attached);
    let spans = seen.spans();
    let second = spans.iter().rfind(|span| span.name == "run").unwrap();
    assert_eq!(second.trace_id, [7; 16]);
}

#[test]
fn unsampled_parent_gives_metrics_but_no_span() {
    let (seen, engine) = (Seen::new(), Engine::default());
    let guest = Guest::new(&seen, &engine, WAT);
    let (mut store, instance) = start(&seen, &engine, &guest);
    let attached = context(TraceFlags::default()).attach();
    call(&mut store, &instance, "run").unwrap();
    drop(attached);
    assert_eq!(seen.calls("leaf"), 1);
    assert_eq!(seen.names(), Vec::<String>::new());
}

#[test]
fn invalid_headers_name_no_parent() {
    for header in ["", "00", "00-00000000000000000000000000000000-b7ad6b7169203331-01"] {
        assert_eq!(parent_from_headers(header, None), None, "{header}");
    }
}
