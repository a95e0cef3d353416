//! What the services need from the outside, and no more.
//!
//! An adapter implements one of these traits and proves it with the conformance suite of the same name in the
//! crate `logistics-testkit`. Adapters neither retry nor swallow: they say what happened, and [`PortErrorKind`] says whether trying again
//! can help. Every wait is the caller's to bound: a method that waits can be cancelled by dropping its future, and nothing
//! is lost by it.

mod bus;
mod clock;
mod error;
mod feed;
mod notifier;
mod store;

pub use bus::{
    Batch, Bounds, CommitOutcome, Delivery, EventBus, GroupEvent, Header, LogExtent, LogIdentity, LogRecord,
    Membership, NewRecord, PartitionLog, ReadLimit, StartAt, Subscription, SubscriptionEvent, Tail, Topic,
    Transaction,
};
pub use clock::Clock;
pub use error::{PortError, PortErrorKind};
pub use feed::{Batches, EventBusExt, Records, batches};
pub use notifier::{Notifier, NotifyError, NotifyErrorKind};
pub use store::{
    ClearOutcome, Cursor, DocumentLookup, DocumentWrite, InvalidCursor, ListQuery, Loaded, OrderReader,
    OrderStore, OwnerStore, Page, Recovery, StoreCheckpoint, StoreWrite, Token, WriteOutcome,
};

#[cfg(feature = "mocks")]
pub use bus::{MockEventBus, MockMembership, MockPartitionLog, MockSubscription, MockTail};
#[cfg(feature = "mocks")]
pub use clock::MockClock;
#[cfg(feature = "mocks")]
pub use notifier::MockNotifier;
#[cfg(feature = "mocks")]
pub use store::{MockOrderReader, MockOwnerStore};
