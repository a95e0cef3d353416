//! The export of spans to a collector that answers and to one that never does.

mod exporting;

use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use exporting::{PATIENCE, report, traces};
use logistics_telemetry::{BuildInfo, OtlpConfig, OtlpProtocol, Traces, TracesConfig};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use tonic::{Request, Response, Status};

#[derive(Clone, Default)]
struct Received(Arc<Mutex<Vec<Export>>>);

/// The header of an export, and its spans.
type Export = (Option<String>, ExportTraceServiceRequest);

#[tonic::async_trait]
impl TraceService for Received {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let key = request.metadata().get("x-key").and_then(|key| key.to_str().ok()).map(str::to_owned);
        self.0.lock().unwrap().push((key, request.into_inner()));
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_reach_a_collector_over_grpc() {
    let received = Received::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let service = TraceServiceServer::new(received.clone());
    let incoming = tonic::transport::server::TcpIncoming::from(listener);
    let server = tonic::transport::Server::builder().add_service(service).serve_with_incoming(incoming);
    tokio::spawn(server);
    let mut otlp = OtlpConfig::new(endpoint, OtlpProtocol::Grpc);
    otlp.headers = vec![("X-Key".to_owned(), "secret".to_owned())];
    let traces = traces(&otlp);
    report(&traces);
    let exported = tokio::task::spawn_blocking(move || {
        traces.stop(PATIENCE);
        traces.counts().exported()
    });
    assert_eq!(exported.await.unwrap(), 1);
    let received = std::mem::take(&mut *received.0.lock().unwrap());
    let [(key, export)] = &received[..] else { panic!("{received:?}") };
    assert_eq!(key.as_deref(), Some("secret"));
    let resource = &export.resource_spans[0];
    assert_eq!(resource.scope_spans[0].spans[0].name, "POST /orders");
    let attributes = format!("{:?}", resource.resource);
    for name in ["service.name", "service.version", "service.instance.id", "order-api", "1.2.3", "api-1"] {
        assert!(attributes.contains(name), "{name}: {attributes}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_never_answers_delays_neither_reports_nor_the_end() {
    for protocol in [OtlpProtocol::Http, OtlpProtocol::Grpc] {
        // It accepts connections, by the system's backlog, and reads nothing.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let traces = traces(&OtlpConfig::new(format!("http://{}", listener.local_addr().unwrap()), protocol));
        let begun = Instant::now();
        let reports = 30_000;
        (0..reports).for_each(|_| report(&traces));
        let reported = begun.elapsed();
        assert!(reported < Duration::from_secs(20), "{protocol:?}: {reported:?}");
        assert!(traces.counts().dropped() >= reports - 3 * 8192, "{protocol:?}: {:?}", traces.counts());
        let begun = Instant::now();
        traces.stop(Duration::from_secs(1));
        // Longer than the limit by what a busy machine needs, and shorter than an export may take.
        assert!(begun.elapsed() < Duration::from_millis(4500), "{protocol:?}: {:?}", begun.elapsed());
    }
}

#[tokio::test]
async fn an_invalid_endpoint_or_header_is_rejected_at_the_start() {
    for endpoint in ["", "127.0.0.1:4318", "ftp://collector", "http://user:hunter2@collector:4318"] {
        let otlp = OtlpConfig::new(endpoint, OtlpProtocol::Http);
        let build = BuildInfo { program: "p", version: "1", instance: "i".to_owned() };
        let config = TracesConfig { build, messaging_system: "kafka", sample_ratio: 1.0 };
        let error = Traces::start(config, &otlp).err().expect("rejected").to_string();
        assert!(!error.contains("hunter2"), "{error}");
    }
    for protocol in [OtlpProtocol::Http, OtlpProtocol::Grpc] {
        let mut otlp = OtlpConfig::new("http://127.0.0.1:4318", protocol);
        otlp.headers = vec![("authorization".to_owned(), "hunter2\n".to_owned())];
        let build = BuildInfo { program: "p", version: "1", instance: "i".to_owned() };
        let config = TracesConfig { build, messaging_system: "kafka", sample_ratio: 1.0 };
        let error = Traces::start(config, &otlp).err().expect("rejected").to_string();
        assert!(error.contains("authorization") && !error.contains("hunter2"), "{error}");
    }
}
