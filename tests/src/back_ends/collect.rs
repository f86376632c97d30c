//! Our own collector as a process: `waspect collect`, its store, and what it says of itself.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::http;
use super::server::Server;
use crate::assets;

/// A running `waspect collect`.
pub struct Collect {
    server: Server,
    /// Of its gRPC receiver, its HTTP receiver, the place where it is asked, and the one where a Jaeger stores.
    addresses: [String; 4],
}

impl Collect {
    /// Starts it on a store, with these exporters in YAML.
    pub fn start(store: &Path, exporters: &str) -> Collect {
        Collect::start_with(store, exporters, "")
    }

    /// The same, with settings in YAML that all places have where it listens: `tls: {cert_file: ...}`.
    pub fn start_with(store: &Path, exporters: &str, settings: &str) -> Collect {
        Collect::start_by(Command::new(assets::waspect()), store, exporters, settings)
    }

    /// The same on a disk of its own of so many MiB, which is full when these are. [`Collect::of_disk`] is how others see it.
    pub fn start_on_disk(mib: u32, store: &Path, exporters: &str) -> Collect {
        let mount = format!("mount -t tmpfs -o size={mib}m tmpfs \"$0\" && exec \"$@\"");
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--mount", "sh", "-c", &mount]).arg(store).arg(assets::waspect());
        Collect::start_by(command, store, exporters, "")
    }

    /// True where a process may have a disk of its own.
    pub fn may_have_a_disk() -> bool {
        let mut probe = Command::new("unshare");
        probe.args(["--map-root-user", "--mount", "sh", "-c", "mount -t tmpfs tmpfs /tmp"]);
        probe.output().is_ok_and(|output| output.status.success())
    }

    /// A file of its disk, as others see it.
    pub fn of_disk(&self, path: &Path) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.id()));
        root.join(path.strip_prefix("/").expect("the path is whole"))
    }

    /// Most memory that it ever had, in KiB. `None`: the system does not say.
    pub fn memory_max_kib(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        line.trim().trim_end_matches(" kB").parse().ok()
    }

    fn start_by(mut command: Command, store: &Path, exporters: &str, settings: &str) -> Collect {
        let any = format!("endpoint: \"127.0.0.1:0\", {settings}");
        let configuration = format!(
            "receivers: {{otlp: {{protocols: {{grpc: {{{any}}}, http: {{{any}}}}}}}}}\nquery: {{{any}}}\nremote_storage: {{{any}}}\n\
             storage: {{directory: {store:?}}}\nexporters: {exporters}\n"
        );
        let mut server = Server::start_with(|folder| {
            let file = folder.join("config.yaml");
            std::fs::write(&file, configuration).expect("the configuration can be written");
            command.args(["collect", "--config"]).arg(file);
            command
        });
        let addresses = ["protocols.grpc on ", "protocols.http on ", "query on ", "remote_storage on "]
            .map(|place| server.wait_for(place, |line| Some(line.split_once(place)?.1.to_owned())));
        server.wait_for("readiness", |line| (line == "ready").then_some(()));
        Collect { server, addresses }
    }

    /// Where to send OTLP over gRPC.
    pub fn grpc_url(&self) -> String {
        format!("http://{}", self.addresses[0])
    }

    /// The address of the gRPC receiver.
    pub fn grpc_address(&self) -> &str {
        &self.addresses[0]
    }

    /// Where to send OTLP over HTTP.
    pub fn http_url(&self) -> String {
        format!("http://{}", self.addresses[1])
    }

    /// The address of the HTTP receiver.
    pub fn http_address(&self) -> &str {
        &self.addresses[1]
    }

    /// Where it is asked.
    pub fn query_address(&self) -> &str {
        &self.addresses[2]
    }

    /// Where a Jaeger stores and finds traces.
    pub fn storage_address(&self) -> &str {
        &self.addresses[3]
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.server.id()
    }

    /// One figure of `/metrics`: the sum of the series whose lines begin so.
    pub fn figure(&self, name: &str) -> u64 {
        let answer = http::get(&self.addresses[2], "/metrics");
        assert_eq!(answer.status, 200, "{answer:?}");
        let lines = answer.body.lines().filter(|line| line.starts_with(name));
        // An example may follow the value.
        let samples = lines.map(|line| line.split(" # ").next().unwrap_or_default());
        samples.map(|sample| sample.rsplit(' ').next().expect("a value").parse::<u64>().expect("a number")).sum()
    }

    /// Ends it as an operator would, and waits until it has.
    pub fn finish(mut self) {
        let status = self.server.finish();
        assert!(status.success(), "waspect collect ended with {status}");
    }

    /// Ends it as a lack of memory would.
    pub fn kill(mut self) {
        self.server.kill();
    }
}

/// What `waspect collect doctor` says of a store.
pub fn doctor(store: &Path) -> Value {
    let output = Command::new(assets::waspect()).args(["collect", "doctor", "--json"]).arg(store).output();
    let output = output.expect("waspect can be started");
    let said = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"))
}
