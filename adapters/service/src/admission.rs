//! Admission of placements by the backlog of their partition.
//!
//! Placements are the only unlimited source of work: an order has few transitions. So placements are refused first, and what
//! completes orders goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use logistics_core::Partition;
use tokio::time::Instant;

use crate::error::ServiceError;
use crate::service::Shared;

/// The interval between two measurements of a partition, in milliseconds.
const INTERVAL_MS: u64 = 250;
/// The interval after a failed measurement, in milliseconds.
const RETRY_MS: u64 = 5_000;
/// How long a measurement counts, in milliseconds.
const VALID_MS: u64 = 2_000;

/// The backlog of each partition: the records in the log that the store has no answer to.
pub(crate) struct Admission {
    lag_max: Option<u64>,
    samples: Vec<Sample>,
    started: Instant,
}

/// The last measurement of a partition. Times in milliseconds since the start.
#[derive(Default)]
struct Sample {
    lag: AtomicU64,
    /// The measurement counts until then.
    valid_until: AtomicU64,
    /// The next measurement begins then at the earliest.
    next_at: AtomicU64,
}

impl Admission {
    pub(crate) fn new(lag_max: Option<u64>, partitions: u32) -> Self {
        let partitions = if lag_max.is_some() { partitions } else { 0 };
        Self {
            lag_max,
            samples: (0..partitions).map(|_| Sample::default()).collect(),
            started: Instant::now(),
        }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

impl Shared {
    /// Admits a placement into this partition. It uses the last measurement and starts the next one, so it never waits.
    ///
    /// Without a valid measurement the placement is admitted: the log accepts it even if the store is unavailable, and a store that
    /// cannot be read is no proof of a backlog.
    ///
    /// # Errors
    /// [`ServiceError::Behind`] if the backlog exceeds [`Options::admission_lag_max`](crate::Options).
    pub(crate) fn admit_placement(self: &Arc<Self>, partition: Partition) -> Result<(), ServiceError> {
        let Admission { lag_max: Some(lag_max), samples, .. } = &self.admission else { return Ok(()) };
        let at = usize::try_from(partition.0).unwrap_or(usize::MAX);
        let Some(sample) = samples.get(at) else { return Ok(()) };
        let now = self.admission.now_ms();
        let next_at = sample.next_at.load(Ordering::Relaxed);
        let later = now + INTERVAL_MS;
        let claim = || sample.next_at.compare_exchange(next_at, later, Ordering::Relaxed, Ordering::Relaxed);
        if now >= next_at && claim().is_ok() {
            let shared = self.clone();
            tokio::spawn(async move { shared.measure(partition).await });
        }
        let is_valid = now < sample.valid_until.load(Ordering::Relaxed);
        if is_valid && sample.lag.load(Ordering::Relaxed) > *lag_max {
            return Err(ServiceError::Behind);
        }
        Ok(())
    }

    async fn measure(&self, partition: Partition) {
        let Some(sample) = usize::try_from(partition.0).ok().and_then(|at| self.admission.samples.get(at))
        else {
            return;
        };
        // The answered offset first: the end is not lower then, and the backlog is not underestimated.
        let measured = async { Ok((self.answered(partition).await?, self.end_of_log(partition).await?)) };
        let measured: Result<_, ServiceError> = measured.await;
        let now = self.admission.now_ms();
        match measured {
            Ok((answered, end)) => {
                sample.lag.store(end.0.saturating_sub(answered.0), Ordering::Relaxed);
                sample.valid_until.store(now + VALID_MS, Ordering::Relaxed);
            }
            // The port's error is logged.
            Err(_) => sample.next_at.store(now + RETRY_MS, Ordering::Relaxed),
        }
    }
}
