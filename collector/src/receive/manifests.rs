//! `PUT /api/manifests/{build_id}`: names for functions whose module went out without them, checked, stored.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::put;
use http::StatusCode;
use tokio::sync::Semaphore;

use super::http::{No, Receiver};
use crate::intake::Refusal;
use crate::manifests::check::{BYTES_MAX, Unusable};
use crate::manifests::{Manifests, Put, check};

/// The route.
pub(super) fn routes(receiver: Arc<Receiver>, manifests: Manifests) -> Router {
    // One at a time: to be checked, a manifest is decoded.
    let into = Into { receiver, manifests, turn: Arc::new(Semaphore::new(1)) };
    Router::new().route("/api/manifests/{build}", put(store)).with_state(into)
}

#[derive(Clone)]
struct Into {
    receiver: Arc<Receiver>,
    manifests: Manifests,
    turn: Arc<Semaphore>,
}

async fn store(State(into): State<Into>, Path(build): Path<String>, request: Request) -> Response {
    match into.take(build, request).await {
        Ok(Put::New) => StatusCode::CREATED.into_response(),
        Ok(Put::Replaced) => StatusCode::NO_CONTENT.into_response(),
        Err(no) => no.into_text(),
    }
}

impl Into {
    async fn take(&self, build: String, request: Request) -> Result<Put, No> {
        let body = self.receiver.read(request, BYTES_MAX).await?;
        let _turn = self.turn.acquire().await;
        let (manifests, intake) = (self.manifests.clone(), self.receiver.intake.clone());
        let taking = tokio::task::spawn_blocking(move || {
            let refused = |refusal: Refusal| {
                intake.refused(&refusal);
                No::from(refusal)
            };
            let manifest = check(&build, &body.bytes).map_err(|why| {
                let status = status(&why);
                No { status, ..refused(Refusal::Malformed(why.to_string())) }
            })?;
            let stored = manifests.put(&manifest, &body.bytes);
            let stored =
                stored.map_err(|error| refused(Refusal::unavailable(format!("it cannot be stored: {error}"))))?;
            intake.took_manifest();
            Ok(stored)
        });
        taking.await.unwrap_or_else(|_| Err(No::new(StatusCode::SERVICE_UNAVAILABLE, "the collector is ending".into())))
    }
}

/// The status that says it.
fn status(why: &Unusable) -> StatusCode {
    match why {
        Unusable::TooLong(_) | Unusable::TooMany(_) => StatusCode::PAYLOAD_TOO_LARGE,
        Unusable::Module => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Unusable::OtherBuild(_) => StatusCode::CONFLICT,
        Unusable::NoBuildId | Unusable::Empty | Unusable::Manifest(_) => StatusCode::BAD_REQUEST,
    }
}
