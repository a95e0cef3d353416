//! A process from its start to its end.

use std::net::SocketAddr;

use crate::front::Front;
use crate::start::{Patience, Required, until_there};
use crate::work::Work;
use logistics_cli_kit::Failure;
use logistics_cli_kit::Signals;

/// A process that does its work.
pub struct Running {
    front: Front,
    work: Work,
}

impl Running {
    /// Waits until everything that is required is there, and then begins. The front serves meanwhile, not ready. Can be
    /// cancelled.
    ///
    /// # Errors
    /// The sentence of the first part that refuses.
    pub async fn start(
        front: Front,
        required: Vec<Required>,
        begin: impl FnOnce() -> Work,
    ) -> Result<Self, Failure> {
        until_there(required, Patience::default(), front.probes()).await?;
        let work = begin();
        front.probes().replace(work.probes());
        Ok(Self { front, work })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.front.addr()
    }

    /// Every part can do its work.
    pub fn is_ready(&self) -> bool {
        self.front.is_ready()
    }

    /// Waits for a failure after which the work must not go on.
    pub async fn failed(&mut self) -> Failure {
        self.work.failed().await
    }

    /// Stops taking requests, finishes what is open, and leaves.
    pub async fn stop(self) {
        self.front.stop().await;
        self.work.drain().await;
    }
}

/// A service from its start until a signal has ended it: at once while it waits for what it requires, otherwise in order; a
/// second signal ends it at once. A failure after which the work must not go on ends it in order too.
///
/// # Errors
/// One sentence, where it cannot start, must not go on, or was told to stop at once.
pub async fn run(
    mut signals: Signals,
    front: Front,
    required: Vec<Required>,
    begin: impl FnOnce() -> Work,
) -> Result<(), Failure> {
    tracing::info!("Listening on http://{}", front.addr());
    let mut running = tokio::select! {
        running = Running::start(front, required, begin) => running?,
        () = signals.stop() => return Ok(()),
    };
    let ended = tokio::select! {
        () = signals.stop() => Ok(()),
        failure = running.failed() => Err(failure),
    };
    tracing::info!("Draining...");
    let stop = async {
        running.stop().await;
        ended
    };
    signals.bounded(stop).await
}
