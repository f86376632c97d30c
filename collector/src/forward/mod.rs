//! Forwarding: reads the log at its own position and sends each request on, as it came, until the endpoint has said yes or no.
//!
//! The log is the queue: what an endpoint has not taken waits on disk, through restarts. Only two things end the wait for a yes: the
//! endpoint refuses for good, or the log lets go of the request; both are counted.

mod deltas;
mod forwarded;
mod report;
mod retry;
mod sampling;
mod sums;
mod transport;

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use crate::clock::now_unix_ms;
use crate::config::{Config, Exporter, Temporality};
use crate::entry::Entry;
use crate::health::{ExporterHealth, Health};
use crate::log::{Log, Reader, Record};
use crate::manifests::{Manifests, Namer};
use crate::otlp::{Signal, inspect};
use crate::profiles::Stored;
use report::Report;
use retry::wait;
use sampling::Sampler;

pub use forwarded::Forwarded;
pub use sums::Sums;
pub use transport::ConnectError;
pub(crate) use transport::{Transport, Verdict};

/// Records that are read at once, as long as they are short.
const BATCH_RECORDS: usize = 256;
const BATCH_BYTES: usize = 1 << 20;

/// How often a position is kept while requests are sent: after a crash, so much is sent again.
const KEEP: Duration = Duration::from_secs(1);

/// How long a disk that cannot be read is left alone.
const DISK_WAIT: Duration = Duration::from_secs(1);

/// One endpoint and its position.
pub struct Forwarder {
    name: String,
    exporter: Exporter,
    signals: BTreeSet<Signal>,
    transport: Transport,
    log: Log,
    health: Arc<Health>,
    forwarded: Forwarded,
    manifests: Manifests,
    /// None: all traces go on.
    sampler: Option<Sampler>,
    report: Report,
    /// Nothing new comes in: send what there is, and end.
    drain: CancellationToken,
    /// End now.
    stop: CancellationToken,
}

/// A request with names for functions that have none, as far as manifests are here by now. What was sent keeps the names it had.
async fn named(manifests: &Manifests, signal: Signal, request: Bytes) -> Bytes {
    if manifests.is_empty() {
        return request;
    }
    let manifests = manifests.clone();
    let naming = tokio::task::spawn_blocking(move || Namer::new(&manifests).request(signal, request));
    naming.await.expect("naming does not panic")
}

/// What ends a forwarder.
struct Ended;

impl Forwarder {
    /// Prepares to connect. Nothing is sent yet.
    pub fn new(
        name: &str,
        config: &Config,
        log: &Log,
        health: &Arc<Health>,
        (forwarded, manifests): (&Forwarded, &Manifests),
        (drain, stop): (&CancellationToken, &CancellationToken),
    ) -> Result<Forwarder, ConnectError> {
        let exporter = config.exporters[name].clone();
        let sampler = exporter.sampling.as_ref().map(|sampling| Sampler::new(sampling, log.reader(name)));
        let takes = |signal: &Signal| config.takes(name, *signal);
        Ok(Forwarder {
            transport: Transport::new(name, &exporter)?,
            name: name.to_owned(),
            exporter,
            signals: Signal::ALL.into_iter().filter(takes).collect(),
            log: log.clone(),
            health: health.clone(),
            forwarded: forwarded.clone(),
            manifests: manifests.clone(),
            sampler,
            report: Report::new(name),
            drain: drain.clone(),
            stop: stop.clone(),
        })
    }

    /// Sends until it is stopped.
    pub async fn run(mut self) {
        let mut reader = self.log.reader(&self.name);
        let mut position = reader.position();
        let mut kept = (position, Instant::now());
        let mut ends = self.log.end();
        loop {
            // Before it reads: what is appended while it does must wake it.
            let end = *ends.borrow_and_update();
            let (returned, records) = self.read(reader).await;
            reader = returned;
            self.health().behind(end.saturating_sub(position));
            let Ok(records) = records else {
                tokio::select! {
                    () = self.drain.cancelled() => return,
                    () = tokio::time::sleep(DISK_WAIT) => continue,
                }
            };
            let caught_up = records.is_empty();
            for record in records {
                if self.forward(&record).await.is_err() {
                    self.keep(position, &mut kept).await;
                    return;
                }
                position = record.sequence + 1;
                if kept.1.elapsed() >= KEEP {
                    self.keep(position, &mut kept).await;
                }
            }
            if caught_up {
                position = reader.position();
                self.keep(position, &mut kept).await;
                self.health().behind(ends.borrow().saturating_sub(position));
                tokio::select! {
                    biased;
                    changed = ends.changed() => if changed.is_err() { return },
                    () = self.drain.cancelled() => return,
                }
            }
        }
    }

    /// Reads on, beside the threads that send.
    async fn read(&mut self, mut reader: Reader) -> (Reader, io::Result<Vec<Record>>) {
        let (damaged, expired) = (reader.damaged(), reader.expired());
        let reading = tokio::task::spawn_blocking(move || {
            let (mut records, mut bytes) = (Vec::new(), 0);
            while records.len() < BATCH_RECORDS && bytes < BATCH_BYTES {
                match reader.read() {
                    Ok(Some(record)) => {
                        bytes += record.payload.len();
                        records.push(record);
                    }
                    Ok(None) => break,
                    Err(error) if records.is_empty() => return (reader, Err(error)),
                    Err(_) => break,
                }
            }
            (reader, Ok(records))
        });
        let (reader, records) = reading.await.expect("reading does not panic");
        self.health().lost("damaged", reader.damaged() - damaged);
        self.health().lost("expired", reader.expired() - expired);
        (reader, records)
    }

    /// One request, until the endpoint has said yes or no.
    async fn forward(&mut self, record: &Record) -> Result<(), Ended> {
        let Some(entry) = Entry::decode(&record.payload) else {
            // OTLP has no place for a profile; all else is of a later version of ours, whose store this one was given.
            if Stored::read(&record.payload).is_none() {
                self.health().lost("unknown", 1);
            }
            return Ok(());
        };
        if !self.signals.contains(&entry.signal) {
            return Ok(());
        }
        let mut items = u64::from(entry.items);
        let mut request = match entry.protobuf() {
            Ok(request) => request,
            Err(why) => {
                self.drop_items("malformed", items, &why);
                return Ok(());
            }
        };
        if entry.signal == Signal::Traces {
            let Some(left) = self.sample(request, entry.received_unix_ms, &mut items).await? else { return Ok(()) };
            request = left;
            self.forwarded.add(&request);
        }
        if entry.signal == Signal::Metrics && self.exporter.metrics_temporality == Temporality::Cumulative {
            let Some(left) = deltas::without(&request) else { return Ok(()) };
            if left.len() != request.len() {
                items = inspect(Signal::Metrics, &left).map_or(0, |summary| summary.items);
                request = left;
            }
        }
        let request = named(&self.manifests, entry.signal, request).await;
        let start = Instant::now();
        for attempt in 1.. {
            let verdict = tokio::select! {
                () = self.stop.cancelled() => return Err(Ended),
                verdict = tokio::time::timeout(self.exporter.timeout, self.transport.send(entry.signal, request.clone())) => {
                    verdict.unwrap_or_else(|_| {
                        let why = format!("no answer within {:?}", self.exporter.timeout);
                        Verdict::Later { after: None, why }
                    })
                }
            };
            let (after, why) = match verdict {
                Verdict::Taken { rejected: 0, .. } => {
                    self.report.took();
                    self.health().sent(entry.signal, items);
                    return Ok(());
                }
                Verdict::Taken { rejected, why } => {
                    let rejected = rejected.min(items);
                    self.health().sent(entry.signal, items - rejected);
                    self.drop_items("rejected", rejected, &why);
                    return Ok(());
                }
                Verdict::Refused { why } => {
                    self.drop_items("refused", items, &why);
                    return Ok(());
                }
                Verdict::Later { after, why } => (after, why),
            };
            let Some(wait) = wait(&self.exporter.retry_on_failure, attempt, start.elapsed(), after, rand::random())
            else {
                self.drop_items("given_up", items, &why);
                return Ok(());
            };
            self.report.waits(&why);
            self.health().retried();
            tokio::select! {
                // Who drains does not wait: it is on disk.
                () = self.drain.cancelled() => return Err(Ended),
                () = tokio::time::sleep(wait) => {}
            }
        }
        unreachable!("attempts do not run out before time does")
    }

    /// A request without the traces that do not go on, once that is decided. `None`: nothing is left.
    async fn sample(&mut self, request: Bytes, received_ms: u64, items: &mut u64) -> Result<Option<Bytes>, Ended> {
        let Some(mut sampler) = self.sampler.take() else { return Ok(Some(request)) };
        let due_ms = received_ms.saturating_add(sampler.wait_ms);
        // A clock that was set back makes nobody wait longer.
        let wait = Duration::from_millis(due_ms.saturating_sub(now_unix_ms()).min(sampler.wait_ms));
        tokio::select! {
            () = self.stop.cancelled() => return Err(Ended),
            // Nothing more comes.
            () = self.drain.cancelled() => {}
            () = tokio::time::sleep(wait) => {}
        }
        let (left, out) = loop {
            let looking = tokio::task::spawn_blocking(move || {
                let outcome = sampler.look_ahead(due_ms);
                (sampler, outcome)
            });
            let outcome;
            (sampler, outcome) = looking.await.expect("looking ahead does not panic");
            match outcome {
                Ok(()) => break sampler.sampled(&request),
                Err(_) => tokio::select! {
                    () = self.drain.cancelled() => return Err(Ended),
                    () = tokio::time::sleep(DISK_WAIT) => {}
                },
            }
        };
        self.sampler = Some(sampler);
        self.health().dropped("sampled_out", out);
        *items -= out.min(*items);
        Ok(left)
    }

    async fn keep(&mut self, position: u64, kept: &mut (u64, Instant)) {
        if position != kept.0 {
            // If it fails the old one stays, and so much is sent twice.
            let _ = self.log.keep_positions(vec![(self.name.clone(), position)]).await;
        }
        *kept = (position, Instant::now());
    }

    fn drop_items(&mut self, reason: &'static str, items: u64, why: &str) {
        self.health().dropped(reason, items);
        self.report.drops(reason, items, why);
    }

    fn health(&self) -> ExporterHealth<'_> {
        self.health.exporter(&self.name)
    }
}
