//! Guests, hosts and what came out of them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use wasmtime::{Engine, Instance, Linker, Module, Store};
use waspect_abi::Manifest;
use waspect_abi::manifest::Mode;
use waspect_instrumenter::Options;
use waspect_recorder::{Config, FunctionSnapshot, Snapshot};
use waspect_wasmtime::{Batch, Observe, Observer, Signal};

/// Long enough for anything that works.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// An observer that keeps every call as a span, and what it sent.
pub struct Seen {
    pub observer: Observer,
    spans: Arc<Mutex<Vec<Span>>>,
}

impl Seen {
    pub fn new() -> Seen {
        Seen::with(|_| ())
    }

    pub fn with(change: impl FnOnce(&mut Config)) -> Seen {
        let mut config = Config { overhead_budget: f64::INFINITY, ..Config::default() };
        config.spans.always = vec!["*".to_owned()];
        change(&mut config);
        let spans = Arc::new(Mutex::new(Vec::new()));
        let into = spans.clone();
        let sink = move |signal, batch: &Batch| {
            if signal == Signal::Traces {
                into.lock().unwrap().extend(decode(batch));
            }
        };
        let observer = Observer::builder().recording(config).sink(sink).service_name("test").build().unwrap();
        Seen { observer, spans }
    }

    /// An observer of the test's own making, whose spans are not kept.
    pub fn of(observer: Observer) -> Seen {
        Seen { observer, spans: Arc::default() }
    }

    /// Every span so far, by start.
    pub fn spans(&self) -> Vec<Span> {
        assert!(self.observer.flush(DEADLINE).complete);
        let mut spans = self.spans.lock().unwrap().clone();
        spans.sort_by_key(|span| span.start_time_unix_nano);
        spans
    }

    /// The one span of this name.
    pub fn span(&self, name: &str) -> Span {
        let mut spans = self.spans();
        spans.retain(|span| span.name == name);
        match <[Span; 1]>::try_from(spans) {
            Ok([span]) => span,
            Err(spans) => panic!("{} spans are named {name}: {:?}", spans.len(), self.names()),
        }
    }

    pub fn names(&self) -> Vec<String> {
        self.spans().into_iter().map(|span| span.name).collect()
    }

    pub fn snapshot(&self) -> Snapshot {
        self.observer.snapshot()
    }

    /// The figures of the function of this name.
    pub fn function(&self, name: &str) -> FunctionSnapshot {
        let snapshot = self.snapshot();
        let function = snapshot.functions.iter().find(|function| function.name == name);
        function.unwrap_or_else(|| panic!("{name} is not among {:#?}", snapshot.functions)).clone()
    }

    pub fn calls(&self, name: &str) -> u64 {
        self.function(name).calls
    }
}

/// A store's data.
pub struct State {
    pub observe: Observe,
    pub wasi: Option<wasmtime_wasi::p1::WasiP1Ctx>,
}

pub fn observe(state: &mut State) -> &mut Observe {
    &mut state.observe
}

/// A guest, instrumented and compiled.
pub struct Guest {
    pub module: Module,
    pub manifest: Arc<Manifest>,
}

impl Guest {
    /// Instruments a text in mode `calls`, and makes it known.
    pub fn new(seen: &Seen, engine: &Engine, wat: &str) -> Guest {
        Guest::with(seen, engine, wat, &Options::default())
    }

    pub fn counted(seen: &Seen, engine: &Engine, wat: &str) -> Guest {
        Guest::with(seen, engine, wat, &Options { mode: Mode::Counts, ..Options::default() })
    }

    pub fn with(seen: &Seen, engine: &Engine, wat: &str, options: &Options) -> Guest {
        let original = wat::parse_str(wat).unwrap();
        let instrumented = waspect_instrumenter::instrument(&original, options).unwrap();
        let module = Module::new(engine, &instrumented.bytes).unwrap();
        let manifest = seen.observer.add_module(&module, &instrumented.bytes).unwrap();
        Guest { module, manifest }
    }
}

/// A linker with the hooks.
pub fn linker(engine: &Engine) -> Linker<State> {
    let mut linker = Linker::new(engine);
    waspect_wasmtime::add_to_linker(&mut linker, observe).unwrap();
    linker
}

pub fn store(seen: &Seen, engine: &Engine) -> Store<State> {
    Store::new(engine, State { observe: seen.observer.observe(), wasi: None })
}

/// A store with an instance of the guest, which needs no import besides hooks.
pub fn start(seen: &Seen, engine: &Engine, guest: &Guest) -> (Store<State>, Instance) {
    let mut store = store(seen, engine);
    let instance = linker(engine).instantiate(&mut store, &guest.module).unwrap();
    (store, instance)
}

/// Calls an export without parameters or results, in a scope.
pub fn call(store: &mut Store<State>, instance: &Instance, name: &str) -> wasmtime::Result<()> {
    let func = instance.get_typed_func::<(), ()>(&mut *store, name).unwrap();
    waspect_wasmtime::scope(store, observe, |store| func.call(store, ()))
}

pub fn decode(batch: &Batch) -> Vec<Span> {
    let request = ExportTraceServiceRequest::decode(&*batch.bytes).unwrap();
    let scopes = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
    let spans: Vec<Span> = scopes.flat_map(|scope| scope.spans).collect();
    assert_eq!(spans.len() as u64, batch.items);
    spans
}

/// A text attribute of a span; empty when it is not there.
pub fn attribute(span: &Span, key: &str) -> String {
    let attribute = span.attributes.iter().find(|attribute| attribute.key == key);
    match attribute.and_then(|attribute| attribute.value.clone()?.value) {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::BoolValue(truth)) => truth.to_string(),
        _ => String::new(),
    }
}

/// Every child lies within its parent, and only roots have no parent.
pub fn assert_nested(spans: &[Span]) {
    for span in spans {
        assert!(span.start_time_unix_nano <= span.end_time_unix_nano, "{} ends before it starts", span.name);
        let Some(parent) = spans.iter().find(|other| other.span_id == span.parent_span_id) else { continue };
        assert_eq!(parent.trace_id, span.trace_id);
        assert!(parent.start_time_unix_nano <= span.start_time_unix_nano, "{} starts before its parent", span.name);
        assert!(span.end_time_unix_nano <= parent.end_time_unix_nano, "{} ends after its parent", span.name);
    }
}
