//! A server over a backend in memory, on a free port.

use std::net::SocketAddr;
use std::sync::Arc;

use logistics_core::Request;
use logistics_core::port::PortErrorKind;
use logistics_core::{Offset, OrderId};
use logistics_service::{Authenticator, Options, OrderService, WebhookOptions, Webhooks};
use logistics_testkit::MemoryBus;
use logistics_warp::{Api, Config, bind};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::backend::Backend;
use crate::client::{Reply, request, send};
use crate::metrics::OneMetric;
use crate::webhooks::OnlyAccepting;

/// A server over a [`Backend`], and its client.
pub(crate) struct TestServer {
    pub(crate) address: SocketAddr,
    backend: Arc<Backend>,
    stop: Option<oneshot::Sender<()>>,
    running: JoinHandle<()>,
}

impl TestServer {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// With other settings of the server.
    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::new(([127, 0, 0, 1], 0).into());
        change(&mut config);
        Self::of(config, options()).await
    }

    /// With other settings of the service behind the server.
    pub(crate) async fn of_service(change: impl FnOnce(&mut Options)) -> Self {
        let mut options = options();
        change(&mut options);
        Self::of(Config::new(([127, 0, 0, 1], 0).into()), options).await
    }

    /// A server that authenticates its callers.
    pub(crate) async fn authenticating(authenticator: impl Authenticator + 'static) -> Self {
        let backend = Arc::new(Backend::new());
        let api = api(&backend, options()).with_authenticator(Arc::new(authenticator));
        let api = api.with_metrics(Arc::new(OneMetric));
        Self::over(backend, Config::new(([127, 0, 0, 1], 0).into()), api).await
    }

    /// With other settings of everything.
    pub(crate) async fn custom(
        configure: impl FnOnce(&mut Config, &mut Options),
        change: impl FnOnce(Api) -> Api,
    ) -> Self {
        let (mut config, mut options) = (Config::new(([127, 0, 0, 1], 0).into()), options());
        configure(&mut config, &mut options);
        let backend = Arc::new(Backend::new());
        let api = change(api(&backend, options));
        Self::over(backend, config, api).await
    }

    async fn of(config: Config, options: Options) -> Self {
        let backend = Arc::new(Backend::new());
        let api = api(&backend, options);
        Self::over(backend, config, api).await
    }

    async fn over(backend: Arc<Backend>, config: Config, api: Api) -> Self {
        if let Some(webhooks) = &api.webhooks {
            webhooks.caught_up().await;
        }
        let bound = bind(config, api).await.expect("a free port");
        let (stop, stopped) = oneshot::channel();
        let address = bound.local_addr();
        let running = tokio::spawn(bound.run(async { _ = stopped.await }));
        Self { address, backend, stop: Some(stop), running }
    }

    pub(crate) async fn call(&self, line: &str, headers: &[&str], body: impl AsRef<[u8]>) -> Reply {
        Reply::parse(&send(self.address, &request(line, headers, body.as_ref())).await)
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.call(&format!("GET {path}"), &[], "").await
    }

    pub(crate) async fn post(&self, path: &str, body: impl AsRef<[u8]>) -> Reply {
        self.call(&format!("POST {path}"), &["Content-Type: application/json"], body).await
    }

    /// Places an order and returns its id.
    pub(crate) async fn placed(&self) -> String {
        let reply = self.post("/orders", "").await;
        assert_eq!(reply.status, 200);
        reply.json()["order_id"].as_str().expect("an order id").to_owned()
    }

    pub(crate) fn pause(&self) {
        self.backend.change(|state| state.paused = true);
    }

    pub(crate) fn resume(&self) {
        self.backend.change(|state| state.paused = false);
    }

    /// Outcomes expire, as they do in a store after some minutes.
    pub(crate) fn forget_outcomes(&self) {
        self.backend.change(|state| state.outcomes.clear());
    }

    /// The store goes back to an older copy, in which the order has only its placement.
    pub(crate) fn restore_placement(&self, id: &str) {
        self.backend.change(|state| {
            let order = state.orders.get_mut(&OrderId::parse(id).expect("an id")).expect("an order");
            (order.version, order.status) = (logistics_core::Version(1), logistics_core::Status::Placed);
        });
    }

    pub(crate) fn make_late(&self, id: &str) {
        self.backend.change(|state| {
            state.orders.get_mut(&OrderId::parse(id).expect("an id")).expect("an order").late = true;
        });
    }

    /// The store has lost documents that its checkpoint covers.
    pub(crate) fn lose_documents(&self) {
        self.backend.change(|state| state.lost_documents = true);
    }

    pub(crate) fn fail(&self, kind: Option<PortErrorKind>) {
        self.backend.change(|state| state.fault = kind);
    }

    pub(crate) fn forget_partitions(&self, forgotten: bool) {
        self.backend.change(|state| state.unknown_partitions = forgotten);
    }

    pub(crate) fn miss(&self, parts: &[&str]) {
        self.backend.change(|state| state.missing = parts.iter().map(|&name| name.to_owned()).collect());
    }

    /// What the API appended, in order.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.backend.state().requests.clone()
    }

    pub(crate) async fn until_appended(&self, requests: usize) {
        self.backend.until(|state| state.requests.len() >= requests).await;
    }

    pub(crate) async fn until_looked_up(&self, times: u64) {
        self.backend.until(|state| state.lookups >= times).await;
    }

    /// The numbers of document lookups and of reads of a partition's bounds.
    pub(crate) fn port_calls(&self) -> (u64, u64) {
        let state = self.backend.state();
        (state.lookups, state.bounds)
    }

    /// The store and the bus answer after this latency.
    pub(crate) fn slow_down(&self, latency_ms: u64) {
        self.backend.change(|state| state.latency_ms = latency_ms);
    }

    /// The number of readers that the bus has opened.
    pub(crate) fn tails(&self) -> u64 {
        self.backend.state().tails
    }

    pub(crate) async fn until_tails(&self, times: u64) {
        self.backend.until(|state| state.tails >= times).await;
    }

    /// The store reports this answered offset, whatever it has.
    pub(crate) fn answer_until(&self, offset: u64) {
        self.backend.change(|state| state.answered = Some(Offset(offset)));
    }

    /// The log under the API.
    pub(crate) fn log(&self) -> &MemoryBus {
        &self.backend.log
    }

    /// The API over the same ports, for another server.
    pub(crate) fn api(&self) -> Api {
        api(&self.backend, options())
    }

    /// Stops the server and waits for its end.
    pub(crate) async fn stop(mut self) {
        self.begin_stop();
        self.running.await.expect("the server ends without a panic");
    }

    pub(crate) fn begin_stop(&mut self) {
        _ = self.stop.take().map(|stop| stop.send(()));
    }
}

fn api(backend: &Arc<Backend>, options: Options) -> Api {
    let service = OrderService::new(backend.clone(), backend.clone(), backend.clone(), options);
    let bus = Arc::new(backend.log.clone());
    let sender = Arc::new(OnlyAccepting);
    let webhooks = Webhooks::start_with_sender(bus, backend.clone(), sender, WebhookOptions::default());
    Api::new(service, backend.clone()).with_webhooks(webhooks)
}

fn options() -> Options {
    let mut options = Options::default();
    options.lookup_wait_ms = 20;
    options
}
