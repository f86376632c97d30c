//! Bar S4: what the collector costs a span, beside Rotel, which receives the same load and throws it away.
//!
//! ```console
//! cargo xtask bench s4_collector
//! ```
//!
//! One loader, in a process of its own, sends both the same requests: 512 spans of five attributes each, uncompressed, over gRPC, from
//! as many connections, each of which waits for its answer. What counts is user and system time of the receiver's process. Ours
//! syncs, indexes, and derives metrics of the spans; its time ends when index and metrics have read all that was acknowledged.

mod load;
mod receiver;

use load::{REQUEST_SPANS, Template};
use receiver::{Receiver, Usage};

const ROUNDS: usize = 3;
/// Requests of one round: two million spans.
const REQUESTS: u64 = 4096;
/// Requests before the first round, which find everything cold.
const REQUESTS_COLD: u64 = 256;
/// With few connections a receiver often waits, and wakes up for each request.
const CONNECTIONS: [u64; 2] = [8, 32];

fn main() {
    let template = Template::new();
    let mut receivers = [Receiver::rotel(), Receiver::waspect()];
    for receiver in &mut receivers {
        receiver.measure(|url| template.send(url, REQUESTS_COLD, CONNECTIONS[0]));
    }
    for connections in CONNECTIONS {
        println!(
            "{REQUESTS} requests of {REQUEST_SPANS} spans and {} bytes from {connections} connections; medians of {ROUNDS} \
             interleaved rounds",
            template.bytes()
        );
        compare(&mut receivers, |url| template.send(url, REQUESTS, connections));
    }
    let sent = REQUESTS_COLD + (CONNECTIONS.len() * ROUNDS) as u64 * REQUESTS;
    receivers.iter().for_each(|receiver| receiver.check(sent * REQUEST_SPANS as u64));
}

fn compare(receivers: &mut [Receiver; 2], load: impl Fn(&str)) {
    let mut rounds = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        for (receiver, rounds) in receivers.iter_mut().zip(&mut rounds) {
            rounds.push(receiver.measure(&load));
        }
    }
    let medians = rounds.map(|mut rounds: Vec<Usage>| {
        rounds.sort_by(|a, b| a.cpu_seconds().total_cmp(&b.cpu_seconds()));
        rounds[ROUNDS / 2]
    });
    for (receiver, used) in receivers.iter().zip(medians) {
        println!(
            "  {:<8} {:>9.0} spans a CPU-second (user {:.2} s, system {:.2} s), peak RSS so far {:.0} MiB, x{:.2}",
            receiver.name(),
            REQUESTS as f64 * REQUEST_SPANS as f64 / used.cpu_seconds(),
            used.user_seconds,
            used.system_seconds,
            receiver.rss_max_mib(),
            medians[0].cpu_seconds() / used.cpu_seconds(),
        );
    }
}
