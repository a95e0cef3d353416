//! The courier search of the example, killed at every step: each order gets one courier or is cancelled once, and none is lost.
//!
//! A step is a call of the log or of the courier service. The fake courier service names another courier in each answer, so a
//! second assignment would be seen.

#[allow(dead_code, clippy::print_stdout, reason = "the test starts the reactor itself")]
#[path = "../examples/courier_search.rs"]
mod courier_search;

use std::collections::{BTreeMap, BTreeSet};
use std::future::pending;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use logistics_core::port::{
    Bounds, Clock, EventBus, Membership, PortError, ReadLimit, StartAt, Subscription, SubscriptionEvent,
    Tail, Topic,
};
use logistics_core::{
    Actor, Command, Offset, Order, OrderId, Partition, PartyId, Placement, Policy, Request, Status,
    processor, wire,
};
use logistics_embedded::{Config, Engine};
use logistics_service::{Options, OrderService, Principal, ServiceError};
use logistics_tokio::{DeliveryService, Processors, ProcessorsOptions, SystemClock};
use tokio::sync::Notify;

/// Milliseconds for which a courier is searched.
const DEADLINE_MS: u64 = 300;
/// Kills at the same time, each on a file of its own.
const THREADS: usize = 8;
/// How long one life of the system may take.
const LIFE_MAX: Duration = Duration::from_secs(60);

/// Ends a life at one step.
#[derive(Clone)]
struct Kill(Arc<KillState>);

struct KillState {
    step: AtomicUsize,
    at: usize,
    killed: Notify,
}

impl Kill {
    fn at(at: usize) -> Self {
        Self(Arc::new(KillState { step: AtomicUsize::new(0), at, killed: Notify::new() }))
    }

    /// The system may die here: then nothing of it goes on.
    async fn step(&self) {
        let step = self.0.step.fetch_add(1, Ordering::SeqCst);
        if step == self.0.at {
            self.0.killed.notify_one();
        }
        if step >= self.0.at {
            pending::<()>().await;
        }
    }
}

/// The log of the reactor: every call that changes something is a step before it and a step behind it.
struct Steps {
    bus: Arc<dyn EventBus>,
    kill: Kill,
}

#[async_trait]
impl EventBus for Steps {
    fn partitions(&self) -> u32 {
        self.bus.partitions()
    }

    async fn append(&self, order_id: &OrderId, payload: Bytes) -> Result<Offset, PortError> {
        self.kill.step().await;
        let appended = self.bus.append(order_id, payload).await;
        self.kill.step().await;
        appended
    }

    async fn publish(
        &self,
        topic: Topic,
        partition: Partition,
        key: Bytes,
        payload: Bytes,
    ) -> Result<Offset, PortError> {
        self.kill.step().await;
        let published = self.bus.publish(topic, partition, key, payload).await;
        self.kill.step().await;
        published
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
        self.kill.step().await;
        let subscription = self.bus.subscribe(topic, group, from).await?;
        Ok(Box::new(SubscriptionSteps { subscription, kill: self.kill.clone() }))
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

struct SubscriptionSteps {
    subscription: Box<dyn Subscription>,
    kill: Kill,
}

#[async_trait]
impl Subscription for SubscriptionSteps {
    async fn next(
        &mut self,
        limit: ReadLimit,
        held: &BTreeSet<Partition>,
    ) -> Result<SubscriptionEvent, PortError> {
        self.subscription.next(limit, held).await
    }

    fn assigned(&self) -> BTreeSet<Partition> {
        self.subscription.assigned()
    }

    async fn acknowledge(&mut self, partition: Partition, next: Offset) -> Result<(), PortError> {
        self.kill.step().await;
        let acknowledged = self.subscription.acknowledge(partition, next).await;
        self.kill.step().await;
        acknowledged
    }

    async fn release(&mut self, partitions: &[Partition]) -> Result<(), PortError> {
        self.subscription.release(partitions).await
    }
}

/// The courier service: it survives the kills, and counts the searches.
#[derive(Clone, Default)]
struct Couriers(Arc<Mutex<BTreeMap<String, u32>>>);

impl Couriers {
    /// `o-quick` finds a courier at once, `o-slow` with the second search, and `o-none` never.
    fn find(&self, order_id: &OrderId) -> Option<PartyId> {
        let mut searches = self.0.lock().unwrap();
        let count = searches.entry(order_id.as_str().to_owned()).or_default();
        *count += 1;
        let found = match order_id.as_str() {
            "o-quick" => true,
            "o-slow" => *count >= 2,
            _ => false,
        };
        found.then(|| format!("courier-{count}").parse().unwrap())
    }
}

/// One life of the system. Returns whether it ended by itself, with all orders settled.
fn life(directory: &Path, kill: &Kill, couriers: &Couriers) -> bool {
    let engine = Engine::open(Config::new(directory)).expect("the file opens");
    // The end of the runtime ends every task at once: nothing of this life goes on.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let ended = runtime.block_on(async {
        tokio::select! {
            biased;
            () = kill.0.killed.notified() => false,
            () = live(&engine, kill, couriers) => true,
        }
    });
    drop(runtime);
    engine.close().expect("the file closes");
    ended
}

async fn live(engine: &Engine, kill: &Kill, couriers: &Couriers) {
    let (bus, store, clock) = (engine.bus(), engine.store(), Arc::new(SystemClock));
    let processors = start_processors(engine);
    let (steps, searched) = (kill.clone(), couriers.clone());
    let find = move |order_id: OrderId| {
        let (steps, searched) = (steps.clone(), searched.clone());
        async move {
            steps.step().await;
            let found = searched.find(&order_id);
            steps.step().await;
            found
        }
    };
    let reactor = Arc::new(courier_search::courier_search(DEADLINE_MS, find));
    let steps = Arc::new(Steps { bus: bus.clone(), kill: kill.clone() });
    let options = courier_search::options().expect("options");
    let reacting = DeliveryService::start_reactor(steps, reactor, clock.clone(), options);
    let service = OrderService::new(bus.clone(), store, clock, Options::default());
    // A repetition has the same ids, so each life may place the orders again.
    for name in ["o-quick", "o-slow", "o-none"] {
        place(&*bus, name).await;
    }
    let began = Instant::now();
    while !settled(&service).await {
        assert!(began.elapsed() < LIFE_MAX, "the orders are not settled");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let report = reacting.drain(LIFE_MAX).await;
    assert!(report.clean, "{report:?}");
    assert!(processors.drain(LIFE_MAX).await.is_clean());
}

fn start_processors(engine: &Engine) -> Processors {
    let settings = processor::Settings::new(engine.partitions(), Policy::manual());
    let options = ProcessorsOptions::default();
    Processors::start(engine.bus(), engine.store(), Arc::new(SystemClock), settings, options)
}

async fn place(bus: &dyn EventBus, name: &str) {
    let order_id: OrderId = name.parse().unwrap();
    let commands = [
        (Actor::Customer, Command::Place(Placement::new())),
        (Actor::Merchant, Command::Transition { to: Status::Confirmed }),
        (Actor::Merchant, Command::Transition { to: Status::Preparing }),
    ];
    for (index, (actor, command)) in commands.into_iter().enumerate() {
        let id = format!("{name}-{index}").parse().unwrap();
        let request = Request::new(id, order_id.clone(), actor, command, SystemClock.now());
        bus.append(&order_id, wire::encode_request(&request)).await.expect("appended");
    }
}

async fn order(service: &OrderService, name: &str) -> Option<Order> {
    match service.find(&Principal::anonymous(), &name.parse().unwrap()).await {
        Ok(document) => Some(Order::from_document(&document.json).expect("a document")),
        // The store is behind the log.
        Err(ServiceError::NotFound | ServiceError::NotReady | ServiceError::Rebuilding) => None,
        Err(why) => panic!("{name}: {why}"),
    }
}

async fn settled(service: &OrderService) -> bool {
    for name in ["o-quick", "o-slow", "o-none"] {
        let done = order(service, name).await.is_some_and(|order| order.version.0 >= 4);
        if !done {
            return false;
        }
    }
    true
}

/// Each order has four facts: placed, confirmed, preparing, and one of the reactor.
fn check(directory: &Path, at: usize) {
    let engine = Engine::open_existing(Config::new(directory)).expect("the file opens");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let (bus, store, clock) = (engine.bus(), engine.store(), Arc::new(SystemClock));
        let processors = start_processors(&engine);
        let service = OrderService::new(bus, store, clock, Options::default());
        // An order is known to be absent once every input of the log has its outcome, the last repetition included.
        let unknown = "o-unknown".parse().unwrap();
        while service.find(&Principal::anonymous(), &unknown).await.err() != Some(ServiceError::NotFound) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        for name in ["o-quick", "o-slow", "o-none"] {
            let order = order(&service, name).await.expect("no order is lost");
            assert_eq!(order.version.0, 4, "killed at step {at}: {order:?}");
            let by = order.history.last().and_then(|entry| entry.by.clone());
            assert_eq!(by, Some("reactor:courier-search".parse().unwrap()), "killed at step {at}");
            // A kill may outlast the deadline before the second search.
            let is_assigned = name == "o-quick" || (name == "o-slow" && order.courier_id.is_some());
            let wanted = if is_assigned { Status::Preparing } else { Status::Cancelled };
            assert_eq!((order.status, order.courier_id.is_some()), (wanted, is_assigned), "step {at}");
        }
        assert!(processors.drain(LIFE_MAX).await.is_clean());
    });
    drop(runtime);
    engine.close().expect("the file closes");
}

/// Kills at this step, and lives twice more. Returns whether the step exists.
fn killed_at(at: usize) -> bool {
    let directory = tempfile::tempdir().expect("a folder");
    let (kill, couriers) = (Kill::at(at), Couriers::default());
    let was_killed = !life(directory.path(), &kill, &couriers);
    // The second life repeats what the first one has not finished, and the third one finds nothing to do.
    for _ in 0..2 {
        assert!(life(directory.path(), &Kill::at(usize::MAX), &couriers), "killed at step {at}");
    }
    check(directory.path(), at);
    was_killed
}

#[test]
fn a_courier_search_that_is_killed_at_every_step_assigns_once_and_loses_no_order() {
    let (next, over) = (AtomicUsize::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while !over.load(Ordering::SeqCst) {
                    if !killed_at(next.fetch_add(1, Ordering::SeqCst)) {
                        over.store(true, Ordering::SeqCst);
                    }
                }
            });
        }
    });
    let steps = next.load(Ordering::SeqCst);
    assert!(steps > 20, "only {steps} steps: the calls are not counted");
}
