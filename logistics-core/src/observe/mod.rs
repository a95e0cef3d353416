//! Observation of a running system, for log lines, metrics and traces.
//!
//! An [`Observer`] receives what happened, as data, and does not depend on a log level: each [`ProcessorEvent`], committed
//! transaction, call of a port, call of an interface, append and notification. [`Gauges`] answer what the state is now.
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

mod api_call;
mod append;
mod breaker;
mod notification;
mod port_call;
mod reading;
mod store_write;
mod stream;
mod transaction;

use std::fmt;
use std::sync::Arc;

use crate::ids::Partition;
use crate::processor::ProcessorEvent;
use crate::trace::TraceContext;

pub use api_call::{ApiCall, ApiRoute};
pub use append::AppendReport;
pub use breaker::{BreakerReading, BreakerState};
pub use notification::{NotificationEnd, NotificationReport};
pub use port_call::PortCall;
pub use reading::{
    ChannelReading, DependencyReading, Exposition, Gauges, LogReading, OpenTransactionReading,
    ProcessorReading, Reading, StoreReading,
};
pub use store_write::StoreWriteReport;
pub use stream::{StreamEvent, StreamKind};
pub use transaction::{DeadLetterReport, FactReport, RejectionReport, TransactionReport};

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

    /// A processor committed a transaction. Only if [`Self::wants_transactions`].
    fn transaction(&self, partition: Partition, report: &TransactionReport) {
        let _ = (partition, report);
    }

    /// A store write of a processor ended.
    fn store_write(&self, report: &StoreWriteReport) {
        let _ = report;
    }

    /// A call of an interface began. [`Self::api_call`] follows, also if its client disconnects.
    fn api_call_began(&self, route: ApiRoute) {
        let _ = route;
    }

    /// A call of an interface ended.
    fn api_call(&self, call: &ApiCall<'_>) {
        let _ = call;
    }

    /// A request was appended to the log, or could not be.
    fn append(&self, report: &AppendReport<'_>) {
        let _ = report;
    }

    /// An attempt to deliver a notification ended, or a record was skipped.
    fn notification(&self, report: &NotificationReport<'_>) {
        let _ = report;
    }

    /// A live stream of an interface began, sent an event, fell behind or ended.
    fn stream(&self, kind: StreamKind, event: StreamEvent) {
        let _ = (kind, event);
    }

    /// The circuit breaker of a dependency changed to this state.
    fn breaker(&self, dependency: &'static str, state: BreakerState) {
        let _ = (dependency, state);
    }

    /// The context of a new span below `parent`; without a parent, that of a new trace. `None`: the observer makes no traces,
    /// and the caller passes the parent on.
    fn new_span(&self, parent: Option<TraceContext>) -> Option<TraceContext> {
        let _ = parent;
        None
    }

    /// Whether the observer wants reports of transactions. The driver reads this once, at its start. If no observer wants
    /// them, none are built.
    fn wants_transactions(&self) -> bool {
        false
    }

    /// Whether the observer wants events of single orders ([`ProcessorEvent::Received`], [`ProcessorEvent::Moved`],
    /// [`ProcessorEvent::Rejected`]). The driver reads this once, at its start. If no observer wants them, none are built.
    fn wants_order_events(&self) -> bool {
        false
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

    fn transaction(&self, partition: Partition, report: &TransactionReport) {
        for observer in &self.0 {
            observer.transaction(partition, report);
        }
    }

    fn store_write(&self, report: &StoreWriteReport) {
        for observer in &self.0 {
            observer.store_write(report);
        }
    }

    fn api_call_began(&self, route: ApiRoute) {
        for observer in &self.0 {
            observer.api_call_began(route);
        }
    }

    fn api_call(&self, call: &ApiCall<'_>) {
        for observer in &self.0 {
            observer.api_call(call);
        }
    }

    fn append(&self, report: &AppendReport<'_>) {
        for observer in &self.0 {
            observer.append(report);
        }
    }

    fn notification(&self, report: &NotificationReport<'_>) {
        for observer in &self.0 {
            observer.notification(report);
        }
    }

    fn stream(&self, kind: StreamKind, event: StreamEvent) {
        for observer in &self.0 {
            observer.stream(kind, event);
        }
    }

    fn breaker(&self, dependency: &'static str, state: BreakerState) {
        for observer in &self.0 {
            observer.breaker(dependency, state);
        }
    }

    /// That of the first observer that makes traces.
    fn new_span(&self, parent: Option<TraceContext>) -> Option<TraceContext> {
        self.0.iter().find_map(|observer| observer.new_span(parent))
    }

    fn wants_transactions(&self) -> bool {
        self.0.iter().any(|observer| observer.wants_transactions())
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
