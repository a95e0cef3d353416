#![doc = include_str!("../README.md")]
#![warn(missing_docs)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "audit")]
pub mod audit;
mod backoff;
mod contact;
mod decide;
pub mod delivery;
mod details;
mod fact;
pub mod health;
mod ids;
pub mod lifecycle;
pub mod limits;
mod named;
pub mod notify;
pub mod observe;
mod order;
mod outcome;
mod partitioner;
mod policy;
pub mod port;
pub mod processor;
pub mod reactor;
mod rejection;
mod request;
pub mod text;
mod trace;
#[cfg(feature = "webhooks")]
pub mod webhook;
pub mod wire;

pub use backoff::Backoff;
pub use contact::{Contact, Contacts, EmailAddress, InvalidEmail, InvalidLanguage, Language};
pub use decide::{Decision, decide, decide_due};
pub use details::{Details, InvalidDetails};
pub use fact::{Assignment, Cause, Change, Fact};
pub use ids::{
    ChannelName, EndpointId, InvalidText, Offset, OrderId, Partition, PartyId, Reason, RequestId, Subject,
    Timestamp, TraceParent, Version,
};
pub use lifecycle::{Actor, Status, Timer};
pub use order::{HistoryEntry, Order, VersionGap, evolve};
pub use outcome::{Outcome, OutcomeKind, RequestOutcome};
pub use partitioner::partition_of;
pub use policy::{Deadline, DeadlineKind, Mode, Policy};
pub use rejection::Rejection;
pub use request::{Command, Placement, Request};
pub use trace::TraceContext;
