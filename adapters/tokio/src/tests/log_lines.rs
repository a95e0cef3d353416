//! The log lines that people and scripts depend on.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use logistics_core::Policy;
use logistics_core::port::{GroupEvent, MockOwnerStore};
use logistics_core::{Partition, processor::Settings};
use tracing::Level;
use tracing::subscriber::DefaultGuard;

use super::support::{TestClock, TestLog, bus, member, options, owner, until, working};
use crate::Processors;

#[derive(Clone, Default)]
pub(super) struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    pub(super) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// Captures the log lines of this level on this thread, until the guard is dropped.
    pub(super) fn capture(&self, level: Level) -> DefaultGuard {
        let writer = self.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(move || writer.clone())
            .with_max_level(level)
            .with_ansi(false)
            .without_time()
            .with_target(false)
            .finish();
        tracing::subscriber::set_default(subscriber)
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Runs two orders from PLACED to DELIVERED, and returns the log lines of this level.
async fn logged(level: Level) -> String {
    let lines = Lines::default();
    let _guard = lines.capture(level);
    let log = Arc::new(TestLog::default());
    let (membership, events) = member(owner(std::slice::from_ref(&log)));
    events.send(Ok(GroupEvent::Assigned(vec![Partition(0)]))).unwrap();
    let settings = Settings::new(1, Policy::simulate(0));
    let _processors = Processors::start(
        Arc::new(bus(1, vec![Ok(membership)])),
        Arc::new(working(MockOwnerStore::new()).0),
        Arc::new(TestClock),
        settings,
        options(),
    );
    log.place("o-1");
    // The second order shows that all lines of the first are logged.
    until("delivered", || log.facts() >= 5).await;
    log.place("o-2");
    until("delivered", || log.facts() >= 10).await;
    until("logged", || level < Level::INFO || lines.text().contains("Moved order o-2 → DELIVERED")).await;
    lines.text()
}

#[tokio::test(start_paused = true)]
async fn at_info_each_transition_is_a_line() {
    let text = logged(Level::INFO).await;
    let about_orders = |line: &&str| line.contains("order_id") || !line.contains("partition");
    let lines: Vec<&str> = text.lines().map(str::trim).filter(about_orders).collect();
    let fields = "partition=0 order_id=o-1";
    let moved = |status| format!("INFO Moved order o-1 → {status} {fields}");
    assert_eq!(lines[0], "INFO Order Processor Running...");
    assert_eq!(lines[1], format!("INFO Received order o-1 with status PLACED {fields}"));
    assert_eq!(lines[2..6], ["CONFIRMED", "PREPARING", "OUT_FOR_DELIVERY", "DELIVERED"].map(moved));
    assert!(lines[6].starts_with("INFO Received order o-2 with status PLACED"), "{lines:#?}");
}

#[tokio::test(start_paused = true)]
async fn at_warn_no_line_is_about_a_single_order() {
    assert_eq!(logged(Level::WARN).await, "");
}
