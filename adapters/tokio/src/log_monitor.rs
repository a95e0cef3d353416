//! Monitors how far the store is behind the log.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::{StreamExt, stream};
use logistics_core::observe::{Gauges, LogReading, Reading};
use logistics_core::port::{Clock, EventBus, OrderReader, Topic};
use logistics_core::{Offset, Partition, Timestamp};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::task::AbortOnDropHandle;
use tracing::debug;

use crate::answer::answer_within;
use crate::lock::lock;
use crate::log_scan::{Scanned, first_input};
use crate::options::LogMonitorOptions;

/// Reads at an interval, for each partition of the orders, where the log ends, how far the store is, and how old the oldest
/// unanswered input is.
///
/// It belongs to no owner of a partition, so it sees a partition without an owner: the age of its oldest input grows. A
/// partition that cannot be read keeps its latest reading, in which the age grows as well. As [`Gauges`] it answers
/// the latest readings: none of a partition before its first answer. Dropping the monitor ends the reads.
pub struct LogMonitor {
    readings: Arc<Readings>,
    _task: AbortOnDropHandle<()>,
}

impl LogMonitor {
    /// Starts the reads.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    #[must_use]
    pub fn start(
        bus: Arc<dyn EventBus>,
        store: Arc<dyn OrderReader>,
        clock: Arc<dyn Clock>,
        options: LogMonitorOptions,
    ) -> Self {
        let readings = Arc::new(Readings((0..bus.partitions()).map(|_| Mutex::default()).collect()));
        let polls = Polls { bus, store, clock, options, readings: readings.clone() };
        Self { readings, _task: AbortOnDropHandle::new(tokio::spawn(polls.run())) }
    }
}

impl Gauges for LogMonitor {
    fn read(&self, into: &mut dyn FnMut(Reading)) {
        for polled in &self.readings.0 {
            let reading = lock(polled).as_ref().map(|polled| polled.reading.clone());
            reading.into_iter().for_each(|reading| into(Reading::Log(reading)));
        }
    }
}

impl fmt::Debug for LogMonitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogMonitor").finish_non_exhaustive()
    }
}

/// The latest reading of each partition.
struct Readings(Vec<Mutex<Option<Polled>>>);

#[derive(Clone)]
struct Polled {
    reading: LogReading,
    oldest: Option<Oldest>,
}

/// The oldest input without an answer, as far as it is known.
#[derive(Debug, Clone, Copy)]
struct Oldest {
    /// Its offset, or an offset before it.
    at: Offset,
    /// When the log accepted it, or a time before that.
    since: Timestamp,
    /// Both are exact.
    is_exact: bool,
}

struct Polls {
    bus: Arc<dyn EventBus>,
    store: Arc<dyn OrderReader>,
    clock: Arc<dyn Clock>,
    options: LogMonitorOptions,
    readings: Arc<Readings>,
}

impl Polls {
    async fn run(self) {
        let mut ticks = interval(Duration::from_millis(self.options.interval_ms.max(1)));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let polls = (0..self.bus.partitions()).zip(&self.readings.0);
            stream::iter(polls)
                .for_each_concurrent(self.options.polls_max.max(1), |(partition, slot)| {
                    self.poll(Partition(partition), slot)
                })
                .await;
        }
    }

    async fn poll(&self, partition: Partition, slot: &Mutex<Option<Polled>>) {
        let before = lock(slot).clone();
        match self.read(partition, before.as_ref()).await {
            Ok(polled) => *lock(slot) = Some(polled),
            Err(cause) => debug!(%partition, cause, "could not read how far the store is behind the log"),
        }
    }

    async fn read(&self, partition: Partition, before: Option<&Polled>) -> Result<Polled, String> {
        // The end is read first: what is appended and answered in between is no lag.
        let bounds =
            answer_within(self.options.timeout_ms, self.bus.bounds(Topic::Orders, partition)).await?;
        let checkpoint = answer_within(self.options.timeout_ms, self.store.checkpoint(partition)).await?;
        let (start, end) = (bounds.start, bounds.end);
        let answered = checkpoint.map_or(start, |checkpoint| checkpoint.answered).max(start).min(end);
        let oldest = self.oldest(partition, answered, end, before.and_then(|before| before.oldest)).await;
        let mut reading = LogReading::default();
        reading.partition = partition;
        reading.end = end;
        // Only inputs need answers.
        reading.answered = if oldest.is_some() { answered } else { end };
        reading.unanswered_since = oldest.map(|oldest| oldest.since);
        Ok(Polled { reading, oldest })
    }

    /// The oldest unanswered input before `end`. `before`: that of the previous poll.
    async fn oldest(
        &self,
        partition: Partition,
        answered: Offset,
        end: Offset,
        before: Option<Oldest>,
    ) -> Option<Oldest> {
        if answered >= end {
            return None;
        }
        let before = before.filter(|oldest| (answered..end).contains(&oldest.at));
        // A partition without an owner costs no further reads.
        if before.is_some_and(|oldest| oldest.is_exact) {
            return before;
        }
        let from = before.map_or(answered, |oldest| oldest.at);
        let scan = first_input(self.bus.as_ref(), partition, from, end);
        match answer_within(self.options.timeout_ms, scan).await {
            Ok(Scanned::None) => None,
            Ok(Scanned::Input { at, since }) => Some(Oldest { at, since, is_exact: true }),
            Ok(Scanned::More { at, since }) => Some(Oldest { at, since, is_exact: false }),
            // An open transaction hides the records, or the log does not answer.
            Err(cause) => {
                debug!(%partition, cause, "could not read the oldest unanswered input");
                before.or_else(|| Some(Oldest { at: from, since: self.clock.now(), is_exact: false }))
            }
        }
    }
}
