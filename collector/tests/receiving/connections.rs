//! Connections that say nothing, too little, or nothing more.

use std::time::{Duration, Instant};

use prost::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{PROTOBUF, Running, figure, get, post, spans};

const IMPATIENT: &str = "receivers: {otlp: {protocols: {grpc: {read_header_timeout: 300ms, idle_timeout: 1s}, \
    http: {max_connections: 20, read_header_timeout: 300ms, read_timeout: 500ms, idle_timeout: 1s}}}}";

/// Waits until the other side closes; what it said before.
async fn closed(stream: &mut TcpStream) -> String {
    let (mut said, mut piece) = (Vec::new(), [0; 1000]);
    loop {
        match tokio::time::timeout(Duration::from_secs(60), stream.read(&mut piece)).await {
            // A reset is an end, too.
            Ok(Ok(0) | Err(_)) => return String::from_utf8_lossy(&said).into_owned(),
            Ok(Ok(read)) => said.extend_from_slice(&piece[..read]),
            Err(_) => panic!("it is not closed, and said {:?}", String::from_utf8_lossy(&said)),
        }
    }
}

#[tokio::test]
async fn who_is_slow_is_let_go() {
    let running = Running::start(IMPATIENT).await;
    for (name, first) in [
        ("nothing", ""),
        ("half a header", "POST /v1/traces HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-"),
        (
            "half a body",
            "POST /v1/traces HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-protobuf\r\nContent-Length: 100\r\n\r\nab",
        ),
    ] {
        let mut stream = TcpStream::connect(running.http()).await.unwrap();
        stream.write_all(first.as_bytes()).await.unwrap();
        let said = closed(&mut stream).await;
        assert_eq!(said.contains(" 408 "), name == "half a body", "{name}: {said}");
    }
    let mut preface = TcpStream::connect(running.grpc()).await.unwrap();
    preface.write_all(b"PRI * HTTP/2.0\r\n").await.unwrap();
    closed(&mut preface).await;
}

#[tokio::test]
async fn long_headers_are_refused() {
    let running = Running::start("").await;
    let long = "x".repeat(100 << 10);
    let mut stream = TcpStream::connect(running.http()).await.unwrap();
    let request = format!("POST /v1/traces HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Long: {long}\r\n\r\n");
    // The other side may close before it has read all of it.
    let _ = stream.write_all(request.as_bytes()).await;
    let said = closed(&mut stream).await;
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 431 "), "{said}");
}

#[tokio::test]
async fn any_number_of_idle_connections_keeps_nobody_out() {
    let connections: usize = std::env::var("WASPECT_CONNECTIONS").map_or(300, |count| count.parse().expect("a number"));
    let running = Running::start(IMPATIENT).await;
    let start = Instant::now();
    let mut idle = Vec::new();
    for number in 0..connections {
        let mut stream = TcpStream::connect(running.http()).await.unwrap();
        if number % 2 == 0 {
            stream.write_all(b"POST /v1/traces HTTP/1.1\r\nHost: ").await.unwrap();
        }
        idle.push(stream);
        if number % 50 == 49 {
            let body = spans(number as u64, 1).encode_to_vec();
            let answer = post(running.http(), "/v1/traces", &[("content-type", PROTOBUF)], body).await;
            assert_eq!(answer.status, 200);
        }
    }
    let metrics = get(running.query(), "/metrics", &[]).await;
    let text = String::from_utf8(metrics.body.to_vec()).unwrap();
    let figure = |name: &str| -> u64 {
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("{name}: {text}"));
        line.trim().parse().unwrap()
    };
    assert!(figure("waspect_collector_evictions_total ") > 100);
    assert!(figure("waspect_collector_connections ") <= 21 + 1, "the limit, and who asks");
    println!("{connections} idle connections, good clients served, in {:?}", start.elapsed());
    drop(idle);
    assert_eq!(running.stored().await.len(), connections / 50);
}

/// Asks for a trace of 15 MB twice, far more than sockets hold, and reads nothing yet.
async fn ask_for_much(running: &Running) -> TcpStream {
    let mut request = spans(0, 1);
    request.resource_spans[0].scope_spans[0].spans[0].name = "x".repeat(15_000_000);
    let sent = post(running.http(), "/v1/traces", &[("content-type", PROTOBUF)], request.encode_to_vec()).await;
    assert_eq!(sent.status, 200);
    while get(running.query(), "/api/traces/1", &[]).await.status != 200 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let mut stream = TcpStream::connect(running.query()).await.unwrap();
    let ask = "GET /api/traces/1 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
    stream.write_all(ask.repeat(2).as_bytes()).await.unwrap();
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn who_reads_nothing_is_let_go() {
    let running = Running::start("query: {idle_timeout: 1s}").await;
    let mut unread = ask_for_much(&running).await;
    // The connection that asks is one itself.
    while figure(&running, "waspect_collector_connections ").await > 1 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(closed(&mut unread).await.len() < 30_000_000, "it was cut short");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_reads_slowly_gets_all() {
    let running = Running::start("query: {idle_timeout: 1s}").await;
    let mut stream = ask_for_much(&running).await;
    let (mut read, mut piece, start) = (0, vec![0; 100_000], Instant::now());
    while read < 30_000_000 {
        // For longer than the connection may be idle.
        if start.elapsed() < Duration::from_secs(3) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        match stream.read(&mut piece).await.unwrap() {
            0 => panic!("it was let go after {read} bytes and {:?}", start.elapsed()),
            more => read += more,
        }
    }
}
