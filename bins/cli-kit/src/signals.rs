//! The signals that end a process properly.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;

use crate::exit::Failure;
use crate::logging;

/// What a shell adds to the number of the signal that ended a program.
const BY_SIGNAL: i32 = 128;

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
        self.next().await;
    }

    async fn next(&mut self) -> SignalKind {
        tokio::select! {
            _ = self.terminate.recv() => SignalKind::terminate(),
            _ = self.interrupt.recv() => SignalKind::interrupt(),
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

/// SIGTERM and SIGINT end a command at once that has nothing to finish, also while a call of it blocks, and also as process
/// 1, for which the system ends nothing by itself. Dropping it leaves the signals to others.
pub struct EndsAtOnce {
    is_the_usual_end: Arc<AtomicBool>,
    waiting: JoinHandle<()>,
}

impl EndsAtOnce {
    /// From now on. The exit code is 143 after SIGTERM and 130 after SIGINT, as shells have it.
    ///
    /// # Errors
    /// One sentence, where the system does not allow it.
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

    /// From now on the command goes on until a signal comes, which is no failure then: the exit code is 0.
    pub fn goes_on_until_then(&self) {
        self.is_the_usual_end.store(true, Ordering::Relaxed);
    }
}

impl Drop for EndsAtOnce {
    fn drop(&mut self) {
        self.waiting.abort();
    }
}
