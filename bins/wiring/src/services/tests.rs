//! The calls of the ports of a process are reported.

use std::collections::BTreeSet;
use std::sync::Mutex;

use bytes::Bytes;
use hyper::{Method, StatusCode};
use logistics_cli_kit::{BaseUrl, Client};
use logistics_core::observe::{ApiCall, AppendReport, Observer, PortCall, Reading};
use logistics_notify::Console;
use logistics_testkit::{MemoryBus, MemoryOrderStore};
use logistics_tokio::{LogMonitor, LogMonitorOptions};

use super::*;
use crate::api_ports::ApiPorts;
use crate::http_server::{HttpArgs, HttpServer};
use crate::limits::REQUEST_BYTES_DEFAULT;

const PARTITIONS: u32 = 2;
/// How long the test waits for a condition.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Default)]
struct Calls {
    /// Port, operation and whether it waits.
    ports: Mutex<BTreeSet<(&'static str, &'static str, bool)>>,
    appends: Mutex<usize>,
    requests: Mutex<usize>,
}

impl Observer for Calls {
    fn port_call(&self, call: &PortCall) {
        self.ports.lock().unwrap().insert((call.port, call.operation, call.waits));
    }

    fn append(&self, _: &AppendReport<'_>) {
        *self.appends.lock().unwrap() += 1;
    }

    fn api_call(&self, _: &ApiCall<'_>) {
        *self.requests.lock().unwrap() += 1;
    }
}

#[tokio::test]
async fn every_port_of_a_process_is_observed() {
    let calls = Arc::new(Calls::default());
    let telemetry = Telemetry::observed_by(calls.clone());
    let (bus, store) = (Arc::new(MemoryBus::new(PARTITIONS)), Arc::new(MemoryOrderStore::new(PARTITIONS)));
    let (listen, http) = (([127, 0, 0, 1], 0).into(), HttpArgs::default());
    let api = HttpServer::api(
        listen,
        &http,
        REQUEST_BYTES_DEFAULT,
        ApiPorts::local(bus.clone(), store.clone()),
        None,
        &telemetry,
    );
    let server = api.await.expect("a free port");
    let options = LogMonitorOptions { interval_ms: 10, ..LogMonitorOptions::default() };
    let monitor = LogMonitor::start(bus.clone(), store.clone(), Arc::new(SystemClock), options);
    let services = Services::new(&telemetry);
    let services = services.deciding(bus.clone(), store, Deciding::by(Policy::simulate(0)));
    let services = services.notifying(bus, Arc::new(Console::stdout()), Some(StartAt::Start));
    let mut client = Client::new(BaseUrl::of(server.addr()));
    let key = [("Idempotency-Key", "k")];
    let placed = client.send(Method::POST, "/orders", &key, Bytes::new()).await.expect("a reply");
    assert_eq!(placed.status, StatusCode::OK);
    let listed = client.send(Method::GET, "/orders", &[], Bytes::new()).await.expect("a reply");
    assert_eq!(listed.status, StatusCode::OK);
    let expected = BTreeSet::from([
        ("event_bus", "append", false),
        ("event_bus", "subscribe", false),
        ("membership", "next", true),
        ("order_reader", "list", false),
        ("order_reader", "outcome", true),
        ("owner_store", "recover", false),
        ("owner_store", "write", false),
        ("partition_log", "acquire", false),
        ("partition_log", "commit", false),
        ("partition_log", "extent", false),
        ("partition_log", "read", true),
        ("subscription", "acknowledge", false),
        ("subscription", "next", true),
    ]);
    let seen = async {
        while !calls.ports.lock().unwrap().is_superset(&expected) || logs(&monitor) < PARTITIONS {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    if tokio::time::timeout(PATIENCE, seen).await.is_err() {
        let seen = calls.ports.lock().unwrap().clone();
        panic!("not reported: {:?}", expected.difference(&seen).collect::<Vec<_>>());
    }
    assert_eq!((*calls.appends.lock().unwrap(), *calls.requests.lock().unwrap()), (1, 2));
    server.stop().await;
    services.drain().await;
}

/// The number of partitions of the log that were read.
fn logs(readings: &dyn logistics_core::observe::Gauges) -> u32 {
    let mut logs = 0;
    readings.read(&mut |reading| logs += u32::from(matches!(reading, Reading::Log(_))));
    logs
}
