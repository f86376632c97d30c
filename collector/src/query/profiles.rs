//! Profiles: which there are, and those of a range as one, for `go tool pprof` and whoever else reads the format.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::StatusCode;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use prost::Message;
use serde::Serialize;
use waspect_abi::pprof::Profile;

use super::find::{Finder, QueryError};
use super::jaeger::{LIMIT, LIMIT_MAX, Parameters, SPENT};
use super::{Ask, Asked};
use crate::index::FoundProfile;
use crate::profiles::merge::NotMerged;
use crate::profiles::stored::gzip;
use crate::profiles::{Merged, Stored};

/// The routes.
pub fn routes() -> Router<Ask> {
    Router::new()
        .route("/api/pprof", get(merged))
        .route("/api/profiles", get(list))
        .route("/api/profiles/services", get(services))
}

/// Which profiles are meant.
struct Wanted {
    service: String,
    /// Empty: of any.
    build: String,
    /// Of those that show something of it, in us since 1970.
    interval_us: RangeInclusive<u64>,
    limit: usize,
}

/// A profile of the list.
#[derive(Serialize)]
struct Listed {
    build: String,
    start: u64,
    end: u64,
    bytes: u64,
}

/// An answer in JSON.
#[derive(Serialize)]
pub(super) struct Answer<T> {
    pub data: T,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<&'static str>,
}

async fn services(State(ask): State<Ask>) -> Response {
    let found = ask.ask(|finder| finder.ask(|snapshot| snapshot.profiled())).await;
    json(found.map(|data: BTreeSet<String>| Answer { data, error: None }))
}

async fn list(State(ask): State<Ask>, RawQuery(query): RawQuery) -> Response {
    let wanted = match Wanted::new(query.as_deref()) {
        Ok(wanted) => wanted,
        Err(why) => return no(StatusCode::BAD_REQUEST, why),
    };
    let listing = ask.ask(move |finder| {
        let mut data = Vec::new();
        finder.profiles(&wanted.service, |profile| {
            if wanted.is(&profile) {
                let (start, end) = (profile.interval_us.start, profile.interval_us.end);
                data.push(Listed { build: profile.build, start, end, bytes: profile.bytes });
            }
            data.len() < wanted.limit
        })?;
        Ok(Answer { data, error: finder.budget.spent.then_some(SPENT) })
    });
    json(listing.await)
}

async fn merged(State(ask): State<Ask>, RawQuery(query): RawQuery) -> Response {
    let wanted = match Wanted::new(query.as_deref()) {
        Ok(wanted) => wanted,
        Err(why) => return no(StatusCode::BAD_REQUEST, why),
    };
    match ask.ask(move |finder| merge(finder, &wanted)).await {
        Ok(Some(profile)) => {
            let headers = [
                (CONTENT_TYPE, "application/octet-stream"),
                (CONTENT_DISPOSITION, "attachment; filename=\"profile.pb.gz\""),
            ];
            (headers, gzip(&profile.encode_to_vec())).into_response()
        }
        Ok(None) => no(StatusCode::NOT_FOUND, "no profile of that service and time is here".into()),
        Err(asked) => no(asked.status(), asked.to_string()),
    }
}

/// The profiles that are wanted as one; `None`: there are none.
fn merge(finder: &mut Finder<'_>, wanted: &Wanted) -> Result<Option<Profile>, QueryError> {
    let mut found = Vec::new();
    finder.profiles(&wanted.service, |profile| {
        if wanted.is(&profile) {
            found.push(profile);
        }
        found.len() < PROFILES_MAX
    })?;
    let (mut sum, mut start_us, mut end_us, mut unread) = (Merged::default(), u64::MAX, 0, 0);
    let mut remarks = Vec::new();
    if found.len() == PROFILES_MAX || finder.budget.spent {
        remarks.push(SPENT);
    }
    for profile in &found {
        if !finder.budget.has_time() {
            remarks.push(SPENT);
            break;
        }
        let stored = finder.profile(profile)?;
        let decoded = stored.and_then(|stored| {
            let mut decoded = Profile::decode(&*stored.profile().ok()?).ok()?;
            finder.namer.profile(&mut decoded, &stored.build);
            Some(decoded)
        });
        // Damaged, or gone meanwhile.
        let Some(decoded) = decoded else {
            unread += 1;
            continue;
        };
        match sum.add(&decoded, &mut finder.budget) {
            Ok(()) => {}
            Err(NotMerged::Broken(_)) => unread += 1,
            Err(NotMerged::Spent) => {
                remarks.push(SPENT);
                break;
            }
        }
        start_us = start_us.min(profile.interval_us.start);
        end_us = end_us.max(profile.interval_us.end);
    }
    remarks.dedup();
    let damaged = format!("{unread} profiles of the range cannot be read");
    if unread > 0 {
        remarks.push(&damaged);
    }
    let any = !found.is_empty() && end_us >= start_us;
    Ok(any.then(|| sum.finish(start_us, end_us, &remarks)))
}

/// Profiles that become one: a day of one a minute of 70 senders.
const PROFILES_MAX: usize = 100_000;

impl Wanted {
    fn new(query: Option<&str>) -> Result<Wanted, String> {
        let parameters = Parameters::new(query);
        let time = |name: &str, default| match parameters.get(name) {
            "" => Ok(default),
            text => text.parse().map_err(|_| format!("parameter '{name}' is no time: give us since 1970, as a number")),
        };
        let limit = match parameters.get("limit") {
            "" => LIMIT,
            text => text.parse().map_err(|_| "parameter 'limit' is no number".to_owned())?,
        };
        match parameters.get("service") {
            "" => Err("parameter 'service' is required; /api/profiles/services lists them".to_owned()),
            service => Ok(Wanted {
                service: service.to_owned(),
                build: parameters.get("build").to_owned(),
                interval_us: time("start", 0)?..=time("end", u64::MAX)?,
                limit: limit.clamp(1, LIMIT_MAX),
            }),
        }
    }

    fn is(&self, profile: &FoundProfile) -> bool {
        profile.interval_us.start <= *self.interval_us.end()
            && profile.interval_us.end >= *self.interval_us.start()
            && (self.build.is_empty() || self.build == profile.build)
    }
}

impl Finder<'_> {
    /// The profiles of a service, the newest first, as long as there is time and `each` says true.
    fn profiles(&mut self, service: &str, mut each: impl FnMut(FoundProfile) -> bool) -> Result<(), QueryError> {
        let budget = &mut self.budget;
        let each = |profile| each(profile) && budget.has_time();
        Ok(self.snapshot.profiles(service, each).map_err(|error| self.index.damaged(&error.to_string()))?)
    }

    /// A profile of the log. `None`: it is damaged or gone.
    fn profile(&self, profile: &FoundProfile) -> Result<Option<Stored>, QueryError> {
        let record = self.log.record(profile.found.sequence, profile.found.place)?;
        Ok(record.and_then(|record| Stored::read(&record.payload)))
    }
}

pub(super) fn json<T: Serialize>(answer: Result<Answer<T>, Asked>) -> Response {
    match answer {
        Ok(answer) => {
            let text = serde_json::to_vec(&answer).expect("our own types are JSON");
            ([(CONTENT_TYPE, "application/json")], text).into_response()
        }
        Err(asked) => no(asked.status(), asked.to_string()),
    }
}

pub(super) fn no(status: StatusCode, why: String) -> Response {
    (status, why + "\n").into_response()
}
