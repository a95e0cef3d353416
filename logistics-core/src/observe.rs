//! Observation of processors and port calls, for log lines, metrics and traces.
//!
//! An [`Observer`] sees events as data and does not depend on a log level. The driver of the processors passes on each
//! [`ProcessorEvent`]; a decorator of a port reports each [`PortCall`].
//!
//! ```
//! use std::sync::Arc;
//! use std::sync::atomic::{AtomicU64, Ordering};
//!
//! use logistics_core::Partition;
//! use logistics_core::observe::{Observer, Observers};
//! use logistics_core::processor::ProcessorEvent;
//!
//! /// Counts the partitions that halted.
//! #[derive(Default)]
//! struct Halts(AtomicU64);
//!
//! impl Observer for Halts {
//!     fn processor_event(&self, _: Partition, event: &ProcessorEvent, _: Option<&str>) {
//!         if matches!(event, ProcessorEvent::Halted { .. }) {
//!             self.0.fetch_add(1, Ordering::Relaxed);
//!         }
//!     }
//! }
//!
//! let halts = Arc::new(Halts::default());
//! let observers = Observers::default().with(halts.clone());
//! observers.processor_event(Partition(0), &ProcessorEvent::ClocksAgree, None);
//! assert_eq!(halts.0.load(Ordering::Relaxed), 0);
//! assert!(!observers.wants_order_events());
//! ```

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::ids::Partition;
use crate::port::PortErrorKind;
use crate::processor::ProcessorEvent;

/// Receives events. Every method does nothing by default.
///
/// To be correct, a method neither blocks nor panics: it runs in the observed task, and a panic there halts the partition.
pub trait Observer: Send + Sync {
    /// An event of the processor of this partition. `cause`: the port's full error, if a failed port call caused
    /// [`ProcessorEvent::Interrupted`] or [`ProcessorEvent::Halted`].
    fn processor_event(&self, partition: Partition, event: &ProcessorEvent, cause: Option<&str>) {
        let _ = (partition, event, cause);
    }

    /// A port call ended. Cancelled calls are not reported.
    fn port_call(&self, call: &PortCall) {
        let _ = call;
    }

    /// Whether the observer wants events of single orders ([`ProcessorEvent::Received`], [`ProcessorEvent::Moved`],
    /// [`ProcessorEvent::Rejected`]). The driver reads this once, at its start. If no observer wants them, none are built.
    fn wants_order_events(&self) -> bool {
        false
    }
}

/// A port call that ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct PortCall {
    /// The port, in lower case with underscores, such as `owner_store`.
    pub port: &'static str,
    /// The method, such as `load`.
    pub operation: &'static str,
    /// The call waits by design, so `elapsed` is not a measure of the port.
    pub waits: bool,
    /// `Ok`, or the kind of the error.
    pub outcome: Result<(), PortErrorKind>,
    /// From the call to its result.
    pub elapsed: Duration,
}

impl PortCall {
    /// A call that does not wait by design.
    #[must_use]
    pub fn new(
        port: &'static str,
        operation: &'static str,
        outcome: Result<(), PortErrorKind>,
        elapsed: Duration,
    ) -> Self {
        Self { port, operation, waits: false, outcome, elapsed }
    }

    /// The same, for a call that waits by design.
    #[must_use]
    pub fn waiting(mut self) -> Self {
        self.waits = true;
        self
    }

    /// `ok`, or the kind of the error in lower case with underscores. It never changes.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.outcome.map_or_else(PortErrorKind::code, |()| "ok")
    }
}

/// Several observers as one. Each sees everything, in the order in which they were added.
#[derive(Clone, Default)]
pub struct Observers(Vec<Arc<dyn Observer>>);

impl Observers {
    /// The same observers and one more.
    #[must_use]
    pub fn with(mut self, observer: Arc<dyn Observer>) -> Self {
        self.0.push(observer);
        self
    }

    /// The number of observers.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no observers.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Observer for Observers {
    fn processor_event(&self, partition: Partition, event: &ProcessorEvent, cause: Option<&str>) {
        for observer in &self.0 {
            observer.processor_event(partition, event, cause);
        }
    }

    fn port_call(&self, call: &PortCall) {
        for observer in &self.0 {
            observer.port_call(call);
        }
    }

    fn wants_order_events(&self) -> bool {
        self.0.iter().any(|observer| observer.wants_order_events())
    }
}

impl FromIterator<Arc<dyn Observer>> for Observers {
    fn from_iter<I: IntoIterator<Item = Arc<dyn Observer>>>(observers: I) -> Self {
        Self(observers.into_iter().collect())
    }
}

impl fmt::Debug for Observers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observers").field("len", &self.0.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::processor::{HaltCode, InterruptCode};

    struct Wants(bool);

    impl Observer for Wants {
        fn wants_order_events(&self) -> bool {
            self.0
        }
    }

    #[test]
    fn order_events_are_wanted_when_one_observer_wants_them() {
        let observers = |wants: &[bool]| -> Observers {
            wants.iter().map(|wants| Arc::new(Wants(*wants)) as Arc<dyn Observer>).collect()
        };
        assert!(!observers(&[]).wants_order_events());
        assert!(!observers(&[false, false]).wants_order_events());
        assert!(observers(&[false, true]).wants_order_events());
    }

    #[test]
    fn codes_are_distinct_words() {
        let interrupts = InterruptCode::ALL.map(InterruptCode::code);
        let halts = HaltCode::ALL.map(HaltCode::code);
        let codes: BTreeSet<_> = interrupts.iter().chain(&halts).collect();
        assert_eq!(codes.len(), interrupts.len() + halts.len());
        let is_word = |code: &str| code.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        assert!(codes.iter().all(|code| is_word(code)), "{codes:?}");
    }
}
