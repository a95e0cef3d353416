//! Clients that retry each placement with the same key until it is acknowledged.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use logistics_core::OrderId;
use logistics_testkit::Rng;
use serde_json::json;

use crate::order_of;
use crate::support::{Reply, TIMEOUT, send};

const CLIENTS: u64 = 6;
const REPEATED_PERMILLE: u16 = 200;
const CANCELLED_PERMILLE: u16 = 150;
const MOVED_PERMILLE: u16 = 300;
/// DELIVERY_FAILED is allowed only in OUT_FOR_DELIVERY, so the client requests it more than once.
const FAILURE_TRIES_MAX: u32 = 20;
/// How long a client waits for a new address before it tries the old one again.
const RETRY: Duration = Duration::from_millis(20);

/// An order whose placement was acknowledged.
#[derive(Debug)]
pub(crate) struct Acknowledged {
    pub(crate) key: String,
    pub(crate) order_id: OrderId,
    /// Whether its cancellation was acknowledged.
    pub(crate) cancelled: bool,
}

/// The clients.
pub(crate) struct Load {
    shared: Arc<Shared>,
    clients: Vec<JoinHandle<Vec<Acknowledged>>>,
}

#[derive(Default)]
struct Shared {
    addr: Mutex<Option<SocketAddr>>,
    moved: Condvar,
    last: AtomicBool,
    completed: AtomicUsize,
}

impl Load {
    /// Starts the clients, which wait for an address.
    pub(crate) fn start(seed: u64) -> Self {
        let shared = Arc::new(Shared::default());
        let client = |number| Client {
            shared: shared.clone(),
            rng: Rng::new(seed.wrapping_add(number)),
            name: format!("{seed:x}-{number}"),
        };
        let clients = (1..=CLIENTS).map(client);
        let clients = clients.map(|client| std::thread::spawn(move || client.run())).collect();
        Self { shared, clients }
    }

    /// Sets the address of the server.
    pub(crate) fn serve_at(&self, addr: SocketAddr) {
        *self.shared.addr.lock().expect("no client panicked") = Some(addr);
        self.shared.moved.notify_all();
    }

    /// The orders that the clients have completed so far.
    pub(crate) fn completed(&self) -> usize {
        self.shared.completed.load(Ordering::Relaxed)
    }

    /// Waits until each client has completed its current order.
    pub(crate) fn finish(self) -> Vec<Acknowledged> {
        self.shared.last.store(true, Ordering::Relaxed);
        let ended = self.clients.into_iter().map(|client| client.join().expect("no client panicked"));
        ended.flatten().collect()
    }
}

struct Client {
    shared: Arc<Shared>,
    rng: Rng,
    name: String,
}

impl Client {
    fn run(mut self) -> Vec<Acknowledged> {
        let mut acknowledged = Vec::new();
        while !self.shared.last.load(Ordering::Relaxed) {
            let key = format!("{}-{}", self.name, acknowledged.len());
            acknowledged.push(self.order(key));
            self.shared.completed.fetch_add(1, Ordering::Relaxed);
        }
        acknowledged
    }

    /// Places one order, and may retry, advance or cancel it.
    fn order(&mut self, key: String) -> Acknowledged {
        let order_id = self.place(&key);
        assert_eq!(order_id, order_of(&key), "the same key is the same order");
        if self.rng.chance(REPEATED_PERMILLE) {
            assert_eq!(self.place(&key), order_id, "the same key is the same order");
        }
        if self.rng.chance(MOVED_PERMILLE) {
            self.move_on(&order_id);
        }
        let cancels = self.rng.chance(CANCELLED_PERMILLE);
        let cancelled = cancels && self.request_once(&format!("/orders/{order_id}/cancel"), "");
        Acknowledged { key, order_id, cancelled }
    }

    /// Requests a transition. It may come too early or too late, so the server may accept or reject it.
    fn move_on(&mut self, order_id: &OrderId) {
        let (to, actor, tries) = match self.rng.below(3) {
            0 => ("CONFIRMED", "merchant", 1),
            1 => ("OUT_FOR_DELIVERY", "courier", 1),
            _ => ("DELIVERY_FAILED", "courier", FAILURE_TRIES_MAX),
        };
        let body = json!({ "to": to, "actor": actor }).to_string();
        let path = format!("/orders/{order_id}/transitions");
        // Stops after the first accepted request.
        let _ = (0..tries).any(|_| self.request_once(&path, &body));
    }

    /// Sends a placement until it is acknowledged.
    fn place(&self, key: &str) -> OrderId {
        let body = json!({ "customer_id": key, "details": { "items": [key] } }).to_string();
        let until = Instant::now() + TIMEOUT;
        loop {
            match self.send("/orders", &[("idempotency-key", key)], &body) {
                Some(reply) if reply.status == 200 => {
                    let order_id = reply.json()["order_id"].as_str().map(OrderId::parse);
                    return order_id.and_then(Result::ok).expect("an order id");
                }
                // Not decided yet, or unavailable.
                Some(reply) => assert!(matches!(reply.status, 202 | 503), "{reply:?}"),
                None => self.wait(),
            }
            assert!(Instant::now() < until, "a placement was not acknowledged");
        }
    }

    /// Requests a transition once, and returns whether the server accepted it.
    fn request_once(&self, path: &str, body: &str) -> bool {
        let Some(reply) = self.send(path, &[], body) else { return false };
        // A new process may answer 503 for an acknowledged order, but never 404.
        assert!(matches!(reply.status, 200 | 202 | 409 | 503), "{reply:?}");
        reply.status == 200
    }

    /// `None` if the server is down, or was killed before its reply.
    fn send(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Option<Reply> {
        let addr = *self.shared.addr.lock().expect("no client panicked");
        send(addr?, "POST", path, headers, body).ok()
    }

    /// Waits for a new address for a limited time, because the old one may still be valid.
    fn wait(&self) {
        let addr = self.shared.addr.lock().expect("no client panicked");
        let _ = self.shared.moved.wait_timeout(addr, RETRY).expect("no client panicked");
    }
}
