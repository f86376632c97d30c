//! Draws a profile as a flame graph, with crate inferno. Knows no recorder: folded stacks in, SVG out.

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use inferno::flamegraph::{self, Options};
use waspect_recorder::Weight;

use crate::text;

/// What the width of a bar stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum By {
    /// Time in the function and what it calls
    Time,
    /// Time in the function itself, stacks upside down: who spends it at the bottom, who asked for it above
    #[value(name = "self")]
    SelfTime,
    /// Bytes that it asked for
    Allocated,
    /// Bytes of them still alive at the end
    Live,
    /// Number of calls
    Calls,
}

impl By {
    /// The profile's word for it.
    pub fn weight(self) -> Weight {
        match self {
            By::Time => Weight::Wall,
            By::SelfTime => Weight::SelfTime,
            By::Allocated => Weight::Allocated,
            By::Live => Weight::Live,
            By::Calls => Weight::Calls,
        }
    }

    fn what(self) -> (&'static str, &'static str) {
        match self {
            By::Time => ("time", "ns"),
            By::SelfTime => ("self time, callers above", "ns"),
            By::Allocated => ("allocated bytes", "bytes"),
            By::Live => ("live bytes", "bytes"),
            By::Calls => ("calls", "calls"),
        }
    }
}

/// An interactive SVG of folded stacks; `title` says of what.
pub fn draw(folded: &str, title: &str, by: By) -> Result<Vec<u8>> {
    let (what, unit) = by.what();
    // Names come from the module: what XML cannot hold, or a reader cannot see, is escaped; inferno does the markup.
    let lines: Vec<String> = folded.lines().map(|line| text::escape(line).into_owned()).collect();
    if lines.is_empty() {
        bail!("nothing was recorded that has {what}, so that there is no flame graph to draw; see --flamegraph-by");
    }
    let mut options = Options::default();
    options.title = format!("{}: {what}", text::escape(title));
    options.count_name = unit.to_owned();
    options.min_width = 0.05;
    // The same functions have the same colours from run to run.
    options.deterministic = true;
    let mut svg = Vec::new();
    flamegraph::from_lines(&mut options, lines.iter().map(String::as_str), &mut svg)
        .context("the flame graph cannot be drawn")?;
    Ok(svg)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_never_markup() {
        let svg = draw("main;<script>alert(1)</script> 5\nmain;a\x1b\x00b&c 7\n", "x\"><b>", By::Time).unwrap();
        let svg = String::from_utf8(svg).unwrap();
        let document = roxmltree::Document::parse_with_options(
            &svg,
            roxmltree::ParsingOptions { allow_dtd: true, ..Default::default() },
        );
        let document = document.unwrap();
        let titles: Vec<&str> = document.descendants().filter_map(|node| node.text()).collect();
        assert!(titles.iter().any(|title| title.starts_with("<script>alert(1)</script>")), "{titles:?}");
        assert!(titles.iter().any(|title| title.starts_with("a\\u{1b}\\0b&c")), "{titles:?}");
    }

    #[test]
    fn an_empty_profile_says_what_to_do() {
        assert!(draw("", "x", By::Live).unwrap_err().to_string().contains("--flamegraph-by"));
    }
}
