//! Kills the binary with SIGKILL at a random moment, with 10,000 webhook messages under way. In the end, each endpoint has
//! accepted each version of each order, in order, and few of them twice.
//!
//! `CRASH_SEED` repeats the choices of a run, but not the exact moment of the kill.
use std::collections::BTreeMap;
use std::io::{BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use logistics_testkit::Rng;
use serde_json::{Value, json};

use crate::support::{Process, read_request, send, until};
use crate::{seed, verified};

const ENDPOINTS: usize = 10;
const ORDERS: usize = 320;
/// From PLACED to DELIVERED.
const VERSIONS: u64 = 5;
const MESSAGES: usize = ENDPOINTS * ORDERS * VERSIONS as usize;
const CLIENTS: usize = 16;
/// The time of an answer, until all orders are placed and after that. Slow answers keep the messages under way.
const ANSWER_SLOW: Duration = Duration::from_millis(500);
const ANSWER_FAST: Duration = Duration::from_millis(10);
/// Messages that are still to be accepted at the kill.
const UNDER_WAY_MIN: usize = 10_000;

const FLAGS: [&str; 10] = [
    "--dwell",
    "3ms",
    "--notifier",
    "none",
    "--webhooks",
    "on",
    "--webhook-allow-http",
    "--webhook-allow-private",
    "--log-level",
    "warn",
];

#[test]
fn a_killed_process_loses_no_webhook_message_and_repeats_few() {
    let seed = seed();
    eprintln!("CRASH_SEED={seed}");
    let data = tempfile::tempdir().expect("a temporary directory");
    let receiver = Receiver::start();
    let server = Process::serve(data.path(), &FLAGS);
    let addr = server.addr();
    for endpoint in 0..ENDPOINTS {
        let url = json!({ "url": format!("http://{}/{endpoint}", receiver.addr) }).to_string();
        assert_eq!(post(addr, "/webhooks/endpoints", &url).0, 201);
    }
    let orders = all_placed(addr);
    receiver.answer_fast();
    let killed_at = 1_000 + usize::try_from(Rng::new(seed).below(4_000)).expect("a small number");
    let accepted = until("messages are accepted", || Some(receiver.accepted()).filter(|n| *n >= killed_at));
    server.kill();
    assert!(accepted + UNDER_WAY_MIN <= MESSAGES, "{accepted} messages were accepted before the kill");

    let server = Process::serve(data.path(), &FLAGS);
    let mut different = 0;
    while different < MESSAGES {
        different = until("another message is accepted", || {
            Some(receiver.different()).filter(|accepted| *accepted > different)
        });
    }
    assert!(server.terminate().success());

    let repeated = receiver.accepted() - MESSAGES;
    let messages = receiver.messages();
    eprintln!("{accepted} of {MESSAGES} accepted before the kill, {repeated} repeated");
    for endpoint in 0..ENDPOINTS {
        for order in &orders {
            let versions = &messages[&(format!("/{endpoint}"), order.clone())];
            assert_eq!(first_times(versions), [1, 2, 3, 4, 5], "{order} to {endpoint}: {versions:?}");
        }
    }
    assert!(repeated * 100 < MESSAGES, "{repeated} of {MESSAGES} messages were repeated");
    assert_eq!(verified(data.path())["orders"], json!(ORDERS));
}

/// The versions without repetitions, in the order in which they came.
fn first_times(versions: &[u64]) -> Vec<u64> {
    let mut first = Vec::new();
    for version in versions {
        if !first.contains(version) {
            first.push(*version);
        }
    }
    first
}

fn all_placed(addr: SocketAddr) -> Vec<String> {
    let client = move || (0..ORDERS / CLIENTS).map(|_| placed(addr)).collect::<Vec<_>>();
    let clients: Vec<_> = (0..CLIENTS).map(|_| std::thread::spawn(client)).collect();
    clients.into_iter().flat_map(|client| client.join().expect("no client panicked")).collect()
}

fn placed(addr: SocketAddr) -> String {
    let (status, body) = post(addr, "/orders", "{}");
    assert_eq!(status, 200, "{body}");
    body["order_id"].as_str().expect("an id").to_owned()
}

fn post(addr: SocketAddr, path: &str, body: &str) -> (u16, Value) {
    let reply = send(addr, "POST", path, &[], body).expect("it serves");
    (reply.status, reply.json())
}

/// The versions that came, by path and order.
type Messages = BTreeMap<(String, String), Vec<u64>>;

/// Accepts every message.
struct Receiver {
    addr: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    messages: Mutex<Messages>,
    /// Messages that came for the first time.
    different: AtomicUsize,
    is_fast: AtomicBool,
}

impl Receiver {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let addr = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared::default());
        let of_connections = shared.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let shared = of_connections.clone();
                std::thread::spawn(move || accept_all(stream, &shared));
            }
        });
        Self { addr, shared }
    }

    fn answer_fast(&self) {
        self.shared.is_fast.store(true, Ordering::Relaxed);
    }

    fn accepted(&self) -> usize {
        self.shared.messages.lock().expect("no receiver panicked").values().map(Vec::len).sum()
    }

    /// Messages without repetitions.
    fn different(&self) -> usize {
        self.shared.different.load(Ordering::Relaxed)
    }

    fn messages(&self) -> Messages {
        self.shared.messages.lock().expect("no receiver panicked").clone()
    }
}

/// Accepts the messages of a connection until it ends.
fn accept_all(stream: TcpStream, shared: &Shared) -> Option<()> {
    let mut writer = stream.try_clone().ok()?;
    let mut reader = BufReader::new(stream);
    loop {
        let (path, body) = read_request(&mut reader)?;
        let body: Value = serde_json::from_slice(&body).expect("JSON");
        let data = &body["data"];
        let order = data["order_id"].as_str().expect("an order").to_owned();
        let version = data["version"].as_u64().expect("a version");
        std::thread::sleep(if shared.is_fast.load(Ordering::Relaxed) { ANSWER_FAST } else { ANSWER_SLOW });
        let mut messages = shared.messages.lock().expect("no receiver panicked");
        let versions = messages.entry((path, order)).or_default();
        if !versions.contains(&version) {
            shared.different.fetch_add(1, Ordering::Relaxed);
        }
        versions.push(version);
        drop(messages);
        writer.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").ok()?;
    }
}
