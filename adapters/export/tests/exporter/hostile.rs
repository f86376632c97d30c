//! Peers that are not there, hang, break off or talk nonsense. In every case the ledger adds up and the shutdown returns.

use std::time::Duration;

use waspect_export::{DropReason, Exporter, Health, Protocol, Signal, SignalHealth};

use crate::support::raw::{Nobody, RawPeer};
use crate::support::{SOON, adds_up, config, spans, within};

const PROTOCOLS: [Protocol; 3] = [Protocol::Grpc, Protocol::HttpProtobuf, Protocol::HttpJson];

/// For peers that never answer.
const SHORT: Duration = Duration::from_millis(20);

/// Sends two requests of 5 and 7 spans, with so much time for each attempt and for all, and waits until both are settled.
fn settle(address: &str, protocol: Protocol, timeout: Duration, total_max: Duration) -> SignalHealth {
    let mut config = config(address, protocol);
    config.trace_retry.total_max = total_max;
    config.traces.as_mut().unwrap().timeout = timeout;
    within(move || {
        let exporter = Exporter::start(config).unwrap();
        exporter.send(Signal::Traces, spans(5, 1), 5);
        exporter.send(Signal::Traces, spans(7, 2), 7);
        assert!(exporter.flush(SOON).complete);
        adds_up(&exporter.shutdown(SOON).traces)
    })
}

#[test]
fn nobody_there_is_known_not_to_have_got_it() {
    for protocol in PROTOCOLS {
        let nobody = Nobody::new();
        let health = settle(&nobody.address, protocol, SOON, Duration::from_millis(5));
        assert_eq!(health.dropped_for(DropReason::RetriesExhausted), 12, "{protocol:?}: {health:?}");
    }
}

#[test]
fn nobody_there_does_not_hold_up_a_shutdown() {
    for protocol in PROTOCOLS {
        within(move || {
            // Retries would go on for ever, and so would the shutdown, did it wait for them.
            let nobody = Nobody::new();
            let mut config = config(&nobody.address, protocol);
            config.trace_retry.initial = Duration::from_secs(3600);
            config.trace_retry.wait_max = Duration::from_secs(3600);
            config.trace_retry.total_max = Duration::from_secs(7200);
            let exporter = Exporter::start(config).unwrap();
            exporter.send(Signal::Traces, spans(5, 1), 5);
            exporter.send(Signal::Traces, spans(7, 2), 7);
            let health = adds_up(&exporter.shutdown(Duration::MAX).traces);
            assert_eq!(health.dropped_for(DropReason::RetriesExhausted), 12, "{health:?}");
        });
    }
}

#[test]
fn a_black_hole_may_have_got_it() {
    for protocol in PROTOCOLS {
        let peer = RawPeer::black_hole();
        let health = settle(&peer.address, protocol, SHORT, Duration::from_millis(50));
        assert_eq!((health.unanswered, health.exported), (12, 0), "{protocol:?}: {health:?}");
    }
}

#[test]
fn a_black_hole_does_not_hold_up_a_shutdown() {
    for protocol in PROTOCOLS {
        let peer = RawPeer::black_hole();
        let mut config = config(&peer.address, protocol);
        for endpoint in [&mut config.traces, &mut config.metrics].into_iter().flatten() {
            endpoint.timeout = Duration::from_secs(3600);
        }
        let health: Health = within(move || {
            let exporter = Exporter::start(config).unwrap();
            exporter.send(Signal::Traces, spans(5, 1), 5);
            peer.wait_connected();
            exporter.send(Signal::Traces, spans(7, 2), 7);
            exporter.shutdown(Duration::from_millis(50))
        });
        let health = adds_up(&health.traces);
        assert_eq!((health.unanswered, health.dropped_for(DropReason::Shutdown)), (5, 7), "{protocol:?}");
    }
}

#[test]
fn dropping_the_exporter_waits_for_nobody() {
    let peer = RawPeer::black_hole();
    let config = config(&peer.address, Protocol::Grpc);
    within(move || {
        let exporter = Exporter::start(config).unwrap();
        exporter.send(Signal::Traces, spans(5, 1), 5);
        peer.wait_connected();
        drop(exporter);
    });
}

#[test]
fn an_exporter_lives_and_dies_inside_an_async_host() {
    let peer = RawPeer::black_hole();
    let config = config(&peer.address, Protocol::HttpProtobuf);
    within(move || {
        let host = tokio::runtime::Builder::new_current_thread().build().unwrap();
        host.block_on(async move {
            let exporter = Exporter::start(config).unwrap();
            exporter.send(Signal::Traces, spans(5, 1), 5);
            peer.wait_connected();
            assert_eq!(exporter.shutdown(Duration::from_millis(50)).traces.unanswered, 5);
        });
    });
}

#[test]
fn a_connection_that_breaks_off_is_tried_again_and_confirms_nothing() {
    for protocol in PROTOCOLS {
        let peer = RawPeer::breaks_off();
        let health = settle(&peer.address, protocol, SOON, Duration::from_millis(20));
        peer.wait_connected();
        peer.wait_connected();
        assert_eq!((health.unanswered, health.exported), (12, 0), "{protocol:?}: {health:?}");
    }
}

#[test]
fn nonsense_confirms_nothing() {
    const NONSENSE: &[&[u8]] = &[
        b"",
        b"\0\0\0\0\0\0\0\0",
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999999\r\ncontent-type: application/x-protobuf\r\n\r\n\xff\xff",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffff\r\n",
        b"HTTP/1.1 999 What\r\nretry-after: -1\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        // An HTTP/2 settings frame, then a headers frame that is no HPACK.
        b"\0\0\0\x04\0\0\0\0\0\0\0\x08\x01\x04\0\0\0\x01\xff\xff\xff\xff\xff\xff\xff\xff",
        // A settings frame of 16 MB.
        b"\xff\xff\xff\x04\0\0\0\0\0",
        // Go away, at once.
        b"\0\0\0\x04\0\0\0\0\0\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\x0b",
    ];
    for bytes in NONSENSE {
        for protocol in [Protocol::Grpc, Protocol::HttpProtobuf] {
            let peer = RawPeer::says(bytes);
            let health = settle(&peer.address, protocol, SHORT, Duration::from_millis(30));
            assert_eq!((health.made, health.exported, health.waiting), (12, 0, 0), "{protocol:?} {bytes:?}");
        }
    }
}

#[test]
fn an_endless_header_is_not_read_to_its_end() {
    static HEADER: [u8; 1 << 20] = [b'a'; 1 << 20];
    let peer = RawPeer::says(&HEADER);
    let health = settle(&peer.address, Protocol::HttpProtobuf, SOON, Duration::ZERO);
    assert_eq!((health.made, health.exported), (12, 0), "{health:?}");
}
