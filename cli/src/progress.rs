//! Says on a terminal what takes long. Silent elsewhere, silent when it is quick, gone when it is done.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Modules below this size are read, rewritten and compiled before anyone could read what is being done.
const QUIET_BELOW_BYTES: usize = 1 << 20;

/// A line on the terminal's standard error that tells the step that is under way. Dropping it clears the line.
pub struct Progress(ProgressBar);

impl Progress {
    /// Progress of work on a module of this size.
    pub fn new(module_bytes: usize) -> Progress {
        // `stderr()` draws on terminals only.
        let target = match module_bytes < QUIET_BELOW_BYTES {
            true => ProgressDrawTarget::hidden(),
            false => ProgressDrawTarget::stderr(),
        };
        let bar = ProgressBar::with_draw_target(None, target);
        bar.set_style(ProgressStyle::with_template("{spinner} {msg} ({elapsed})").expect("a template of ours"));
        bar.enable_steady_tick(Duration::from_millis(100));
        Progress(bar)
    }

    /// Names the step that begins.
    pub fn step(&self, what: &'static str) {
        self.0.set_message(what);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
