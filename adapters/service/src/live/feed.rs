//! The hub behind the streams.

use std::fmt;
use std::sync::Arc;

use logistics_feed::{Hub, PartyHub};

use crate::live::permits::{Permits, StreamLimits};
use crate::service::OrderService;

/// The hub of a process, with what its streams share. [`OrderService::with_feed`] adds it to a service.
#[derive(Clone)]
pub struct LiveFeed(pub(crate) Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) hub: Hub,
    pub(crate) parties: PartyHub,
    pub(crate) permits: Arc<Permits>,
}

impl LiveFeed {
    /// The streams over this hub. `parties` shares the hub.
    #[must_use]
    pub fn new(hub: Hub, parties: PartyHub, limits: StreamLimits) -> Self {
        Self(Arc::new(Shared { hub, parties, permits: Arc::new(Permits::new(limits)) }))
    }
}

impl fmt::Debug for LiveFeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveFeed").field("hub", &self.0.hub).finish_non_exhaustive()
    }
}

impl OrderService {
    /// A handle of the same service that has streams of live facts.
    #[must_use]
    pub fn with_feed(&self, feed: LiveFeed) -> Self {
        Self { feed: Some(feed), ..self.clone() }
    }

    /// The feed of this handle; `None` without [`with_feed`](Self::with_feed): the service has no streams.
    #[must_use]
    pub fn feed(&self) -> Option<&LiveFeed> {
        self.feed.as_ref()
    }
}
