//! The promise itself: `send` waits for nobody, and every item is accounted for, whatever the exporter does.

use std::future::Future;
use std::pin::Pin;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use waspect_export::{Answer, DropReason, ExportConfig, Exporter, Failure, QueueLimits, Signal, Transport};

use crate::support::{Reports, SOON, adds_up, within};

/// A transport that stands still, its whole thread with it, until the test lets each request go with an answer.
struct Gate {
    arrived: Sender<Bytes>,
    release: Receiver<Answer>,
}

fn gate() -> (Box<dyn Transport>, Receiver<Bytes>, Sender<Answer>) {
    let ((arrived, arrivals), (releases, release)) = (channel(), channel());
    (Box::new(Gate { arrived, release }), arrivals, releases)
}

impl Transport for Gate {
    fn export(&mut self, request: Bytes) -> Pin<Box<dyn Future<Output = Answer> + Send + '_>> {
        let _ = self.arrived.send(request);
        let answer = self.release.recv().unwrap_or(accepted(0));
        Box::pin(async { answer })
    }
}

fn accepted(rejected: u64) -> Answer {
    Answer::Accepted { rejected, message: String::new() }
}

fn failure() -> Failure {
    Failure::new("test", "as the test wants it")
}

fn limits(batches_max: usize, bytes_max: usize, items_max: Option<u64>) -> ExportConfig {
    let queue = QueueLimits { batches_max, bytes_max, items_max };
    ExportConfig { trace_queue: queue, metric_queue: queue, ..ExportConfig::default() }
}

#[test]
fn send_waits_for_nobody_while_the_exporter_stands_still() {
    within(|| {
        let (transport, arrivals, release) = gate();
        let reports = Reports::default();
        let config = ExportConfig { on_error: reports.handler(), ..limits(10, usize::MAX, None) };
        let exporter = Exporter::start_with(&config, Some(transport), None).unwrap();

        exporter.send(Signal::Traces, vec![0; 100], 3);
        arrivals.recv_timeout(SOON).unwrap();
        // The exporter's thread is now blocked. Were `send` to wait for it, this would never end.
        for _ in 0..10_000 {
            exporter.send(Signal::Traces, vec![0; 100], 3);
        }
        let health = adds_up(&exporter.health().traces);
        assert_eq!((health.made, health.waiting, health.in_flight), (30_003, 30, 3));
        assert_eq!(health.dropped_for(DropReason::QueueFull), 30_003 - 30);
        assert_eq!((health.queue_length, health.queue_capacity, health.queue_bytes), (10, 10, 1000));

        // Nor does a flush or a shutdown wait longer than it was told.
        assert!(!exporter.flush(Duration::from_millis(1)).complete);

        for _ in 0..10 {
            release.send(accepted(0)).unwrap();
        }
        let flush = exporter.flush(SOON);
        assert!(flush.complete);
        let health = adds_up(&flush.health.traces);
        assert_eq!((health.exported, health.unconfirmed(), health.queue_bytes), (30, 0, 0));
        exporter.shutdown(SOON);
        assert_eq!(
            reports.messages(),
            [
                "traces: 29973 items dropped (queue_full): the receiver is slower than the host; sample more, or give the \
              queue more room"
            ]
        );
    });
}

#[test]
fn shutdown_returns_by_its_deadline_while_the_exporter_stands_still() {
    within(|| {
        let (transport, arrivals, _release) = gate();
        let exporter = Exporter::start_with(&limits(10, usize::MAX, None), Some(transport), None).unwrap();
        exporter.send(Signal::Traces, vec![1], 5);
        arrivals.recv_timeout(SOON).unwrap();
        exporter.send(Signal::Traces, vec![2], 7);
        let health = adds_up(&exporter.shutdown(Duration::from_millis(1)).traces);
        // The first may have arrived, the second surely has not.
        assert_eq!((health.unanswered, health.waiting), (5, 0));
        assert_eq!(health.dropped_for(DropReason::Shutdown), 7);

        // The ledger is final: what comes late changes nothing but what it says itself.
        exporter.send(Signal::Traces, vec![3], 2);
        let health = adds_up(&exporter.health().traces);
        assert_eq!((health.made, health.dropped_for(DropReason::Shutdown)), (14, 9));
        assert_eq!(exporter.shutdown(Duration::ZERO).traces, health, "a second shutdown does nothing");
    });
}

#[test]
fn a_late_answer_changes_nothing_after_the_shutdown() {
    within(|| {
        let (transport, arrivals, release) = gate();
        let exporter = Exporter::start_with(&limits(10, usize::MAX, None), Some(transport), None).unwrap();
        exporter.send(Signal::Traces, vec![1], 5);
        arrivals.recv_timeout(SOON).unwrap();
        let health = exporter.shutdown(Duration::ZERO);
        release.send(accepted(0)).unwrap();
        drop(release);
        while arrivals.recv().is_ok() {}
        // The transport is gone, and with it the worker: nothing can come any more.
        assert_eq!(exporter.health(), health);
        assert_eq!(health.traces.unanswered, 5);
    });
}

#[test]
fn one_signal_never_waits_for_the_other() {
    within(|| {
        let (traces, trace_arrivals, _hold) = gate();
        let (metrics, metric_arrivals, release) = gate();
        drop(release);
        let exporter = Exporter::start_with(&ExportConfig::default(), None, Some(metrics)).unwrap();
        let blocked = Exporter::start_with(&ExportConfig::default(), Some(traces), None).unwrap();
        blocked.send(Signal::Traces, vec![1], 1);
        trace_arrivals.recv_timeout(SOON).unwrap();
        exporter.send(Signal::Metrics, vec![1], 1);
        metric_arrivals.recv_timeout(SOON).unwrap();
        assert!(exporter.flush(SOON).complete);
        assert_eq!(exporter.health().metrics.exported, 1);
        assert_eq!(blocked.health().traces.waiting, 1);
    });
}

#[test]
fn every_bound_of_the_queue_holds() {
    for (config, waiting) in [
        (limits(2, usize::MAX, None), 2),
        (limits(100, 50, None), 5),
        (limits(100, usize::MAX, Some(3)), 3),
        (limits(100, 5, None), 0),
        (limits(0, usize::MAX, None), 0),
    ] {
        within(move || {
            let (transport, _arrivals, _release) = gate();
            let exporter = Exporter::start_with(&config, Some(transport), None).unwrap();
            for _ in 0..100 {
                exporter.send(Signal::Traces, vec![0; 10], 1);
            }
            let health = adds_up(&exporter.health().traces);
            assert_eq!((health.waiting, health.dropped_for(DropReason::QueueFull)), (waiting, 100 - waiting));
        });
    }
}

#[test]
fn a_signal_that_goes_nowhere_is_not_made() {
    let config = ExportConfig { traces: None, metrics: None, ..ExportConfig::default() };
    let exporter = Exporter::start(config).unwrap();
    assert!(!exporter.wants(Signal::Traces) && !exporter.wants(Signal::Metrics));
    exporter.send(Signal::Traces, vec![1], 1);
    assert!(exporter.flush(SOON).complete);
    assert_eq!(exporter.shutdown(SOON), Default::default());
}

#[test]
fn a_disabled_sdk_sends_nothing() {
    let config = ExportConfig { disabled: true, ..ExportConfig::default() };
    let exporter = Exporter::start(config).unwrap();
    assert!(!exporter.wants(Signal::Traces) && !exporter.wants(Signal::Metrics));
}

#[test]
fn every_end_of_a_batch_is_in_the_ledger() {
    within(|| {
        let (transport, _arrivals, release) = gate();
        let mut config = crate::support::config("http://localhost:1", waspect_export::Protocol::Grpc);
        config.trace_retry.total_max = Duration::ZERO;
        let exporter = Exporter::start_with(&config, Some(transport), None).unwrap();
        let answers = [
            accepted(0),
            accepted(4),
            accepted(u64::MAX),
            Answer::Refused(failure()),
            Answer::Malformed(failure()),
            Answer::NotOtlp(failure()),
            Answer::Later { after: None, failure: failure() },
            Answer::Later { after: Some(Duration::MAX), failure: failure() },
            Answer::Unreachable(failure()),
            Answer::Unanswered(failure()),
        ];
        for (index, answer) in answers.into_iter().enumerate() {
            release.send(answer).unwrap();
            exporter.send(Signal::Traces, vec![1], 10 << index);
        }
        assert!(exporter.flush(SOON).complete);
        let health = adds_up(&exporter.shutdown(SOON).traces);
        assert_eq!(health.exported, 10 + (20 - 4));
        let dropped = DropReason::ALL.map(|reason| (reason, health.dropped_for(reason)));
        assert_eq!(
            dropped,
            [
                (DropReason::QueueFull, 0),
                (DropReason::Malformed, 160),
                (DropReason::Rejected, 80),
                (DropReason::PartialSuccess, 4 + 40),
                (DropReason::RetriesExhausted, 640 + 1280 + 2560),
                (DropReason::Shutdown, 0),
            ]
        );
        assert_eq!(health.unanswered, 320 + 5120);
    });
}

#[test]
fn a_batch_that_may_have_arrived_once_is_never_called_dropped_for_want_of_retries() {
    within(|| {
        let (transport, _arrivals, release) = gate();
        let mut config = crate::support::config("http://localhost:1", waspect_export::Protocol::Grpc);
        config.trace_retry.total_max = SOON;
        let exporter = Exporter::start_with(&config, Some(transport), None).unwrap();
        release.send(Answer::Unanswered(failure())).unwrap();
        release.send(Answer::Later { after: Some(Duration::MAX), failure: failure() }).unwrap();
        exporter.send(Signal::Traces, vec![1], 3);
        assert!(exporter.flush(SOON).complete);
        let health = adds_up(&exporter.health().traces);
        assert_eq!((health.unanswered, health.dropped_total()), (3, 0));
    });
}

#[test]
fn the_ledger_adds_up_at_every_moment() {
    within(|| {
        let (transport, _arrivals, release) = gate();
        drop(release);
        let exporter = Arc::new(Exporter::start_with(&limits(3, 1000, None), Some(transport), None).unwrap());
        let stop = Arc::new(Mutex::new(false));
        let watcher = std::thread::spawn({
            let (exporter, stop) = (exporter.clone(), stop.clone());
            move || {
                let mut looks = 0;
                while !*stop.lock().unwrap() {
                    adds_up(&exporter.health().traces);
                    looks += 1;
                }
                looks
            }
        });
        let senders = [0, 1].map(|_| {
            let exporter = exporter.clone();
            std::thread::spawn(move || (0..20_000).for_each(|_| exporter.send(Signal::Traces, vec![0; 10], 7)))
        });
        senders.into_iter().for_each(|sender| sender.join().unwrap());
        *stop.lock().unwrap() = true;
        assert!(watcher.join().unwrap() > 0);
        let health = adds_up(&exporter.shutdown(SOON).traces);
        assert_eq!((health.made, health.unconfirmed()), (2 * 20_000 * 7, 0));
    });
}

#[test]
fn a_transport_that_panics_costs_its_signal_and_no_more() {
    struct Panics;
    impl Transport for Panics {
        fn export(&mut self, _: Bytes) -> Pin<Box<dyn Future<Output = Answer> + Send + '_>> {
            panic!("the host's own transport is wrong")
        }
    }
    within(|| {
        let (metrics, _arrivals, release) = gate();
        drop(release);
        let exporter = Exporter::start_with(&ExportConfig::default(), Some(Box::new(Panics)), Some(metrics)).unwrap();
        exporter.send(Signal::Traces, vec![1], 2);
        exporter.send(Signal::Metrics, vec![1], 3);
        let health = exporter.shutdown(Duration::from_millis(100));
        assert_eq!(adds_up(&health.traces).unanswered, 2);
        assert_eq!(adds_up(&health.metrics).made, 3);
    });
}
