//! How values are written for people: escaped names, counts, bytes, durations, percentages.
//!
//! Everything that came from a module goes through [`escape`] before it meets a terminal. Knows no table and no stream.

use std::borrow::Cow;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Text of a guest made harmless: control characters, escape sequences, bidirectional overrides and everything else that is
/// not visible becomes `\u{..}`, and a backslash is doubled, so that what is shown can be told from what was escaped.
///
/// `char::escape_debug` is the standard library's own judgement of 'printable'; quotes are left as they are.
pub fn escape(text: &str) -> Cow<'_, str> {
    fn harmless(c: char) -> bool {
        matches!(c, ' '..='~') && c != '\\'
    }
    if text.chars().all(harmless) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '"' | '\'' => escaped.push(c),
            _ => escaped.extend(c.escape_debug()),
        }
    }
    Cow::Owned(escaped)
}

/// [`escape`] for texts of several lines, such as a message of an engine: line breaks stay.
pub fn escape_lines(text: &str) -> String {
    text.split('\n').map(escape).collect::<Vec<_>>().join("\n")
}

/// Shortens an escaped name to `width` columns by leaving out its middle: beginnings say the crate, ends say the function.
pub fn shorten(text: &str, width: usize) -> Cow<'_, str> {
    if text.width() <= width {
        return Cow::Borrowed(text);
    }
    let room = width.saturating_sub(1);
    let head = take_columns(text.chars(), room / 2);
    let tail = take_columns(text.chars().rev(), room - room / 2);
    let tail: String = tail.chars().rev().collect();
    Cow::Owned(format!("{head}…{tail}"))
}

fn take_columns(chars: impl Iterator<Item = char>, width: usize) -> String {
    let mut used = 0;
    chars
        .take_while(|c| {
            used += c.width().unwrap_or(0);
            used <= width
        })
        .collect()
}

/// `1234567` is `1,234,567`.
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 function`, `2 functions`.
pub fn counted(value: u64, noun: &str) -> String {
    let plural = if value == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", count(value))
}

/// Bytes in binary units, three significant digits: `512 B`, `1.50 KiB`.
pub fn bytes(value: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if value < 1024 {
        return format!("{value} B");
    }
    scaled(value as f64 / 1024.0, 1024.0, &UNITS)
}

/// Bytes with a sign, for what may be negative.
pub fn bytes_signed(value: i64) -> String {
    let sign = if value < 0 { "-" } else { "" };
    format!("{sign}{}", bytes(value.unsigned_abs()))
}

/// A duration, three significant digits: `15 ns`, `1.50 µs`, `12.3 ms`, `4.56 s`.
pub fn duration(ns: u64) -> String {
    if ns < 1000 {
        return format!("{ns} ns");
    }
    scaled(ns as f64 / 1e3, 1000.0, &["µs", "ms", "s"])
}

/// A share of a whole: `12.3%`; nothing of nothing is `0.0%`.
pub fn percent(part: u64, whole: u64) -> String {
    let share = if whole == 0 { 0.0 } else { part as f64 / whole as f64 * 100.0 };
    format!("{share:.1}%")
}

fn scaled(mut value: f64, step: f64, units: &[&str]) -> String {
    let mut at = 0;
    // What rounds up to the next unit is written in it: 999.96 ms is 1.00 s.
    while value >= step - 0.5 && at + 1 < units.len() {
        value /= step;
        at += 1;
    }
    let decimals = match value {
        v if v < 9.995 => 2,
        v if v < 99.95 => 1,
        _ => 0,
    };
    format!("{value:.decimals$} {}", units[at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_guest_says_is_never_raw() {
        assert_eq!(escape("core::fmt::Write"), "core::fmt::Write");
        assert_eq!(escape("\x1b[31mred\x07"), "\\u{1b}[31mred\\u{7}");
        assert_eq!(escape("a\u{202e}b\u{2066}c\u{200b}d\u{feff}"), "a\\u{202e}b\\u{2066}c\\u{200b}d\\u{feff}");
        assert_eq!(escape("tag\u{e0041}"), "tag\\u{e0041}");
        assert_eq!(escape("\u{9b}31m"), "\\u{9b}31m");
        assert_eq!(escape("a\nb\\n"), "a\\nb\\\\n");
        assert_eq!(escape("größe \"x\" 'y' 関数"), "größe \"x\" 'y' 関数");
        assert_eq!(escape_lines("a\nb\r\x1bc"), "a\nb\\r\\u{1b}c");
    }

    #[test]
    fn names_are_shortened_in_the_middle() {
        assert_eq!(shorten("short", 10), "short");
        assert_eq!(shorten("abcdefghijkl", 7), "abc…jkl");
        assert_eq!(shorten("関数関数関数関数", 9), "関数…関数");
        assert_eq!(shorten("abc", 0), "…");
    }

    #[test]
    fn figures_are_readable() {
        assert_eq!([count(0), count(999), count(1000), count(1_234_567)], ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([counted(1, "call"), counted(1000, "call")], ["1 call", "1,000 calls"]);
        assert_eq!([bytes(1023), bytes(1536), bytes(10 << 20)], ["1023 B", "1.50 KiB", "10.0 MiB"]);
        assert_eq!(bytes(u64::MAX), "16.0 EiB");
        assert_eq!(bytes_signed(i64::MIN), "-8.00 EiB");
        assert_eq!([duration(999), duration(1500), duration(999_960_000)], ["999 ns", "1.50 µs", "1.00 s"]);
        assert_eq!(duration(7_200_000_000_000), "7200 s");
        assert_eq!([percent(1, 3), percent(0, 0)], ["33.3%", "0.0%"]);
    }
}
