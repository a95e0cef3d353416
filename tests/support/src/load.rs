//! Clients that place and cancel orders, retry each call until it is answered, and record the replies.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

use crate::http::{Client, Connections, Reply};
use crate::until;

/// The settings of the clients.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// The number of clients.
    pub clients: usize,
    /// The pause between an answer and the client's next order.
    pub pause: Duration,
    /// The pause between a failed call and its retry.
    pub retry: Duration,
    /// The time limit of a call with all its retries.
    pub patience: Duration,
    /// One order in so many is cancelled. `None`: no order is cancelled.
    pub cancel_every: Option<u64>,
    /// When each client opens connections.
    pub connections: Connections,
}

impl Default for Pace {
    /// 8 clients, 20 ms between two orders of one, 200 ms before a retry, three minutes per call, no cancellations, one
    /// connection per call.
    fn default() -> Self {
        Self {
            clients: 8,
            pause: Duration::from_millis(20),
            retry: Duration::from_millis(200),
            patience: Duration::from_secs(180),
            cancel_every: None,
            connections: Connections::OneEach,
        }
    }
}

/// The recorded replies.
#[derive(Debug, Default)]
pub struct ClientReport {
    /// The acknowledged order of each key.
    pub orders: BTreeMap<String, String>,
    /// Orders whose cancellation was acknowledged.
    pub cancelled: BTreeSet<String>,
    /// Failed calls by error. Each was retried until it was answered.
    pub failures: BTreeMap<String, u64>,
    /// The most attempts of one call.
    pub attempts_max: u32,
    /// The longest time from the first attempt of a call to its answer.
    pub longest: Duration,
}

impl ClientReport {
    /// Adds the recorded replies of other clients.
    ///
    /// # Panics
    /// If both used the same key.
    pub fn add(&mut self, other: Self) {
        for (key, order_id) in other.orders {
            assert!(self.orders.insert(key.clone(), order_id).is_none(), "{key} was used before");
        }
        self.cancelled.extend(other.cancelled);
        for (failure, count) in other.failures {
            *self.failures.entry(failure).or_default() += count;
        }
        self.attempts_max = self.attempts_max.max(other.attempts_max);
        self.longest = self.longest.max(other.longest);
    }
}

/// Running clients. After a drop, each finishes its current call in the background.
pub struct Load {
    shared: Arc<Shared>,
    clients: Vec<JoinHandle<()>>,
}

struct Shared {
    name: String,
    apis: Vec<SocketAddr>,
    pace: Pace,
    report: Mutex<ClientReport>,
    number: AtomicU64,
    placed: AtomicU64,
    ended: AtomicBool,
}

/// One of the clients.
struct Caller {
    number: usize,
    http: Client,
}

impl Load {
    /// Starts clients that call these APIs and change to the next one after a failure. `name` makes their keys unique.
    #[must_use]
    pub fn start(name: &str, apis: &[SocketAddr], pace: Pace) -> Self {
        let shared = Arc::new(Shared {
            name: name.to_owned(),
            apis: apis.to_vec(),
            pace,
            report: Mutex::default(),
            number: AtomicU64::new(0),
            placed: AtomicU64::new(0),
            ended: AtomicBool::new(false),
        });
        let client = |client| {
            let shared = shared.clone();
            spawn(move || shared.work(client))
        };
        let clients = (0..pace.clients).map(client).collect();
        Self { shared, clients }
    }

    /// The number of orders acknowledged so far.
    #[must_use]
    pub fn placed(&self) -> u64 {
        self.shared.placed.load(Ordering::Relaxed)
    }

    /// Waits until this many more orders are acknowledged.
    ///
    /// # Panics
    /// If they are not acknowledged in time.
    pub fn more(&self, orders: u64) {
        let wanted = self.placed() + orders;
        until("clients placed orders", self.shared.pace.patience, || {
            let placed = self.placed();
            if placed >= wanted { Ok(()) } else { Err(format!("{placed} of {wanted}")) }
        });
    }

    /// Waits until the clients have finished their current calls, and returns the recorded replies.
    ///
    /// # Panics
    /// If a client got an unexpected answer, or none.
    #[must_use]
    pub fn end(mut self) -> ClientReport {
        self.shared.ended.store(true, Ordering::Relaxed);
        for client in self.clients.drain(..) {
            client.join().expect("the client did not panic");
        }
        std::mem::take(&mut *self.shared.report())
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Relaxed);
    }
}

impl Shared {
    fn report(&self) -> MutexGuard<'_, ClientReport> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self, number: usize) {
        let client = &Caller { number, http: Client::new(self.pace.connections) };
        while !self.ended.load(Ordering::Relaxed) {
            let order = self.number.fetch_add(1, Ordering::Relaxed);
            let order_id = self.place(client, &format!("{}-{order}", self.name));
            if self.pace.cancel_every.is_some_and(|every| order.is_multiple_of(every)) {
                self.cancel(client, &order_id);
            }
            sleep(self.pace.pause);
        }
    }

    fn place(&self, client: &Caller, key: &str) -> String {
        let body =
            format!(r#"{{"customer_id":"{key}","details":{{"items":[{{"sku":"{key}","quantity":1}}]}}}}"#);
        let reply = self.until_answered(client, "/orders", &[("Idempotency-Key", key)], &body);
        assert_eq!(reply.status, 200, "{key}: {}", reply.body);
        let order_id = reply.json()["order_id"].as_str().expect("an order id").to_owned();
        let before = self.report().orders.insert(key.to_owned(), order_id.clone());
        assert!(before.is_none(), "{key} was placed before: clients of the same name?");
        self.placed.fetch_add(1, Ordering::Relaxed);
        order_id
    }

    fn cancel(&self, client: &Caller, order_id: &str) {
        let reply = self.until_answered(client, &format!("/orders/{order_id}/cancel"), &[], "{}");
        // 409: too late to cancel.
        assert!(matches!(reply.status, 200 | 409), "{order_id}: {} {}", reply.status, reply.body);
        if reply.status == 200 {
            assert_eq!(reply.json()["status"], "CANCELLED", "{}", reply.body);
            self.report().cancelled.insert(order_id.to_owned());
        }
    }

    /// Retries a call until its outcome is known.
    fn until_answered(&self, client: &Caller, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        let began = Instant::now();
        for attempt in 1.. {
            let api = self.apis[(client.number + attempt as usize) % self.apis.len()];
            let failure = match client.http.post(api, path, headers, body) {
                Ok(reply) if !matches!(reply.status, 202 | 503) => {
                    let mut report = self.report();
                    report.attempts_max = report.attempts_max.max(attempt);
                    report.longest = report.longest.max(began.elapsed());
                    return reply;
                }
                Ok(reply) => {
                    format!("{} {}", reply.status, reply.json()["code"].as_str().unwrap_or("undecided"))
                }
                Err(error) => error.to_string(),
            };
            let waited = began.elapsed();
            assert!(
                waited < self.pace.patience,
                "{api}{path} is never answered, but after {waited:?}: {failure}"
            );
            *self.report().failures.entry(failure).or_default() += 1;
            sleep(self.pace.retry);
        }
        unreachable!("an endless loop")
    }
}
