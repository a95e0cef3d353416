//! The metrics of a process.

mod breakers;
mod build;
mod catalogue;
mod facts;
mod http;
mod log;
mod notifications;
mod orders;
mod page;
mod ports;
mod process;
mod processor;
mod processor_events;
mod readings;
mod spans;
mod store;
mod streams;
mod transactions;
mod value;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use logistics_core::observe::{
    ApiCall, ApiRoute, AppendReport, BreakerState, Exposition, Gauges, NotificationReport, Observer,
    PortCall, StreamEvent, StreamKind, TransactionReport,
};
use logistics_core::processor::ProcessorEvent;
use logistics_core::{Partition, Timestamp};

use breakers::Breakers;
use http::Http;
use notifications::Notifications;
use page::Page;
use ports::Ports;
use process::Process;
use processor_events::ProcessorEvents;
use readings::Readings;
use streams::Streams;
use transactions::Transactions;

pub use build::BuildInfo;
pub use catalogue::{CATALOGUE, Family, Kind, Label, Subject};
pub use spans::SpanCounts;

/// The metrics of a process: an observer, and the text that a scrape returns.
///
/// A scrape takes no lock that a report waits for.
pub struct Metrics {
    build: BuildInfo,
    http: Http,
    ports: Ports,
    events: ProcessorEvents,
    transactions: Transactions,
    notifications: Notifications,
    streams: Streams,
    breakers: Breakers,
    process: Process,
    spans: OnceLock<Arc<SpanCounts>>,
    gauges: Mutex<Vec<Arc<dyn Gauges>>>,
    /// Bytes of the last text: the size that the next one needs.
    text_bytes: AtomicUsize,
}

impl Metrics {
    /// The metrics of a process, all 0.
    #[must_use]
    pub fn new(build: BuildInfo) -> Self {
        Self {
            build,
            http: Http::new(),
            ports: Ports::new(),
            events: ProcessorEvents::default(),
            transactions: Transactions::new(),
            notifications: Notifications::new(),
            streams: Streams::default(),
            breakers: Breakers::new(),
            process: Process::new(),
            spans: OnceLock::new(),
            gauges: Mutex::default(),
            text_bytes: AtomicUsize::new(0),
        }
    }

    /// Asks this source for its state at each scrape. Of two readings of the same thing, that of the later source counts.
    pub fn watch(&self, gauges: Arc<dyn Gauges>) {
        self.gauges.lock().unwrap_or_else(PoisonError::into_inner).push(gauges);
    }

    /// Exposes these counts as `logistics_spans_total`, which is absent until then. The first call counts.
    pub fn watch_spans(&self, counts: Arc<SpanCounts>) {
        let _ = self.spans.set(counts);
    }

    fn text_at(&self, now: Timestamp) -> String {
        // A source may take its time, and `watch` must not wait for it.
        let sources = self.gauges.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let readings = Readings::of(&sources, now);
        let mut page = Page::with_capacity(self.text_bytes.load(Ordering::Relaxed));
        self.build.expose(&mut page);
        build::expose_ready(&readings, &mut page);
        self.http.expose(&mut page);
        self.streams.expose(&mut page);
        self.ports.expose(&mut page);
        log::expose(&readings, &mut page);
        processor::expose(&readings, &mut page);
        if self.events.exist(!readings.processors.is_empty()) {
            self.events.expose(&mut page);
            self.transactions.expose(&mut page);
        }
        orders::expose(&readings, &mut page);
        store::expose(&readings, &mut page);
        self.breakers.expose(&readings, &mut page);
        self.notifications.expose(&readings, &mut page);
        if let Some(spans) = self.spans.get() {
            spans.expose(&mut page);
        }
        self.process.expose(&mut page);
        let text = page.finish();
        self.text_bytes.store(text.len(), Ordering::Relaxed);
        text
    }
}

impl Observer for Metrics {
    fn processor_event(&self, _: Partition, event: &ProcessorEvent, _: Option<&str>) {
        self.events.count(event);
    }

    fn port_call(&self, call: &PortCall) {
        self.ports.called(call);
    }

    fn transaction(&self, _: Partition, report: &TransactionReport) {
        self.events.exist(true);
        self.transactions.committed(report);
    }

    fn api_call_began(&self, route: ApiRoute) {
        self.http.began(route);
    }

    fn api_call(&self, call: &ApiCall<'_>) {
        self.http.ended(call);
    }

    fn append(&self, report: &AppendReport<'_>) {
        self.ports.appended(report);
    }

    fn notification(&self, report: &NotificationReport<'_>) {
        self.notifications.ended(report);
    }

    fn stream(&self, kind: StreamKind, event: StreamEvent) {
        self.streams.count(kind, event);
    }

    fn breaker(&self, dependency: &'static str, state: BreakerState) {
        self.breakers.changed(dependency, state);
    }

    fn wants_transactions(&self) -> bool {
        true
    }
}

impl Exposition for Metrics {
    fn content_type(&self) -> &'static str {
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    }

    fn text(&self) -> String {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.text_at(Timestamp::from_millis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").field("build", &self.build).finish_non_exhaustive()
    }
}
