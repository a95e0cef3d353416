//! Readers of the log: a limited number, kept open for the next page.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use logistics_core::port::{Tail, Topic};
use logistics_core::{Offset, Partition};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::error::ServiceError;

/// Maximum calls that read the log at a time, including those that wait for a record.
pub(crate) const READERS_MAX: usize = 16;
/// Maximum idle readers; each may be a client of the broker.
const IDLE_READERS_MAX: usize = 16;
/// How long an idle reader stays open, in milliseconds.
const IDLE_MS_MAX: u64 = 5_000;

/// The position of a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) topic: Topic,
    pub(crate) partition: Partition,
    pub(crate) next: Offset,
}

struct IdleReader {
    position: Position,
    tail: Box<dyn Tail>,
    since: Instant,
}

#[derive(Default)]
struct Idle {
    readers: Vec<IdleReader>,
    /// A task that drops expired readers is running.
    sweeping: bool,
}

pub(crate) struct Readers {
    free: Arc<Semaphore>,
    idle: Arc<Mutex<Idle>>,
}

impl Readers {
    pub(crate) fn new() -> Self {
        Self { free: Arc::new(Semaphore::new(READERS_MAX)), idle: Arc::default() }
    }

    /// Permits a call to read until the permit is dropped.
    pub(crate) fn enter(&self) -> Result<OwnedSemaphorePermit, ServiceError> {
        self.free.clone().try_acquire_owned().map_err(|_| ServiceError::TooManyReaders)
    }

    /// Takes the idle reader at that position.
    pub(crate) fn take(&self, position: Position) -> Option<Box<dyn Tail>> {
        let mut idle = lock(&self.idle);
        let at = idle.readers.iter().position(|reader| reader.position == position)?;
        Some(idle.readers.swap_remove(at).tail)
    }

    /// Keeps a reader for the page that begins at its position.
    pub(crate) fn keep(&self, position: Position, tail: Box<dyn Tail>) {
        let mut idle = lock(&self.idle);
        if idle.readers.len() >= IDLE_READERS_MAX {
            let oldest = (0..idle.readers.len()).min_by_key(|at| idle.readers[*at].since);
            oldest.map(|at| idle.readers.swap_remove(at));
        }
        idle.readers.push(IdleReader { position, tail, since: Instant::now() });
        if !std::mem::replace(&mut idle.sweeping, true) {
            tokio::spawn(sweep(self.idle.clone()));
        }
    }
}

/// Drops readers as they expire, until none is left.
async fn sweep(idle: Arc<Mutex<Idle>>) {
    let bound = Duration::from_millis(IDLE_MS_MAX);
    loop {
        let oldest = {
            let mut idle = lock(&idle);
            idle.readers.retain(|reader| reader.since.elapsed() < bound);
            let oldest = idle.readers.iter().map(|reader| reader.since).min();
            idle.sweeping = oldest.is_some();
            oldest
        };
        let Some(oldest) = oldest else { return };
        tokio::time::sleep_until(oldest + bound).await;
    }
}

fn lock(idle: &Mutex<Idle>) -> MutexGuard<'_, Idle> {
    idle.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use logistics_core::port::{Batch, PortError, ReadLimit};

    use super::*;

    struct Counted(#[expect(dead_code, reason = "counts the open readers")] Arc<()>);

    #[async_trait]
    impl Tail for Counted {
        async fn next(&mut self, _: ReadLimit) -> Result<Batch, PortError> {
            std::future::pending().await
        }
    }

    fn at(next: u64) -> Position {
        Position { topic: Topic::Orders, partition: Partition(0), next: Offset(next) }
    }

    #[tokio::test(start_paused = true)]
    async fn idle_readers_are_limited_in_number_and_time() {
        let (readers, open) = (Readers::new(), Arc::new(()));
        let opened = || Arc::strong_count(&open) - 1;
        for next in 0..100 {
            readers.keep(at(next), Box::new(Counted(open.clone())));
        }
        assert_eq!(opened(), IDLE_READERS_MAX);
        assert!(readers.take(at(99)).is_some());
        assert!(readers.take(at(99)).is_none() && readers.take(at(0)).is_none());
        tokio::time::sleep(Duration::from_millis(IDLE_MS_MAX + 1)).await;
        tokio::task::yield_now().await;
        assert_eq!(opened(), 0);
        readers.keep(at(1), Box::new(Counted(open.clone())));
        tokio::time::sleep(Duration::from_millis(IDLE_MS_MAX + 1)).await;
        tokio::task::yield_now().await;
        assert_eq!(opened(), 0, "a reader that arrives after the sweep is dropped too");
    }
}
