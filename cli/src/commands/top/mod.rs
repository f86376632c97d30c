//! `waspect top`: the functions of all that sends to a collector, live.

mod functions;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;
use console::Term;
use serde_json::json;

use crate::fetch::{Fetch, QUERY};
use crate::table::{DIM, Table, WARN, styled};
use crate::text::{count, duration, escape, percent};
use crate::{beacon, output, signals};
use functions::{ACCEPT, Figures, Name, read};

/// Where a collector is asked unless it is told otherwise.
const URL: &str = "http://127.0.0.1:4319";

/// Rows where nobody knows how many fit.
const ROWS: usize = 40;

/// Shows which functions run now: calls a second, share of time, mean, errors
///
/// It asks a collector for its metrics, and shows what changed between two answers; Ctrl-C ends it. Where standard output is no
/// terminal, it prints all that there is, once. WASPECT_QUERY_TOKEN holds the token, where `query.auth` wants one.
#[derive(Args)]
pub struct Top {
    /// Where the collector is asked; by default that of `waspect up`, or http://127.0.0.1:4319
    #[arg(value_name = "URL")]
    url: Option<String>,

    /// Seconds from one look to the next
    #[arg(long, value_name = "SECONDS", default_value_t = 2.0)]
    interval: f64,

    /// Looks once, and ends
    #[arg(long)]
    once: bool,

    /// Looks once, and prints JSON
    #[arg(long)]
    json: bool,
}

/// What was seen, and when.
struct Look {
    when: Instant,
    functions: BTreeMap<Name, Figures>,
}

impl Top {
    /// Shows functions until it is asked to end.
    pub fn run(self) -> Result<ExitCode> {
        let interval = Duration::try_from_secs_f64(self.interval).ok().filter(|interval| !interval.is_zero());
        let Some(interval) = interval else {
            bail!("--interval: {} is no time; write seconds such as 2", self.interval)
        };
        let url = self.url.or_else(|| Some(beacon::find()?.query)).unwrap_or_else(|| URL.to_owned());
        let fetch = Fetch::new(QUERY, &url, "/metrics")?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start")?;
        let look = || -> Result<Look> {
            let answer = runtime.block_on(fetch.get(ACCEPT))?;
            Ok(Look { when: Instant::now(), functions: read(&answer)? })
        };
        let mut last = look()?;
        if self.json {
            output::print_json(&in_json(&last))?;
            return Ok(ExitCode::SUCCESS);
        }
        let screen = Term::stdout();
        if self.once || !screen.is_term() {
            output::print(&table(&last, None, usize::MAX).render(crate::table::stdout_width()))?;
            return Ok(ExitCode::SUCCESS);
        }
        let (ended, ending) = channel();
        signals::watch(move |_| {
            // If nobody listens, it is ending already.
            let _ = ended.send(());
        })?;
        let screen = Screen::new(screen)?;
        screen.show(&url, &last, None, "")?;
        while ending.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
            match look() {
                Ok(now) => {
                    screen.show(&url, &now, Some(&last), "")?;
                    last = now;
                }
                Err(error) => screen.show(&url, &last, None, &format!("{error:#}"))?,
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// A terminal without a cursor, as long as this lives.
struct Screen(Term);

impl Screen {
    fn new(terminal: Term) -> Result<Screen> {
        terminal.hide_cursor()?;
        Ok(Screen(terminal))
    }

    /// One whole picture. `trouble` is why it is not a new one.
    fn show(&self, url: &str, now: &Look, before: Option<&Look>, trouble: &str) -> Result<()> {
        let (height, width) = self.0.size();
        let (height, width) = (usize::from(height), usize::from(width));
        // The heading, the table's own, and the line below.
        let rows = if height == 0 { ROWS } else { height.saturating_sub(3) };
        let functions = now.functions.len() as u64;
        let mut text =
            styled(DIM, format_args!("{} functions at {}; Ctrl-C ends", count(functions), escape(url))) + "\n";
        text += &table(now, before, rows).render(Some(width).filter(|width| *width > 0));
        if !trouble.is_empty() {
            text += &styled(WARN, escape(trouble));
        }
        self.0.clear_screen()?;
        output::print(&text)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // A terminal that is gone has no cursor.
        let _ = self.0.show_cursor();
    }
}

/// The functions that took most time: of the time between two looks, or since they are known.
fn table(now: &Look, before: Option<&Look>, rows: usize) -> Table {
    let changed = |name: &Name, figures: &Figures| match before.and_then(|before| before.functions.get(name)) {
        Some(earlier) => figures.since(earlier),
        None => *figures,
    };
    let mut functions: Vec<_> =
        now.functions.iter().map(|(name, figures)| (name, *figures, changed(name, figures))).collect();
    functions.sort_by(|(a_name, _, a), (b_name, _, b)| {
        b.self_seconds.total_cmp(&a.self_seconds).then(b.calls.total_cmp(&a.calls)).then(a_name.cmp(b_name))
    });
    let all: f64 = functions.iter().map(|(_, _, changed)| changed.self_seconds).sum();
    let seconds = before.map(|before| now.when.duration_since(before.when).as_secs_f64());
    let mut table = Table::new(&["CALLS/s", "SELF", "MEAN", "CALLS", "ERRORS", "SERVICE", "FUNCTION"]).left(2);
    for (name, total, changed) in functions.into_iter().take(rows) {
        let mean_ns = if changed.calls > 0.0 { changed.seconds / changed.calls * 1e9 } else { 0.0 };
        table.row([
            seconds.map_or_else(|| "-".to_owned(), |seconds| count((changed.calls / seconds).round() as u64)),
            percent((changed.self_seconds * 1e9) as u64, (all * 1e9) as u64),
            if mean_ns > 0.0 { duration(mean_ns as u64) } else { "-".to_owned() },
            count(total.calls as u64),
            count(total.errors as u64),
            escape(&name.service).into_owned(),
            escape(&name.function).into_owned(),
        ]);
    }
    table
}

fn in_json(look: &Look) -> serde_json::Value {
    let functions = look.functions.iter().map(|(name, figures)| {
        json!({
            "service": name.service, "function": name.function, "calls": figures.calls, "errors": figures.errors,
            "time_seconds": figures.seconds, "self_time_seconds": figures.self_seconds,
        })
    });
    json!({ "functions": functions.collect::<Vec<_>>() })
}
