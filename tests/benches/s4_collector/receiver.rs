//! A receiver as a process, and what it used.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use waspect_tests::assets;
use waspect_tests::back_ends::Collect;

/// Ticks of a second, as Linux counts them for all programs.
const TICKS: f64 = 100.0;

/// Longest time to begin, or to settle: a guard against waiting for ever.
const WAIT_MAX: Duration = Duration::from_secs(120);

/// Processor time of a process.
#[derive(Clone, Copy)]
pub struct Usage {
    pub user_seconds: f64,
    pub system_seconds: f64,
}

impl Usage {
    pub fn cpu_seconds(&self) -> f64 {
        self.user_seconds + self.system_seconds
    }

    fn of(process: u32) -> Usage {
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).expect("the receiver lives");
        // The name before it may hold anything, but no last `)`.
        let (_, fields) = stat.rsplit_once(") ").expect("a name stands in parentheses");
        let fields: Vec<_> = fields.split(' ').collect();
        let ticks = |at: usize| fields[at].parse::<f64>().expect("a number of ticks");
        Usage { user_seconds: ticks(11) / TICKS, system_seconds: ticks(12) / TICKS }
    }
}

/// A running receiver.
pub enum Receiver {
    /// It is ended when it is dropped.
    Rotel(Process),
    /// Its store is on the disk that everything is built on: others may be memory.
    Waspect { collect: Collect, _store: TempDir },
}

impl Receiver {
    pub fn rotel() -> Receiver {
        let [grpc, http] = free_addresses();
        let mut command = Command::new(assets::tool("rotel-agent"));
        command.args([
            "start",
            "--otlp-grpc-endpoint",
            &grpc,
            "--otlp-http-endpoint",
            &http,
            "--exporter",
            "blackhole",
        ]);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let process = Process { child: child.expect("Rotel can be started"), grpc };
        let began = Instant::now();
        while TcpStream::connect(&process.grpc).is_err() {
            assert!(began.elapsed() < WAIT_MAX, "Rotel does not listen on {}", process.grpc);
            thread::sleep(Duration::from_millis(20));
        }
        Receiver::Rotel(process)
    }

    pub fn waspect() -> Receiver {
        let store = tempfile::tempdir_in(assets::folder("")).expect("a folder can be made");
        Receiver::Waspect { collect: Collect::start(store.path(), "{}"), _store: store }
    }

    pub fn name(&self) -> &'static str {
        match self {
            Receiver::Rotel(_) => "rotel",
            Receiver::Waspect { .. } => "waspect",
        }
    }

    /// What it uses while `load` sends to its URL, and until it has done all that follows of it.
    pub fn measure(&mut self, load: impl FnOnce(&str)) -> Usage {
        let before = Usage::of(self.process());
        load(&self.url());
        self.settle();
        let after = Usage::of(self.process());
        Usage {
            user_seconds: after.user_seconds - before.user_seconds,
            system_seconds: after.system_seconds - before.system_seconds,
        }
    }

    /// The most memory that it ever had.
    pub fn rss_max_mib(&self) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process())).expect("the receiver lives");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux tells the most");
        line.trim().trim_end_matches(" kB").parse::<f64>().expect("a number of kB") / 1024.0
    }

    /// Makes sure that it did what is measured: so many spans are acknowledged, and counted by what is derived of them.
    pub fn check(&self, spans: u64) {
        let Receiver::Waspect { collect, .. } = self else { return };
        assert_eq!(collect.figure("waspect_collector_accepted_total"), spans, "all are stored");
        assert_eq!(collect.figure("traces_span_metrics_calls_total"), spans, "metrics are derived of all");
    }

    fn process(&self) -> u32 {
        match self {
            Receiver::Rotel(process) => process.child.id(),
            Receiver::Waspect { collect, .. } => collect.id(),
        }
    }

    fn url(&self) -> String {
        match self {
            Receiver::Rotel(process) => format!("http://{}", process.grpc),
            Receiver::Waspect { collect, .. } => collect.grpc_url(),
        }
    }

    /// Waits until index and metrics have read what was acknowledged, and the last of it is kept.
    fn settle(&self) {
        let Receiver::Waspect { collect, .. } = self else { return };
        let began = Instant::now();
        let mut settled = 0;
        // A reader that has not seen the last record yet says that it is up to date: ask more than once.
        while settled < 3 {
            let behind = ["waspect_collector_index_behind ", "waspect_collector_streams_behind "];
            settled = if behind.iter().all(|name| collect.figure(name) == 0) { settled + 1 } else { 0 };
            assert!(began.elapsed() < WAIT_MAX, "the collector does not come to an end");
            thread::sleep(Duration::from_millis(500));
        }
    }
}

/// A process that ends with this.
pub struct Process {
    child: Child,
    grpc: String,
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Rotel takes no port 0: two that nobody has now.
fn free_addresses() -> [String; 2] {
    let listeners = [(), ()].map(|()| TcpListener::bind("127.0.0.1:0").expect("a port can be had"));
    listeners.map(|listener| listener.local_addr().expect("it listens").to_string())
}
