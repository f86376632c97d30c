//! OTLP's names as Prometheus writes them: `wasm.function.duration` in `s` is `wasm_function_duration_seconds`. Pure.

use crate::metrics::identity::Kind;

/// Units that Prometheus spells out.
const UNITS: &[(&str, &str)] = &[
    ("d", "days"),
    ("h", "hours"),
    ("min", "minutes"),
    ("s", "seconds"),
    ("ms", "milliseconds"),
    ("us", "microseconds"),
    ("ns", "nanoseconds"),
    ("By", "bytes"),
    ("KiBy", "kibibytes"),
    ("MiBy", "mebibytes"),
    ("GiBy", "gibibytes"),
    ("TiBy", "tibibytes"),
    ("KBy", "kilobytes"),
    ("MBy", "megabytes"),
    ("GBy", "gigabytes"),
    ("TBy", "terabytes"),
    ("m", "meters"),
    ("V", "volts"),
    ("A", "amperes"),
    ("J", "joules"),
    ("W", "watts"),
    ("g", "grams"),
    ("Cel", "celsius"),
    ("Hz", "hertz"),
    ("1", ""),
    ("%", "percent"),
];

/// The same after a `/`.
const PER_UNITS: &[(&str, &str)] =
    &[("s", "second"), ("m", "minute"), ("h", "hour"), ("d", "day"), ("w", "week"), ("mo", "month"), ("y", "year")];

/// What a metric is called, without the suffix of its samples: counters' `_total` is one. `None`: nothing is left of its name.
pub fn metric(name: &str, unit: &str, kind: Kind) -> Option<String> {
    let valid = |character: char| character.is_ascii_alphanumeric() || character == ':';
    let mut words: Vec<String> =
        name.split(|character| !valid(character)).filter(|word| !word.is_empty()).map(str::to_owned).collect();
    if words.is_empty() {
        return None;
    }
    let (unit_word, per_word) = unit_words(unit);
    for word in [unit_word, per_word] {
        if !word.is_empty() && !words.contains(&word) {
            words.push(word);
        }
    }
    let last = match kind {
        Kind::Sum { rises: true } => "total",
        Kind::Gauge if unit == "1" => "ratio",
        _ => "",
    };
    if !last.is_empty() {
        words.retain(|word| word != last);
    }
    if last == "ratio" {
        words.push(last.into());
    }
    let name = words.join("_");
    let first = name.chars().next()?;
    Some(if first.is_ascii_digit() { format!("_{name}") } else { name })
}

/// The unit of a metric of that name: it is told where the name ends with it.
pub fn unit(name: &str, unit: &str) -> String {
    let (unit, per) = unit_words(unit);
    let unit = [unit, per].into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join("_");
    match name.strip_suffix(&*unit) {
        Some(rest) if !unit.is_empty() && rest.ends_with('_') => unit,
        _ => String::new(),
    }
}

/// What a unit adds to a name: `By/s` is `bytes` and `per_second`. What stands in braces is no unit.
fn unit_words(unit: &str) -> (String, String) {
    let word = |unit: &str, known: &[(&str, &str)]| {
        let unit = unit.trim();
        if unit.contains(['{', '}']) {
            return String::new();
        }
        let word = known.iter().find(|(short, _)| *short == unit).map_or(unit, |(_, long)| long);
        let words = word.split(|character: char| !character.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
        words.collect::<Vec<_>>().join("_")
    };
    match unit.split_once('/') {
        None => (word(unit, UNITS), String::new()),
        Some((unit, per)) => {
            let per = word(per, PER_UNITS);
            (word(unit, UNITS), if per.is_empty() { per } else { format!("per_{per}") })
        }
    }
}

/// What an attribute is called. `None`: nothing is left of its name.
pub fn label(key: &str) -> Option<String> {
    let mut label = String::with_capacity(key.len());
    for character in key.chars() {
        match character.is_ascii_alphanumeric() {
            true => label.push(character),
            false if label.ends_with('_') => {}
            false => label.push('_'),
        }
    }
    match label.chars().next()? {
        _ if label.chars().all(|character| character == '_') => None,
        first if first.is_ascii_digit() => Some(format!("key_{label}")),
        _ => Some(label),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_called_as_prometheus_calls_them() {
        let counter = Kind::Sum { rises: true };
        let cases = [
            ("wasm.function.duration", "s", Kind::Exponential, "wasm_function_duration_seconds", "seconds"),
            ("wasm.function.calls", "{call}", counter, "wasm_function_calls", ""),
            ("wasm.function.allocated", "By", counter, "wasm_function_allocated_bytes", "bytes"),
            ("wasm.memory.size", "By", Kind::Sum { rises: false }, "wasm_memory_size_bytes", "bytes"),
            (
                "traces.span.metrics.duration",
                "ms",
                Kind::Histogram,
                "traces_span_metrics_duration_milliseconds",
                "milliseconds",
            ),
            ("requests.total", "1", counter, "requests", ""),
            ("usage", "1", Kind::Gauge, "usage_ratio", ""),
            ("net.io", "By/s", Kind::Gauge, "net_io_bytes_per_second", "bytes_per_second"),
            ("total.bytes.sent", "By", counter, "bytes_sent", ""),
            ("(lambda).function.executions(#)", "", Kind::Gauge, "lambda_function_executions", ""),
            ("2xx..rate", "{hit}/s", Kind::Gauge, "_2xx_rate_per_second", "per_second"),
            ("x", "a b", Kind::Gauge, "x_a_b", "a_b"),
        ];
        for (name, said, kind, expected, expected_unit) in cases {
            let named = metric(name, said, kind).unwrap();
            assert_eq!((&*named, &*unit(&named, said)), (expected, expected_unit), "{name}");
        }
        assert_eq!(metric("\u{e9}..", "s", Kind::Gauge), None);
    }

    #[test]
    fn attributes_are_called_as_prometheus_calls_them() {
        let cases = [("code.function.name", "code_function_name"), ("a..b", "a_b"), ("7", "key_7"), ("_x", "_x")];
        for (key, expected) in cases {
            assert_eq!(label(key).as_deref(), Some(expected));
        }
        assert_eq!((label(""), label("\u{e9}")), (None, None));
    }
}
