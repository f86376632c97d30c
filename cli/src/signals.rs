//! Ctrl-C and SIGTERM: the first asks the run to end, the second ends the process. Knows nothing of the run.

use anyhow::{Context, Result};

/// A signal that asks to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signal {
    /// Its name, for people.
    pub name: &'static str,
    /// The process's exit code when it ends because of it: 128 and the signal's number, as shells say it.
    pub exit_code: i32,
}

const INTERRUPT: Signal = Signal { name: "SIGINT", exit_code: 130 };
#[cfg(unix)]
const TERMINATE: Signal = Signal { name: "SIGTERM", exit_code: 143 };

/// Calls `first` when the first signal comes. The second ends the process at once.
///
/// A thread of its own: the guest may keep every other one busy.
pub fn watch(first: impl FnOnce(Signal) + Send + 'static) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
    let runtime = runtime.context("cannot watch for signals")?;
    let mut signals = {
        let _entered = runtime.enter();
        Signals::new().context("cannot watch for signals")?
    };
    let watching = move || {
        first(runtime.block_on(signals.next()));
        std::process::exit(runtime.block_on(signals.next()).exit_code);
    };
    std::thread::Builder::new().name("signals".into()).spawn(watching).context("cannot watch for signals")?;
    Ok(())
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> std::io::Result<Signals> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Signals { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => INTERRUPT,
            _ = self.terminate.recv() => TERMINATE,
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> std::io::Result<Signals> {
        Ok(Signals)
    }

    async fn next(&mut self) -> Signal {
        // Without a handler nobody can interrupt, and nobody is told.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        INTERRUPT
    }
}
