#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod breaker;
mod error;
mod layer;
mod layered;
mod observed;
mod ports;
mod retry;
mod time_limit;
mod writes;

pub use breaker::{Admission, BreakerOpen, BreakerSettings, CircuitBreaker};
pub use error::CallError;
pub use layer::{Layer, Operation};
pub use layered::{Layered, LayeredReader};
pub use observed::Observed;
pub use retry::Retry;
pub use time_limit::TimeLimit;
pub use writes::Writes;
