//! Clients that place orders and call some of them off, each call again until it is answered, and remember what they were told.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

use crate::http::{Client, Connections, Reply};
use crate::until;

/// How clients work.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// How many there are.
    pub clients: usize,
    /// Between an answer and the next order of a client.
    pub pause: Duration,
    /// Between a failed call and its repetition.
    pub retry: Duration,
    /// A call is answered within this, however often it has to be repeated for that.
    pub patience: Duration,
    /// Every how many orders one is called off; `None`: they are all left alone.
    pub cancel_every: Option<u64>,
    /// How long each client keeps its connections.
    pub connections: Connections,
}

impl Default for Pace {
    /// 8 clients, 20 ms between two orders of one, 200 ms before a repetition, three minutes for an answer, nothing called off,
    /// one connection a call.
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

/// What clients were told.
#[derive(Debug, Default)]
pub struct Told {
    /// The order of each key: all of them were acknowledged.
    pub orders: BTreeMap<String, String>,
    /// Orders whose cancellation a client got as an answer.
    pub cancelled: BTreeSet<String>,
    /// Calls that failed, by what came instead of an answer. Each was repeated until it was answered.
    pub failures: BTreeMap<String, u64>,
    /// The most attempts that one call took.
    pub attempts_max: u32,
    /// The longest that one call took, from its first attempt to its answer.
    pub longest: Duration,
}

impl Told {
    /// All of it together with what other clients were told.
    ///
    /// # Panics
    /// When both used the same key.
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

/// Running clients. Dropped, each finishes its current call, and nothing waits for that.
pub struct Load {
    shared: Arc<Shared>,
    clients: Vec<JoinHandle<()>>,
}

struct Shared {
    name: String,
    apis: Vec<SocketAddr>,
    pace: Pace,
    told: Mutex<Told>,
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
    /// Starts clients that talk to these APIs, one after the other where one fails. `name` makes their keys their own.
    #[must_use]
    pub fn start(name: &str, apis: &[SocketAddr], pace: Pace) -> Self {
        let shared = Arc::new(Shared {
            name: name.to_owned(),
            apis: apis.to_vec(),
            pace,
            told: Mutex::default(),
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

    /// Orders that were acknowledged so far.
    #[must_use]
    pub fn placed(&self) -> u64 {
        self.shared.placed.load(Ordering::Relaxed)
    }

    /// Waits until so many more orders are acknowledged.
    ///
    /// # Panics
    /// When they never are.
    pub fn more(&self, orders: u64) {
        let wanted = self.placed() + orders;
        until("clients placed orders", self.shared.pace.patience, || {
            let placed = self.placed();
            if placed >= wanted { Ok(()) } else { Err(format!("{placed} of {wanted}")) }
        });
    }

    /// The clients finish what they are at, each call repeated until it is answered; and what they were told.
    ///
    /// # Panics
    /// When a client got an impossible answer, or none.
    #[must_use]
    pub fn end(mut self) -> Told {
        self.shared.ended.store(true, Ordering::Relaxed);
        for client in self.clients.drain(..) {
            client.join().expect("a client that saw nothing odd");
        }
        std::mem::take(&mut *self.shared.told())
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Relaxed);
    }
}

impl Shared {
    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
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
        let before = self.told().orders.insert(key.to_owned(), order_id.clone());
        assert!(before.is_none(), "{key} was placed before: clients of the same name?");
        self.placed.fetch_add(1, Ordering::Relaxed);
        order_id
    }

    fn cancel(&self, client: &Caller, order_id: &str) {
        let reply = self.until_answered(client, &format!("/orders/{order_id}/cancel"), &[], "{}");
        // 409: it is too late for that.
        assert!(matches!(reply.status, 200 | 409), "{order_id}: {} {}", reply.status, reply.body);
        if reply.status == 200 {
            assert_eq!(reply.json()["status"], "CANCELLED", "{}", reply.body);
            self.told().cancelled.insert(order_id.to_owned());
        }
    }

    /// Repeats a call while the answer is that the outcome is not known yet.
    fn until_answered(&self, client: &Caller, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        let began = Instant::now();
        for attempt in 1.. {
            let api = self.apis[(client.number + attempt as usize) % self.apis.len()];
            let failure = match client.http.post(api, path, headers, body) {
                Ok(reply) if !matches!(reply.status, 202 | 503) => {
                    let mut told = self.told();
                    told.attempts_max = told.attempts_max.max(attempt);
                    told.longest = told.longest.max(began.elapsed());
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
            *self.told().failures.entry(failure).or_default() += 1;
            sleep(self.pace.retry);
        }
        unreachable!("an endless loop")
    }
}
