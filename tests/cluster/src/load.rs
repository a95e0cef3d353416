//! Clients that place orders and call some of them off, and remember what they were told.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::task::JoinSet;

use crate::api::{self, Reply};

/// The pause of a client before it tries again.
const RETRY: Duration = Duration::from_millis(100);
/// Every how many orders one is called off.
const CANCEL_EVERY: u64 = 5;

/// What clients were told.
#[derive(Debug, Default)]
pub struct Told {
    /// The order of each key.
    pub orders: BTreeMap<String, String>,
    /// Orders that are called off, as somebody was told.
    pub cancelled: BTreeSet<String>,
    /// Calls that failed, by what came instead of an answer.
    pub failures: BTreeMap<String, u64>,
    /// The most attempts that one call took.
    pub attempts_max: u32,
}

/// Clients at work.
pub struct Load {
    shared: Arc<Shared>,
    clients: JoinSet<()>,
}

struct Shared {
    name: String,
    apis: Mutex<Vec<SocketAddr>>,
    told: Mutex<Told>,
    number: AtomicU64,
    placed: AtomicU64,
    ended: AtomicBool,
    pause: Duration,
}

impl Load {
    /// Starts clients that talk to these APIs, one after the other where one fails. `name` makes their keys their own.
    #[must_use]
    pub fn start(name: &str, apis: &[SocketAddr], clients: usize, pause: Duration) -> Self {
        let shared = Arc::new(Shared {
            name: name.to_owned(),
            apis: Mutex::new(apis.to_vec()),
            told: Mutex::default(),
            number: AtomicU64::new(0),
            placed: AtomicU64::new(0),
            ended: AtomicBool::new(false),
            pause,
        });
        let mut tasks = JoinSet::new();
        for client in 0..clients {
            let shared = shared.clone();
            tasks.spawn(async move { shared.work(client).await });
        }
        Self { shared, clients: tasks }
    }

    /// Orders that clients were told of.
    #[must_use]
    pub fn placed(&self) -> u64 {
        self.shared.placed.load(Ordering::Relaxed)
    }

    /// Waits until so many more orders are placed.
    ///
    /// # Panics
    /// When they never are.
    pub async fn more(&self, orders: u64) {
        let wanted = self.placed() + orders;
        logistics_containers::until("clients placed orders", async || self.placed() >= wanted).await;
    }

    /// The clients finish what they are at, each call repeated until it is answered; and what they were told.
    ///
    /// # Panics
    /// When a client was told something that cannot be, or is never answered.
    pub async fn end(mut self) -> Told {
        self.shared.ended.store(true, Ordering::Relaxed);
        let all = async {
            while let Some(client) = self.clients.join_next().await {
                client.expect("a client that saw nothing odd");
            }
        };
        tokio::time::timeout(Duration::from_secs(120), all).await.expect("every call is answered in the end");
        std::mem::take(&mut *self.shared.told.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Shared {
    async fn work(&self, client: usize) {
        while !self.ended.load(Ordering::Relaxed) {
            let number = self.number.fetch_add(1, Ordering::Relaxed);
            let key = format!("{}-{number}", self.name);
            let order_id = self.place(client, &key).await;
            if number.is_multiple_of(CANCEL_EVERY) {
                self.cancel(client, &order_id).await;
            }
            tokio::time::sleep(self.pause).await;
        }
    }

    async fn place(&self, client: usize, key: &str) -> String {
        let body =
            format!(r#"{{"customer_id":"{key}","details":{{"items":[{{"sku":"{key}","quantity":1}}]}}}}"#);
        let headers = [("Idempotency-Key", key)];
        let reply = self.until_answered(client, "/orders", &headers, &body).await;
        assert_eq!(reply.status, 200, "{key}: {}", reply.body);
        let order_id = reply.json()["order_id"].as_str().expect("an order id").to_owned();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let before = told.orders.insert(key.to_owned(), order_id.clone());
        assert!(before.is_none_or(|before| before == order_id), "{key} is two orders");
        drop(told);
        self.placed.fetch_add(1, Ordering::Relaxed);
        order_id
    }

    async fn cancel(&self, client: usize, order_id: &str) {
        let reply = self.until_answered(client, &format!("/orders/{order_id}/cancel"), &[], "{}").await;
        // 409: it is too late for that.
        assert!(matches!(reply.status, 200 | 409), "{order_id}: {} {}", reply.status, reply.body);
        if reply.status == 200 {
            assert_eq!(reply.json()["status"], Value::from("CANCELLED"), "{}", reply.body);
            let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
            told.cancelled.insert(order_id.to_owned());
        }
    }

    /// Repeats a call until it is answered with something else than that nobody can tell at the moment.
    async fn until_answered(&self, client: usize, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        let began = Instant::now();
        for attempt in 1.. {
            let api = {
                let apis = self.apis.lock().unwrap_or_else(PoisonError::into_inner);
                apis[(client + attempt as usize) % apis.len()]
            };
            let failure = match api::post(api, path, headers, body).await {
                Ok(reply) if !matches!(reply.status, 202 | 503) => {
                    let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
                    told.attempts_max = told.attempts_max.max(attempt);
                    return reply;
                }
                Ok(reply) => {
                    format!("{} {}", reply.status, reply.json()["code"].as_str().unwrap_or("undecided"))
                }
                Err(error) => format!("{:?}", error.kind()),
            };
            *self.told.lock().unwrap_or_else(PoisonError::into_inner).failures.entry(failure).or_default() +=
                1;
            assert!(began.elapsed() < Duration::from_secs(120), "{path} is never answered");
            tokio::time::sleep(RETRY).await;
        }
        unreachable!("an endless loop")
    }
}
