//! `waspect collect` on the command line: what it prints, how it ends, what the doctor says.
#![cfg(unix)]

mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command};

use common::{stderr, waspect};

fn free_ports(mut command: Command) -> Command {
    for place in ["RECEIVERS__OTLP__PROTOCOLS__GRPC", "RECEIVERS__OTLP__PROTOCOLS__HTTP", "QUERY", "REMOTE_STORAGE"] {
        command.env(format!("WASPECT_COLLECT__{place}__ENDPOINT"), "127.0.0.1:0");
    }
    command
}

/// A collector on free ports, that is ready.
fn started(store: &Path) -> Child {
    let mut child = free_ports(waspect(["collect"])).env("WASPECT_COLLECT__STORAGE__DIRECTORY", store).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.as_mut().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap() == "ready"), "it is ready");
    child
}

fn terminate(child: &Child) {
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
}

#[test]
fn the_configuration_is_printed_without_secrets() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("collector.yaml");
    std::fs::write(&file, "extensions: {bearertokenauth: {token: \"${env:TOKEN}\"}}\n").unwrap();
    let arguments = ["collect", "--print-config", "--config", file.to_str().unwrap()];
    let output = waspect(arguments).env("TOKEN", "very-secret").output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && printed.contains("endpoint: 127.0.0.1:4317"), "{printed}");
    assert!(printed.contains("[REDACTED]") && !printed.contains("very-secret"), "{printed}");

    let output = waspect(arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let error = stderr(&output);
    let expected =
        "extensions.bearertokenauth.token: the variable TOKEN is not set; set it, or write ${env:TOKEN:-default}\n";
    assert!(error.starts_with("error: `") && error.ends_with(expected), "{error}");
}

#[test]
fn it_ends_in_good_order_and_the_doctor_agrees() {
    let directory = tempfile::tempdir().unwrap();
    let mut collector = started(directory.path());

    let second = waspect(["collect"]).env("WASPECT_COLLECT__STORAGE__DIRECTORY", directory.path()).output().unwrap();
    assert_eq!(second.status.code(), Some(1));
    assert!(stderr(&second).contains("belongs to another collector; end that one, or name another directory"));
    let doctor = |json: &[&str]| waspect(["collect", "doctor"]).args(json).arg(directory.path()).output().unwrap();
    assert!(stderr(&doctor(&[])).contains("belongs to another collector"));

    terminate(&collector);
    let mut rest = String::new();
    collector.stderr.take().unwrap().read_to_string(&mut rest).unwrap();
    assert_eq!((collector.wait().unwrap().code(), &*rest), (Some(0), "ending: SIGTERM\n"));
    let output = doctor(&[]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(
        (output.status.code(), &*said),
        (Some(0), "0 segments, 0 bytes\n0 records, 0 bytes\n0 damaged\n0 manifests, 0 damaged\n")
    );
    let output = doctor(&["--json"]);
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&said["records"], &said["damaged"]), (&0.into(), &0.into()), "{said}");
}

#[test]
fn the_doctor_finds_damage_and_names_what_is_no_store() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("positions"), "garbage").unwrap();
    std::fs::write(directory.path().join("manifest-0123456789abcdef"), "garbage").unwrap();
    let output = waspect(["collect", "doctor"]).arg(directory.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("the file of positions is damaged"), "{said}");
    assert!(said.contains("0 manifests, 1 damaged: push these again"), "{said}");
    let output = waspect(["collect", "doctor", "/nowhere"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("`/nowhere` is no directory; give the one that storage.directory names"));
}

#[test]
fn it_says_why_an_endpoint_takes_nothing_as_json_where_that_is_asked() {
    let directory = tempfile::tempdir().unwrap();
    // Nobody listens there any more.
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let file = directory.path().join("collector.yaml");
    std::fs::write(&file, format!("exporters: {{otlphttp/away: {{endpoint: \"http://{closed}\"}}}}\n")).unwrap();
    let mut collector = free_ports(waspect(["collect", "--log-format", "json", "--config", file.to_str().unwrap()]))
        .env("WASPECT_COLLECT__STORAGE__DIRECTORY", directory.path().join("store"))
        .spawn()
        .unwrap();
    let lines = BufReader::new(collector.stderr.take().unwrap()).lines();
    let mut events = lines.map(|line| serde_json::from_str::<serde_json::Value>(&line.unwrap()).expect("JSON alone"));
    let mut said = |what: &str| {
        let is_it = |event: &serde_json::Value| event["message"].as_str().is_some_and(|message| message.contains(what));
        events.find(is_it).expect("it is said")
    };
    let listening = said("protocols.http on ")["message"].as_str().unwrap().to_owned();
    said("ready");
    let body = r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{}]}]}]}"#;
    let mut stream = TcpStream::connect(listening.rsplit(' ').next().unwrap()).unwrap();
    let length = body.len();
    write!(
        stream,
        "POST /v1/logs HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .unwrap();

    let trouble = said("the endpoint does not take what is stored");
    assert_eq!((trouble["level"].as_str(), trouble["exporter"].as_str()), (Some("WARN"), Some("otlphttp/away")));
    assert!(trouble["why"].as_str().unwrap().contains("Connection refused"), "{trouble}");
    terminate(&collector);
    said("ending: SIGTERM");
    assert!(collector.wait().unwrap().success());
}
