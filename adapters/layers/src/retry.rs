//! Retries of reads.

use std::future::Future;
use std::time::Duration;

use logistics_core::Backoff;
use tokio::time::sleep;

use crate::error::CallError;
use crate::layer::{Layer, Operation};

/// The random share of a wait, so that many callers do not retry at the same time.
const JITTER_PERCENT: u32 = 50;

/// Repeats a read after a retryable error. It never repeats writes and calls that wait by design.
///
/// The wait between two attempts doubles each time. Jitter shortens each wait by up to half, so that many callers do not
/// retry at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Retry {
    /// Attempts in total, including the first; 0 counts as 1.
    pub attempts_max: u32,
    /// Milliseconds before the second attempt.
    pub delay_ms_min: u64,
    /// Maximum milliseconds between two attempts.
    pub delay_ms_max: u64,
}

impl Default for Retry {
    /// 3 attempts, 50 ms to 1 s apart.
    fn default() -> Self {
        Self { attempts_max: 3, delay_ms_min: 50, delay_ms_max: 1000 }
    }
}

impl Retry {
    fn delay(&self, failures: u32) -> Duration {
        let Self { delay_ms_min, delay_ms_max, .. } = *self;
        let backoff = Backoff { delay_ms_min, delay_ms_max, jitter_percent: JITTER_PERCENT };
        backoff.delay(failures - 1, rand::random())
    }
}

impl Layer for Retry {
    async fn call<T, E, F>(&self, _: Operation, call: F) -> Result<T, E>
    where
        T: Send,
        E: CallError,
        F: Future<Output = Result<T, E>> + Send,
    {
        call.await
    }

    async fn read<T, E, F>(&self, _: Operation, call: impl Fn() -> F + Send + Sync) -> Result<T, E>
    where
        T: Send,
        E: CallError,
        F: Future<Output = Result<T, E>> + Send,
    {
        let mut failures = 0;
        loop {
            let error = match call().await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            failures += 1;
            if failures >= self.attempts_max || !error.kind().is_retryable() {
                return Err(error);
            }
            sleep(self.delay(failures)).await;
        }
    }
}
