//! Compares this owner's clock with the log's.
//!
//! A deadline is the same moment for every owner only while their clocks agree. The log stamps each record with its own
//! time. The stamp of an owner's own record lies between sending and reading it, which bounds the difference on both
//! sides. Any other record was stamped before it was read, which bounds the difference on one side. The store's clock
//! replaces the log's until the log has supplied a timestamp. The monotonic clock detects later steps of this owner's clock.

use super::effect::{Now, Skew};
use crate::ids::Timestamp;

/// The measured difference between this owner's clock and the log's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Clocks {
    known: Option<Known>,
    /// A record of this owner that was not read back yet: its number, and when it was sent.
    probe: Option<(u64, Now)>,
}

/// Bounds of this owner's time minus the log's, in milliseconds, and the time base of the measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Known {
    least: i64,
    most: i64,
    /// The wall clock minus the monotonic clock.
    base: i64,
    by_log: bool,
}

impl Clocks {
    /// The store read its clock between `asked` and now.
    pub(super) fn store(&mut self, store: Timestamp, asked: Now, now: Now) {
        if self.known.is_none_or(|known| !known.by_log) {
            self.known = Some(Known::between(asked, now, store, false));
        }
    }

    /// The records of this owner from that number on are sent now.
    pub(super) fn sent(&mut self, number: u64, now: Now) {
        self.probe.get_or_insert((number, now));
    }

    /// This owner read back its record of that number, stamped `at`.
    pub(super) fn read_back(&mut self, number: u64, at: Timestamp, now: Now) {
        if let Some((_, sent)) = self.probe.take_if(|(probe, _)| *probe <= number) {
            self.known = Some(Known::between(sent, now, at, true));
        }
    }

    /// A record with the stamp `at` was read. Only a stamp from the future bounds the difference.
    pub(super) fn read(&mut self, at: Timestamp, now: Now, max_ms: u64) {
        let most = difference(now.wall, at);
        if most < -signed(max_ms) {
            self.known = Some(Known { least: i64::MIN, most, base: base(now), by_log: true });
        }
    }

    /// The difference, if it is certainly more than permitted.
    pub(super) fn skew(&self, now: Now, max_ms: u64) -> Option<Skew> {
        let known = self.known?;
        let stepped = base(now).saturating_sub(known.base);
        let (least, most) = (known.least.saturating_add(stepped), known.most.saturating_add(stepped));
        let difference = match signed(max_ms) {
            max if least > max => least,
            max if most < -max => most,
            _ => return None,
        };
        let log = Timestamp::from_millis(now.wall.as_millis().saturating_sub(difference));
        Some(Skew { ours: now.wall, log, by_log: known.by_log })
    }

    /// The wall clock and the monotonic clock drifted apart by more than permitted since the measurement: the clock was set, or
    /// the machine was suspended. Only a new measurement distinguishes the two.
    pub(super) fn has_stepped(&self, now: Now, max_ms: u64) -> bool {
        self.known.is_some_and(|known| base(now).saturating_sub(known.base).unsigned_abs() > max_ms)
    }

    /// The time for facts: this owner's, limited to the permitted difference from the log's.
    pub(super) fn fact_time(&self, now: Now, max_ms: u64) -> Timestamp {
        match self.skew(now, max_ms) {
            None => now.wall,
            Some(Skew { ours, log, .. }) if ours > log => log.after_millis(max_ms),
            Some(Skew { log, .. }) => Timestamp::from_millis(log.as_millis().saturating_sub(signed(max_ms))),
        }
    }
}

impl Known {
    /// The other clock was at `other` between `asked` and now. The bounds use this owner's clock at `asked`, so
    /// [`Clocks::has_stepped`] detects a later step.
    fn between(asked: Now, now: Now, other: Timestamp, by_log: bool) -> Self {
        let least = difference(asked.wall, other);
        let most = least.saturating_add(signed(now.elapsed_ms.saturating_sub(asked.elapsed_ms)));
        Self { least, most, base: base(asked), by_log }
    }
}

fn base(now: Now) -> i64 {
    now.wall.as_millis().saturating_sub(signed(now.elapsed_ms))
}

fn difference(ours: Timestamp, other: Timestamp) -> i64 {
    ours.as_millis().saturating_sub(other.as_millis())
}

fn signed(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: u64 = 5000;
    const HOUR: i64 = 3_600_000;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(100 * HOUR + ms)
    }

    fn now(ms: i64, elapsed_ms: u64) -> Now {
        Now { wall: at(ms), elapsed_ms }
    }

    #[test]
    fn a_record_of_this_owner_bounds_the_difference_on_both_sides() {
        let mut clocks = Clocks::default();
        assert_eq!(clocks.skew(now(0, 0), MAX), None);
        clocks.sent(3, now(2 * HOUR, 0));
        clocks.read_back(2, at(0), now(2 * HOUR, 0));
        assert_eq!(clocks.skew(now(2 * HOUR, 0), MAX), None, "that was not the record");
        clocks.read_back(3, at(10), now(2 * HOUR + 20, 20));
        let skew = clocks.skew(now(2 * HOUR + 20, 20), MAX).expect("two hours ahead");
        assert_eq!((skew.ours, skew.log), (at(2 * HOUR + 20), at(30)));
        assert_eq!(clocks.fact_time(now(2 * HOUR + 20, 20), MAX), at(30 + 5000));
        // The clock is set back by two hours.
        assert_eq!(clocks.skew(now(120, 120), MAX), None);
        assert!(clocks.has_stepped(now(120, 120), MAX));
        assert!(!clocks.has_stepped(now(2 * HOUR + 120, 120), MAX));
        // A record that was read back late is no evidence that this owner is ahead.
        let mut slow = Clocks::default();
        slow.sent(0, now(0, 0));
        slow.read_back(0, at(5), now(60_000, 60_000));
        assert_eq!(slow.skew(now(60_000, 60_000), MAX), None);
    }

    #[test]
    fn a_clock_step_during_a_measurement_invalidates_it() {
        let mut clocks = Clocks::default();
        // Asked an hour behind, answered an hour ahead.
        clocks.store(at(0), now(-HOUR, 0), now(HOUR, 20));
        assert!(clocks.has_stepped(now(HOUR, 20), MAX));
        let mut clocks = Clocks::default();
        clocks.sent(0, now(-HOUR, 100));
        clocks.read_back(0, at(110), now(HOUR, 120));
        assert!(clocks.has_stepped(now(HOUR, 120), MAX));
    }

    #[test]
    fn a_record_from_the_future_shows_that_this_owner_is_behind() {
        let mut clocks = Clocks::default();
        clocks.read(at(-HOUR), now(0, 0), MAX);
        assert_eq!(clocks.skew(now(0, 0), MAX), None, "an old record bounds nothing");
        clocks.read(at(HOUR), now(0, 0), MAX);
        assert_eq!(clocks.skew(now(0, 0), MAX).map(|skew| skew.log), Some(at(HOUR)));
        assert_eq!(clocks.fact_time(now(0, 0), MAX), at(HOUR - 5000));
    }

    #[test]
    fn the_store_clock_is_used_until_the_log_has_supplied_a_timestamp() {
        let mut clocks = Clocks::default();
        clocks.store(at(0), now(HOUR, 0), now(HOUR, 0));
        assert!(clocks.skew(now(HOUR, 0), MAX).is_some_and(|skew| !skew.by_log));
        clocks.sent(0, now(HOUR, 0));
        clocks.read_back(0, at(HOUR), now(HOUR, 0));
        clocks.store(at(0), now(HOUR, 0), now(HOUR, 0));
        assert_eq!(clocks.skew(now(HOUR, 0), MAX), None);
    }

    #[test]
    fn extreme_times_overflow_nothing() {
        let mut clocks = Clocks::default();
        let extreme = Now { wall: Timestamp::from_millis(i64::MIN), elapsed_ms: u64::MAX };
        clocks.read(Timestamp::from_millis(i64::MAX), extreme, u64::MAX);
        clocks.read(Timestamp::from_millis(i64::MAX), extreme, MAX);
        let _ = clocks.fact_time(extreme, MAX);
        assert!(clocks.skew(extreme, MAX).is_some());
    }
}
