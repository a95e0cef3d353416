#![doc = include_str!("../README.md")]

mod catch_up;
mod decoded;
mod event;
mod hub;
mod options;
mod parties;
mod partition;
mod queue;
mod reader;
mod subscribers;
mod subscription;

pub use event::{FORMS, FeedError, FeedEvent, Filter, LoggedFact, Positions};
pub use hub::Hub;
pub use options::{
    HubOptions, LINGER_MS, OPEN_MS_MAX, QUEUE_BYTES_MAX, QUEUE_FACTS_MAX, RETRY_DELAY_MS_MAX,
    RETRY_DELAY_MS_MIN,
};
pub use parties::{PARTIES_KEPT_MIN, Party, PartyHub, PartySubscription};
pub use subscription::Subscription;
