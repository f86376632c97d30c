//! The guest's standard input: the process's own, except that a guest that waits for it can be interrupted.
//!
//! An epoch interrupts code of the guest, not a host function that blocks: at the prompt of an interpreter, Ctrl-C would be
//! heard only after the next line.

use tokio::io::AsyncRead;
use tokio::sync::watch;
use wasmtime::Trap;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::cli::{IsTerminal, StdinStream};
use wasmtime_wasi::p2::{InputStream, Pollable, StreamError, StreamResult};

/// Standard input until `stopped` holds true; then every read traps as interrupted.
pub struct Stdin {
    /// True when the run was asked to end.
    pub stopped: watch::Receiver<bool>,
}

impl IsTerminal for Stdin {
    fn is_terminal(&self) -> bool {
        std::io::IsTerminal::is_terminal(&std::io::stdin())
    }
}

impl StdinStream for Stdin {
    fn async_stream(&self) -> Box<dyn AsyncRead + Send + Sync> {
        StdinStream::async_stream(&std::io::stdin())
    }

    fn p2_stream(&self) -> Box<dyn InputStream> {
        Box::new(Interruptible { stream: std::io::stdin().p2_stream(), stopped: self.stopped.clone() })
    }
}

struct Interruptible {
    stream: Box<dyn InputStream>,
    stopped: watch::Receiver<bool>,
}

#[async_trait]
impl InputStream for Interruptible {
    fn read(&mut self, size: usize) -> StreamResult<bytes::Bytes> {
        match *self.stopped.borrow() {
            true => Err(StreamError::Trap(Trap::Interrupt.into())),
            false => self.stream.read(size),
        }
    }
}

#[async_trait]
impl Pollable for Interruptible {
    async fn ready(&mut self) {
        tokio::select! {
            () = self.stream.ready() => (),
            // The sender lives as long as the process; were it gone, nobody could stop us.
            Ok(_) = self.stopped.wait_for(|&stopped| stopped) => (),
        }
    }
}
