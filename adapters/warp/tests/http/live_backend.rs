//! A log and a store in memory with a running processor, and a server with live streams over them.

use std::sync::Arc;

use async_trait::async_trait;
use logistics_core::port::Clock;
use logistics_core::{Policy, Timestamp, processor};
use logistics_feed::{Hub, HubOptions, PartyHub};
use logistics_service::{
    AuthError, Authenticator, Credentials, LiveFeed, Options, OrderService, Principal, Role, StreamLimits,
    TrackingKeys, TrackingOptions,
};
use logistics_testkit::{MemoryBus, MemoryOrderStore};
use logistics_tokio::{Processors, ProcessorsOptions, SystemClock};
use logistics_warp::{Api, Config};

use crate::backend::Backend;
use crate::test_server::TestServer;

pub(crate) const PARTITIONS: u32 = 4;

/// The ports of one server after another.
pub(crate) struct LiveBackend {
    bus: MemoryBus,
    store: MemoryOrderStore,
    _processors: Processors,
}

impl LiveBackend {
    pub(crate) fn new() -> Self {
        let (bus, store) = (MemoryBus::new(PARTITIONS), MemoryOrderStore::new(PARTITIONS));
        let settings = processor::Settings::new(PARTITIONS, Policy::manual());
        let ports = (Arc::new(bus.clone()), Arc::new(store.clone()));
        let options = ProcessorsOptions::default();
        let processors = Processors::start(ports.0, ports.1, Arc::new(SystemClock), settings, options);
        Self { bus, store, _processors: processors }
    }

    pub(crate) fn api(&self) -> Api {
        self.api_with(StreamLimits::default())
    }

    pub(crate) fn api_with(&self, limits: StreamLimits) -> Api {
        let (bus, store) = (Arc::new(self.bus.clone()), Arc::new(self.store.clone()));
        let hub = Hub::new(bus.clone(), HubOptions::default());
        let feed = LiveFeed::new(hub.clone(), PartyHub::new(hub, store.clone()), limits);
        let mut options = Options::default();
        let keys = TrackingKeys::new(&[[7; 32]]).expect("a key");
        options.tracking = Some(TrackingOptions::new(keys));
        let service = OrderService::new(bus, store, Arc::new(SystemClock), options).with_feed(feed);
        Api::new(service, Arc::new(Backend::new()))
    }

    pub(crate) async fn serve(&self) -> TestServer {
        self.serve_with(|_| {}, |api| api).await
    }

    pub(crate) async fn serve_with(
        &self,
        configure: impl FnOnce(&mut Config),
        change: impl FnOnce(Api) -> Api,
    ) -> TestServer {
        TestServer::custom(|config, _| configure(config), |_| change(self.api())).await
    }
}

/// The token of an operator is the number of milliseconds for which it is valid. Any other token is a customer's id.
pub(crate) struct ShortLogins;

#[async_trait]
impl Authenticator for ShortLogins {
    async fn authenticate(&self, credentials: &Credentials<'_>) -> Result<Principal, AuthError> {
        let token = credentials.bearer.ok_or(AuthError::Missing)?;
        let principal = Principal::new("jwt:test".parse().expect("a subject"));
        Ok(match token.parse::<i64>() {
            Ok(valid_ms) => {
                let at = Timestamp::from_millis(SystemClock.now().as_millis() + valid_ms);
                principal.with_role(Role::Operator).with_expiry(at)
            }
            Err(_) => {
                let id = token.parse().expect("a party id");
                principal.with_role(Role::Customer).with_party(Role::Customer, id)
            }
        })
    }
}
