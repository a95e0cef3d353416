//! The events that observers of the processors see.

use std::sync::{Arc, Mutex};

use logistics_core::observe::{Observer, Observers};
use logistics_core::port::{GroupEvent, MockOwnerStore, PortErrorKind};
use logistics_core::processor::{InterruptCode, ProcessorEvent, Settings};
use logistics_core::{Partition, Policy};

use super::support::{Fate, TestClock, TestLog, bus, member, options, owner, until, working};
use crate::{Processors, ProcessorsOptions};

/// Records every event with its cause.
#[derive(Default)]
struct Recorder {
    wants_orders: bool,
    events: Mutex<Vec<(ProcessorEvent, Option<String>)>>,
}

impl Recorder {
    fn names(&self) -> Vec<&'static str> {
        self.events.lock().unwrap().iter().map(|(event, _)| event.name()).collect()
    }
}

impl Observer for Recorder {
    fn processor_event(&self, _: Partition, event: &ProcessorEvent, cause: Option<&str>) {
        self.events.lock().unwrap().push((event.clone(), cause.map(str::to_owned)));
    }

    fn wants_order_events(&self) -> bool {
        self.wants_orders
    }
}

/// Delivers one order after a failed acquisition, with these observers.
async fn deliver(recorders: &[Arc<Recorder>]) {
    let log = Arc::new(TestLog::default());
    log.acquires.lock().unwrap().push_back(Fate::Answer(Err(PortErrorKind::Unavailable)));
    let (membership, events) = member(owner(std::slice::from_ref(&log)));
    events.send(Ok(GroupEvent::Assigned(vec![Partition(0)]))).unwrap();
    let observers: Observers =
        recorders.iter().map(|recorder| recorder.clone() as Arc<dyn Observer>).collect();
    let _processors = Processors::start(
        Arc::new(bus(1, vec![Ok(membership)])),
        Arc::new(working(MockOwnerStore::new()).0),
        Arc::new(TestClock),
        Settings::new(1, Policy::simulate(0)),
        ProcessorsOptions { observers, ..options() },
    );
    log.place("o-1");
    until("delivered", || log.facts() >= 5).await;
    // The second order shows that all events of the first are emitted.
    log.place("o-2");
    until("delivered", || log.facts() >= 10).await;
}

// No subscriber is installed here, so no level is logged.
#[tokio::test(start_paused = true)]
async fn an_observer_that_wants_order_events_gets_them_at_any_log_level() {
    let recorder = Arc::new(Recorder { wants_orders: true, ..Recorder::default() });
    deliver(std::slice::from_ref(&recorder)).await;
    let names = recorder.names();
    assert_eq!(names[..7], ["interrupted", "live", "received", "moved", "moved", "moved", "moved"]);
}

#[tokio::test(start_paused = true)]
async fn unwanted_order_events_are_not_built_and_interrupts_carry_code_and_cause() {
    let recorders = [Arc::new(Recorder::default()), Arc::new(Recorder::default())];
    deliver(&recorders).await;
    for recorder in &recorders {
        assert_eq!(recorder.names(), ["interrupted", "live"]);
        let (event, cause) = recorder.events.lock().unwrap()[0].clone();
        let ProcessorEvent::Interrupted { code, phase, .. } = event else { panic!("{event:?}") };
        assert_eq!((code, phase), (InterruptCode::CallFailed, "acquiring"));
        assert!(cause.is_some_and(|cause| cause.contains("Unavailable on purpose")));
    }
}
