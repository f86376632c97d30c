//! `POST /api/pprof`: profiles, checked, gzipped, stored. What is told of them stands in the URL, as other profilers' agents have it.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bytes::Bytes;
use http::{StatusCode, Uri};
use tokio::sync::Semaphore;
use waspect_abi::pprof::Profile;

use super::body::{self, Compression, Unreadable};
use super::http::{No, Receiver, batch, unreadable_as};
use crate::clock::now_unix_ms;
use crate::intake::Refusal;
use crate::profiles::stored::{Stored, gzip};
use crate::profiles::{PROFILE_BYTES_MAX, check};

/// Longest name of a service or a build.
const NAME_BYTES_MAX: usize = 1024;

/// What begins a gzipped body, whatever its headers say: profiles are handed on gzipped.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// The route.
pub(super) fn routes(receiver: Arc<Receiver>) -> Router {
    // One at a time: to be checked, a profile is decoded.
    let profiles = Profiles { receiver, turn: Arc::new(Semaphore::new(1)) };
    Router::new().route("/api/pprof", post(store)).with_state(profiles)
}

#[derive(Clone)]
struct Profiles {
    receiver: Arc<Receiver>,
    turn: Arc<Semaphore>,
}

/// What the URL says of a profile.
struct Told {
    service: String,
    build: String,
    start_us: Option<u64>,
    end_us: Option<u64>,
}

async fn store(State(profiles): State<Profiles>, request: Request) -> Response {
    match profiles.take(request).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(no) => no.into_text(),
    }
}

impl Profiles {
    async fn take(&self, request: Request) -> Result<(), No> {
        let (told, batch) = (told(request.uri()).map_err(|why| self.malformed(why))?, batch(request.uri()));
        let mut body = self.receiver.read(request, PROFILE_BYTES_MAX).await?;
        if body.bytes.starts_with(&GZIP) {
            let unreadable = |unreadable: Unreadable| unreadable_as(unreadable, PROFILE_BYTES_MAX);
            let reading = body::read(body.bytes.into(), Compression::Gzip, PROFILE_BYTES_MAX, &self.receiver.room);
            body = reading.await.map_err(unreadable)?;
        }
        let _turn = self.turn.acquire().await;
        let checking = tokio::task::spawn_blocking(move || checked(told, &body.bytes));
        let ending = |_| No::new(StatusCode::SERVICE_UNAVAILABLE, "the collector is ending".into());
        let stored = checking.await.map_err(ending)?.map_err(|why| self.malformed(why))?;
        Ok(self.receiver.intake.take_profile(stored, batch.as_deref()).await?)
    }

    fn malformed(&self, why: String) -> No {
        let refusal = Refusal::Malformed(why);
        self.receiver.intake.refused(&refusal);
        refusal.into()
    }
}

fn checked(told: Told, body: &Bytes) -> Result<Stored, String> {
    let profile = check(body)?;
    let now = now_unix_ms();
    let (start_us, end_us) = interval(&told, &profile, now.saturating_mul(1000))?;
    Ok(Stored {
        service: told.service,
        build: told.build,
        start_us,
        end_us,
        received_unix_ms: now,
        batch: None,
        gzipped: gzip(body),
    })
}

/// When a profile began and ended: as told, else as it says itself, else now.
fn interval(told: &Told, profile: &Profile, now_us: u64) -> Result<(u64, u64), String> {
    let us = |nanos: i64| u64::try_from(nanos / 1000).ok().filter(|us| *us > 0);
    let duration_us = us(profile.duration_nanos).unwrap_or_default();
    let start = told.start_us.or_else(|| us(profile.time_nanos));
    let end = told.end_us.or_else(|| Some(start?.saturating_add(duration_us))).unwrap_or(now_us);
    let start = start.unwrap_or_else(|| end.saturating_sub(duration_us));
    match start <= end {
        true => Ok((start, end)),
        false => Err(format!("it ends ({end} us since 1970) before it begins ({start})")),
    }
}

fn told(uri: &Uri) -> Result<Told, String> {
    let mut told = Told { service: String::new(), build: String::new(), start_us: None, end_us: None };
    for (name, value) in form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
        let time = || {
            value
                .parse()
                .map(Some)
                .map_err(|_| format!("parameter '{name}' is no time: give us since 1970, as a number"))
        };
        match &*name {
            "service" => told.service = value.into_owned(),
            "build" => told.build = value.into_owned(),
            "start" => told.start_us = time()?,
            "end" => told.end_us = time()?,
            _ => {}
        }
    }
    if told.service.is_empty() {
        return Err("parameter 'service' is required: whose profile is it?".to_owned());
    }
    if told.service.len().max(told.build.len()) > NAME_BYTES_MAX {
        return Err(format!("a name of more than {NAME_BYTES_MAX} bytes"));
    }
    Ok(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_told_or_said_or_now() {
        let interval = |start_us, end_us, time_nanos, duration_nanos| {
            let told = Told { service: String::new(), build: String::new(), start_us, end_us };
            interval(&told, &Profile { time_nanos, duration_nanos, ..Profile::default() }, 100)
        };
        assert_eq!(interval(Some(1), Some(2), 9000, 9000), Ok((1, 2)));
        assert_eq!(interval(None, None, 9000, 4000), Ok((9, 13)));
        assert_eq!(interval(Some(3), None, 9000, 4000), Ok((3, 7)));
        assert_eq!(interval(None, None, 0, 4000), Ok((96, 100)));
        assert_eq!(interval(None, None, i64::MIN, i64::MIN), Ok((100, 100)));
        assert_eq!(interval(Some(u64::MAX), None, 0, i64::MAX), Ok((u64::MAX, u64::MAX)));
        assert!(interval(Some(3), Some(2), 0, 0).unwrap_err().contains("before it begins"));
    }
}
