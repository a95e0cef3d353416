//! The signals that end a process properly.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::exit::Failure;

/// SIGTERM and SIGINT. From when it listens, they do not end the process by themselves.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Starts to listen.
    ///
    /// # Errors
    /// One sentence, where the system does not allow it.
    pub fn listen() -> Result<Self, Failure> {
        let on = |kind| {
            signal(kind).map_err(|error| Failure::usage(format!("cannot listen for signals: {error}")))
        };
        Ok(Self { terminate: on(SignalKind::terminate())?, interrupt: on(SignalKind::interrupt())? })
    }

    /// Waits for one of them. Can be cancelled.
    pub async fn stop(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// Waits for the end of a drain, unless another signal comes first.
    ///
    /// # Errors
    /// Those of the drain, or one sentence where it was stopped at once.
    pub async fn bounded(&mut self, drain: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
        tokio::select! {
            drained = drain => drained,
            () = self.stop() => Err(Failure::refused("stopped at once; nothing that was acknowledged is lost")),
        }
    }
}
