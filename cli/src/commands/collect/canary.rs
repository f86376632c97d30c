//! `waspect collect doctor --canary`: a span through each exporter, and back where it can be asked for.

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::json;
use waspect_collector::canary::{self, Sent};

use crate::fetch::{BACK_END, Fetch};
use crate::output;
use crate::text::escape;

/// How long a span that was taken may be unknown: back ends index at leisure.
const UNKNOWN_MAX: Duration = Duration::from_secs(10);

/// How often it is asked for.
const ASK_AGAIN: Duration = Duration::from_millis(200);

/// Sends, asks, prints. `queries` are `NAME=URL`: where the traces of an exporter's endpoint are asked for, as Jaeger has it.
pub fn run(config: Option<&Path>, queries: &[String], json: bool) -> Result<ExitCode> {
    let config = super::configuration(config)?;
    let mut places = Vec::new();
    for query in queries {
        let (name, url) =
            query.split_once('=').filter(|(name, _)| config.exporters.contains_key(*name)).with_context(|| {
                format!("--query {}: write NAME=URL, with the name of an exporter of the configuration", escape(query))
            })?;
        places.push((name, url));
    }
    let runtime = tokio::runtime::Runtime::new().context("cannot start")?;
    let found = runtime.block_on(async {
        let mut found = Vec::new();
        for sent in canary::send(&config).await? {
            let place = places.iter().find(|(name, _)| *name == sent.exporter);
            let back = match place {
                Some((_, url)) if sent.refused.is_none() => Some(read_back(url, &sent.trace_id).await?),
                _ => None,
            };
            found.push((sent, back));
        }
        anyhow::Ok(found)
    })?;
    if found.is_empty() {
        bail!("no exporter of the configuration gets traces: there is nothing to send through");
    }
    let well = |(sent, back): &(Sent, Option<Back>)| sent.refused.is_none() && !matches!(back, Some(Err(_)));
    if json {
        let told = found.iter().map(|(sent, back)| {
            json!({
                "exporter": sent.exporter, "trace_id": sent.trace_id, "taken": sent.refused.is_none(), "refused": sent.refused,
                "read_back_ms": back.as_ref().and_then(|back| back.as_ref().ok()).map(Duration::as_millis),
                "unknown": back.as_ref().and_then(|back| back.as_ref().err()),
            })
        });
        output::print_json(&told.collect::<Vec<_>>())?;
    } else {
        output::print(&found.iter().map(line).collect::<String>())?;
    }
    Ok(ExitCode::from(u8::from(!found.iter().all(well))))
}

/// How long it took to be known, or why it is not.
type Back = Result<Duration, String>;

/// Asks for a trace until it is there.
async fn read_back(url: &str, trace_id: &str) -> Result<Back> {
    let fetch = Fetch::new(BACK_END, url, &format!("/api/v3/traces/{trace_id}"))?;
    let start = Instant::now();
    loop {
        match fetch.get("application/json").await {
            Ok(_) => return Ok(Ok(start.elapsed())),
            Err(error) if start.elapsed() >= UNKNOWN_MAX => return Ok(Err(format!("{error:#}"))),
            Err(_) => tokio::time::sleep(ASK_AGAIN).await,
        }
    }
}

fn line((sent, back): &(Sent, Option<Back>)) -> String {
    let what = match (&sent.refused, back) {
        (Some(why), _) => format!("not taken: {}", escape(why)),
        (None, None) => "taken".to_owned(),
        (None, Some(Ok(after))) => format!("taken, and read back after {:.1} s", after.as_secs_f64()),
        (None, Some(Err(why))) => format!("taken, and not found within {} s: {}", UNKNOWN_MAX.as_secs(), escape(why)),
    };
    format!("exporter {}: {what} (trace {})\n", escape(&sent.exporter), sent.trace_id)
}
