#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod metrics;

pub use metrics::{BuildInfo, Metrics};
