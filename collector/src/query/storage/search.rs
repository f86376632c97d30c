//! What a search of `jaeger.storage.v2` means. Pure.

use tonic::Status;

use super::messages::{Duration, Pagination, Query, Timestamp};
use crate::otlp::value;
use crate::query::find::Page;
use crate::query::jaeger::{LIMIT, LIMIT_MAX};
use crate::query::matching::Search;

/// What is searched for.
pub fn search(query: &Query) -> Result<Search, Status> {
    if query.filter.is_some() {
        return Err(Status::invalid_argument("filters are not understood here, as the capabilities say"));
    }
    let attributes = query.attributes.iter();
    Ok(Search {
        service: query.service_name.clone(),
        operation: query.operation_name.clone(),
        tags: attributes.map(|tag| (tag.key.clone(), value::text(tag.value.as_ref()).into_owned())).collect(),
        start: time(query.start_time_min).unwrap_or(0)..time(query.start_time_max).map_or(u64::MAX, after),
        duration_min: duration(query.duration_min),
        duration_max: duration(query.duration_max),
        limit: match usize::try_from(query.search_depth) {
            Ok(0) | Err(_) => LIMIT,
            Ok(limit) => limit.min(LIMIT_MAX),
        },
    })
}

/// The same for one page, if pages are asked for.
pub fn page(query: &Query) -> Result<(Search, Option<Page>), Status> {
    let mut search = search(query)?;
    let Some(Pagination { page_size, page_token }) = &query.pagination else { return Ok((search, None)) };
    if *page_size == 0 || query.search_depth != 0 {
        return Err(Status::invalid_argument("a page has a size, and no search depth beside it"));
    }
    search.limit = usize::try_from(*page_size).unwrap_or(LIMIT_MAX).min(LIMIT_MAX);
    let page = match &**page_token {
        "" => Some(Page::default()),
        token => Page::read(token),
    };
    match page {
        Some(page) => Ok((search, Some(page))),
        None => Err(Status::invalid_argument("this page token was not given here")),
    }
}

/// The whole of a search, which has no pages.
pub fn whole(query: &Query) -> Result<Search, Status> {
    match query.pagination {
        None => search(query),
        Some(_) => Err(Status::invalid_argument("traces have no pages; give a search depth")),
    }
}

/// A time in ns since 1970. `None`: none, or Go's time that is none.
pub fn time(time: Option<Timestamp>) -> Option<u64> {
    let Timestamp { seconds, nanos } = time?;
    ns(seconds, nanos)
}

/// A duration in ns; 0: none.
fn duration(duration: Option<Duration>) -> u64 {
    duration.and_then(|Duration { seconds, nanos }| ns(seconds, nanos)).unwrap_or(0)
}

/// `None`: it is negative.
fn ns(seconds: i64, nanos: i32) -> Option<u64> {
    let [seconds, nanos] = [u64::try_from(seconds).ok()?, u64::try_from(nanos).ok()?];
    Some(seconds.saturating_mul(1_000_000_000).saturating_add(nanos))
}

/// The first time that is later.
pub fn after(time: u64) -> u64 {
    time.saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_is_not_wanted() {
        let none = Timestamp { seconds: -62_135_596_800, nanos: 0 };
        let query = Query { start_time_min: Some(none), start_time_max: Some(none), ..Query::default() };
        let found = search(&query).unwrap();
        assert_eq!((found.start, found.limit, found.duration_max), (0..u64::MAX, LIMIT, 0));
        let to = Some(Timestamp { seconds: 2, nanos: 5 });
        let found = search(&Query { start_time_max: to, search_depth: i32::MAX, ..Query::default() }).unwrap();
        assert_eq!((found.start, found.limit), (0..2_000_000_006, LIMIT_MAX));
        assert!(search(&Query { filter: Some(Vec::new()), ..Query::default() }).is_err());
    }

    #[test]
    fn pages_are_asked_for_by_what_was_given() {
        let of = |page_size, page_token: &str, search_depth| {
            let pagination = Some(Pagination { page_size, page_token: page_token.into() });
            page(&Query { pagination, search_depth, ..Query::default() })
        };
        assert_eq!(of(7, "", 0).unwrap().0.limit, 7);
        let token = Page { newest: Some(12), skip: 34 }.to_string();
        assert_eq!(of(7, &token, 0).unwrap().1, Some(Page { newest: Some(12), skip: 34 }));
        for (size, token, depth) in [(0, "", 0), (7, "", 7), (7, "x", 0), (7, "1-", 0), (7, "1-2-3", 0)] {
            assert!(of(size, token, depth).is_err(), "{size} {token} {depth}");
        }
        let pagination = Some(Pagination { page_size: 1, page_token: String::new() });
        assert!(whole(&Query { pagination, ..Query::default() }).is_err());
    }
}
