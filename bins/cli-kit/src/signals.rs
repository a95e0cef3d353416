//! The signals that end a process.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;

use crate::exit::Failure;
use crate::logging;

/// Base of the exit code of a program that a signal ended.
const BY_SIGNAL: i32 = 128;

/// SIGTERM and SIGINT. While this exists, the system does not end the process at these signals.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Starts to listen.
    ///
    /// # Errors
    /// If the system rejects it.
    pub fn listen() -> Result<Self, Failure> {
        let on = |kind| {
            signal(kind).map_err(|error| Failure::usage(format!("cannot listen for signals: {error}")))
        };
        Ok(Self { terminate: on(SignalKind::terminate())?, interrupt: on(SignalKind::interrupt())? })
    }

    /// Waits for a signal. Safe to cancel.
    pub async fn stop(&mut self) {
        self.next().await;
    }

    async fn next(&mut self) -> SignalKind {
        tokio::select! {
            _ = self.terminate.recv() => SignalKind::terminate(),
            _ = self.interrupt.recv() => SignalKind::interrupt(),
        }
    }

    /// Waits for the end of a drain, or for another signal.
    ///
    /// # Errors
    /// Those of the drain, or another signal.
    pub async fn bounded(&mut self, drain: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
        tokio::select! {
            drained = drain => drained,
            () = self.stop() => Err(Failure::refused("stopped at once; nothing that was acknowledged is lost")),
        }
    }
}

/// Ends the process at SIGTERM and SIGINT, for a command with nothing to finish. Works while a call blocks, and for process
/// 1, which the system does not end. Dropping it stops this.
pub struct EndsAtOnce {
    is_the_usual_end: Arc<AtomicBool>,
    waiting: JoinHandle<()>,
}

impl EndsAtOnce {
    /// Starts to listen. The exit code is 143 after SIGTERM and 130 after SIGINT, as in shells.
    ///
    /// # Errors
    /// If the system rejects it.
    pub fn listen() -> Result<Self, Failure> {
        let mut signals = Signals::listen()?;
        let is_the_usual_end = Arc::new(AtomicBool::new(false));
        let usual = is_the_usual_end.clone();
        let waiting = tokio::spawn(async move {
            let kind = signals.next().await;
            logging::flush();
            let usual = usual.load(Ordering::Relaxed);
            std::process::exit(if usual { 0 } else { BY_SIGNAL + kind.as_raw_value() });
        });
        Ok(Self { is_the_usual_end, waiting })
    }

    /// From here on, a signal is the normal end of the command: the exit code is 0.
    pub fn goes_on_until_then(&self) {
        self.is_the_usual_end.store(true, Ordering::Relaxed);
    }
}

impl Drop for EndsAtOnce {
    fn drop(&mut self) {
        self.waiting.abort();
    }
}
