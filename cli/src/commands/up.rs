//! `waspect up`: the collector for the first minutes, which `waspect run` finds by itself.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use waspect_collector::{Collector, config};

use super::collect::{LogFormat, serve};
use crate::beacon::{self, Address, Beacon};
use crate::output;
use crate::text::escape;

/// Settings that differ from those of `waspect collect`: pages that are being developed may send.
const SETTINGS: &str = r#"
receivers:
  otlp:
    protocols:
      grpc: {}
      http: {cors: {allowed_origins: ["http://localhost:*", "http://127.0.0.1:*"]}}
"#;

/// Time to finish what was begun when it ends.
const DEADLINE: Duration = Duration::from_secs(5);

/// Starts a collector on this machine, to which `waspect run` sends by itself
///
/// It is `waspect collect` for the first minutes: on the loopback, with a store of its own in the user's state directory, and no
/// configuration but WASPECT_COLLECT__* variables. It ends at Ctrl-C; what it stored is there the next time.
#[derive(Args)]
pub struct Up {}

impl Up {
    /// Collects until it is asked to end.
    pub fn run(self) -> Result<ExitCode> {
        let folder =
            beacon::folder().context("this user has no home directory; use `waspect collect --config FILE`")?;
        beacon::make(&folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
        let mut config = config::load(SETTINGS, std::env::vars()).context("the environment")?;
        if config.storage.directory == config::Storage::default().directory {
            config.storage.directory = folder.join("store");
        }
        let store = config.storage.directory.clone();
        serve(&config, LogFormat::Text, DEADLINE, |collector| {
            let address = address(collector);
            let beacon = Beacon::light(&folder, &address)?;
            output::print(&welcome(&address, collector, &store))?;
            Ok(beacon)
        })
    }
}

fn address(collector: &Collector) -> Address {
    Address { otlp: url(collector, "receivers.otlp.protocols.http"), query: url(collector, "query") }
}

fn url(collector: &Collector, wanted: &str) -> String {
    let found = collector.addresses.iter().find(|(place, _)| *place == wanted);
    found.map(|(_, address)| format!("http://{address}")).unwrap_or_default()
}

/// What is there, and what to do with it.
fn welcome(address: &Address, collector: &Collector, store: &Path) -> String {
    let Address { otlp, query } = address;
    let store = escape(&store.display().to_string()).into_owned();
    let segments = collector.opened.segments;
    format!(
        "Waspect is up. What it gets stays for a day in {store} ({segments} segments are there).\n\n  \
         waspect run app.wasm                               sends to it by itself\n  \
         export OTEL_EXPORTER_OTLP_ENDPOINT={otlp}   for any OpenTelemetry SDK\n  \
         {query}                              what has come; also the URL for Grafana's Jaeger data source\n\n\
         Ctrl-C ends it.\n"
    )
}
