//! `waspect collect doctor`: reads a whole store, and says what is damaged; or tries what a configuration sends to.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::json;
use waspect_collector::log::{self, Disk};
use waspect_collector::manifests;

use crate::output;
use crate::text::escape;

/// Reads every record and manifest of a collector's store and counts what is damaged; changes nothing
///
/// With --canary it sends a span through each exporter of a configuration instead, and says what their endpoints say.
///
/// Exit codes: 0 all is whole, every endpoint took its span; 1 something is damaged, cannot be read, or was not taken or found.
#[derive(Args)]
pub struct Doctor {
    /// The store: what `storage.directory` names
    #[arg(value_name = "DIR", required_unless_present = "canary")]
    directory: Option<PathBuf>,

    /// Sends a span of the service `waspect-canary` through each exporter that gets traces
    #[arg(long, conflicts_with = "directory")]
    canary: bool,

    /// The collector's configuration, for --canary
    #[arg(long, value_name = "FILE", requires = "canary")]
    config: Option<PathBuf>,

    /// Asks for an exporter's span where its endpoint's traces are queried, as Jaeger has it (/api/v3/traces): for --canary
    ///
    /// WASPECT_CANARY_TOKEN holds the token, where one is wanted.
    #[arg(long = "query", value_name = "NAME=URL", requires = "canary")]
    queries: Vec<String>,

    /// Prints JSON
    #[arg(long)]
    json: bool,
}

impl Doctor {
    /// Prints what was found.
    pub fn run(self) -> Result<ExitCode> {
        let Some(directory) = self.directory else {
            return super::canary::run(self.config.as_deref(), &self.queries, self.json);
        };
        let name = directory.display().to_string();
        if !directory.is_dir() {
            bail!("`{name}` is no directory; give the one that storage.directory names");
        }
        let disk: Arc<dyn Disk> = super::directory(directory)?;
        let report = log::check(&disk).with_context(|| format!("`{name}` cannot be read"))?;
        let manifests = manifests::survey(&*disk).with_context(|| format!("manifests in `{name}` cannot be read"))?;
        let whole = report.damaged == 0 && !report.positions_damaged && manifests.damaged == 0;
        if self.json {
            let positions: serde_json::Map<_, _> =
                report.positions.iter().map(|(name, position)| (name.clone(), json!(position))).collect();
            output::print_json(&json!({
                "segments": report.segments, "bytes": report.bytes, "records": report.records,
                "payload_bytes": report.payload_bytes, "damaged": report.damaged,
                "oldest": report.range.0, "next": report.range.1,
                "positions_damaged": report.positions_damaged, "positions": positions,
                "manifests": manifests.manifests, "manifests_damaged": manifests.damaged,
            }))?;
        } else {
            let numbers = match report.range {
                (oldest, next) if oldest < next => format!(", numbers {oldest} to {}", next - 1),
                _ => String::new(),
            };
            let mut text = format!(
                "{} segments, {} bytes\n{} records, {} bytes{numbers}\n{} damaged\n",
                report.segments, report.bytes, report.records, report.payload_bytes, report.damaged
            );
            for (exporter, position) in &report.positions {
                text +=
                    &format!("exporter {}: {} to send\n", escape(exporter), report.range.1.saturating_sub(*position));
            }
            if report.positions_damaged {
                text += "the file of positions is damaged: exporters will send again what is stored\n";
            }
            text += &format!("{} manifests, {} damaged", manifests.manifests, manifests.damaged);
            text += if manifests.damaged > 0 { ": push these again\n" } else { "\n" };
            output::print(&text)?;
        }
        Ok(ExitCode::from(u8::from(!whole)))
    }
}
