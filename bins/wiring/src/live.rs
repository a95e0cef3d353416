//! Flags of the live streams, and the hub behind them.

use std::sync::Arc;

use clap::Args;
use logistics_cli_kit::Span;
use logistics_core::port::{EventBus, OrderReader};
use logistics_feed::{Hub, HubOptions, PartyHub};
use logistics_service::{CALLER_STREAMS_MAX, LiveFeed, STREAMS_MAX, StreamLimits};
use logistics_warp::{Config, HEARTBEAT_MS_DEFAULT};

/// Flags of a process that serves live streams.
#[derive(Args, Debug, Clone)]
pub(crate) struct LiveArgs {
    /// Interval of heartbeats in live streams. Set it lower than the idle time of a proxy in front
    #[arg(long, env = "LOGISTICS_LIVE_HEARTBEAT", value_name = "TIME", default_value_t = Span { ms: HEARTBEAT_MS_DEFAULT })]
    live_heartbeat: Span,
    /// Maximum open live streams of this process; further ones are answered 503. Each needs a connection or a part of one
    #[arg(long, env = "LOGISTICS_LIVE_STREAMS_MAX", value_name = "STREAMS", default_value_t = STREAMS_MAX)]
    live_streams_max: usize,
    /// Maximum open live streams of one caller, by subject or, without authentication, address; further ones are answered 429
    #[arg(long, env = "LOGISTICS_LIVE_CALLER_STREAMS_MAX", value_name = "STREAMS", default_value_t = CALLER_STREAMS_MAX)]
    live_caller_streams_max: usize,
}

impl Default for LiveArgs {
    fn default() -> Self {
        Self {
            live_heartbeat: Span { ms: HEARTBEAT_MS_DEFAULT },
            live_streams_max: STREAMS_MAX,
            live_caller_streams_max: CALLER_STREAMS_MAX,
        }
    }
}

impl LiveArgs {
    /// A hub over these ports, and the streams over the hub.
    pub(crate) fn feed(&self, bus: &Arc<dyn EventBus>, store: &Arc<dyn OrderReader>) -> (Hub, LiveFeed) {
        let hub = Hub::new(bus.clone(), HubOptions::default());
        let mut limits = StreamLimits::default();
        limits.streams_max = self.live_streams_max;
        limits.caller_streams_max = self.live_caller_streams_max;
        let feed = LiveFeed::new(hub.clone(), PartyHub::new(hub.clone(), store.clone()), limits);
        (hub, feed)
    }

    pub(crate) fn configure(&self, config: &mut Config) {
        config.heartbeat_ms = self.live_heartbeat.ms;
    }
}
