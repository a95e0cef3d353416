#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod metrics;

pub use metrics::{BuildInfo, CATALOGUE, Family, Kind, Label, Metrics, SpanCounts, Subject};
