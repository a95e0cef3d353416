//! The HTTP server of a process: the API, or its health alone. It starts first and stops first.

use std::net::SocketAddr;
use std::sync::Arc;

use clap::Args;
use logistics_core::health::HealthProbe;
use logistics_core::port::{EventBus, OrderReader, SharedQuota};
use logistics_core::wire::LogKeys;
use logistics_feed::Hub;
use logistics_layers::{CircuitBreaker, Layer};
use logistics_service::{Options, OrderService, Webhooks};
use logistics_tokio::SystemClock;
use logistics_warp::{Api, CONNECTIONS_MAX_DEFAULT, Config, IDLE_TIMEOUT_MS_DEFAULT, ServeError, Server};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::api_ports::ApiPorts;
use crate::auth::AuthArgs;
use crate::health_registry::{HealthRegistry, Readiness, STORE_PART};
use crate::live::LiveArgs;
use crate::rate_limits::RateLimitArgs;
use crate::telemetry::Telemetry;
use crate::tls::TlsArgs;
use crate::tracking::TrackingArgs;
use crate::webhooks::WebhookArgs;
use logistics_cli_kit::Failure;
use logistics_cli_kit::Span;

/// Time for running requests at the end. Together with the drain of [`crate::Services`], it is below the 10 s that a process may
/// take.
const DRAIN_MS_MAX: u64 = 3000;

/// A placement is appended and needs none of them; what does need them answers 503 by itself. An open circuit breaker of the log
/// rejects placements, but only requests can close it, so the process must get some. A log that does not answer is a part of its own.
const DEGRADABLE: &[&str] =
    &[STORE_PART, WEBHOOKS_PART, "store circuit breaker", "log circuit breaker", "jwks circuit breaker"];

/// The part of the webhook endpoints, as their use cases name it.
const WEBHOOKS_PART: &str = "webhooks";

/// Flags of every process that serves its health.
#[derive(Args, Debug, Clone, Default)]
pub struct HealthDetailsArgs {
    /// Include in /health/ready what each part waits for, with the addresses of brokers and stores
    #[arg(long, env = "LOGISTICS_HEALTH_DETAILS")]
    health_details: bool,
}

/// Flags of a process that serves the API.
#[derive(Args, Debug, Clone)]
pub struct HttpArgs {
    /// An additional address for /health/live, /health/ready and /metrics, so that an overloaded API fails no probe
    #[arg(long, env = "LOGISTICS_HEALTH_LISTEN")]
    health_listen: Option<SocketAddr>,
    /// Origins of pages that may use the API, separated by commas [default: the server's own]
    #[arg(long, env = "LOGISTICS_CORS_ORIGIN", value_delimiter = ',')]
    cors_origin: Vec<String>,
    /// Permitted values of the header Host, separated by commas [default: loopback names on a loopback address, else any]
    #[arg(long, env = "LOGISTICS_ALLOWED_HOST", value_delimiter = ',')]
    allowed_host: Vec<String>,
    /// Time after which an idle connection is closed. Set it higher than that of a load balancer in front
    #[arg(long, env = "LOGISTICS_HTTP_IDLE_TIMEOUT", value_name = "TIME", default_value_t = Span { ms: IDLE_TIMEOUT_MS_DEFAULT })]
    http_idle_timeout: Span,
    /// Maximum connections; further ones wait in the listen queue. A live stream of HTTP/1.1 takes one
    #[arg(long, env = "LOGISTICS_HTTP_CONNECTIONS_MAX", value_name = "CONNECTIONS", default_value_t = CONNECTIONS_MAX_DEFAULT)]
    http_connections_max: usize,
    #[command(flatten)]
    auth: AuthArgs,
    #[command(flatten)]
    tls: TlsArgs,
    #[command(flatten)]
    rate_limits: RateLimitArgs,
    #[command(flatten)]
    tracking: TrackingArgs,
    #[command(flatten)]
    live: LiveArgs,
    #[command(flatten)]
    health: HealthDetailsArgs,
    #[command(flatten)]
    webhooks: WebhookArgs,
}

impl Default for HttpArgs {
    fn default() -> Self {
        Self {
            health_listen: None,
            cors_origin: Vec::new(),
            allowed_host: Vec::new(),
            http_idle_timeout: Span { ms: IDLE_TIMEOUT_MS_DEFAULT },
            http_connections_max: CONNECTIONS_MAX_DEFAULT,
            auth: AuthArgs::default(),
            tls: TlsArgs::default(),
            rate_limits: RateLimitArgs::default(),
            tracking: TrackingArgs::default(),
            live: LiveArgs::default(),
            health: HealthDetailsArgs::default(),
            webhooks: WebhookArgs::default(),
        }
    }
}

impl HttpArgs {
    /// The defaults for a process that is known to be temporary: that its tracking links end with it is no problem to report.
    #[must_use]
    pub fn temporary() -> Self {
        let mut http = Self::default();
        http.tracking.is_temporary = true;
        http
    }

    /// The same, with the store in which processes of the API share rate limits.
    #[must_use]
    pub fn sharing(mut self, quotas: Arc<dyn SharedQuota>) -> Self {
        self.rate_limits.share(quotas);
        self
    }

    /// Logs one warning if every client of the API at this address is an operator.
    pub fn announce(&self, listen: SocketAddr) {
        self.auth.announce(listen);
    }

    /// The flags about webhook endpoints.
    #[must_use]
    pub fn webhooks(&self) -> &WebhookArgs {
        &self.webhooks
    }

    /// The address of the health: its own listener, or that of the API.
    ///
    /// # Errors
    /// If only the API has it and speaks TLS: its certificate has no name of this address.
    pub fn health_at(&self, listen: SocketAddr) -> Result<SocketAddr, Failure> {
        match self.health_listen {
            None if self.tls.is_on() => Err(Failure::usage(
                "the API speaks TLS: give --health-listen (also to the server), or --url https://NAME:PORT with --ca-file"
                    .to_owned(),
            )),
            health => Ok(health.unwrap_or(listen)),
        }
    }
}

/// The running HTTP server of a process.
pub struct HttpServer {
    addr: SocketAddr,
    is_tls: bool,
    registry: Arc<HealthRegistry>,
    servers: Vec<JoinHandle<()>>,
    webhooks: Option<Webhooks>,
    breakers: Vec<CircuitBreaker>,
    /// Its readers end with the server.
    hub: Option<Hub>,
    stop: watch::Sender<bool>,
}

impl HttpServer {
    /// Serves the API and the health. Running requests and replies use at most `request_bytes_max` bytes. Requests that need a
    /// missing part are answered 503. The first of `log_keys` signs what the API appends.
    ///
    /// # Errors
    /// If the address cannot be used, the flags of authentication are invalid, or the rate limits cannot be shared.
    pub async fn api(
        listen: SocketAddr,
        http: &HttpArgs,
        request_bytes_max: u64,
        ports: ApiPorts,
        log_keys: Option<LogKeys>,
        telemetry: &Telemetry,
    ) -> Result<Self, Failure> {
        let registry = Arc::new(HealthRegistry::default());
        let bytes_max = usize::try_from(request_bytes_max).unwrap_or(usize::MAX);
        let mut options = Options::default();
        options.in_flight_bytes_max = bytes_max;
        options.log_keys = log_keys.clone();
        options.tracking = Some(http.tracking.options()?);
        http.rate_limits.configure_service(&mut options);
        let ApiPorts { bus, store, mut breakers } = ports;
        let bus: Arc<dyn EventBus> = telemetry.layer().over(bus);
        let store: Arc<dyn OrderReader> = telemetry.layer().over(store);
        let (hub, feed) = http.live.feed(&bus, &store);
        let service = OrderService::new(bus.clone(), store, Arc::new(SystemClock), options)
            .with_observers(telemetry.observers())
            .with_feed(feed);
        telemetry.watch(Arc::new(Readiness { registry: registry.clone(), degradable: DEGRADABLE }));
        if http.auth.accepts_certificates() && !http.tls.has_client_ca() {
            return Err(Failure::usage("--auth certificates needs --tls-client-ca".to_owned()));
        }
        let (authenticator, breaker) = http.auth.authenticator(listen, telemetry)?;
        breakers.extend(breaker);
        let mut api = Api::new(service, registry.clone())
            .with_authenticator(authenticator)
            .with_metrics(telemetry.exposition());
        if let Some(limiter) = http.rate_limits.limiter()? {
            api = api.with_limiter(limiter);
        }
        let config = |listen| {
            let mut config = config(listen, &http.health);
            config.head_bytes_max = bytes_max;
            config.degradable_parts = DEGRADABLE.iter().map(|&part| part.to_owned()).collect();
            config.cors_origins = http.cors_origin.clone();
            config.allowed_hosts = http.allowed_host.clone();
            config.idle_timeout_ms = http.http_idle_timeout.ms;
            config.connections_max = http.http_connections_max;
            http.live.configure(&mut config);
            http.rate_limits.configure(&mut config);
            config
        };
        let mut api_config = config(listen);
        api_config.tls = http.tls.settings();
        http.tracking.configure(&mut api_config)?;
        // Last, because it reads the log from here on.
        let webhooks = http.webhooks.start(bus, log_keys)?;
        let api = bound(logistics_warp::bind(api_config, api.with_webhooks(webhooks.clone())).await)?;
        let mut server = Self::new(api.local_addr(), registry.clone());
        (server.is_tls, server.hub) = (http.tls.is_on(), Some(hub));
        (server.webhooks, server.breakers) = (Some(webhooks), breakers);
        server.spawn(api);
        // Probes know no authority, so this listener has no TLS.
        if let Some(listen) = http.health_listen {
            let metrics = Some(telemetry.exposition());
            server.spawn(bound(logistics_warp::bind_health(config(listen), registry, metrics).await)?);
        }
        Ok(server)
    }

    /// Serves the health and the metrics alone.
    ///
    /// # Errors
    /// If the address cannot be used.
    pub async fn health(
        listen: SocketAddr,
        details: &HealthDetailsArgs,
        telemetry: &Telemetry,
    ) -> Result<Self, Failure> {
        let registry = Arc::new(HealthRegistry::default());
        telemetry.watch(Arc::new(Readiness { registry: registry.clone(), degradable: &[] }));
        let (config, metrics) = (config(listen, details), Some(telemetry.exposition()));
        let health = bound(logistics_warp::bind_health(config, registry.clone(), metrics).await)?;
        let mut server = Self::new(health.local_addr(), registry);
        server.spawn(health);
        Ok(server)
    }

    fn new(addr: SocketAddr, registry: Arc<HealthRegistry>) -> Self {
        let (stop, _) = watch::channel(false);
        let (servers, breakers) = (Vec::new(), Vec::new());
        Self { addr, is_tls: false, registry, servers, webhooks: None, breakers, hub: None, stop }
    }

    /// Runs a server until this one stops.
    fn spawn(&mut self, server: Server) {
        let mut stopped = self.stop.subscribe();
        self.servers.push(tokio::spawn(server.run(async move {
            let _ = stopped.wait_for(|stop| *stop).await;
        })));
    }

    /// Its address.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Its URL, with the address in place of a name.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}://{}", if self.is_tls { "https" } else { "http" }, self.addr)
    }

    /// The parts whose health it serves.
    pub fn registry(&self) -> &HealthRegistry {
        &self.registry
    }

    /// The health of the parts of the server itself, beside the services.
    pub(crate) fn probes(&self) -> Vec<Arc<dyn HealthProbe>> {
        let webhooks = self.webhooks.clone().map(|webhooks| Arc::new(webhooks) as Arc<dyn HealthProbe>);
        let breakers = self.breakers.iter().cloned().map(|breaker| Arc::new(breaker) as Arc<dyn HealthProbe>);
        webhooks.into_iter().chain(breakers).collect()
    }

    /// Whether every part is ready.
    pub fn is_ready(&self) -> bool {
        self.registry.health().is_ready()
    }

    /// Stops accepting requests, and waits a limited time for the running ones.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        for server in self.servers {
            let _ = server.await;
        }
        self.hub.iter().for_each(Hub::close);
        self.webhooks.iter().for_each(Webhooks::close);
    }
}

fn bound(server: Result<Server, ServeError>) -> Result<Server, Failure> {
    server.map_err(|error| Failure::usage(error.to_string()))
}

fn config(listen: SocketAddr, details: &HealthDetailsArgs) -> Config {
    let mut config = Config::new(listen);
    config.health_details = details.health_details;
    config.drain_ms_max = DRAIN_MS_MAX;
    config
}

#[cfg(test)]
mod tests;
