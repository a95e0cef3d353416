//! The OTLP exporter: over HTTP or gRPC, with or without TLS.

use std::collections::HashMap;
use std::time::Duration;

use opentelemetry_otlp::{
    ExporterBuildError, SpanExporter, WithExportConfig, WithHttpConfig, WithTonicConfig,
};
use tonic::metadata::{MetadataKey, MetadataMap, MetadataValue};

/// Time limit of one export, with its retries. Spans that the collector does not accept in that time are lost.
const EXPORT_MAX: Duration = Duration::from_secs(5);
/// Where a collector takes traces over HTTP.
const TRACES_PATH: &str = "/v1/traces";

/// How a collector is reached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum OtlpProtocol {
    /// Protobuf over HTTP/1.1, by custom on port 4318.
    #[default]
    Http,
    /// gRPC, by custom on port 4317.
    Grpc,
}

/// The collector.
#[derive(Clone)]
pub struct OtlpConfig {
    /// `http://` or `https://`, the host and the port. HTTP: a path replaces `/v1/traces`.
    pub endpoint: String,
    /// The protocol.
    pub protocol: OtlpProtocol,
    /// Headers of each export, such as `authorization`. `OTEL_EXPORTER_OTLP_HEADERS` adds to them.
    pub headers: Vec<(String, String)>,
}

/// The export cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TraceError {
    /// The exporter rejects its configuration.
    #[error("the OTLP exporter cannot start: {0}")]
    Exporter(#[from] ExporterBuildError),
    /// The name or the value of a header is invalid. The value may be secret, so the error does not contain it.
    #[error("the OTLP header {0:?} is invalid")]
    Header(String),
    /// The endpoint has no scheme or no host, or contains a password. The error does not contain it for that reason.
    #[error("the OTLP endpoint is not a URL such as http://127.0.0.1:4318; credentials belong into a header")]
    Endpoint,
}

impl OtlpConfig {
    /// A collector without headers.
    #[must_use]
    pub fn new(endpoint: impl Into<String>, protocol: OtlpProtocol) -> Self {
        Self { endpoint: endpoint.into(), protocol, headers: Vec::new() }
    }

    pub(super) fn exporter(&self) -> Result<SpanExporter, TraceError> {
        // Several providers of TLS may be in the build, and rustls then takes none by itself. A second call changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        self.check_endpoint()?;
        match self.protocol {
            OtlpProtocol::Http => Ok(SpanExporter::builder()
                .with_http()
                .with_endpoint(self.http_endpoint())
                .with_headers(self.http_headers()?)
                .with_timeout(EXPORT_MAX)
                .build()?),
            OtlpProtocol::Grpc => Ok(SpanExporter::builder()
                .with_tonic()
                .with_endpoint(&self.endpoint)
                .with_metadata(self.metadata()?)
                .with_timeout(EXPORT_MAX)
                .build()?),
        }
    }

    fn check_endpoint(&self) -> Result<(), TraceError> {
        let url = reqwest::Url::parse(&self.endpoint).map_err(|_| TraceError::Endpoint)?;
        let has_user = url.password().is_some() || !url.username().is_empty();
        let valid = matches!(url.scheme(), "http" | "https") && url.has_host() && !has_user;
        valid.then_some(()).ok_or(TraceError::Endpoint)
    }

    fn http_endpoint(&self) -> String {
        match reqwest::Url::parse(&self.endpoint) {
            Ok(url) if url.path() != "/" => self.endpoint.clone(),
            _ => format!("{}{TRACES_PATH}", self.endpoint.trim_end_matches('/')),
        }
    }

    fn http_headers(&self) -> Result<HashMap<String, String>, TraceError> {
        // The exporter would ignore an invalid header.
        for (name, value) in &self.headers {
            let valid = reqwest::header::HeaderName::try_from(name).is_ok()
                && reqwest::header::HeaderValue::try_from(value).is_ok();
            valid.then_some(()).ok_or_else(|| TraceError::Header(name.clone()))?;
        }
        Ok(self.headers.iter().cloned().collect())
    }

    fn metadata(&self) -> Result<MetadataMap, TraceError> {
        let mut metadata = MetadataMap::new();
        for (name, value) in &self.headers {
            let invalid = || TraceError::Header(name.clone());
            let key = MetadataKey::from_bytes(name.to_ascii_lowercase().as_bytes()).map_err(|_| invalid())?;
            let value = MetadataValue::try_from(value.as_str()).map_err(|_| invalid())?;
            metadata.insert(key, value);
        }
        Ok(metadata)
    }
}
