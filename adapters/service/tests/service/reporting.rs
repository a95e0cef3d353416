//! The report of each append, and its span in the record.

use std::future::pending;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use logistics_core::TraceContext;
use logistics_core::observe::{AppendReport, Observer, Observers};
use logistics_core::port::{
    Bounds, EventBus, Membership, PortError, PortErrorKind, StartAt, Subscription, Tail, Topic,
};
use logistics_core::{Offset, OrderId, Partition, PartyId, Request, RequestId, Status, partition_of};
use logistics_service::{Assign, IdempotencyKey, Options, OrderService, Place, ServiceError, Transition};
use logistics_testkit::{Faults, MemoryBus, MemoryOrderStore, sample};

use crate::fixture::{CALLER, FixedClock, Fixture, PARTITIONS};

const CLIENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

struct Reported {
    order_id: OrderId,
    request: RequestId,
    partition: Partition,
    outcome: Result<Offset, PortErrorKind>,
    bytes: usize,
    elapsed: Duration,
    span: Option<TraceContext>,
    parent: Option<TraceContext>,
}

#[derive(Default)]
struct Reports {
    has_traces: bool,
    spans: AtomicU64,
    seen: Mutex<Vec<Reported>>,
}

impl Observer for Reports {
    fn append(&self, report: &AppendReport<'_>) {
        assert_eq!(report.began, sample::time(0));
        self.seen.lock().unwrap().push(Reported {
            order_id: report.order_id.clone(),
            request: report.request.clone(),
            partition: report.partition,
            outcome: report.outcome,
            bytes: report.bytes,
            elapsed: report.elapsed,
            span: report.span,
            parent: report.parent,
        });
    }

    fn new_span(&self, parent: Option<TraceContext>) -> Option<TraceContext> {
        let span = self.spans.fetch_add(1, Ordering::Relaxed) + 1;
        TraceContext::new(parent.map_or(1, TraceContext::trace_id), span, true).filter(|_| self.has_traces)
    }
}

fn observed(has_traces: bool) -> (Fixture, Arc<Reports>) {
    let reports = Arc::new(Reports { has_traces, ..Reports::default() });
    let mut fixture = Fixture::new();
    fixture.service = fixture.service.with_observers(Observers::default().with(reports.clone()));
    (fixture, reports)
}

fn client() -> Option<TraceContext> {
    TraceContext::parse(CLIENT)
}

/// A placement, a transition and an assignment of one order, each with the client's context.
async fn three_changes(fixture: &Fixture) -> Vec<Request> {
    let trace = || client().map(TraceContext::to_traceparent);
    let mut place = Place::default();
    place.trace = trace();
    let placed = fixture.service.place(&CALLER, place).await.expect("the log accepts it");
    let mut confirm = Transition::to(placed.order_id().clone(), Status::Confirmed);
    let mut assign = Assign::new(placed.order_id().clone(), PartyId::parse("c").ok());
    (confirm.trace, confirm.wait) = (trace(), Some(Duration::ZERO));
    (assign.trace, assign.wait) = (trace(), Some(Duration::ZERO));
    let _pending = fixture.service.transition(&CALLER, confirm).await.expect("the log accepts it");
    let _pending = fixture.service.assign(&CALLER, assign).await.expect("the log accepts it");
    fixture.requests()
}

#[tokio::test(start_paused = true)]
async fn with_traces_a_record_carries_the_span_of_its_append() {
    let (fixture, reports) = observed(true);
    let requests = three_changes(&fixture).await;
    let reports = reports.seen.lock().unwrap();
    assert_eq!((requests.len(), reports.len()), (3, 3));
    for (at, (request, report)) in requests.iter().zip(reports.iter()).enumerate() {
        assert_eq!((&report.request, &report.order_id), (&request.id, &request.order_id));
        assert_eq!(report.partition, partition_of(&request.order_id, PARTITIONS));
        assert_eq!(report.outcome, Ok(Offset(at as u64)));
        assert!(report.bytes > 100);
        assert_eq!((report.parent, report.span.map(TraceContext::span_id)), (client(), Some(at as u64 + 1)));
        let carried = request.trace.as_ref().and_then(|trace| trace.context());
        assert_eq!(
            (carried, carried.map(TraceContext::trace_id)),
            (report.span, client().map(TraceContext::trace_id))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn without_traces_a_record_carries_the_clients_context() {
    let (fixture, reports) = observed(false);
    let requests = three_changes(&fixture).await;
    assert!(
        requests.iter().all(|request| request.trace.as_ref().is_some_and(|trace| trace.as_str() == CLIENT))
    );
    let reports = reports.seen.lock().unwrap();
    assert!(reports.iter().all(|report| report.span.is_none() && report.parent == client()));
}

#[tokio::test(start_paused = true)]
async fn a_retry_differs_in_its_span_only() {
    let (fixture, _) = observed(true);
    let place = async || {
        let mut place = Place::new(sample::placement());
        place.idempotency_key = IdempotencyKey::parse("k").ok();
        let (placed, ()) = tokio::join!(fixture.service.place(&CALLER, place), async { fixture.decide() });
        placed.expect("it is placed")
    };
    assert_eq!(place().await, place().await);
    let [first, second] = &fixture.requests()[..] else { panic!("two requests") };
    assert_ne!(first.trace, second.trace);
    let mut second = second.clone();
    (second.trace, second.id) = (first.trace.clone(), first.id.clone());
    assert_eq!(*first, second);
}

#[tokio::test(start_paused = true)]
async fn a_failed_append_and_one_without_an_answer_are_reported() {
    let (fixture, reports) = observed(true);
    fixture.bus.set_faults(Faults { unavailable_before: 1000, ..Faults::none() });
    assert_eq!(fixture.service.place(&CALLER, Place::default()).await, Err(ServiceError::Unavailable));
    let last = reports.seen.lock().unwrap().pop().expect("a report");
    assert_eq!((last.outcome, last.elapsed), (Err(PortErrorKind::Unavailable), Duration::ZERO));
    let (service, hanging) = hanging(&reports);
    assert_eq!(service.place(&CALLER, Place::default()).await, Err(ServiceError::Unavailable));
    let last = reports.seen.lock().unwrap().pop().expect("a report");
    let limit = Duration::from_millis(service.options().port_timeout_ms);
    assert_eq!((last.outcome, last.elapsed), (Err(PortErrorKind::Unavailable), limit));
    // A caller that leaves does not know whether the request is in the log either.
    let left = tokio::time::timeout(Duration::from_secs(1), service.place(&CALLER, Place::default())).await;
    assert!(left.is_err() && hanging.load(Ordering::Relaxed) == 2);
    let last = reports.seen.lock().unwrap().pop().expect("a report");
    assert_eq!((last.outcome, last.elapsed), (Err(PortErrorKind::Unavailable), Duration::from_secs(1)));
}

/// A service whose bus answers no append, and the number of appends.
fn hanging(reports: &Arc<Reports>) -> (OrderService, Arc<AtomicU64>) {
    let (appends, store) = (Arc::<AtomicU64>::default(), MemoryOrderStore::new(PARTITIONS));
    let bus = Arc::new(Hanging { bus: MemoryBus::new(PARTITIONS), appends: appends.clone() });
    let service = OrderService::new(bus, Arc::new(store), Arc::new(FixedClock), Options::default());
    (service.with_observers(Observers::default().with(reports.clone())), appends)
}

struct Hanging {
    bus: MemoryBus,
    appends: Arc<AtomicU64>,
}

#[async_trait]
impl EventBus for Hanging {
    fn partitions(&self) -> u32 {
        PARTITIONS
    }

    async fn append(&self, _: &OrderId, _: Bytes) -> Result<Offset, PortError> {
        self.appends.fetch_add(1, Ordering::Relaxed);
        pending().await
    }

    async fn publish(
        &self,
        topic: Topic,
        partition: Partition,
        key: Bytes,
        payload: Bytes,
    ) -> Result<Offset, PortError> {
        self.bus.publish(topic, partition, key, payload).await
    }

    async fn join(&self) -> Result<Box<dyn Membership>, PortError> {
        self.bus.join().await
    }

    async fn subscribe(
        &self,
        topic: Topic,
        group: &str,
        from: StartAt,
    ) -> Result<Box<dyn Subscription>, PortError> {
        self.bus.subscribe(topic, group, from).await
    }

    async fn tail(
        &self,
        topic: Topic,
        partition: Partition,
        from: Offset,
    ) -> Result<Box<dyn Tail>, PortError> {
        self.bus.tail(topic, partition, from).await
    }

    async fn bounds(&self, topic: Topic, partition: Partition) -> Result<Bounds, PortError> {
        self.bus.bounds(topic, partition).await
    }
}
