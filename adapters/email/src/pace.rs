//! The bound of the rate: evenly spaced messages.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use logistics_core::port::{NotifyError, NotifyErrorKind};
use tokio::time::{Instant, sleep_until};

/// A message that would wait for longer is retried later instead.
const WAIT_MAX: Duration = Duration::from_secs(30);

pub(crate) struct Pace {
    interval: Duration,
    next: Mutex<Option<Instant>>,
}

impl Pace {
    pub(crate) fn new(rate_per_s_max: Option<u32>) -> Self {
        let interval = rate_per_s_max.map(|rate| Duration::from_secs(1) / rate.max(1)).unwrap_or_default();
        Self { interval, next: Mutex::default() }
    }

    /// Waits for the turn of one message.
    ///
    /// # Errors
    /// `RateLimited`, with the wait, if the turn is too far away. The call then takes no turn.
    pub(crate) async fn turn(&self) -> Result<(), NotifyError> {
        if self.interval.is_zero() {
            return Ok(());
        }
        let now = Instant::now();
        let turn = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            let turn = next.unwrap_or(now).max(now);
            let wait = turn - now;
            if wait > WAIT_MAX {
                let error =
                    NotifyError::new(NotifyErrorKind::RateLimited, "the rate of e-mails is at its limit");
                return Err(error.with_retry_after_ms(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)));
            }
            *next = Some(turn + self.interval);
            turn
        };
        sleep_until(turn).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn messages_are_spaced_and_a_far_turn_is_refused_with_its_wait() {
        let (pace, start) = (Pace::new(Some(2)), Instant::now());
        for _ in 0..5 {
            pace.turn().await.unwrap();
        }
        assert_eq!(start.elapsed(), Duration::from_secs(2));
        let turns: Vec<_> = (0..70).map(|_| pace.turn()).collect();
        let done = futures::future::join_all(turns).await;
        let refused: Vec<_> = done.iter().filter_map(|turn| turn.as_ref().err()).collect();
        assert_eq!(refused.len(), 10);
        assert!(refused.iter().all(|error| error.kind() == NotifyErrorKind::RateLimited));
        assert!(refused[0].retry_after_ms() > Some(30_000));
        assert!(Pace::new(None).turn().await.is_ok());
    }
}
