//! The query: what was stored, by trace, by search, by name.
//!
//! ```text
//! HTTP -> jaeger/ (parameters) -> find (index: where; log: what) -> trace -> jaeger/ (JSON)
//! gRPC -> storage/ (messages)  ->                  ''                    -> storage/ (messages)
//! HTTP -> profiles (index: where; log: what) -> crate::profiles::merge -> pprof
//! ```
//!
//! Everything is bounded: few queries at once, each with a budget of time and memory. One that comes to the end of it answers with
//! what it has, and says so.

mod budget;
mod dependencies;
mod find;
mod jaeger;
mod manifests;
mod matching;
mod profiles;
pub mod storage;
mod summary;
mod trace;

use std::sync::Arc;

use axum::Router;
use http::StatusCode;
use thiserror::Error;
use tokio::sync::Semaphore;

use crate::index::{Index, Unavailable};
use crate::log::Log;
use crate::manifests::Manifests;
pub use budget::Budget;
use find::{Finder, QueryError};
use matching::Search;

/// Queries at once; others wait.
const QUERIES: usize = 2;

/// Who asks.
#[derive(Clone)]
pub struct Ask {
    log: Log,
    index: Index,
    manifests: Manifests,
    room: Arc<Semaphore>,
}

/// Why there is no answer.
#[derive(Debug, Error)]
pub enum Asked {
    /// As the query itself says.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// The collector is ending.
    #[error("the collector is ending")]
    Ending,
}

/// The routes over HTTP.
pub fn routes(ask: Ask) -> Router {
    jaeger::api::routes()
        .merge(jaeger::v3::routes())
        .merge(profiles::routes())
        .merge(manifests::routes())
        .with_state(ask)
}

impl Ask {
    /// Queries of that log and its index; what nothing names in it has names there.
    pub fn new(log: Log, index: Index, manifests: Manifests) -> Ask {
        Ask { log, index, manifests, room: Arc::new(Semaphore::new(QUERIES)) }
    }

    /// Asks, beside the threads that serve connections.
    async fn ask<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&mut Finder<'_>) -> Result<T, QueryError> + Send + 'static,
    ) -> Result<T, Asked> {
        let room = self.room.clone().acquire_owned().await.map_err(|_| Asked::Ending)?;
        let (log, index, manifests) = (self.log.clone(), self.index.clone(), self.manifests.clone());
        let asking = tokio::task::spawn_blocking(move || {
            // As long as it takes, though nobody may wait for the answer any more.
            let _room = room;
            ask(&mut Finder::new(&log, &index, &manifests)?)
        });
        match asking.await {
            Ok(answer) => Ok(answer?),
            // The database gives up on a page that was damaged while it was open.
            Err(error) if error.is_panic() => {
                Err(QueryError::Index(self.index.damaged("a query found it damaged")).into())
            }
            Err(_) => Err(Asked::Ending),
        }
    }
}

impl Asked {
    /// The status that says it.
    fn status(&self) -> StatusCode {
        match self {
            Asked::Query(QueryError::Index(Unavailable::Closed | Unavailable::Damaged(_))) | Asked::Ending => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Asked::Query(QueryError::Disk(_)) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}
