//! Appending a request to the log.

use std::sync::OnceLock;

use logistics_core::TraceContext;
use logistics_core::observe::{AppendReport, Observer};
use logistics_core::port::PortErrorKind;
use logistics_core::wire::LogKeys;
use logistics_core::{Offset, Partition, Request, Timestamp, partition_of, wire};
use tokio::time::Instant;

use crate::error::ServiceError;
use crate::service::OrderService;

impl OrderService {
    /// Appends a request, signed if there is a log key, and reports it. `doing` completes "could not ..." in the log.
    ///
    /// If there are traces, the record carries the span of the append, so that its owner links to that span.
    ///
    /// The signature proves that a holder of the key wrote the request. A copy of the record proves this too, and it has the
    /// same request id: if the request placed or moved its order, the copy changes nothing. If the request was rejected or
    /// changed nothing, its copy is decided by the state that the order has then.
    pub(crate) async fn append(
        &self,
        doing: &'static str,
        request: &mut Request,
    ) -> Result<Offset, ServiceError> {
        let parent = request.trace.as_ref().and_then(|trace| trace.context());
        let span = self.observers.new_span(parent);
        if let Some(span) = span {
            request.trace = Some(span.to_traceparent());
        }
        let shared = &self.shared;
        let partition = partition_of(&request.order_id, shared.bus.partitions());
        let record = wire::encode_request(request);
        let payload = LogKeys::sign_input_with(shared.options.log_keys.as_ref(), partition, record);
        let bytes = payload.len();
        let began = (shared.clock.now(), Instant::now());
        let appending = Appending {
            service: self,
            request,
            partition,
            bytes,
            began,
            span,
            parent,
            outcome: OnceLock::new(),
        };
        let append = async {
            let outcome = shared.bus.append(&request.order_id, payload).await;
            let _ = appending.outcome.set(outcome.as_ref().copied().map_err(|error| error.kind()));
            outcome
        };
        shared.port(doing, append).await
    }
}

/// An append in progress. Its drop is its end, because the record may be in the log even if the caller has gone.
struct Appending<'a> {
    service: &'a OrderService,
    request: &'a Request,
    partition: Partition,
    bytes: usize,
    began: (Timestamp, Instant),
    span: Option<TraceContext>,
    parent: Option<TraceContext>,
    /// Not set: the call was cancelled or exceeded its time limit, so its outcome is unknown.
    outcome: OnceLock<Result<Offset, PortErrorKind>>,
}

impl Drop for Appending<'_> {
    fn drop(&mut self) {
        let Self { request, partition, bytes, began: (began, start), .. } = *self;
        let outcome = self.outcome.get().copied().unwrap_or(Err(PortErrorKind::Unavailable));
        let append = (&request.order_id, &request.id);
        let mut report = AppendReport::new(append, partition, outcome, bytes, began, start.elapsed());
        (report.span, report.parent) = (self.span, self.parent);
        self.service.observers.append(&report);
    }
}
