//! What an operator should read: rare events, a line each. Who runs the collector decides where they go.

use tokio::sync::mpsc;

/// Lines that nobody has read yet; beyond it they are dropped.
const WAITING_MAX: usize = 64;

/// Tells.
#[derive(Clone)]
pub struct Notices(mpsc::Sender<String>);

impl Notices {
    /// Where to tell, and where it is read.
    pub fn new() -> (Notices, mpsc::Receiver<String>) {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        (Notices(sender), receiver)
    }

    /// Tells, if somebody listens.
    pub fn tell(&self, line: String) {
        let _ = self.0.try_send(line);
    }
}
