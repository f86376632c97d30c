//! Calls of the host, in order: the first of them in words, all of them in a hash.

use crate::host::hash;

/// Lines that are kept in words: enough to show where two runs part, and bounded.
const LINES_KEPT: usize = 50_000;

/// What one call of the guest asked of its host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostLog {
    calls: u64,
    kept: Vec<String>,
    hash: u64,
}

impl HostLog {
    /// A call of an import begins.
    pub fn call(&mut self, words: String) {
        self.calls += 1;
        self.note(words);
    }

    /// Something that belongs to the last call.
    pub fn note(&mut self, words: String) {
        self.hash = self.hash.rotate_left(7) ^ hash(words.as_bytes());
        if self.kept.len() < LINES_KEPT {
            self.kept.push(words);
        }
    }

    /// Calls so far.
    pub fn calls(&self) -> u64 {
        self.calls
    }

    /// Where two logs part, `(before, after)` in words; none where they are the same.
    pub fn difference(&self, after: &HostLog) -> Option<(String, String)> {
        if self == after {
            return None;
        }
        let line = |log: &HostLog, at: usize| match log.kept.get(at) {
            Some(words) => format!("host call log, line {}: {words}", at + 1),
            None if at < LINES_KEPT => "host call log: nothing more".to_owned(),
            None => format!("host call log: {} calls, hash {:016x}", log.calls, log.hash),
        };
        let length = self.kept.len().max(after.kept.len());
        let at = (0..length).find(|&at| self.kept.get(at) != after.kept.get(at)).unwrap_or(LINES_KEPT);
        Some((line(self, at), line(after, at)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(lines: &[&str]) -> HostLog {
        let mut log = HostLog::default();
        lines.iter().for_each(|line| log.call(line.to_string()));
        log
    }

    #[test]
    fn the_first_line_that_differs_is_the_place() {
        assert_eq!(log(&["a", "b"]).difference(&log(&["a", "b"])), None);
        let (before, after) = log(&["a", "b", "c"]).difference(&log(&["a", "x", "c"])).unwrap();
        assert!(before.ends_with("line 2: b") && after.ends_with("line 2: x"), "{before}, {after}");
        let (before, after) = log(&["a"]).difference(&log(&["a", "b"])).unwrap();
        assert!(before.ends_with("nothing more") && after.ends_with("line 2: b"), "{before}, {after}");
    }

    #[test]
    fn what_is_not_kept_in_words_still_counts() {
        let mut logs = [log(&[]), log(&[])];
        for (at, log) in logs.iter_mut().enumerate() {
            (0..LINES_KEPT).for_each(|line| log.call(line.to_string()));
            log.call(format!("the last, {at}"));
        }
        let (before, after) = logs[0].difference(&logs[1]).unwrap();
        assert!(before != after && before.contains("50001 calls"), "{before}, {after}");
    }
}
