#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod metrics;
#[cfg(feature = "otlp")]
mod traces;

pub use metrics::{BuildInfo, CATALOGUE, Family, Kind, Label, Metrics, SpanCounts, Subject};
#[cfg(feature = "otlp")]
pub use traces::{OtlpConfig, OtlpProtocol, TraceError, Traces, TracesConfig};
