//! Profiles in, kept, and out as one: those of the Go compiler, which no one here wrote, read by `go tool pprof`.

#[path = "../receiving/support.rs"]
#[allow(dead_code)]
mod support;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::StatusCode;
use prost::Message;
use serde_json::Value;
use support::{Answer, Running, figure, get, gzip, post};
use waspect_abi::pprof::{Function, Line, Location, Profile, Sample, ValueType};
use waspect_collector::log::{Directory, Disk, check};

fn go(arguments: &[&str], file: Option<&Path>) -> String {
    let output = Command::new("go").args(arguments).args(file).output().expect("go is installed");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The profile by which the Go compiler is itself compiled: gzipped, 726 KB, with mappings, labels and inlined functions.
fn of_go() -> (PathBuf, Vec<u8>) {
    let path = Path::new(go(&["env", "GOROOT"], None).trim()).join("src/cmd/compile/default.pgo");
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    (path, bytes)
}

/// What `go tool pprof -top` says of a profile, without what names the file.
fn top(file: &Path) -> Vec<String> {
    let said = go(&["tool", "pprof", "-top", "-nodecount=60"], Some(file));
    let rows = said.lines().skip_while(|line| !line.trim_start().starts_with("flat"));
    let mut rows: Vec<String> = rows.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    // Functions of the same figures stand in any order, and what is above them differs with it.
    rows.iter_mut().skip(1).for_each(|row| *row = [0, 1, 3, 4, 5].map(|at| row.split(' ').nth(at).unwrap()).join(" "));
    rows.sort();
    rows
}

/// Calls of one function.
fn calls(function: &str, count: i64) -> Vec<u8> {
    Profile {
        sample_type: vec![ValueType { kind: 1, unit: 2 }],
        sample: vec![Sample { location_id: vec![7], value: vec![count], label: Vec::new() }],
        location: vec![Location {
            id: 7,
            line: vec![Line { function_id: 5, ..Line::default() }],
            ..Location::default()
        }],
        function: vec![Function { id: 5, name: 3, ..Function::default() }],
        string_table: ["", "calls", "count", function].map(str::to_owned).to_vec(),
        ..Profile::default()
    }
    .encode_to_vec()
}

fn decoded(answer: &Answer) -> Profile {
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    let mut bytes = Vec::new();
    std::io::copy(&mut flate2::read::GzDecoder::new(&answer.body[..]), &mut bytes).unwrap();
    Profile::decode(&*bytes).unwrap()
}

fn values(profile: &Profile) -> Vec<(String, i64)> {
    let name = |sample: &Sample| {
        let location = &profile.location[sample.location_id[0] as usize - 1];
        let function = &profile.function[location.line[0].function_id as usize - 1];
        profile.string_table[function.name as usize].clone()
    };
    let mut values: Vec<_> = profile.sample.iter().map(|sample| (name(sample), sample.value[0])).collect();
    values.sort();
    values
}

/// Asks until so many profiles of a service are listed.
async fn listed(running: &Running, query: &str, count: usize) -> Vec<Value> {
    let start = Instant::now();
    loop {
        let answer = get(running.query(), &format!("/api/profiles?limit=1500&{query}"), &[]).await;
        let found: Option<Value> = serde_json::from_slice(&answer.body).ok();
        match found.and_then(|found| found["data"].as_array().cloned()) {
            Some(data) if data.len() == count => return data,
            found => assert!(start.elapsed() < Duration::from_secs(60), "{query}: {found:?}"),
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

async fn put(running: &Running, query: &str, body: Vec<u8>) -> u16 {
    post(running.http(), &format!("/api/pprof?{query}"), &[], body).await.status.as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn go_reads_what_go_wrote_and_two_of_it_are_twice_as_much() {
    let (path, bytes) = of_go();
    let running = Running::start("").await;
    assert_eq!(put(&running, "service=compile", bytes.clone()).await, 204);
    listed(&running, "service=compile", 1).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("merged.pb.gz");
    let ask = async || {
        let answer = get(running.query(), "/api/pprof?service=compile", &[]).await;
        assert_eq!(
            (answer.status, answer.headers["content-type"].as_bytes()),
            (StatusCode::OK, &b"application/octet-stream"[..])
        );
        std::fs::write(&file, &answer.body).unwrap();
        (decoded(&answer), top(&file))
    };
    let (once, rows) = ask().await;
    assert_eq!(rows, top(&path));
    assert!(rows.len() > 50 && rows.iter().any(|row| row.contains("cmd/compile")), "{rows:?}");

    assert_eq!(put(&running, "service=compile", bytes).await, 204);
    listed(&running, "service=compile", 2).await;
    let (twice, _) = ask().await;
    assert_eq!((twice.sample.len(), twice.function.len()), (once.sample.len(), once.function.len()));
    let sum = |profile: &Profile| profile.sample.iter().map(|sample| sample.value[1]).sum::<i64>();
    assert_eq!(sum(&twice), 2 * sum(&once));
    assert!(once.comment.is_empty() && twice.comment.is_empty(), "nothing was left out");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_range_has_what_overlaps_it_of_one_service_and_build_and_a_restart_loses_none() {
    let running = Running::start("").await;
    let sent = [
        ("service=shop%20a&build=b1&start=1000&end=2000", calls("early", 1)),
        ("service=shop%20a&build=b2&start=2000&end=3000", gzip(&calls("late", 2))),
        ("service=shop%20a&build=b2&start=2500&end=3000&waspect.batch=x", calls("late", 40)),
        ("service=shop%20a&build=b2&start=2500&end=3000&waspect.batch=x", gzip(&calls("late", 40))),
        ("service=bank&start=1000&end=9000", calls("other", 500)),
    ];
    for (query, body) in sent {
        assert_eq!(put(&running, query, body).await, 204, "{query}");
    }
    assert_eq!(figure(&running, "waspect_collector_accepted_total{waspect_signal=\"profiles\"}").await, 4);
    assert_eq!(figure(&running, "waspect_collector_repeats_total{waspect_signal=\"profiles\"}").await, 1);

    let running = running.restart("").await;
    let again = ("service=shop%20a&build=b2&start=2500&end=3000&waspect.batch=x", calls("late", 40));
    assert_eq!(put(&running, again.0, again.1).await, 204);
    let list = listed(&running, "service=shop+a", 3).await;
    assert_eq!((list[0]["start"].as_u64(), list[2]["build"].as_str()), (Some(2500), Some("b1")));
    listed(&running, "service=shop+a&start=2001&build=b1", 0).await;
    let services = get(running.query(), "/api/profiles/services", &[]).await;
    assert_eq!(&services.body[..], br#"{"data":["bank","shop a"]}"#);
    for (query, wanted) in [
        ("", vec![("early", 1), ("late", 42)]),
        ("&start=0&end=1999", vec![("early", 1)]),
        ("&start=2001", vec![("late", 42)]),
        ("&start=2001&end=2400", vec![("late", 2)]),
        ("&build=b1", vec![("early", 1)]),
    ] {
        let merged = decoded(&get(running.query(), &format!("/api/pprof?service=shop+a{query}"), &[]).await);
        let wanted: Vec<(String, i64)> = wanted.into_iter().map(|(name, calls)| (name.to_owned(), calls)).collect();
        assert_eq!(values(&merged), wanted, "{query}");
    }
    for (path, status) in [
        ("/api/pprof?service=nobody", 404),
        ("/api/pprof?service=shop+a&start=5000", 404),
        ("/api/pprof", 400),
        ("/api/pprof?service=x&start=yesterday", 400),
        ("/api/profiles?service=x&limit=many", 400),
    ] {
        assert_eq!(get(running.query(), path, &[]).await.status.as_u16(), status, "{path}");
    }
    // What reads the log reads these records, too.
    let folder = running.end().await;
    let disk: Arc<dyn Disk> = Arc::new(Directory::open(folder.path()).unwrap());
    let report = check(&disk).unwrap();
    assert_eq!((report.records, report.damaged), (4, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_profile_is_refused_and_costs_no_more_than_its_limit() {
    let running = Running::start("").await;
    let bomb = gzip(&vec![0; 64 << 20]);
    for (query, body, status, why) in [
        ("", calls("f", 1), 400, "parameter 'service' is required"),
        ("service=s", Vec::new(), 400, "is empty"),
        ("service=s", b"not a profile".to_vec(), 400, "not a pprof profile"),
        ("service=s", gzip(b"not a profile"), 400, "not a pprof profile"),
        ("service=s", vec![0x1f, 0x8b, 8, 0], 400, "does not decompress"),
        ("service=s", bomb.clone(), 413, "longer than"),
        ("service=s", gzip(&bomb), 400, "not a pprof profile"),
        ("service=s", gzip(&vec![0; (4 << 20) + 1]), 413, "longer than"),
        ("service=s", [0x12, 0].repeat(1 << 20), 400, "at most 200000"),
        ("service=s&start=9&end=1", calls("f", 1), 400, "before it begins"),
        ("service=s&start=-1", calls("f", 1), 400, "no time"),
    ] {
        let answer = post(running.http(), &format!("/api/pprof?{query}"), &[], body).await;
        let said = String::from_utf8_lossy(&answer.body).into_owned();
        assert_eq!((answer.status.as_u16(), said.contains(why)), (status, true), "{query}: {why}: {said}");
    }
    let long = format!("service={}", "s".repeat(1025));
    assert_eq!(put(&running, &long, calls("f", 1)).await, 400);
    assert_eq!(put(&running, "service=s", calls("f", 1)).await, 204, "good clients are still served");
    listed(&running, "service=s", 1).await;
    assert_eq!(figure(&running, "waspect_collector_accepted_total{waspect_signal=\"profiles\"}").await, 1);
}
