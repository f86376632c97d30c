//! The exporter as hosts see it: start, send, flush, shut down. It knows no protocol.

use std::io;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use thiserror::Error;
use tokio::sync::oneshot;
use waspect_otlp_client::Transport;

use crate::config::ExportConfig;
use crate::connect::connect;
use crate::health::Health;
use crate::queue::{Batch, Queue};
use crate::worker::Worker;
use crate::{Signal, SignalHealth};

/// Sends OTLP requests in the background. Share it by reference or `Arc`; dropping it without
/// [`shutdown`](Exporter::shutdown) drops what still waits, without delay.
#[derive(Debug)]
pub struct Exporter {
    traces: Option<Arc<Queue>>,
    metrics: Option<Arc<Queue>>,
    /// Gone after the shutdown.
    background: Mutex<Option<Background>>,
}

/// The thread that sends, as seen from the others.
#[derive(Debug)]
struct Background {
    /// Dropped to end it.
    _quit: oneshot::Sender<()>,
    /// Hung up when it has ended.
    ended: mpsc::Receiver<()>,
}

/// Why an exporter could not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// Certificates, keys or headers cannot be used.
    #[error("{signal} endpoint {url}: {message}")]
    Endpoint {
        /// Whose endpoint.
        signal: Signal,
        /// Where it is.
        url: String,
        /// What is wrong, and what helps.
        message: String,
    },
    /// The system gives no thread or no event queue.
    #[error("cannot start the background thread of the exporter: {0}; raise the limit on threads or open files")]
    Thread(#[from] io::Error),
}

/// What a flush reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flush {
    /// Everything handed over before the flush is exported, dropped or given up.
    pub complete: bool,
    /// The ledger afterwards.
    pub health: Health,
}

impl Exporter {
    /// Starts the background thread. Reads certificates and keys now; connects when there is something to send.
    pub fn start(config: ExportConfig) -> Result<Exporter, StartError> {
        let connect = |signal| config.endpoint(signal).map(|endpoint| connect(signal, endpoint)).transpose();
        let (traces, metrics) = (connect(Signal::Traces)?, connect(Signal::Metrics)?);
        Exporter::start_with(&config, traces, metrics)
    }

    /// Starts with transports of the caller's own; a signal without one goes nowhere. Of the configuration's endpoints only the
    /// timeout is used.
    pub fn start_with(
        config: &ExportConfig,
        traces: Option<Box<dyn Transport>>,
        metrics: Option<Box<dyn Transport>>,
    ) -> Result<Exporter, StartError> {
        let mut workers = Vec::new();
        let mut queue = |signal, transport: Option<Box<dyn Transport>>| {
            let queue = Arc::new(Queue::new(config.queue(signal)));
            workers.push(Worker::new(config, signal, queue.clone(), transport?));
            Some(queue)
        };
        let (traces, metrics) = (queue(Signal::Traces, traces), queue(Signal::Metrics, metrics));
        let background = Mutex::new(Some(Background::spawn(workers)?));
        Ok(Exporter { traces, metrics, background })
    }

    /// Whether a signal goes anywhere: if not, what is sent is neither made nor dropped, and need not be encoded.
    pub fn wants(&self, signal: Signal) -> bool {
        self.queue(signal).is_some()
    }

    /// Hands over an encoded request with so many items (spans or data points). Never blocks: no room, no entry, but a count.
    pub fn send(&self, signal: Signal, request: impl Into<Bytes>, items: u64) {
        if let Some(queue) = self.queue(signal) {
            queue.push(Batch { request: request.into(), items });
        }
    }

    /// The ledger as it stands.
    pub fn health(&self) -> Health {
        let health =
            |queue: &Option<Arc<Queue>>| queue.as_ref().map_or_else(SignalHealth::default, |queue| queue.health());
        Health { traces: health(&self.traces), metrics: health(&self.metrics) }
    }

    /// Waits until everything handed over so far has an end, at most this long.
    pub fn flush(&self, deadline: Duration) -> Flush {
        let complete = self.wait_settled(at(deadline));
        Flush { complete, health: self.health() }
    }

    /// Sends what waits, at most this long, and ends. What is left is dropped or unanswered, and the ledger that is returned is final.
    ///
    /// A receiver that cannot be reached gets one attempt a batch, no more; one that hangs costs the whole deadline.
    pub fn shutdown(&self, deadline: Duration) -> Health {
        let deadline = at(deadline);
        self.queues().for_each(|queue| queue.stop());
        let complete = self.wait_settled(deadline);
        self.queues().for_each(|queue| queue.close());
        let background = self.background.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(background) = background.filter(|_| complete) {
            // Its work is done. It says nothing more but that it has ended, by hanging up.
            let _ = background.ended.recv_timeout(deadline.saturating_duration_since(Instant::now()));
        }
        self.health()
    }

    fn queue(&self, signal: Signal) -> Option<&Arc<Queue>> {
        match signal {
            Signal::Traces => self.traces.as_ref(),
            Signal::Metrics => self.metrics.as_ref(),
        }
    }

    fn queues(&self) -> impl Iterator<Item = &Arc<Queue>> {
        [&self.traces, &self.metrics].into_iter().flatten()
    }

    fn wait_settled(&self, deadline: Instant) -> bool {
        // Every queue is waited for, even when the first is late: the second may still make it.
        self.queues().filter(|queue| !queue.wait_settled(deadline)).count() == 0
    }
}

impl Background {
    /// The runtime is made and ended on its own thread: a host's async thread may do neither.
    fn spawn(workers: Vec<Worker>) -> io::Result<Background> {
        let (quit, quitted) = oneshot::channel();
        let (end, ended) = mpsc::channel();
        let (tell, started) = mpsc::channel();
        thread::Builder::new().name("waspect-export".into()).spawn(move || {
            let _hang_up_at_the_end = end;
            match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => {
                    let _ = tell.send(Ok(()));
                    runtime.block_on(run(workers, quitted));
                    // Not a plain drop: that would wait for a name lookup that hangs.
                    runtime.shutdown_background();
                }
                Err(error) => drop(tell.send(Err(error))),
            }
        })?;
        started.recv().unwrap_or_else(|_| Err(io::Error::other("the thread ended at once")))?;
        Ok(Background { _quit: quit, ended })
    }
}

/// Runs the loops of all signals until they end or nobody wants them any more.
async fn run(workers: Vec<Worker>, quitted: oneshot::Receiver<()>) {
    let workers: Vec<_> = workers.into_iter().map(|worker| tokio::spawn(worker.run())).collect();
    let all = async {
        for worker in workers {
            // A transport of the host's own may panic: its signal stands still then, the other goes on.
            let _ = worker.await;
        }
    };
    tokio::select! {
        () = all => (),
        _ = quitted => (),
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        self.queues().for_each(|queue| queue.close());
    }
}

/// The moment so far from now; a deadline beyond the clock's range is a year.
fn at(deadline: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(deadline).unwrap_or_else(|| now + Duration::from_secs(365 * 24 * 3600))
}
