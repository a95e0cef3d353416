#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod metrics;
#[cfg(feature = "otlp")]
mod traces;

pub use metrics::{BuildInfo, Metrics};
#[cfg(feature = "otlp")]
pub use traces::{OtlpConfig, OtlpProtocol, SpanCounts, TraceError, Traces, TracesConfig};
