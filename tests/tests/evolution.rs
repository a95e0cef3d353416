//! Two releases at once on one log and store, up and back down: the first knows the status LOST, the second allows the
//! transition to it. CONTRIBUTING.md has the rule.
//!
//! Each process is a thread with the processors, the use cases of the API and the notifier of its release. Both are in one
//! program, because a second set of binaries costs minutes to build. What differs between the two is the table alone.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

use async_trait::async_trait;
use logistics_core::audit::{self, AuditError, Expect, Report};
use logistics_core::health::{Health, HealthProbe};
use logistics_core::lifecycle::release::knowing_only;
use logistics_core::notify::Notification;
use logistics_core::port::{ListQuery, Notifier, NotifyError};
use logistics_core::processor::Settings;
use logistics_core::{Order, OrderId, Placement, Policy, Rejection, Status, Version};
use logistics_embedded::{Config, Engine};
use logistics_service::{
    IdempotencyKey, Options, OrderService, Place, Principal, ServiceError, Transition, Transitioned,
};
use logistics_tests::engine::{PATIENCE, until};
use logistics_tokio::{Notifications, NotificationsOptions, Processors, ProcessorsOptions, SystemClock};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Barrier;

const PARTITIONS: u32 = 4;
/// Enough that both halves of the partitions have some of each quarter.
const ORDERS: usize = 48;
const TO_FAILURE: [Status; 4] =
    [Status::Confirmed, Status::Preparing, Status::OutForDelivery, Status::DeliveryFailed];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Release {
    /// Knows LOST.
    Knows,
    /// Allows DELIVERY_FAILED -> LOST.
    Allows,
}

impl Release {
    fn run<T>(self, work: impl FnOnce() -> T) -> T {
        match self {
            Release::Knows => knowing_only(work),
            Release::Allows => work(),
        }
    }
}

/// The orders and notifications that a client and the parties have seen, over all releases.
#[derive(Default)]
struct Seen {
    orders: Mutex<Vec<OrderId>>,
    /// Orders in LOST.
    lost: Mutex<BTreeSet<OrderId>>,
    notified: Mutex<BTreeSet<(OrderId, Version)>>,
}

impl Seen {
    fn orders(&self) -> Vec<OrderId> {
        self.orders.lock().expect("no panic").clone()
    }

    fn lost(&self) -> BTreeSet<OrderId> {
        self.lost.lock().expect("no panic").clone()
    }
}

#[async_trait]
impl Notifier for Seen {
    async fn notify(&self, notification: &Notification) -> Result<(), NotifyError> {
        let identity = (notification.order_id.clone(), notification.version);
        self.notified.lock().expect("no panic").insert(identity);
        Ok(())
    }
}

/// A process of one release.
struct Process {
    release: Release,
    engine: Engine,
    seen: Arc<Seen>,
    processors: Processors,
    notifications: Notifications,
    api: OrderService,
}

impl Process {
    fn start(release: Release, engine: &Engine, seen: &Arc<Seen>) -> Self {
        let clock = Arc::new(SystemClock);
        let mut settings = Settings::new(PARTITIONS, Policy::manual());
        settings.idle_ms = 50;
        let options = ProcessorsOptions::default();
        Self {
            release,
            engine: engine.clone(),
            seen: seen.clone(),
            processors: Processors::start(engine.bus(), engine.store(), clock.clone(), settings, options),
            notifications: Notifications::start(engine.bus(), seen.clone(), NotificationsOptions::default()),
            api: OrderService::new(engine.bus(), engine.store(), clock, Options::default()),
        }
    }

    /// Waits until this process is live in exactly so many partitions.
    async fn owns(&self, partitions: usize) {
        until("the partitions are shared out and live", async || {
            let Health { parts } = self.processors.health();
            parts.len() == 1 + partitions && parts.iter().all(|part| part.ready)
        })
        .await;
    }

    async fn place(&self, n: usize) -> OrderId {
        let mut place = Place::new(Placement::default());
        place.idempotency_key = Some(IdempotencyKey::parse(&format!("order-{n}")).expect("a valid key"));
        let placed = self.api.place(&Principal::anonymous(), place).await.expect("placed");
        placed.order_id().clone()
    }

    /// # Errors
    /// The rejection.
    async fn request(&self, order_id: &OrderId, to: Status) -> Result<Order, Rejection> {
        let transition = Transition::to(order_id.clone(), to);
        match self.api.transition(&Principal::anonymous(), transition).await {
            Ok(Transitioned::Done(document)) => Ok(Order::from_document(&document.json).expect("a document")),
            Err(ServiceError::Rejected(rejection)) => Err(rejection),
            other => panic!("{:?}: {order_id} to {to}: {other:?}", self.release),
        }
    }

    /// Places orders and moves them to DELIVERY_FAILED.
    async fn place_until_failed(&self, orders: std::ops::Range<usize>) {
        for n in orders {
            let order_id = self.place(n).await;
            for to in TO_FAILURE {
                self.request(&order_id, to).await.expect("a transition of both releases");
            }
            self.seen.orders.lock().expect("no panic").push(order_id);
        }
    }

    /// Requests LOST. The release of the partition's owner decides: the result is the number of allowed requests.
    async fn lose(&self, orders: &[OrderId]) -> usize {
        let mut allowed = 0;
        for order_id in orders {
            match self.request(order_id, Status::Lost).await {
                Ok(order) => {
                    assert_eq!(order.status, Status::Lost);
                    self.seen.lost.lock().expect("no panic").insert(order_id.clone());
                    allowed += 1;
                }
                Err(rejection) => assert_eq!(rejection.code(), "illegal_transition"),
            }
        }
        allowed
    }

    /// This release reads every order, decides on those in LOST, lists them, and finds every invariant kept.
    async fn check(&self) {
        let lost = self.seen.lost();
        for order_id in self.seen.orders() {
            let found = self.api.find(&Principal::anonymous(), &order_id).await.expect("found");
            let order = Order::from_document(&found.json).expect("a document");
            let expected = if lost.contains(&order_id) { Status::Lost } else { Status::DeliveryFailed };
            assert_eq!(order.status, expected, "{:?}: {order_id}", self.release);
            let own_table = self.release == Release::Allows && expected == Status::DeliveryFailed;
            assert_eq!(order.allowed_transitions.contains(&Status::Lost), own_table, "{:?}", self.release);
        }
        for order_id in &lost {
            let rejection =
                self.request(order_id, Status::OutForDelivery).await.expect_err("LOST is terminal");
            assert_eq!((rejection.code(), rejection.allowed()), ("illegal_transition", Some(&[][..])));
        }
        let query = ListQuery { status: Some(Status::Lost), limit: 100, ..ListQuery::default() };
        let page = self.api.list(&Principal::anonymous(), query).await.expect("a page");
        assert_eq!(page.documents.len(), lost.len());
        let report = self.settled().await;
        until("every fact is notified", async || {
            self.seen.notified.lock().expect("no panic").len() as u64 == report.facts
        })
        .await;
    }

    /// `verify --at-rest`, as soon as everything is at rest.
    async fn settled(&self) -> Report {
        let mut last = None;
        until("everything is at rest", async || {
            last = Some(audited(&self.engine, Expect::AtRest).await);
            matches!(last, Some(Ok(_)))
        })
        .await;
        last.expect("an audit").expect("every invariant holds")
    }

    async fn drain(self) {
        assert!(self.processors.health().is_ready(), "{:?}", self.processors.health());
        assert!(self.processors.drain(PATIENCE).await.is_clean());
        let report = self.notifications.drain(PATIENCE).await;
        assert_eq!((report.undeliverable, report.undecodable, report.gone), (0, 0, 0));
    }
}

async fn audited(engine: &Engine, expect: Expect) -> Result<Report, AuditError> {
    audit::run(engine.bus().as_ref(), engine.store().as_ref(), expect).await
}

/// One thread, so that all tasks of a process are of its release.
fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// Opens the file and runs a process of each release at once. Each has its share of the partitions before `work` begins. Then
/// the first process is killed if there are more, and the others take its partitions over and check everything.
fn run(directory: &Path, seen: &Arc<Seen>, releases: &[Release], work: impl AsyncFn(&Process) + Sync) {
    let config = Config { partitions: Some(PARTITIONS), ..Config::new(directory) };
    let engine = Engine::open(config).expect("the data file opens");
    let meet = Barrier::new(releases.len());
    let share = PARTITIONS as usize / releases.len();
    thread::scope(|scope| {
        for (index, release) in releases.iter().enumerate() {
            let (engine, work, meet) = (&engine, &work, &meet);
            let life = async move || {
                let process = Process::start(*release, engine, seen);
                process.owns(share).await;
                meet.wait().await;
                work(&process).await;
                meet.wait().await;
                process.check().await;
                meet.wait().await;
                if index + 1 < releases.len() {
                    return; // Killed: nothing is drained.
                }
                process.owns(PARTITIONS as usize).await;
                process.check().await;
                process.drain().await;
            };
            scope.spawn(move || release.run(|| runtime().block_on(life())));
        }
    });
    for release in [Release::Knows, Release::Allows] {
        let report = release.run(|| runtime().block_on(audited(&engine, Expect::Drained)));
        let report = report.unwrap_or_else(|error| panic!("{release:?} verifies: {error}"));
        assert_eq!(report.orders, seen.orders().len() as u64);
        assert_eq!(
            report.orders_by_status.get(&Status::Lost).copied().unwrap_or(0),
            seen.lost().len() as u64
        );
    }
    engine.close().expect("the data file closes");
}

#[test]
fn two_releases_run_at_once_up_and_back_down() {
    use Release::{Allows, Knows};
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (path, seen) = (directory.path(), Arc::new(Seen::default()));
    let quarter = ORDERS / 4;

    run(path, &seen, &[Knows], async |process| {
        process.place_until_failed(0..ORDERS).await;
        assert_eq!(process.lose(&process.seen.orders()[..1]).await, 0, "known, and not allowed");
    });
    let orders = seen.orders();

    // Up: the process of the first release owns half of the partitions, and rejects what the other one allows.
    run(path, &seen, &[Knows, Allows], async |process| {
        if process.release == Allows {
            let allowed = process.lose(&orders[..quarter]).await;
            assert!((1..quarter).contains(&allowed), "{allowed} of {quarter}");
        }
    });
    run(path, &seen, &[Allows], async |process| {
        assert_eq!(process.lose(&orders[..2 * quarter]).await, 2 * quarter);
        process.place_until_failed(ORDERS..ORDERS + 4).await;
    });

    // And back down: the process of the second release is killed, and the first one takes over.
    run(path, &seen, &[Allows, Knows], async |process| {
        if process.release == Knows {
            let lost = process.lose(&orders[2 * quarter..3 * quarter]).await;
            assert!((1..quarter).contains(&lost), "{lost} of {quarter}");
        }
    });
    run(path, &seen, &[Knows], async |process| {
        assert_eq!(process.lose(&orders[3 * quarter..]).await, 0);
        process.place_until_failed(ORDERS + 4..ORDERS + 8).await;
    });
}
