//! Clients that place orders, each with a key and again until it is answered, and remember what they were told.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

use crate::http::{self, Reply};
use crate::until;

/// A call is answered within this, however often it has to be repeated for that.
const PATIENCE: Duration = Duration::from_secs(180);

/// How clients work.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// How many there are.
    pub clients: usize,
    /// Between an answer and the next order of a client.
    pub pause: Duration,
    /// Between a failed call and its repetition.
    pub retry: Duration,
}

impl Default for Pace {
    /// 8 clients, 20 ms between two orders of one, 200 ms before a repetition.
    fn default() -> Self {
        Self { clients: 8, pause: Duration::from_millis(20), retry: Duration::from_millis(200) }
    }
}

/// What clients were told.
#[derive(Debug, Default)]
pub struct Told {
    /// The order of each key: all of them were acknowledged.
    pub orders: BTreeMap<String, String>,
    /// Calls that failed, by what came instead of an answer. Each was repeated until it was answered.
    pub failures: BTreeMap<String, u64>,
    /// The most calls that one order took.
    pub attempts_max: u32,
    /// The longest that one order took, from its first call to its answer.
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
        for (failure, count) in other.failures {
            *self.failures.entry(failure).or_default() += count;
        }
        self.attempts_max = self.attempts_max.max(other.attempts_max);
        self.longest = self.longest.max(other.longest);
    }
}

/// Clients at work. Dropped, they finish the call they are at, and nobody waits for that.
pub struct Load {
    shared: Arc<Shared>,
    clients: Vec<JoinHandle<()>>,
}

struct Shared {
    name: String,
    api: SocketAddr,
    pace: Pace,
    told: Mutex<Told>,
    number: AtomicU64,
    placed: AtomicU64,
    ended: AtomicBool,
}

impl Load {
    /// Starts clients that talk to this API. `name` makes their keys their own.
    #[must_use]
    pub fn start(name: &str, api: SocketAddr, pace: Pace) -> Self {
        let shared = Arc::new(Shared {
            name: name.to_owned(),
            api,
            pace,
            told: Mutex::default(),
            number: AtomicU64::new(0),
            placed: AtomicU64::new(0),
            ended: AtomicBool::new(false),
        });
        let client = |_| {
            let shared = shared.clone();
            spawn(move || shared.work())
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
        until("clients placed orders", PATIENCE, || {
            let placed = self.placed();
            if placed >= wanted { Ok(()) } else { Err(format!("{placed} of {wanted}")) }
        });
    }

    /// The clients finish what they are at, each call repeated until it is answered; and what they were told.
    ///
    /// # Panics
    /// When a client was told something that cannot be, or is never answered.
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

    fn work(&self) {
        while !self.ended.load(Ordering::Relaxed) {
            let number = self.number.fetch_add(1, Ordering::Relaxed);
            self.place(&format!("{}-{number}", self.name));
            sleep(self.pace.pause);
        }
    }

    fn place(&self, key: &str) {
        let reply = self.until_answered(key);
        assert_eq!(reply.status, 200, "{key}: {}", reply.body);
        let order_id = reply.json()["order_id"].as_str().expect("an order id").to_owned();
        let before = self.told().orders.insert(key.to_owned(), order_id);
        assert!(before.is_none(), "{key} was placed before: clients of the same name?");
        self.placed.fetch_add(1, Ordering::Relaxed);
    }

    /// Repeats a call until it is answered with something else than that nobody can tell at the moment.
    fn until_answered(&self, key: &str) -> Reply {
        let body = format!(r#"{{"customer_id":"{key}","details":{{"items":[{{"sku":"{key}"}}]}}}}"#);
        let headers = [("Idempotency-Key", key)];
        let began = Instant::now();
        for attempt in 1.. {
            let failure = match http::post(self.api, "/orders", &headers, &body) {
                Ok(reply) if !matches!(reply.status, 202 | 503) => {
                    let mut told = self.told();
                    told.attempts_max = told.attempts_max.max(attempt);
                    told.longest = told.longest.max(began.elapsed());
                    return reply;
                }
                Ok(reply) => {
                    format!("{} {}", reply.status, reply.json()["code"].as_str().unwrap_or("undecided"))
                }
                Err(error) => format!("{:?}", error.kind()),
            };
            *self.told().failures.entry(failure).or_default() += 1;
            assert!(began.elapsed() < PATIENCE, "{key} is never answered");
            sleep(self.pace.retry);
        }
        unreachable!("an endless loop")
    }
}
