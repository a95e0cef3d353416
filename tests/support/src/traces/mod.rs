//! Traces as a collector receives them, and what the trace of an order must be.

mod collector;
mod order_trace;
mod receiver;
mod span;

pub use collector::Collector;
pub use order_trace::{assert_order_trace, order_trace};
pub use receiver::Receiver;
pub use span::{Kind, Span};
