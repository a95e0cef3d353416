//! Two processes over the in-memory bus and store under seeded faults, with a fault-free phase in which all must settle.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use logistics_core::health::HealthProbe;
use logistics_core::port::{DocumentLookup, EventBus, MockNotifier, OrderReader, StartAt};
use logistics_core::processor::Settings;
use logistics_core::{OrderId, Policy, Version};
use logistics_testkit::{Faults, MemoryBus, MemoryOrderStore};

use super::support::{TestClock, options, placement_of, until};
use crate::{Notifications, NotificationsOptions, Processors};

const PARTITIONS: u32 = 4;
const ORDERS: usize = 40;
/// PLACED, CONFIRMED, PREPARING, OUT_FOR_DELIVERY, DELIVERED.
const FACTS_EACH: usize = 5;
const SEEDS: u64 = 50;

type Notified = Arc<Mutex<BTreeSet<(OrderId, Version)>>>;

struct System {
    bus: MemoryBus,
    store: MemoryOrderStore,
    notified: Notified,
}

impl System {
    fn new(seed: u64) -> Self {
        let bus = MemoryBus::with_faults(PARTITIONS, Faults::all(seed), Arc::new(TestClock));
        let store = MemoryOrderStore::with_faults(PARTITIONS, Faults::all(seed));
        Self { bus, store, notified: Notified::default() }
    }

    fn process(&self) -> Processors {
        let settings = Settings::new(PARTITIONS, Policy::simulate(5));
        let (bus, store) = (Arc::new(self.bus.clone()), Arc::new(self.store.clone()));
        Processors::start(bus, store, Arc::new(TestClock), settings, options())
    }

    fn notify(&self) -> Notifications {
        let mut notifier = MockNotifier::new();
        let notified = self.notified.clone();
        notifier.expect_notify().returning(move |notification| {
            notified.lock().unwrap().insert((notification.order_id.clone(), notification.version));
            Ok(())
        });
        let options = NotificationsOptions { from: Some(StartAt::Start), ..NotificationsOptions::default() };
        Notifications::start(Arc::new(self.bus.clone()), Arc::new(notifier), options)
    }

    async fn place(&self, orders: &[OrderId]) {
        for order_id in orders {
            // The outcome of an append may be unknown; a repetition is harmless.
            while self.bus.append(order_id, placement_of(order_id)).await.is_err() {}
        }
    }

    fn settle(&self) {
        self.bus.set_faults(Faults::none());
        self.store.set_faults(Faults::none());
    }

    async fn delivered(&self, orders: &[OrderId]) -> usize {
        let mut delivered = 0;
        for order_id in orders {
            if let Ok(DocumentLookup::Found(json)) = self.store.document(order_id).await {
                let json = String::from_utf8(json.to_vec()).unwrap();
                delivered += usize::from(json.contains(r#""status":"DELIVERED""#));
            }
        }
        delivered
    }
}

#[tokio::test(start_paused = true)]
async fn under_faults_and_a_change_of_process_every_order_is_delivered_and_notified() {
    for seed in 0..SEEDS {
        let system = System::new(seed);
        let orders: Vec<OrderId> = (0..ORDERS).map(|n| OrderId::parse(&format!("o-{n}")).unwrap()).collect();
        let (first, notifications) = (system.process(), system.notify());
        system.place(&orders[..ORDERS / 2]).await;
        let second = system.process();
        system.place(&orders[ORDERS / 2..]).await;
        let report = first.drain(Duration::from_secs(5)).await;
        system.settle();
        let deadline = tokio::time::Instant::now() + Duration::from_secs(120);
        while system.delivered(&orders).await < ORDERS {
            let health = second.health();
            assert!(tokio::time::Instant::now() < deadline, "seed {seed}: {report:?} {health:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        until("all facts are notified", || system.notified.lock().unwrap().len() == ORDERS * FACTS_EACH)
            .await;
        until("ready", || second.health().is_ready()).await;
        assert_eq!(second.health().parts.len(), 1 + PARTITIONS as usize, "seed {seed}");
        assert!(second.drain(Duration::from_secs(5)).await.is_clean(), "seed {seed}");
        assert!(notifications.drain(Duration::from_secs(5)).await.clean, "seed {seed}");
    }
}
