//! The background thread: merges deltas, lets the governor decide, and takes batches to where they go.
//!
//! It is the only thread that waits for a sink or an encoder. It knows no store.

use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use waspect_export::{HealthMetrics, Signal};
use waspect_recorder::Batch;

use crate::clock;
use crate::error::Error;
use crate::shared::Shared;

/// Longest time between two decisions of the governor.
const GOVERN: Duration = Duration::from_secs(1);

/// Takes encoded OTLP requests: the signal, the request, and how many spans or data points it holds.
pub(crate) type Sink = Box<dyn FnMut(Signal, &Batch) + Send>;

/// How often batches go out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schedule {
    pub traces: Duration,
    pub metrics: Duration,
}

/// What others ask of the thread.
pub(crate) enum Request {
    /// Take everything out now, then answer.
    Flush(SyncSender<()>),
    /// The same, and end.
    Stop(SyncSender<()>),
}

/// The requests that wait.
#[derive(Default)]
pub(crate) struct Requests(Mutex<Vec<Request>>);

impl Requests {
    /// Adds one and wakes the thread.
    pub fn push(&self, request: Request, shared: &Shared) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(request);
        if let Some(merger) = shared.merger.get() {
            merger.unpark();
        }
    }

    fn take(&self) -> Vec<Request> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Starts the thread.
pub(crate) fn start(
    shared: Arc<Shared>,
    requests: Arc<Requests>,
    sinks: Vec<Sink>,
    health: Option<HealthMetrics>,
    schedule: Schedule,
) -> Result<(), Error> {
    let pump = Pump { shared: shared.clone(), requests, sinks, health };
    let thread =
        thread::Builder::new().name("waspect".into()).spawn(move || pump.run(schedule)).map_err(Error::Thread)?;
    let _ = shared.merger.set(thread.thread().clone());
    Ok(())
}

struct Pump {
    shared: Arc<Shared>,
    requests: Arc<Requests>,
    sinks: Vec<Sink>,
    /// The exporter's own health, told with the metrics.
    health: Option<HealthMetrics>,
}

impl Pump {
    fn run(mut self, schedule: Schedule) {
        let [mut govern, mut traces, mut metrics] =
            [GOVERN, schedule.traces, schedule.metrics].map(|every| Due { every, at: Instant::now() + every });
        loop {
            let requests = self.requests.take();
            let asked = !requests.is_empty();
            match self.shared.governor_is_asked() | govern.is_now() {
                true => self.shared.govern(),
                false => drop(self.shared.merged()),
            }
            if traces.is_now() || asked {
                self.traces();
            }
            if metrics.is_now() || asked {
                self.metrics();
            }
            let mut stop = false;
            for request in requests {
                let (Request::Flush(answer) | Request::Stop(answer)) = &request;
                // Who asked may have given up.
                let _ = answer.try_send(());
                stop |= matches!(request, Request::Stop(_));
            }
            if stop {
                return;
            }
            let next = govern.at.min(traces.at).min(metrics.at);
            thread::park_timeout(next.saturating_duration_since(Instant::now()));
        }
    }

    fn traces(&mut self) {
        loop {
            // The lock must not outlive this statement: a sink may take its time.
            let batch = self.shared.merged().take_traces();
            match batch {
                Some(batch) => self.deliver(Signal::Traces, batch),
                None => return,
            }
        }
    }

    fn metrics(&mut self) {
        let now = clock::wall_unix_ns();
        let mut batch = self.shared.merged().metrics(now);
        let exporter = self.shared.exporter.read().unwrap_or_else(PoisonError::into_inner);
        if let (Some(exporter), Some(health)) = (&*exporter, &mut self.health) {
            batch.items += health.append(&exporter.health(), &mut batch.bytes, now);
        }
        drop(exporter);
        if batch.items > 0 {
            self.deliver(Signal::Metrics, batch);
        }
    }

    fn deliver(&mut self, signal: Signal, batch: Batch) {
        for sink in &mut self.sinks {
            sink(signal, &batch);
        }
        if let Some(exporter) = &*self.shared.exporter.read().unwrap_or_else(PoisonError::into_inner) {
            exporter.send(signal, batch.bytes, batch.items);
        }
    }
}

/// Something that happens at intervals.
struct Due {
    every: Duration,
    at: Instant,
}

impl Due {
    /// True once an interval.
    fn is_now(&mut self) -> bool {
        let now = Instant::now();
        let due = now >= self.at;
        if due {
            self.at = now + self.every;
        }
        due
    }
}
