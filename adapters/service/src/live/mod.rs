//! Live facts: streams over the hub of a process, without a gap and without a repetition.

mod all;
mod catch_up;
mod entry;
mod event;
mod feed;
mod order;
mod permits;
mod position;

pub use all::{AllEvent, AllQuery, AllStream};
pub use event::{LiveEnd, LiveEvent, LiveFact};
pub use feed::LiveFeed;
pub use order::OrderStream;
pub use permits::{CALLER_STREAMS_MAX, STREAMS_MAX, StreamLimits, StreamPermit};
pub use position::{InvalidPosition, LivePosition};
