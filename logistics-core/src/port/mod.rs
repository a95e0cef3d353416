//! The ports: what the services need from the outside.
//!
//! An adapter implements one of these traits. The conformance suite of the same name in the crate `logistics-testkit`
//! proves it. An adapter neither retries nor swallows errors: it reports each one, and [`PortErrorKind`] shows whether a
//! retry can succeed. The caller bounds every wait: dropping the future of a method that waits cancels it without loss.
//!
//! # Exhaustive types
//!
//! Adapters build or match most types of this module, such as [`StoreWrite`] and [`GroupEvent`]. These types are
//! exhaustive, so that a new field or variant fails to compile in an adapter that does not handle it yet. Adding one is
//! therefore a breaking change, and is released as a new major version.

mod bus;
mod clock;
mod error;
mod feed;
mod list;
mod notifier;
mod quota;
mod store;

pub use bus::{
    Batch, Bounds, CommitOutcome, Delivery, EventBus, GroupEvent, Header, LogExtent, LogIdentity, LogRecord,
    Membership, NewRecord, PartitionLog, ReadLimit, StartAt, Subscription, SubscriptionEvent, Tail, Topic,
    Transaction,
};
pub use clock::Clock;
pub use error::{PortError, PortErrorKind};
pub use feed::{Batches, EventBusExt, Records, batches};
pub use list::{Cursor, InvalidCursor, ListQuery, Page, PartyDigest, PartyFilter, PartyRole, StatusSummary};
pub use notifier::{Notifier, NotifyError, NotifyErrorKind};
pub use quota::{InvalidQuota, Quota, QuotaState, SharedQuota};
pub use store::{
    ClearOutcome, DocumentLookup, DocumentWrite, IndexEntry, Loaded, OrderParties, OrderReader, OrderStore,
    OwnerStore, Recovery, StoreCheckpoint, StoreWrite, Token, WriteOutcome,
};

#[cfg(feature = "mocks")]
pub use bus::{MockEventBus, MockMembership, MockPartitionLog, MockSubscription, MockTail};
#[cfg(feature = "mocks")]
pub use clock::MockClock;
#[cfg(feature = "mocks")]
pub use notifier::MockNotifier;
#[cfg(feature = "mocks")]
pub use quota::MockSharedQuota;
#[cfg(feature = "mocks")]
pub use store::{MockOrderReader, MockOwnerStore};
