//! `waspect collect` under `kill -9`, on a full disk, and without its upstream: nothing that it acknowledged is lost.
//!
//! `WASPECT_KILLS=100` is the full count of kills, `WASPECT_AWAY_MIB=1024` a long absence.

use std::collections::BTreeSet;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use waspect_tests::back_ends::{Collect, Collector, doctor, get};

/// Kills unless the environment says otherwise.
const KILLS: u64 = 5;

/// What comes while the upstream is away, unless the environment says otherwise.
const AWAY_MIB: u64 = 32;

/// Memory that a collector may have, however much waits for an upstream.
const MEMORY_KIB_MAX: u64 = 256 << 10;

/// A guard against waiting for ever, not a measurement.
const FORWARD_MAX: Duration = Duration::from_secs(300);

fn of_environment(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |count| count.parse().expect("a number"))
}

fn exporter_to(url: &str) -> String {
    format!("{{otlphttp: {{endpoint: {url:?}, retry_on_failure: {{max_interval: 500ms}}}}}}")
}

#[test]
fn no_kill_loses_what_was_acknowledged() {
    let kills = std::env::var("WASPECT_KILLS").map_or(KILLS, |count| count.parse().expect("a number"));
    let upstream = Collector::listen();
    let store = tempfile::tempdir().expect("a folder can be made");
    let exporters = format!("{{otlphttp: {{endpoint: {:?}}}}}", upstream.http_url());
    let next = AtomicU64::new(1);
    let mut acknowledged = BTreeSet::new();
    for life in 0..kills {
        let collect = Collect::start(store.path(), &exporters);
        let address = collect.http_address().to_owned();
        let ending = AtomicBool::new(false);
        let before = acknowledged.len();
        let told = thread::scope(|scope| {
            let clients: Vec<_> = (0..8).map(|_| scope.spawn(|| load(&address, &next, &ending))).collect();
            // Each life is killed at another moment of its work.
            while collect.figure("waspect_collector_log_records_total") < 20 + 37 * (life % 7) {
                thread::yield_now();
            }
            collect.kill();
            ending.store(true, Relaxed);
            clients.into_iter().flat_map(|client| client.join().expect("a client ends")).collect::<Vec<_>>()
        });
        acknowledged.extend(told);
        assert!(acknowledged.len() > before, "life {life} acknowledged something");
    }
    let report = doctor(store.path());
    assert_eq!(report["damaged"], 0, "{report}");
    let records = report["records"].as_u64().expect("a count");
    let in_doubt = records - acknowledged.len() as u64;
    assert!(in_doubt <= kills * 8, "beside what was acknowledged there is at most what was in flight: {in_doubt}");

    // One life more, in which the upstream gets the rest.
    let collect = Collect::start(store.path(), &exporters);
    forwarded(&collect);
    collect.finish();
    assert_none_is_lost(&acknowledged, upstream);
    println!("{kills} kills, {} requests acknowledged, 0 lost, {in_doubt} in flight", acknowledged.len());
}

#[test]
fn a_full_disk_takes_nothing_and_loses_nothing() {
    if !Collect::may_have_a_disk() {
        println!("not shown here: no process may mount a disk of its own");
        return;
    }
    let (upstream, folder) = (Collector::listen(), tempfile::tempdir().expect("a folder can be made"));
    let collect = Collect::start_on_disk(24, folder.path(), &exporter_to(&upstream.http_url()));
    let ballast = collect.of_disk(&folder.path().join("ballast"));
    std::fs::write(&ballast, vec![7; 4 << 20]).expect("there is room");
    let (mut acknowledged, mut number) = (BTreeSet::new(), 1);
    let mut send = |padding| {
        number += 1;
        let answer = post(collect.http_address(), &span(number, padding)).expect("it answers");
        match answer.starts_with("HTTP/1.0 200") {
            true => _ = acknowledged.insert(id(number)),
            false => assert!(answer.starts_with("HTTP/1.0 503") && answer.contains("retry-after: 2"), "{answer}"),
        }
        answer.starts_with("HTTP/1.0 200")
    };
    while send(100 << 10) {}
    assert!(!send(100 << 10), "it is still full");
    assert_eq!(get(collect.query_address(), "/readyz").status, 503);
    assert_eq!(get(collect.query_address(), "/healthz").status, 200, "it lives");
    std::fs::remove_file(ballast).expect("it is there");
    let start = Instant::now();
    while !send(100) {
        assert!(start.elapsed() < FORWARD_MAX, "there is room again");
        thread::sleep(Duration::from_millis(10));
    }
    let recovered = start.elapsed();
    assert_eq!(get(collect.query_address(), "/readyz").status, 200);
    forwarded(&collect);
    collect.finish();
    println!(
        "{} requests acknowledged, 0 lost; the first after there was room within {recovered:?}",
        acknowledged.len()
    );
    assert_none_is_lost(&acknowledged, upstream);
}

#[test]
fn what_an_upstream_missed_waits_for_it_through_a_crash() {
    let requests = of_environment("WASPECT_AWAY_MIB", AWAY_MIB) * 16;
    let upstream = Collector::listen();
    let door = Door::before(upstream.http_url().trim_start_matches("http://"));
    let store = tempfile::tempdir().expect("a folder can be made");
    let exporters = exporter_to(&format!("http://{}", door.address));
    let (mut acknowledged, mut memory_kib) = (BTreeSet::new(), 0);
    let mut fill = |collect: &Collect, numbers: std::ops::Range<u64>| {
        for number in numbers {
            let answer = post(collect.http_address(), &span(number, 64 << 10)).expect("it answers");
            assert!(answer.starts_with("HTTP/1.0 200"), "{answer}");
            acknowledged.insert(id(number));
        }
        assert_eq!(collect.figure("waspect_collector_forward_sent"), 0, "nobody is there");
        memory_kib = memory_kib.max(collect.memory_max_kib().unwrap_or_default());
    };
    let collect = Collect::start(store.path(), &exporters);
    fill(&collect, 1..requests / 2);
    collect.kill();
    let collect = Collect::start(store.path(), &exporters);
    fill(&collect, requests / 2..requests + 1);
    door.open.store(true, Relaxed);
    forwarded(&collect);
    let memory_kib = memory_kib.max(collect.memory_max_kib().unwrap_or_default());
    collect.finish();
    println!("{} MiB waited for an upstream in {memory_kib} KiB of memory, 0 lost", requests / 16);
    assert!(memory_kib <= MEMORY_KIB_MAX, "{memory_kib} KiB");
    assert_none_is_lost(&acknowledged, upstream);
}

/// Waits until an upstream has all.
fn forwarded(collect: &Collect) {
    let start = Instant::now();
    while collect.figure("waspect_collector_forward_behind") > 0
        || collect.figure("waspect_collector_forward_sent") == 0
    {
        assert!(start.elapsed() < FORWARD_MAX, "the upstream gets the rest");
        thread::sleep(Duration::from_millis(10));
    }
}

fn assert_none_is_lost(acknowledged: &BTreeSet<String>, upstream: Collector) {
    let received: BTreeSet<String> = upstream.finish().spans.iter().map(|span| span.ids[..2].join(" ")).collect();
    let lost: Vec<_> = acknowledged.difference(&received).collect();
    assert!(lost.is_empty(), "{} of {} are lost", lost.len(), acknowledged.len());
}

/// A client that sends a span a request until its collector is gone; the ids of those that were acknowledged.
fn load(address: &str, next: &AtomicU64, ending: &AtomicBool) -> Vec<String> {
    let mut acknowledged = Vec::new();
    while !ending.load(Relaxed) {
        let number = next.fetch_add(1, Relaxed);
        match post(address, &span(number, 0)) {
            Ok(answer) if answer.starts_with("HTTP/1.0 200") => acknowledged.push(id(number)),
            // Refused or cut off: nothing was promised.
            _ => thread::yield_now(),
        }
    }
    acknowledged
}

/// A request of one span, with a name of so many bytes beside.
fn span(number: u64, padding: usize) -> String {
    let name = "x".repeat(padding);
    format!(
        "{{\"resourceSpans\":[{{\"scopeSpans\":[{{\"spans\":[{{\"traceId\":\"{number:032x}\",\"spanId\":\"{number:016x}\",\
         \"name\":\"load{name}\",\"startTimeUnixNano\":\"1\",\"endTimeUnixNano\":\"2\"}}]}}]}}]}}"
    )
}

/// Its ids, as they are told apart.
fn id(number: u64) -> String {
    format!("{number:032x} {number:016x}")
}

/// HTTP/1.0: the answer ends where the connection does.
fn post(address: &str, body: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    write!(
        stream,
        "POST /v1/traces HTTP/1.0\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// A way to an upstream that is shut at first.
struct Door {
    address: String,
    open: Arc<AtomicBool>,
}

impl Door {
    fn before(upstream: &str) -> Door {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it is bound").to_string();
        let (open, upstream) = (Arc::new(AtomicBool::new(false)), upstream.to_owned());
        let is_open = open.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten().filter(|_| is_open.load(Relaxed)) {
                let server = TcpStream::connect(&upstream).expect("the upstream is there");
                for (mut from, mut to) in [(&client, &server), (&server, &client)].map(both) {
                    thread::spawn(move || {
                        // Whoever ends it first, the other side hears of it.
                        let _ = io::copy(&mut from, &mut to);
                        let _ = to.shutdown(Shutdown::Both);
                    });
                }
            }
        });
        Door { address, open }
    }
}

fn both((from, to): (&TcpStream, &TcpStream)) -> (TcpStream, TcpStream) {
    (from.try_clone().expect("a socket can be shared"), to.try_clone().expect("a socket can be shared"))
}
