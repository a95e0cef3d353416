//! When a failed attempt is repeated.

use super::settings::Settings;

/// Milliseconds before the next attempt; `None` if all attempts are used. `attempts`: failed attempts so far, 1 or more. `random` is a
/// number from 0 to 1. A wait that the endpoint requested is the least.
pub(super) fn delay_ms(
    settings: &Settings,
    attempts: u32,
    retry_after_ms: Option<u64>,
    random: f64,
) -> Option<u64> {
    let index = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX);
    let delay = *settings.retry_delays_ms.get(index)?;
    let share = f64::from(settings.jitter_percent.min(100)) / 100.0;
    let factor = 1.0 + share * (2.0 * random.clamp(0.0, 1.0) - 1.0);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
    // The delays are at most some days, so the product is positive and exact enough.
    let jittered = (delay as f64 * factor) as u64;
    Some(jittered.max(retry_after_ms.unwrap_or(0).min(settings.retry_after_ms_max)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schedule_is_that_of_standard_webhooks_with_jitter() {
        let settings = Settings::default();
        let delay = |attempts, random| delay_ms(&settings, attempts, None, random);
        assert_eq!((delay(1, 0.5), delay(1, 0.0), delay(1, 1.0)), (Some(5_000), Some(4_000), Some(6_000)));
        assert_eq!((delay(9, 0.5), delay(10, 0.5)), (Some(86_400_000), None));
    }

    #[test]
    fn a_requested_wait_is_obeyed_up_to_its_limit() {
        let settings = Settings::default();
        let delay = |attempts, after| delay_ms(&settings, attempts, Some(after), 0.5);
        assert_eq!((delay(1, 60_000), delay(1, 1_000)), (Some(60_000), Some(5_000)));
        assert_eq!(delay(1, u64::MAX), Some(86_400_000));
        assert_eq!(delay(10, 1), None);
    }
}
