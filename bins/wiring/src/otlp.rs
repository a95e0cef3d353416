//! The flags of traces, and their export.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use logistics_cli_kit::Failure;
use logistics_telemetry::{BuildInfo, OtlpConfig, OtlpProtocol, Traces, TracesConfig};

/// Maximum time that the end of a process waits for the export of its last spans.
pub(crate) const FLUSH_MAX: Duration = Duration::from_secs(1);

/// Flags of traces.
#[derive(Args, Debug, Clone, Default)]
pub(crate) struct OtlpArgs {
    /// Export traces to the OpenTelemetry collector at this URL, such as http://127.0.0.1:4318 [default: no traces]
    #[arg(long, env = "LOGISTICS_OTLP_ENDPOINT", value_name = "URL")]
    otlp_endpoint: Option<String>,
    /// OTLP over HTTP with protobuf, or over gRPC [default: http]
    #[arg(long, env = "LOGISTICS_OTLP_PROTOCOL", value_enum)]
    otlp_protocol: Option<Protocol>,
    /// A file with headers for the collector, one `name: value` a line, such as authorization
    #[arg(long, env = "LOGISTICS_OTLP_HEADERS_FILE", value_name = "FILE")]
    otlp_headers_file: Option<PathBuf>,
    /// The share of new traces that are recorded, 0 to 1 [default: 0.1]
    #[arg(long, env = "LOGISTICS_TRACE_SAMPLE_RATIO", value_name = "RATIO", value_parser = ratio)]
    trace_sample_ratio: Option<f64>,
}

/// One order in ten costs an API and a processor little, and shows every pattern that is not rare. Failures and slow orders are
/// exported anyway.
const SAMPLE_RATIO_DEFAULT: f64 = 0.1;

#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Http,
    Grpc,
}

impl OtlpArgs {
    /// Starts the traces of a process; `None`: there is no endpoint.
    ///
    /// # Errors
    /// If a flag is invalid.
    pub(crate) fn start(
        &self,
        build: BuildInfo,
        messaging_system: &'static str,
    ) -> Result<Option<Arc<Traces>>, Failure> {
        let Some(endpoint) = self.otlp_endpoint.as_deref().filter(|endpoint| !endpoint.is_empty()) else {
            return Ok(None);
        };
        let protocol = match self.otlp_protocol {
            None | Some(Protocol::Http) => OtlpProtocol::Http,
            Some(Protocol::Grpc) => OtlpProtocol::Grpc,
        };
        let mut otlp = OtlpConfig::new(endpoint, protocol);
        otlp.headers = self.otlp_headers_file.as_deref().map(headers).transpose()?.unwrap_or_default();
        let sample_ratio = self.trace_sample_ratio.unwrap_or(SAMPLE_RATIO_DEFAULT);
        let config = TracesConfig { build, messaging_system, sample_ratio };
        let traces = Traces::start(config, &otlp).map_err(|error| Failure::usage(error.to_string()))?;
        tracing::info!(endpoint, sample_ratio, "exporting traces");
        Ok(Some(Arc::new(traces)))
    }
}

fn headers(path: &Path) -> Result<Vec<(String, String)>, Failure> {
    let shown = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::usage(format!("cannot read the OTLP headers in {shown}: {error}")))?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let parsed = lines.map(|(number, line)| {
        // The line may contain a secret.
        let invalid = || Failure::usage(format!("line {} of {shown} is not `name: value`", number + 1));
        let (name, value) = line.split_once(':').ok_or_else(invalid)?;
        Ok((name.trim().to_owned(), value.trim().to_owned()))
    });
    parsed.collect()
}

fn ratio(text: &str) -> Result<f64, String> {
    let ratio = text.parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio));
    ratio.ok_or_else(|| format!("{text:?} is no number from 0 to 1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_a_number_from_0_to_1() {
        assert_eq!((ratio("0"), ratio("0.25"), ratio("1")), (Ok(0.0), Ok(0.25), Ok(1.0)));
        for text in ["", "-0.1", "1.01", "NaN", "inf", "10%"] {
            assert!(ratio(text).is_err(), "{text}");
        }
    }
}
