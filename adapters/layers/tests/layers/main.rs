//! The layers over mocked ports. Time is paused, so that waits are measured exactly.

mod breaker;
mod conformance;
mod observed;
mod retry;
mod slow;
mod time_limit;

use logistics_core::OrderId;
use logistics_core::port::{PortError, PortErrorKind};

fn order_id() -> OrderId {
    OrderId::parse("o-1").unwrap()
}

fn error(kind: PortErrorKind) -> PortError {
    PortError::new(kind, format!("{kind:?} on purpose"))
}
