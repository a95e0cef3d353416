//! Monitors whether a transaction hides the end of the log from its readers.

use std::fmt;
use std::sync::Arc;

use logistics_core::observe::{Gauges, OpenTransactionReading, Reading};
use logistics_core::port::{Clock, PortError};
use logistics_core::{Offset, Partition, Timestamp};

use crate::options::PollOptions;
use crate::poll::Polled;

/// Consecutive answers with the same offset after which the transaction there counts as open. Those of processors end within
/// milliseconds, so even two answers with the same offset are rare; a third excludes a broker that was slow for a moment.
const SAME_ANSWERS_MIN: u32 = 3;

/// Polls where committed readers of each partition stop, and answers as [`Gauges`] since when an open transaction stops them:
/// [`Reading::OpenTransaction`].
///
/// A transaction that stays open blocks the partition's processor and every reader, whatever its producer is. Without an answer of the
/// log there is no reading. Dropping the monitor ends the polls.
pub struct TransactionMonitor(Polled<Vec<Option<Timestamp>>>);

impl TransactionMonitor {
    /// Starts to poll. `hidden_from`: for each partition, the offset at which committed readers stop, if there are records behind it.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    #[must_use]
    pub fn start<F>(
        clock: Arc<dyn Clock>,
        options: PollOptions,
        hidden_from: impl Fn() -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<Vec<Option<Offset>>, PortError>> + Send + 'static,
    {
        let mut stops = Vec::new();
        let note = move |answer| note(&mut stops, answer, clock.now());
        Self(Polled::start("the open transactions of the log", options, hidden_from, note))
    }
}

impl Gauges for TransactionMonitor {
    fn read(&self, into: &mut dyn FnMut(Reading)) {
        for (partition, since) in (0..).map(Partition).zip(self.0.latest().into_iter().flatten()) {
            into(Reading::OpenTransaction(OpenTransactionReading::new(partition, since)));
        }
    }
}

impl fmt::Debug for TransactionMonitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransactionMonitor").field("since", &self.0.latest()).finish()
    }
}

/// Where committed readers of a partition have stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stop {
    at: Offset,
    /// The time of the first answer with this offset.
    since: Timestamp,
    answers: u32,
}

/// Compares an answer with the previous ones, and returns for each partition since when a transaction is open.
fn note(
    stops: &mut Vec<Option<Stop>>,
    answer: Vec<Option<Offset>>,
    now: Timestamp,
) -> Vec<Option<Timestamp>> {
    stops.resize(answer.len(), None);
    for (stop, at) in stops.iter_mut().zip(answer) {
        *stop = match (*stop, at) {
            (_, None) => None,
            (Some(stop), Some(at)) if stop.at == at => {
                Some(Stop { answers: stop.answers.saturating_add(1), ..stop })
            }
            (_, Some(at)) => Some(Stop { at, since: now, answers: 1 }),
        };
    }
    let open =
        |stop: &Option<Stop>| stop.filter(|stop| stop.answers >= SAME_ANSWERS_MIN).map(|stop| stop.since);
    stops.iter().map(open).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_offset_that_stays_is_an_open_transaction() {
        let (mut stops, at) = (Vec::new(), |ms: i64| Timestamp::from_millis(ms));
        let mut noted = |answer: [Option<u64>; 2], now| {
            note(&mut stops, answer.map(|offset| offset.map(Offset)).to_vec(), at(now))
        };
        assert_eq!(noted([Some(5), Some(1)], 10), [None, None]);
        // Partition 1 moves with each answer, as it does in a busy system.
        assert_eq!(noted([Some(5), Some(2)], 20), [None, None]);
        assert_eq!(noted([Some(5), Some(3)], 30), [Some(at(10)), None]);
        assert_eq!(noted([Some(5), Some(4)], 40), [Some(at(10)), None]);
        // It ended, and another one begins at a later offset.
        assert_eq!(noted([None, Some(5)], 50), [None, None]);
        assert_eq!(noted([Some(5), Some(6)], 60), [None, None]);
        assert_eq!(noted([Some(9), Some(6)], 70), [None, None]);
        assert_eq!(noted([Some(9), Some(6)], 80), [None, Some(at(60))]);
        assert_eq!(noted([Some(9), None], 90), [Some(at(70)), None]);
    }
}
