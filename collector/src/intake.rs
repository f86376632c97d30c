//! What every receiver does with a request, whatever brought it: check it, store it, then say yes.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::batches::{Batch, Batches};
use crate::clock::now_unix_ms;
use crate::entry::Entry;
use crate::forward::Forwarded;
use crate::health::Health;
use crate::log::{AppendError, Log};
use crate::otlp::{Encoding, Signal, admit};
use crate::profiles::Stored;

/// A request of so many bytes is checked beside the threads that serve connections, not on one of them.
const LONG_BYTES: usize = 64 << 10;

/// Where requests go.
#[derive(Clone)]
pub struct Intake {
    log: Log,
    health: Arc<Health>,
    batches: Batches,
    /// What must not come back.
    forwarded: Option<Forwarded>,
}

/// What is safe on disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accepted {
    /// Items that are not, and never will be.
    pub rejected: u64,
    /// Why.
    pub message: String,
}

/// Why a request is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is no request, and never will be.
    Malformed(String),
    /// It brings back what was forwarded.
    Loop,
    /// Too much at once: later.
    Busy {
        /// When to come back.
        after: Duration,
        /// Why.
        message: String,
    },
    /// Too much of one client: later.
    Rate {
        /// When to come back.
        after: Duration,
    },
    /// The store does not take it now: later.
    Unavailable {
        /// When to come back.
        after: Duration,
        /// Why.
        message: String,
    },
}

impl Intake {
    /// Requests go into that log, and are counted there; those of `batches` are in it.
    pub fn new(log: Log, health: Arc<Health>, batches: Batches) -> Intake {
        Intake { log, health, batches, forwarded: None }
    }

    /// The same, but for what was forwarded to whoever brings requests.
    pub fn without(self, forwarded: Forwarded) -> Intake {
        Intake { forwarded: Some(forwarded), ..self }
    }

    /// Stores a request, unless it is a batch that is stored. It returns when the request is safe on disk, or refused.
    pub async fn take(
        &self,
        signal: Signal,
        encoding: Encoding,
        body: Bytes,
        id: Option<&[u8]>,
    ) -> Result<Accepted, Refusal> {
        let outcome = match id.and_then(|id| Batch::new(signal, id, &body)) {
            None => self.store(signal, encoding, body, None).await,
            Some(batch) => {
                let this = self.clone();
                let store = async move { this.store(signal, encoding, body, Some(batch)).await };
                self.batches.once(batch, store).await.unwrap_or_else(|| {
                    self.health.repeated(signal);
                    Ok(Accepted::default())
                })
            }
        };
        if let Err(refusal) = &outcome {
            self.health.refused(refusal.reason());
        }
        outcome
    }

    /// Stores a profile in the same way: once, and on disk when it returns.
    pub async fn take_profile(&self, stored: Stored, id: Option<&[u8]>) -> Result<(), Refusal> {
        let batch = id.and_then(|id| Batch::of("profiles", id, &stored.gzipped));
        let stored = Stored { batch: batch.map(|Batch(batch)| batch), ..stored };
        let (log, health) = (self.log.clone(), self.health.clone());
        let store = async move {
            log.append(stored.payload()).await.map_err(refusal)?;
            health.profile_accepted();
            Ok(())
        };
        let outcome = match batch {
            None => store.await,
            Some(batch) => self.batches.once(batch, store).await.unwrap_or_else(|| {
                self.health.profile_repeated();
                Ok(())
            }),
        };
        outcome.inspect_err(|refusal: &Refusal| self.health.refused(refusal.reason()))
    }

    /// Counts a manifest that is stored.
    pub fn took_manifest(&self) {
        self.health.manifest_accepted();
    }

    /// Counts what never came to be stored.
    pub fn refused(&self, refusal: &Refusal) {
        self.health.refused(refusal.reason());
    }

    async fn store(
        &self,
        signal: Signal,
        encoding: Encoding,
        body: Bytes,
        batch: Option<Batch>,
    ) -> Result<Accepted, Refusal> {
        if self.forwarded.as_ref().is_some_and(|forwarded| forwarded.comes_back_in(&body)) {
            return Err(Refusal::Loop);
        }
        let admitted = match body.len() < LONG_BYTES && encoding == Encoding::Protobuf {
            true => admit(signal, encoding, body),
            false => tokio::task::spawn_blocking(move || admit(signal, encoding, body))
                .await
                .map_err(|_| Refusal::unavailable("the collector is ending".into()))?,
        };
        let admitted = admitted.map_err(Refusal::Malformed)?;
        self.health.rejected(signal, admitted.rejected);
        if admitted.items > 0 {
            let entry = Entry {
                signal,
                encoding: admitted.encoding,
                items: u32::try_from(admitted.items).unwrap_or(u32::MAX),
                received_unix_ms: now_unix_ms(),
                batch,
                body: admitted.body,
            };
            self.log.append(entry.encode()).await.map_err(refusal)?;
            self.health.accepted(signal, admitted.items);
        }
        let message = match admitted.rejected {
            0 => String::new(),
            rejected => format!("{rejected} spans have no valid trace id of 16 bytes or span id of 8 bytes"),
        };
        Ok(Accepted { rejected: admitted.rejected, message })
    }
}

impl Refusal {
    /// Too much at once.
    pub fn busy(message: impl Into<String>) -> Refusal {
        Refusal::Busy { after: Duration::from_secs(1), message: message.into() }
    }

    /// The store does not take it now.
    pub fn unavailable(message: String) -> Refusal {
        Refusal::Unavailable { after: Duration::from_secs(2), message }
    }

    /// What it is counted as.
    pub const fn reason(&self) -> &'static str {
        match self {
            Refusal::Malformed(_) => "malformed",
            Refusal::Loop => "loop",
            Refusal::Busy { .. } => "busy",
            Refusal::Rate { .. } => "rate",
            Refusal::Unavailable { .. } => "unavailable",
        }
    }

    /// Why, for people.
    pub fn message(&self) -> &str {
        match self {
            Refusal::Loop => {
                "these spans came from here: whoever stores in this collector cannot be one of its exporters; take it out there"
            }
            Refusal::Rate { .. } => "what one client may send with this token is used up; send less",
            Refusal::Malformed(message) | Refusal::Busy { message, .. } | Refusal::Unavailable { message, .. } => {
                message
            }
        }
    }
}

fn refusal(error: AppendError) -> Refusal {
    match error {
        AppendError::Busy => Refusal::busy(error.to_string()),
        AppendError::TooLong(_) => Refusal::Malformed(error.to_string()),
        AppendError::Full(_) | AppendError::Disk(_) | AppendError::Closed => Refusal::unavailable(error.to_string()),
    }
}
