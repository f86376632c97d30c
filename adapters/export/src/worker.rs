//! One signal's loop: take a batch, attempt, retry, settle. It knows no protocol and no caller.

use std::sync::Arc;
use std::time::{Duration, Instant};

use waspect_otlp_client::{Answer, Failure, Transport};

use crate::Signal;
use crate::config::{ExportConfig, TIMEOUT_DEFAULT};
use crate::health::DropReason;
use crate::queue::{Batch, Fate, Phase, Queue};
use crate::report::{ErrorKind, Reporter};
use crate::retry::RetryPolicy;

/// What one signal's loop is made of.
pub(crate) struct Worker {
    queue: Arc<Queue>,
    transport: Box<dyn Transport>,
    /// How long one attempt may take.
    timeout: Duration,
    retry: RetryPolicy,
    reporter: Reporter,
    /// Items for which the queue had no room, as far as they were reported.
    queue_full_reported: u64,
}

impl Worker {
    pub fn new(config: &ExportConfig, signal: Signal, queue: Arc<Queue>, transport: Box<dyn Transport>) -> Worker {
        Worker {
            queue,
            transport,
            timeout: config.endpoint(signal).map_or(TIMEOUT_DEFAULT, |endpoint| endpoint.timeout),
            retry: config.retry(signal),
            reporter: Reporter::new(config.on_error.clone(), signal),
            queue_full_reported: 0,
        }
    }

    /// Runs until the queue is closed, or stopping and empty.
    pub async fn run(mut self) {
        while let Some(batch) = self.queue.next().await {
            self.report_queue_full();
            let fate = self.deliver(&batch).await;
            self.queue.settle(fate);
        }
        self.report_queue_full();
    }

    /// Attempts until the batch has an end.
    async fn deliver(&mut self, batch: &Batch) -> Fate {
        let start = Instant::now();
        let mut attempts = 0;
        let mut unanswered = false;
        loop {
            attempts += 1;
            self.queue.maybe_arrived(true);
            let answer = self.attempt(batch).await;
            unanswered |= matches!(answer, Answer::Unanswered(_));
            self.queue.maybe_arrived(unanswered);

            let (after, failure, unreachable) = match answer {
                Answer::Accepted { rejected, message } => return self.accepted(batch, rejected, &message),
                Answer::Refused(failure) => return self.dropped(DropReason::Rejected, batch, &failure),
                Answer::Malformed(failure) => return self.dropped(DropReason::Malformed, batch, &failure),
                Answer::NotOtlp(failure) => return self.unanswered(batch, &failure),
                Answer::Later { after, failure } => (after, failure, false),
                Answer::Unanswered(failure) => (None, failure, false),
                Answer::Unreachable(failure) => (None, failure, true),
            };
            // Nobody is there and the process wants to end: one attempt is all that a batch gets.
            let hopeless = unreachable && self.queue.phase() != Phase::Open;
            let wait = self.retry.next(attempts, start.elapsed(), after, rand::random());
            let Some(wait) = wait.filter(|_| !hopeless) else {
                return match unanswered {
                    true => self.unanswered(batch, &failure),
                    false => self.dropped(DropReason::RetriesExhausted, batch, &failure),
                };
            };
            self.reporter.report(Instant::now(), ErrorKind::Retrying, batch.items, &failure.message);
            wait_or_stop(&self.queue, wait, after.is_some()).await;
        }
    }

    async fn attempt(&mut self, batch: &Batch) -> Answer {
        let attempt = self.transport.export(batch.request.clone());
        match tokio::time::timeout(self.timeout, attempt).await {
            Ok(answer) => answer,
            Err(_) => Answer::Unanswered(Failure::new("timeout", format_args!("no answer within {:?}", self.timeout))),
        }
    }

    fn accepted(&mut self, batch: &Batch, rejected: u64, message: &str) -> Fate {
        let now = Instant::now();
        if rejected > 0 {
            let kind = ErrorKind::Dropped(DropReason::PartialSuccess);
            self.reporter.report(now, kind, rejected.min(batch.items), message);
        } else if !message.is_empty() {
            self.reporter.report(now, ErrorKind::PeerWarning, batch.items, message);
        }
        Fate::Exported { rejected }
    }

    fn dropped(&mut self, reason: DropReason, batch: &Batch, failure: &Failure) -> Fate {
        self.reporter.report(Instant::now(), ErrorKind::Dropped(reason), batch.items, &failure.message);
        Fate::Dropped(reason)
    }

    fn unanswered(&mut self, batch: &Batch, failure: &Failure) -> Fate {
        self.reporter.report(Instant::now(), ErrorKind::Unanswered, batch.items, &failure.message);
        Fate::Unanswered
    }

    /// Reported here and not where it happens: callers of `send` run no foreign code.
    fn report_queue_full(&mut self) {
        let total = self.queue.health().dropped_for(DropReason::QueueFull);
        let new = total - self.queue_full_reported;
        if new > 0 {
            self.queue_full_reported = total;
            let message = "the receiver is slower than the host; sample more, or give the queue more room";
            self.reporter.report(Instant::now(), ErrorKind::Dropped(DropReason::QueueFull), new, message);
        }
    }
}

/// Waits for the next attempt; a shutdown cuts the wait short unless the peer asked for it.
async fn wait_or_stop(queue: &Queue, wait: Duration, asked: bool) {
    let sleep = tokio::time::sleep(wait);
    if asked || queue.phase() != Phase::Open {
        sleep.await;
        return;
    }
    tokio::select! {
        () = sleep => (),
        () = queue.stopping() => (),
    }
}
