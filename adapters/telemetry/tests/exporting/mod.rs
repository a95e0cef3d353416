//! A process that traces, for the tests of the export.

use std::time::Duration;

use logistics_core::observe::{ApiCall, ApiRoute, Observer};
use logistics_core::{Timestamp, TraceContext};
use logistics_telemetry::{BuildInfo, OtlpConfig, Traces, TracesConfig};

/// How long a test waits for a condition.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

const ROUTE: ApiRoute = ApiRoute { method: "POST", route: "/orders" };

pub(crate) fn traces(otlp: &OtlpConfig) -> Traces {
    let build = BuildInfo { program: "order-api", version: "1.2.3", instance: "api-1".to_owned() };
    let config = TracesConfig { build, messaging_system: "kafka", sample_ratio: 1.0 };
    Traces::start(config, otlp).expect("a valid configuration")
}

/// Reports a call that is recorded.
pub(crate) fn report(traces: &Traces) {
    let mut call = ApiCall::new(ROUTE, 200, None, Timestamp::default(), Duration::from_millis(1));
    call.span = TraceContext::new(1, 2, true);
    traces.api_call(&call);
}
