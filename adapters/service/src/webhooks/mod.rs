//! The use cases of webhook endpoints: who manages them, and how a change becomes a fact in the log.

mod access;
mod change;
mod command;
mod create;
mod deliveries;
mod error;
mod options;
mod outage;
mod read;
mod reader;
mod redrive;
mod registry;
mod rotate;
mod sealing;
mod send_test;
mod write;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use logistics_core::health::{Health, HealthProbe};
use logistics_core::port::{Clock, EventBus};
use logistics_core::webhook::WebhookSender;
use tokio_util::task::AbortOnDropHandle;

pub use command::{ChangeEndpoint, CreateEndpoint, RotateSecret};
pub use create::WithSecret;
pub use deliveries::DeadLetter;
pub use error::WebhookError;
pub use options::WebhookOptions;
pub use redrive::{REDRIVEN_MAX, RedriveSelection, Redriven};
pub use sealing::{InvalidSealingKeys, SEALING_KEY_BYTES, SealingKeys};
pub use send_test::TestResult;

use deliveries::Deliveries;
use registry::Registry;

/// The use cases of webhook endpoints, over any ports.
///
/// Merchants and couriers manage their own endpoints, and operators all. Customers have none: they are people, not servers.
/// Another party's endpoint does not exist for a party.
///
/// Each process reads all facts about endpoints from the log and keeps them in memory. A change is a new fact, and its call
/// returns once this process has read the fact back. The fold decides between two changes at once, so there is no lock.
///
/// Clones are handles of one service.
#[derive(Clone)]
pub struct Webhooks(pub(crate) Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) bus: Arc<dyn EventBus>,
    pub(crate) clock: Arc<dyn Clock>,
    /// `None`: this process cannot send tests.
    pub(crate) sender: Option<Arc<dyn WebhookSender>>,
    pub(crate) options: WebhookOptions,
    pub(crate) registry: Arc<Registry>,
    pub(crate) deliveries: Arc<Deliveries>,
    readers: Mutex<Vec<AbortOnDropHandle<()>>>,
}

impl Webhooks {
    /// Starts to read the facts about endpoints. Needs a tokio runtime. The readers stop when the last handle is dropped.
    #[must_use]
    pub fn start(bus: Arc<dyn EventBus>, clock: Arc<dyn Clock>, options: WebhookOptions) -> Self {
        Self::of(bus, clock, None, options)
    }

    /// The same, with a sender of test messages.
    #[must_use]
    pub fn start_with_sender(
        bus: Arc<dyn EventBus>,
        clock: Arc<dyn Clock>,
        sender: Arc<dyn WebhookSender>,
        options: WebhookOptions,
    ) -> Self {
        Self::of(bus, clock, Some(sender), options)
    }

    /// Stops the readers, before the log is closed. Afterwards, changes are not read back.
    pub fn close(&self) {
        self.0.readers.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Waits until all facts and deliveries up to the end of the log at the start are read, or a reader of facts has halted.
    pub async fn caught_up(&self) {
        self.0.registry.caught_up().await;
        self.0.deliveries.caught_up().await;
    }

    fn of(
        bus: Arc<dyn EventBus>,
        clock: Arc<dyn Clock>,
        sender: Option<Arc<dyn WebhookSender>>,
        options: WebhookOptions,
    ) -> Self {
        let registry = Arc::new(Registry::new(bus.partitions(), &options));
        let deliveries = Arc::new(Deliveries::new(bus.partitions()));
        let mut readers = reader::start(&registry, &bus);
        readers.extend(reader::start(&deliveries, &bus));
        Self(Arc::new(Shared {
            bus,
            clock,
            sender,
            options,
            registry,
            deliveries,
            readers: Mutex::new(readers),
        }))
    }
}

/// One part, `webhooks`: ready when all facts up to the end of the log at the start are read, and no reader has halted.
impl HealthProbe for Webhooks {
    fn health(&self) -> Health {
        Health { parts: vec![self.0.registry.health()] }
    }
}

impl fmt::Debug for Webhooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhooks").field("options", &self.0.options).finish_non_exhaustive()
    }
}
