//! The summary for people: what happened in one line, then where time and memory went, then what deserves a look.

use waspect_abi::manifest::Mode;
use waspect_recorder::FunctionSnapshot;

use super::{Ending, Ledger, Sent, Sort, Summary, sorted};
use crate::table::{BAD, DIM, HEADING, Table, WARN, more, styled};
use crate::text::{bytes, bytes_signed, count, counted, duration, escape, percent, shorten};

/// Most columns of an error's message: it may be a guest's, and as long as the guest likes.
const MESSAGE_COLUMNS_MAX: usize = 200;

/// The summary as text: `top` rows a table (0: all), names shortened to `width` columns where that is known.
pub fn to_text(summary: &Summary, sort: Sort, top: usize, width: Option<usize>) -> String {
    let mut text = String::from("\n");
    text += &headline(summary);
    text += &functions(summary, sort, top, width);
    text += &host_calls(summary, sort, top, width);
    text += &objects(summary, top, width);
    text += &errors(summary, top);
    text += &memory(summary);
    text += &notes(summary);
    text
}

fn headline(summary: &Summary) -> String {
    let ending = match &summary.ending {
        Ending::Returned => "returned".to_owned(),
        Ending::Exited(0) => "exited with code 0".to_owned(),
        Ending::Exited(code) => styled(WARN, format_args!("exited with code {code}")),
        Ending::Trapped(_) => styled(BAD, "trapped"),
        Ending::Interrupted(signal) => styled(WARN, format_args!("interrupted by {signal}")),
        Ending::HostError(_) => styled(BAD, "stopped by a host error"),
    };
    let name = styled(HEADING, escape(&summary.module));
    let called = sorted(&summary.snapshot, false, Sort::Name);
    let calls = called.iter().map(|function| function.calls).fold(0, u64::saturating_add);
    format!(
        "{name} {ending} after {}: {} of {}\n",
        duration(summary.wall_ns),
        counted(calls, "call"),
        counted(called.iter().filter(|function| function.calls > 0).count() as u64, "function"),
    )
}

/// A column of the table of functions.
struct Column {
    title: &'static str,
    cell: fn(&FunctionSnapshot, &Summary) -> String,
}

const CALLS: Column = Column { title: "CALLS", cell: |function, _| count(function.calls) };

const TIMES: [Column; 6] = [
    Column { title: "SELF", cell: |function, _| timed(function, duration(function.self_ns)) },
    Column {
        title: "SHARE",
        cell: |function, summary| timed(function, percent(function.self_ns, summary.snapshot.busy_ns)),
    },
    Column { title: "TOTAL", cell: |function, _| timed(function, duration(function.total_ns)) },
    CALLS,
    Column { title: "P50", cell: |function, _| function.p50_ns.map_or("-".into(), duration) },
    Column { title: "P99", cell: |function, _| function.p99_ns.map_or("-".into(), duration) },
];

const ALLOCATIONS: [Column; 2] = [
    Column { title: "ALLOCATED", cell: |function, _| some(function.allocated_bytes, bytes) },
    Column {
        title: "LIVE",
        cell: |function, _| match function.live_bytes {
            0 => "-".into(),
            live => bytes_signed(live),
        },
    },
];

const LEAKED: Column = Column { title: "LEAKED", cell: |function, _| some(function.leaked_bytes, bytes) };

fn functions(summary: &Summary, sort: Sort, top: usize, width: Option<usize>) -> String {
    let functions = sorted(&summary.snapshot, false, sort);
    if functions.is_empty() {
        return String::new();
    }
    let mut columns: Vec<&Column> = if summary.counts_only() { vec![&CALLS] } else { TIMES.iter().collect() };
    if functions.iter().any(|function| function.allocated_bytes > 0) {
        columns.extend(&ALLOCATIONS);
    }
    if functions.iter().any(|function| function.leaked_bytes > 0) {
        columns.push(&LEAKED);
    }
    let shown = shown(functions.len(), top);
    let rest = &functions[shown..];
    let share = rest.iter().map(|function| function.self_ns).fold(0, u64::saturating_add);
    let share = match summary.counts_only() {
        true => String::new(),
        false => format!(", {} of the time", percent(share, summary.snapshot.busy_ns)),
    };
    "\n".to_owned()
        + &table(&functions[..shown], &columns, "FUNCTION", summary, width)
        + &more(rest.len(), "function", &share)
}

fn host_calls(summary: &Summary, sort: Sort, top: usize, width: Option<usize>) -> String {
    let calls = sorted(&summary.snapshot, true, sort);
    if calls.is_empty() {
        return String::new();
    }
    let times = TIMES.iter().filter(|column| column.title != "SELF");
    let columns: Vec<&Column> = if summary.counts_only() { vec![&CALLS] } else { times.collect() };
    let shown = shown(calls.len(), top);
    let rest = calls.len() - shown;
    "\n".to_owned() + &table(&calls[..shown], &columns, "HOST CALL", summary, width) + &more(rest, "host call", "")
}

/// What the garbage collector's objects were made of, and by whom.
fn objects(summary: &Summary, top: usize, width: Option<usize>) -> String {
    let objects = &summary.snapshot.objects;
    if objects.is_empty() {
        return String::new();
    }
    let shown = shown(objects.len(), top);
    let mut table = Table::new(&["BYTES", "OBJECTS", "TYPE", "MADE BY"]).left(2);
    for object in &objects[..shown] {
        table.row([
            bytes(object.bytes),
            count(object.objects),
            escape(&object.r#type).into_owned(),
            escape(&object.function).into_owned(),
        ]);
    }
    format!("\n{}{}", table.render(width), more(objects.len() - shown, "type by function", ""))
}

fn table(
    functions: &[&FunctionSnapshot],
    columns: &[&Column],
    what: &str,
    summary: &Summary,
    width: Option<usize>,
) -> String {
    let titles: Vec<&str> = columns.iter().map(|column| column.title).chain([what]).collect();
    let mut table = Table::new(&titles);
    for function in functions {
        let cells = columns.iter().map(|column| (column.cell)(function, summary));
        table.row(cells.chain([escape(&function.name).into_owned()]));
    }
    table.render(width)
}

fn errors(summary: &Summary, top: usize) -> String {
    let mut text = String::new();
    let shown = shown(summary.snapshot.errors.len(), top);
    for error in &summary.snapshot.errors[..shown] {
        let place = match error.function.as_str() {
            "" => String::new(),
            name => format!(" in `{}`", escape(name)),
        };
        let times = if error.count == 1 { String::new() } else { format!(", {}", counted(error.count, "time")) };
        let message = match error.message.lines().next() {
            None | Some("") => String::new(),
            Some(line) => format!(": {}", shorten(&escape(line), MESSAGE_COLUMNS_MAX)),
        };
        text += &format!("{}{place}{times}{message}\n", styled(BAD, escape(&error.code)));
    }
    if text.is_empty() {
        return text;
    }
    text += &more(summary.snapshot.errors.len() - shown, "error", "");
    format!("\n{}\n{text}", styled(HEADING, "ERRORS"))
}

fn memory(summary: &Summary) -> String {
    let mut text = String::new();
    for module in &summary.snapshot.modules {
        let mut facts = vec![format!("{} of linear memory at most", bytes(module.memory_bytes_max))];
        if module.grown_bytes > 0 {
            facts.push(format!("grown by {}", bytes(module.grown_bytes)));
        }
        if module.live_bytes_max > 0 {
            facts.push(format!("at most {} allocated at once", bytes(module.live_bytes_max)));
            facts.push(format!("{} at the end", bytes_signed(module.live_bytes)));
        }
        for (value, what) in [
            (module.grow_failures, "failed memory.grow"),
            (module.allocation_failures, "failed allocation"),
            (module.double_frees, "double free"),
            (module.unknown_frees, "free of an unknown address"),
        ] {
            if value > 0 {
                facts.push(styled(WARN, format_args!("{} x {what}", count(value))));
            }
        }
        if module.memory_bytes_max > 0 || facts.len() > 1 {
            text += &format!("memory: {}\n", facts.join(", "));
        }
    }
    if let Some(reason) = summary.allocations_missing {
        text += &styled(DIM, format_args!("allocations: not observed, {reason}"));
        text.push('\n');
    }
    if text.is_empty() { text } else { format!("\n{text}") }
}

fn notes(summary: &Summary) -> String {
    let snapshot = &summary.snapshot;
    let mut text = String::new();
    if summary.counts_only() {
        text += "overhead: calls were only counted, nothing was timed\n";
    } else {
        let timed = snapshot.functions.iter().map(|function| function.timed_calls).fold(0, u64::saturating_add);
        text += &format!(
            "overhead: about {} of {} inside the module ({}), measured at {} a timed call\n",
            duration(snapshot.hooks_ns),
            duration(snapshot.busy_ns),
            percent(snapshot.hooks_ns, snapshot.busy_ns),
            duration(snapshot.hooks_ns.checked_div(timed).unwrap_or_default()),
        );
    }
    if summary.mode == Mode::Ring {
        text += &format!(
            "clock: mode ring, in steps of up to {}: shorter calls have no time of their own\n",
            duration(snapshot.clock_resolution_ns)
        );
    }
    let untimed: Vec<&FunctionSnapshot> = snapshot.functions.iter().filter(|function| function.untimed).collect();
    if let Some(first) = untimed.first() {
        let others = if untimed.len() == 1 { String::new() } else { format!(" and {} more", untimed.len() - 1) };
        text += &format!(
            "untimed: `{}`{others}: called too often to be timed within the budget; calls count on, time is the caller's (~)\n",
            escape(&first.name)
        );
    }
    let unwound = snapshot.functions.iter().map(|function| function.unwound).fold(0, u64::saturating_add);
    if unwound > 0 {
        text += &format!("unwound: {} left by an exception, a trap or an exit\n", counted(unwound, "call"));
    }
    for (reason, dropped) in &snapshot.drops {
        text += &format!("{} {} x {}\n", styled(WARN, "dropped:"), count(*dropped), escape(reason.name()));
    }
    if let Some(sent) = &summary.sent {
        text += &self::sent(sent);
    }
    format!("\n{}", text)
}

/// One line: what arrived where, and what did not, why, and what helps.
fn sent(sent: &Sent) -> String {
    let Sent { endpoint, spans, points } = sent;
    let arrived = |ledger: &Ledger, what| format!("{} of {} {what}", count(ledger.exported), count(ledger.made));
    let endpoint = escape(endpoint);
    if points.unknown_there() && !spans.lost() {
        return format!(
            "sent: {} to {endpoint}; it takes traces alone, as Jaeger does: {} of metrics not sent\n",
            arrived(spans, "spans"),
            counted(points.made, "point"),
        );
    }
    let mut text = format!("sent: {} and {} to {endpoint}", arrived(spans, "spans"), arrived(points, "points"));
    if spans.lost() || points.lost() {
        let [dropped, unconfirmed] =
            [spans.dropped + points.dropped, spans.unconfirmed + points.unconfirmed].map(count);
        let lost = format!("{dropped} dropped, {unconfirmed} unconfirmed");
        let why = spans.error.as_deref().or(points.error.as_deref()).unwrap_or("no answer in time");
        let remedy = "see that an OTLP receiver listens there, or name another with --otlp=URL";
        text += &format!("; {}: {}; {remedy}", styled(WARN, lost), shorten(&escape(why), MESSAGE_COLUMNS_MAX));
    }
    text + "\n"
}

fn shown(rows: usize, top: usize) -> usize {
    if top == 0 { rows } else { rows.min(top) }
}

fn some(value: u64, show: fn(u64) -> String) -> String {
    if value == 0 { "-".into() } else { show(value) }
}

/// A time, marked where some calls went untimed, or a dash where none was timed.
fn timed(function: &FunctionSnapshot, value: String) -> String {
    match (function.timed_calls, function.timed_calls < function.calls) {
        (0, _) => "-".into(),
        (_, true) => format!("~{value}"),
        (_, false) => value,
    }
}
