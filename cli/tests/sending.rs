//! `--otlp` against endpoints that are dead, dumb, or take traces alone: the guest never notices, and one line tells.

mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Output;
use std::thread;

use common::{guest, json, stderr, waspect, with_input};
use tokio::net::TcpSocket;

/// What the guest is given, and gives back.
const INPUT: &[u8] = b"through and through\n";

/// Runs guest `cat` with its telemetry sent to `address`.
fn run(address: &str, extra: &[&str]) -> Output {
    let otlp = format!("--otlp=http://{address}");
    let mut command = waspect(["run", "--min-duration", "0us", "--budget", "inf", &otlp]);
    let output = with_input(command.args(extra).arg(guest("cat")), INPUT);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(output.stdout, INPUT);
    output
}

/// The line that says what was sent.
fn sent(output: &Output) -> String {
    let text = stderr(output);
    let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("sent:")).collect();
    assert_eq!(lines.len(), 1, "{text}");
    lines[0].to_owned()
}

/// The ledger of each signal, in a summary file.
fn assert_balanced(summary: &Path, exported: [&str; 2]) {
    let sent = &json(summary)["sent"];
    for signal in ["spans", "points"] {
        let number = |field: &str| sent[signal][field].as_u64().unwrap();
        assert!(number("made") > 0, "{sent:#}");
        assert_eq!(number("made"), number("exported") + number("dropped") + number("unconfirmed"), "{sent:#}");
        let expected = if exported.contains(&signal) { number("made") } else { 0 };
        assert_eq!(number("exported"), expected, "{sent:#}");
    }
}

/// A peer on loopback that treats every connection on a thread of its own.
fn peer(treat: fn(TcpStream)) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || listener.incoming().for_each(|stream| _ = thread::spawn(move || treat(stream.unwrap()))));
    address
}

/// Reads what comes and never answers.
fn black_hole(mut stream: TcpStream) {
    while stream.read(&mut [0; 4096]).is_ok_and(|count| count > 0) {}
}

/// Takes traces, and has never heard of metrics.
fn traces_only(stream: TcpStream) {
    let mut reader = BufReader::new(stream);
    let mut head = Vec::new();
    while reader.read_until(b'\n', &mut head).is_ok_and(|count| count > 2) {}
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")).map(|length| length.trim());
    let Some(length) = length else { return };
    std::io::copy(&mut (&mut reader).take(length.parse().unwrap()), &mut std::io::sink()).unwrap();
    let status = if head.starts_with("post /v1/traces ") { "200 OK" } else { "404 Not Found" };
    let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    reader.get_mut().write_all(answer.as_bytes()).unwrap();
}

#[test]
fn a_dead_endpoint_is_told_with_a_remedy_and_the_guest_never_notices() {
    // Bound, so that nobody else can listen there while we run; but nobody listens.
    let nobody = TcpSocket::new_v4().unwrap();
    nobody.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let address = nobody.local_addr().unwrap().to_string();
    let line = sent(&run(&address, &[]));
    assert!(line.contains("sent: 0 of "), "{line}");
    assert!(line.contains(" dropped, 0 unconfirmed: ") && line.contains("--otlp=URL"), "{line}");

    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("summary.json");
    run(&address, &["--summary", "json", "--summary-file", file.to_str().unwrap()]);
    assert_balanced(&file, ["", ""]);
}

#[test]
fn a_black_hole_is_given_up_and_its_items_are_unconfirmed() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("summary.json");
    run(&peer(black_hole), &["--summary", "json", "--summary-file", file.to_str().unwrap()]);
    assert_balanced(&file, ["", ""]);
    assert!(json(&file)["sent"]["spans"]["unconfirmed"].as_u64().unwrap() > 0);
}

#[test]
fn an_endpoint_that_takes_traces_alone_is_no_alarm() {
    let address = peer(traces_only);
    let line = sent(&run(&address, &[]));
    assert!(line.contains("it takes traces alone") && !line.contains("dropped"), "{line}");

    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("summary.json");
    run(&address, &["--summary", "json", "--summary-file", file.to_str().unwrap()]);
    assert_balanced(&file, ["spans", ""]);
}
