//! Reports of transactions, and readings of partitions.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use logistics_core::observe::{Gauges, Observer, Observers, ProcessorReading, Reading, TransactionReport};
use logistics_core::port::{
    Clock, CommitOutcome, GroupEvent, Membership, MockMembership, MockOwnerStore, PortErrorKind,
};
use logistics_core::{Partition, Status};
use tokio::sync::mpsc;

use super::support::{
    Event, Fate, TestClock, TestLog, bus, is_ready, member, options, owner, settings, until, working,
};
use crate::{Processors, ProcessorsOptions};

#[derive(Default)]
struct Recorder {
    wants: bool,
    reports: Mutex<Vec<(Partition, TransactionReport)>>,
}

impl Observer for Recorder {
    fn transaction(&self, partition: Partition, report: &TransactionReport) {
        self.reports.lock().unwrap().push((partition, report.clone()));
    }

    fn wants_transactions(&self) -> bool {
        self.wants
    }
}

impl Recorder {
    /// The number of facts of each transaction.
    fn facts(&self) -> Vec<usize> {
        self.reports.lock().unwrap().iter().map(|(_, report)| report.facts.len()).collect()
    }
}

fn start(
    membership: Box<dyn Membership>,
    events: &mpsc::UnboundedSender<Event>,
    observers: Observers,
) -> Processors {
    events.send(Ok(GroupEvent::Assigned(vec![Partition(0)]))).unwrap();
    let store = working(MockOwnerStore::new()).0;
    let options = ProcessorsOptions { observers, ..options() };
    let bus = bus(1, vec![Ok(membership)]);
    Processors::start(Arc::new(bus), Arc::new(store), Arc::new(TestClock), settings(1), options)
}

fn readings(gauges: &dyn Gauges) -> Vec<ProcessorReading> {
    let mut readings = Vec::new();
    gauges.read(&mut |reading| {
        let Reading::Processor(reading) = reading else { panic!("{reading:?}") };
        readings.push(reading);
    });
    readings
}

/// The reading of partition 0.
fn reading(gauges: &dyn Gauges) -> ProcessorReading {
    readings(gauges).remove(0)
}

#[tokio::test(start_paused = true)]
async fn each_committed_transaction_is_reported_once_with_the_time_of_its_commit() {
    let log = Arc::new(TestLog::default());
    let late = Fate::Late(Duration::from_millis(300), CommitOutcome::Committed);
    let unknown = Fate::Answer(Err(PortErrorKind::Unavailable));
    log.commits.lock().unwrap().extend([late, unknown]);
    let (membership, events) = member(owner(std::slice::from_ref(&log)));
    let recorders = [true, false].map(|wants| Arc::new(Recorder { wants, ..Recorder::default() }));
    let observers = recorders.iter().map(|recorder| recorder.clone() as Arc<dyn Observer>).collect();
    let _processors = start(membership, &events, observers);
    let began = TestClock.now();
    log.place("o-1");
    until("placed", || log.facts() == 1).await;
    // The second commit fails, and the order is decided again.
    log.place("o-2");
    until("placed", || log.facts() == 2).await;
    until("reported", || recorders[0].facts() == [1, 1]).await;
    assert_eq!(recorders[1].facts(), [1, 1], "each observer gets what one of them wants");
    let (partition, report) = recorders[0].reports.lock().unwrap()[0].clone();
    assert_eq!((partition, report.inputs, report.facts[0].status), (Partition(0), 1, Status::Placed));
    let committed = report.commit_elapsed.as_millis();
    assert!((300..310).contains(&committed), "{committed} ms");
    assert!(report.began.millis_since(began) < 100, "{report:?}");
}

#[tokio::test(start_paused = true)]
async fn no_report_is_built_while_no_observer_wants_it() {
    let log = Arc::new(TestLog::default());
    let (membership, events) = member(owner(std::slice::from_ref(&log)));
    let recorder = Arc::new(Recorder::default());
    let _processors = start(membership, &events, Observers::default().with(recorder.clone()));
    log.place("o-1");
    until("placed", || log.facts() == 1).await;
    log.place("o-2");
    until("placed", || log.facts() == 2).await;
    assert!(recorder.facts().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_reading_shows_the_phase_and_what_waits_for_a_commit_that_hangs() {
    let log = Arc::new(TestLog::default());
    log.acquires.lock().unwrap().push_back(Fate::Late(Duration::from_millis(200), ()));
    log.commits.lock().unwrap().push_back(Fate::Hang);
    let (membership, events) = member(owner(std::slice::from_ref(&log)));
    let processors = start(membership, &events, Observers::default());
    let gauges = processors.gauges();
    until("acquiring", || !readings(&*gauges).is_empty()).await;
    let acquiring = reading(&*gauges);
    assert_eq!((acquiring.partition, acquiring.phase), (Partition(0), "acquiring"));
    until("live", || is_ready(&processors, "partition 0")).await;
    let live = reading(&*gauges);
    assert_eq!((live.phase, live.waiting_inputs, live.oldest_input_at), ("live", 0, None));
    assert!(live.phase_since.millis_since(acquiring.phase_since) >= 200);

    let placed_at = TestClock.now();
    log.place("o-1");
    until("committing", || reading(&*gauges).waiting_inputs == 1).await;
    let committing = reading(&*gauges);
    assert_eq!((committing.phase, committing.oldest_input_at), ("live", Some(placed_at)));
    assert!(committing.memory_limit_bytes > 0);
    // The commit reaches its time limit.
    until("interrupted", || reading(&*gauges).phase != "live").await;
    let interrupted = reading(&*gauges);
    assert_eq!((interrupted.waiting_inputs, interrupted.oldest_input_at), (1, Some(placed_at)));
    until("answered", || reading(&*gauges).answered.0 == 1).await;
    assert_eq!(reading(&*gauges).waiting_inputs, 0);
}

#[tokio::test(start_paused = true)]
async fn a_partition_that_left_has_no_reading() {
    let log = Arc::new(TestLog::default());
    let mut mock: MockMembership = owner(std::slice::from_ref(&log));
    mock.expect_release().returning(|_| Ok(()));
    let (membership, events) = member(mock);
    let processors = start(membership, &events, Observers::default());
    let gauges = processors.gauges();
    until("live", || is_ready(&processors, "partition 0")).await;
    assert_eq!(readings(&*gauges).len(), 1);
    events.send(Ok(GroupEvent::Revoked(vec![Partition(0)]))).unwrap();
    until("left", || readings(&*gauges).is_empty()).await;
}

#[tokio::test(start_paused = true)]
async fn a_partition_that_halted_keeps_its_reading() {
    let log = Arc::new(TestLog::default());
    log.commits.lock().unwrap().push_back(Fate::Panic);
    let (membership, events) = member(owner(std::slice::from_ref(&log)));
    let processors = start(membership, &events, Observers::default());
    let gauges = processors.gauges();
    log.place("o-1");
    until("halted", || readings(&*gauges).iter().any(|reading| reading.phase == "halted")).await;
    assert_eq!(reading(&*gauges).waiting_inputs, 1);
}
