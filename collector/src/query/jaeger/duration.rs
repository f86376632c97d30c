//! Durations as Go writes and reads them: `1h2m3.5s`, `250us`. Pure.

const UNITS: [(&str, f64); 8] =
    [("ns", 1.0), ("us", 1e3), ("µs", 1e3), ("μs", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 60e9), ("h", 3600e9)];

/// A duration in ns; an error says what is wrong.
pub fn parse(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is no duration; write one such as 250us, 1.5s or 1h30m");
    if text == "0" {
        return Ok(0);
    }
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    let mut sum = 0.0;
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let digits = rest.find(|character: char| !character.is_ascii_digit() && character != '.').ok_or_else(wrong)?;
        let number: f64 = rest[..digits].parse().map_err(|_| wrong())?;
        rest = &rest[digits..];
        let letters = rest.find(|character: char| character.is_ascii_digit() || character == '.').unwrap_or(rest.len());
        let (_, unit) = UNITS.iter().find(|(unit, _)| *unit == &rest[..letters]).ok_or_else(wrong)?;
        sum += number * unit;
        rest = &rest[letters..];
    }
    // The longest that Go knows, too.
    if sum < i64::MAX as f64 { Ok(sum as u64) } else { Err(wrong()) }
}

/// A duration of that many ns.
pub fn format(duration_ns: i64) -> String {
    let (sign, ns) = (if duration_ns < 0 { "-" } else { "" }, duration_ns.unsigned_abs());
    let fraction = |unit: u64, digits: usize| {
        let text = format!("{}.{:0digits$}", ns / unit, ns % unit);
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    let text = match ns {
        0 => "0s".to_owned(),
        1..1_000 => format!("{ns}ns"),
        1_000..1_000_000 => fraction(1_000, 3) + "µs",
        1_000_000..1_000_000_000 => fraction(1_000_000, 6) + "ms",
        _ => {
            let minutes = ns / 60_000_000_000;
            let seconds = ns % 60_000_000_000;
            let text = format!("{}.{:09}", seconds / 1_000_000_000, seconds % 1_000_000_000);
            let seconds = text.trim_end_matches('0').trim_end_matches('.');
            match (minutes / 60, minutes % 60) {
                (0, 0) => format!("{seconds}s"),
                (0, minutes) => format!("{minutes}m{seconds}s"),
                (hours, minutes) => format!("{hours}h{minutes}m{seconds}s"),
            }
        }
    };
    format!("{sign}{text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_go_s() {
        for (text, ns) in [
            ("0s", 0),
            ("7ns", 7),
            ("1.5µs", 1_500),
            ("2.000001ms", 2_000_001),
            ("1s", 1_000_000_000),
            ("1m0.5s", 60_500_000_000),
            ("1h0m0s", 3_600_000_000_000),
            ("26h3m4.000000005s", 93_784_000_000_005),
        ] {
            assert_eq!(format(ns), text);
            assert_eq!(parse(text), Ok(ns as u64), "{text}");
        }
        assert_eq!(format(-1_500_000), "-1.5ms");
        assert_eq!((parse("0"), parse("100us"), parse("+1m")), (Ok(0), Ok(100_000), Ok(60_000_000_000)));
        for wrong in ["", "5", "-1s", "s", "1x", "1.2.3s", "ms1", "9999999h99999999999999999h"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
