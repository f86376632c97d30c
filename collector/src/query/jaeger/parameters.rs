//! What a query string says, by Jaeger's rules. Pure.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::UNIX_EPOCH;

use super::duration;
use crate::query::find::Page;
use crate::query::matching::Search;

/// How far a search looks back that does not say it.
const LOOKBACK_NS: u64 = 2 * 24 * 60 * 60 * 1_000_000_000;

/// Traces that a search gets which does not say how many.
pub const LIMIT: usize = 100;

/// Traces that it gets at most.
pub const LIMIT_MAX: usize = 1500;

/// A query string.
pub struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Reads it.
    pub fn new(query: Option<&str>) -> Parameters {
        Parameters(form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect())
    }

    /// The first value; empty: none.
    pub fn get(&self, name: &str) -> &str {
        self.all(name).next().unwrap_or_default()
    }

    /// Every value.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(given, _)| given == name).map(|(_, value)| &**value)
    }

    /// The first of these names that is given, or the first.
    pub fn given<'n>(&self, names: &[&'n str]) -> &'n str {
        names.iter().find(|name| !self.get(name).is_empty()).unwrap_or(&names[0])
    }

    /// The search of `/api/traces`.
    pub fn search(&self, now_ns: u64) -> Result<Search, String> {
        if self.get("service").is_empty() {
            return Err("parameter 'service' is required".to_owned());
        }
        let start = self.time("start", 1000)?.unwrap_or(now_ns.saturating_sub(LOOKBACK_NS));
        let end = self.time("end", 1000)?.unwrap_or(now_ns);
        let search = Search {
            service: self.get("service").to_owned(),
            operation: self.get("operation").to_owned(),
            tags: self.tags("tag", "tags")?,
            start: start..end.saturating_add(1),
            duration_min: self.duration("minDuration")?,
            duration_max: self.duration("maxDuration")?,
            limit: self.limit("limit", LIMIT)?,
        };
        check(search, ["maxDuration", "minDuration"])
    }

    /// The search of `/api/v3/traces`. Parameters have the names of Jaeger after 2.19, or those from before.
    pub fn search_v3(&self) -> Result<Search, String> {
        let named = |names: [&'static str; 2]| self.given(&names);
        let times = [
            named(["query.startTimeMin", "query.start_time_min"]),
            named(["query.startTimeMax", "query.start_time_max"]),
        ];
        if times.iter().any(|name| self.get(name).is_empty()) {
            return Err(format!("{} and {} are required", times[0], times[1]));
        }
        let time = |name: &str| {
            let text = self.get(name);
            let wrong = || format!("malformed parameter {name}: `{text}` is no time such as 2026-11-26T18:00:00Z");
            rfc3339(text).ok_or_else(wrong)
        };
        let durations =
            [named(["query.durationMax", "query.duration_max"]), named(["query.durationMin", "query.duration_min"])];
        let limit = self.given(&["query.searchDepth", "query.search_depth", "query.num_traces"]);
        let search = Search {
            service: self.get(named(["query.serviceName", "query.service_name"])).to_owned(),
            operation: self.get(named(["query.operationName", "query.operation_name"])).to_owned(),
            tags: self.tags("", "query.attributes")?,
            start: time(times[0])?..time(times[1])?.saturating_add(1),
            duration_min: self.duration(durations[1])?,
            duration_max: self.duration(durations[0])?,
            limit: self.limit(limit, LIMIT)?,
        };
        check(search, durations)
    }

    /// The same for one page, if pages are asked for.
    pub fn page_v3(&self) -> Result<(Search, Option<Page>), String> {
        let [size, token] = ["query.pagination.pageSize", "query.pagination.pageToken"];
        let mut search = self.search_v3()?;
        if self.get(size).is_empty() && self.get(token).is_empty() {
            return Ok((search, None));
        }
        search.limit = self.limit(size, LIMIT)?;
        match self.get(token) {
            "" => Ok((search, Some(Page::default()))),
            text => match Page::read(text) {
                Some(page) => Ok((search, Some(page))),
                None => Err(format!("malformed parameter {token}: `{text}` was not given here")),
            },
        }
    }

    /// When spans begin, for `/api/dependencies`: until `endTs`, for `lookback`, both in ms.
    pub fn dependencies(&self, now_ns: u64) -> Result<Range<u64>, String> {
        let end = self.time("endTs", 1_000_000)?.unwrap_or(now_ns);
        let lookback = self.time("lookback", 1_000_000)?.unwrap_or(LOOKBACK_NS / 2);
        Ok(end.saturating_sub(lookback)..end.saturating_add(1))
    }

    /// A number of units of so many ns.
    fn time(&self, name: &str, unit_ns: u64) -> Result<Option<u64>, String> {
        match self.get(name) {
            "" => Ok(None),
            text => {
                let number: i64 =
                    text.parse().map_err(|_| unreadable(name, &format!("`{text}` is no whole number")))?;
                Ok(Some(u64::try_from(number).unwrap_or(0).saturating_mul(unit_ns)))
            }
        }
    }

    fn duration(&self, name: &str) -> Result<u64, String> {
        match self.get(name) {
            "" => Ok(0),
            text => duration::parse(text).map_err(|error| unreadable(name, &error)),
        }
    }

    fn limit(&self, name: &str, limit: usize) -> Result<usize, String> {
        match self.get(name) {
            "" => Ok(limit),
            text => match text.parse() {
                Ok(limit @ 1..=LIMIT_MAX) => Ok(limit),
                _ => Err(unreadable(name, &format!("`{text}` is no number from 1 to {LIMIT_MAX}"))),
            },
        }
    }

    /// `tag=key:value`, any number of them, and `tags={"key":"value"}`.
    fn tags(&self, one: &str, several: &str) -> Result<BTreeMap<String, String>, String> {
        let mut tags = BTreeMap::new();
        for tag in self.all(one) {
            let (key, value) = tag
                .split_once(':')
                .ok_or_else(|| format!("malformed 'tag' parameter, expecting key:value, received: {tag}"))?;
            tags.insert(key.to_owned(), value.to_owned());
        }
        for json in self.all(several) {
            let more: BTreeMap<String, String> = serde_json::from_str(json)
                .map_err(|error| format!("malformed '{several}' parameter, cannot unmarshal JSON: {error}"))?;
            tags.extend(more);
        }
        Ok(tags)
    }
}

fn check(search: Search, [max, min]: [&str; 2]) -> Result<Search, String> {
    match search.duration_max != 0 && search.duration_max < search.duration_min {
        true => Err(format!("'{max}' should be greater than '{min}'")),
        false => Ok(search),
    }
}

fn unreadable(name: &str, why: &str) -> String {
    format!("unable to parse param '{name}': {why}")
}

/// A time in ns since 1970, in any zone. A `+` may have become a space: Grafana sends times as they are.
fn rfc3339(text: &str) -> Option<u64> {
    let (local, sign, zone) = match text.strip_suffix('Z') {
        Some(local) => (local, 1, "00:00"),
        None => {
            let (local, zone) = text.split_at_checked(text.len().checked_sub(6)?)?;
            (local, if zone.starts_with('-') { 1 } else { -1 }, zone.strip_prefix(['+', ' ', '-'])?)
        }
    };
    let (hours, minutes) = zone.split_once(':')?;
    let offset = sign * (hours.parse::<u8>().ok()? as i64 * 60 + minutes.parse::<u8>().ok()? as i64) * 60;
    let time = humantime::parse_rfc3339(&format!("{local}Z")).ok()?.duration_since(UNIX_EPOCH).ok()?;
    let seconds = i64::try_from(time.as_secs()).ok()?.checked_add(offset)?;
    u64::try_from(seconds).ok()?.checked_mul(1_000_000_000)?.checked_add(time.subsec_nanos().into())
}

/// A trace's id, of 1 to 32 digits.
pub fn trace_id(text: &str) -> Result<u128, String> {
    match text.len() {
        1..=32 => u128::from_str_radix(text, 16).ok().filter(|_| !text.starts_with('+')),
        _ => None,
    }
    .ok_or_else(|| format!("`{text}` is no trace id: it has 1 to 32 hexadecimal digits"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search(query: &str) -> Result<Search, String> {
        Parameters::new(Some(query)).search(1_000_000_000_000_000_000)
    }

    #[test]
    fn a_search_says_what_it_wants() {
        let found = search(
            "service=shop+1&operation=GET%20%2F&start=5&end=7&limit=20&minDuration=1.5ms&maxDuration=2s&tag=a:b:c&tag=x:y\
             &tags=%7B%22error%22%3A%22true%22%7D&lookback=custom",
        );
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let expected = Search {
            service: "shop 1".into(),
            operation: "GET /".into(),
            tags: BTreeMap::from([pair("a", "b:c"), pair("x", "y"), pair("error", "true")]),
            start: 5000..7001,
            duration_min: 1_500_000,
            duration_max: 2_000_000_000,
            limit: 20,
        };
        assert_eq!(found, Ok(expected));
        let least = search("service=s").unwrap();
        assert_eq!((least.limit, least.start.end - least.start.start), (LIMIT, LOOKBACK_NS + 1));
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (query, said) in [
            ("", "parameter 'service' is required"),
            ("service=s&start=x", "unable to parse param 'start': `x` is no whole number"),
            ("service=s&limit=0", "unable to parse param 'limit': `0` is no number from 1 to 1500"),
            ("service=s&tag=x", "malformed 'tag' parameter, expecting key:value, received: x"),
            ("service=s&minDuration=2s&maxDuration=1s", "'maxDuration' should be greater than 'minDuration'"),
        ] {
            assert_eq!(search(query).unwrap_err(), said);
        }
        assert!(search("service=s&tags={").unwrap_err().starts_with("malformed 'tags' parameter"));
    }

    #[test]
    fn names_of_v3_are_new_or_old() {
        let new = "query.serviceName=s&query.operationName=o&query.startTimeMin=1970-01-01T00:00:01Z\
                   &query.startTimeMax=1970-01-01T00:00:02Z&query.durationMin=1ms&query.durationMax=2ms&query.searchDepth=3";
        let old = new.replace("query.searchDepth", "query.num_traces");
        let old = ["serviceName", "operationName", "startTimeMin", "startTimeMax", "durationMin", "durationMax"]
            .into_iter()
            .fold(old, |old, name| {
                let snake: String = name
                    .chars()
                    .map(|c| if c.is_uppercase() { format!("_{}", c.to_lowercase()) } else { c.into() })
                    .collect();
                old.replace(name, &snake)
            });
        let read = |query: &str| Parameters::new(Some(query)).search_v3().unwrap();
        assert_eq!(read(new), read(&old));
        assert_eq!((read(new).limit, read(new).start), (3, 1_000_000_000..2_000_000_001));

        let page = |more: &str| Parameters::new(Some(&format!("{new}{more}"))).page_v3();
        assert_eq!(page("").unwrap().1, None);
        assert_eq!(page("&query.pagination.pageSize=7").unwrap().0.limit, 7);
        let token = Page { newest: Some(5), skip: 6 };
        assert_eq!(page(&format!("&query.pagination.pageToken={token}")).unwrap().1, Some(token));
        assert!(page("&query.pagination.pageToken=x").is_err() && page("&query.pagination.pageSize=0").is_err());
    }

    #[test]
    fn times_are_of_any_zone() {
        let noon = Some(1_790_000_000_500_000_000);
        for text in [
            "2026-09-21T14:13:20.5Z",
            "2026-09-21T16:43:20.5+02:30",
            "2026-09-21T16:43:20.5 02:30",
            "2026-09-21T09:13:20.5-05:00",
        ] {
            assert_eq!(rfc3339(text), noon, "{text}");
        }
        for wrong in ["", "Z", "now", "2026-09-21", "2026-09-21T14:13:20", "2026-09-21T14:13:20+é:00"] {
            assert_eq!(rfc3339(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn ids_are_short_or_long() {
        assert_eq!((trace_id("ff"), trace_id(&"f".repeat(32))), (Ok(255), Ok(u128::MAX)));
        for wrong in ["", "x", "+1", "-1", &"f".repeat(33)] {
            assert!(trace_id(wrong).is_err(), "{wrong}");
        }
    }
}
