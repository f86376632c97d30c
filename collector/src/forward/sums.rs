//! Sends what senders tell in deltas as it is added up: at intervals what changed, and now and then all of it.
//!
//! Nothing is kept for it: what an endpoint did not take is in what it gets next. So it needs no position, a restart may send all of it
//! once more, and what is missed while an endpoint is away is only how the sum came about.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::named;
use super::report::Report;
use super::transport::{ConnectError, Transport, Verdict};
use crate::clock::now_unix_ns;
use crate::config::{Config, Exporter, Temporality};
use crate::health::{ExporterHealth, Health};
use crate::log::Log;
use crate::manifests::Manifests;
use crate::metrics::{Metrics, Request};
use crate::otlp::Signal;

/// How often all of it is sent: what is not heard of for five minutes is gone, for Prometheus.
const ALL: Duration = Duration::from_secs(60);

/// How long an endpoint is left alone that refuses them for good and never took any: it takes no metrics, as Jaeger does.
const REST: Duration = Duration::from_secs(60 * 60);

/// One endpoint and its sums.
pub struct Sums {
    name: String,
    exporter: Exporter,
    transport: Transport,
    metrics: Metrics,
    manifests: Manifests,
    log: Log,
    health: Arc<Health>,
    report: Report,
    /// Nothing new comes in: send what there is, and end.
    drain: CancellationToken,
    /// End now.
    stop: CancellationToken,
    /// Records from there on changed what was not sent.
    since: u64,
    /// When all was sent.
    all: Option<Instant>,
    /// The endpoint took some.
    taken: bool,
    /// Until then nothing is sent.
    rests: Option<Instant>,
}

impl Sums {
    /// Prepares to connect. `None`: this exporter gets no sums.
    pub fn new(
        name: &str,
        config: &Config,
        (metrics, manifests, log, health): (&Metrics, &Manifests, &Log, &Arc<Health>),
        (drain, stop): (&CancellationToken, &CancellationToken),
    ) -> Result<Option<Sums>, ConnectError> {
        let exporter = config.exporters[name].clone();
        if exporter.metrics_temporality != Temporality::Cumulative || !config.takes(name, Signal::Metrics) {
            return Ok(None);
        }
        Ok(Some(Sums {
            transport: Transport::new(name, &exporter)?,
            name: name.to_owned(),
            exporter,
            metrics: metrics.clone(),
            manifests: manifests.clone(),
            log: log.clone(),
            health: health.clone(),
            report: Report::new(name),
            drain: drain.clone(),
            stop: stop.clone(),
            since: 0,
            all: None,
            taken: false,
            rests: None,
        }))
    }

    /// Sends until it is stopped.
    pub async fn run(mut self) {
        let (drain, stop) = (self.drain.clone(), self.stop.clone());
        loop {
            let ending = tokio::select! {
                () = drain.cancelled() => true,
                () = tokio::time::sleep(self.exporter.metrics_interval) => false,
            };
            if ending {
                let (mut position, end) = (self.metrics.position(), *self.log.end().borrow());
                tokio::select! {
                    () = stop.cancelled() => return,
                    _ = position.wait_for(|position| *position >= end) => {}
                }
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.send_changed() => {}
            }
            if ending {
                return;
            }
        }
    }

    async fn send_changed(&mut self) {
        if self.rests.is_some_and(|until| Instant::now() < until) {
            return;
        }
        let all = self.all.is_none_or(|sent| sent.elapsed() >= ALL);
        let since = if all { 0 } else { self.since };
        let Some((mut walk, next)) = self.metrics.walk(since, now_unix_ns()) else { return };
        if !all && next == self.since {
            return;
        }
        let began = Instant::now();
        while let Some(requests) = self.metrics.next(&mut walk) {
            for request in requests {
                if !self.send(request).await {
                    return;
                }
            }
        }
        self.since = next;
        if all {
            self.all = Some(began);
        }
    }

    /// False: not now.
    async fn send(&mut self, request: Request) -> bool {
        let body = named(&self.manifests, Signal::Metrics, request.body).await;
        let sending = self.transport.send(Signal::Metrics, body);
        let verdict = tokio::time::timeout(self.exporter.timeout, sending).await.unwrap_or_else(|_| {
            let why = format!("no answer within {:?}", self.exporter.timeout);
            Verdict::Later { after: None, why }
        });
        match verdict {
            Verdict::Taken { rejected, why } => {
                self.taken = true;
                let rejected = rejected.min(request.items);
                self.health().sent(Signal::Metrics, request.items - rejected);
                match rejected {
                    0 => self.report.took(),
                    _ => self.drop_items("rejected", rejected, &why),
                }
            }
            Verdict::Refused { why } => {
                self.drop_items("refused", request.items, &why);
                if !self.taken {
                    self.rests = Some(Instant::now() + REST);
                    return false;
                }
            }
            Verdict::Later { why, .. } => {
                self.report.waits(&why);
                self.health().retried();
                return false;
            }
        }
        true
    }

    fn drop_items(&mut self, reason: &'static str, items: u64, why: &str) {
        self.health().dropped(reason, items);
        self.report.drops(reason, items, why);
    }

    fn health(&self) -> ExporterHealth<'_> {
        self.health.exporter(&self.name)
    }
}
