//! One span as the SDK exports it.

use std::borrow::Cow;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use logistics_core::{Timestamp, TraceContext};
use opentelemetry::trace::{
    Event, Link, SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{InstrumentationScope, KeyValue, Value};
use opentelemetry_sdk::trace::SpanData;

/// Maximum bytes of an attribute that contains a text from outside.
const TEXT_BYTES_MAX: usize = 256;

/// Maximum members of a `tracestate`, by W3C Trace Context.
const TRACESTATE_MEMBERS_MAX: usize = 32;

/// A span in the making.
pub(super) struct Span(SpanData);

impl Span {
    /// A span of this context that began at `began`. The context is exported as sampled: this span is.
    pub(super) fn new(
        context: TraceContext,
        parent: Option<TraceContext>,
        kind: SpanKind,
        name: impl Into<Cow<'static, str>>,
        (began, elapsed): (Timestamp, Duration),
    ) -> Self {
        let start_time = system_time(began);
        Self(SpanData {
            span_context: exported(context.with_sampled(true), false),
            parent_span_id: parent.map_or(SpanId::INVALID, |parent| SpanId::from(parent.span_id())),
            parent_span_is_remote: parent.is_some() && matches!(kind, SpanKind::Server | SpanKind::Consumer),
            span_kind: kind,
            name: name.into(),
            start_time,
            end_time: start_time + elapsed,
            attributes: Vec::with_capacity(8),
            dropped_attributes_count: 0,
            events: Default::default(),
            links: Default::default(),
            status: Status::Unset,
            instrumentation_scope: scope(),
        })
    }

    /// With the `tracestate` of its client. A malformed one is ignored, as W3C Trace Context requires of a receiver.
    pub(super) fn with_state(mut self, text: &str) -> Self {
        // The SDK cuts a longer list, and takes a member without a key.
        let is_valid = text.split(',').count() <= TRACESTATE_MEMBERS_MAX
            && !text.split(',').any(|member| member.trim_ascii_start().starts_with('='));
        if let Some(state) = text.parse::<TraceState>().ok().filter(|_| is_valid) {
            let span = &self.0.span_context;
            let (trace_id, span_id) = (span.trace_id(), span.span_id());
            self.0.span_context = SpanContext::new(trace_id, span_id, span.trace_flags(), false, state);
        }
        self
    }

    /// With this attribute.
    pub(super) fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.0.attributes.push(KeyValue::new(name, value.into()));
        self
    }

    /// With a text that may be long.
    pub(super) fn with_text(self, name: &'static str, text: &str) -> Self {
        let end = text.floor_char_boundary(TEXT_BYTES_MAX);
        self.with(name, text[..end].to_owned())
    }

    /// With a number that OTLP has no unsigned type for.
    pub(super) fn with_number(self, name: &'static str, number: impl TryInto<i64>) -> Self {
        self.with(name, number.try_into().unwrap_or(i64::MAX))
    }

    /// With a link to each of these spans, up to `max`. The number of further ones is counted as dropped.
    pub(super) fn linked(mut self, to: impl IntoIterator<Item = TraceContext>, max: usize) -> Self {
        let links = &mut self.0.links;
        for context in to {
            if links.links.len() < max {
                links.links.push(Link::with_context(exported(context, true)));
            } else {
                links.dropped_count += 1;
            }
        }
        self
    }

    /// Failed. `error`: its code.
    pub(super) fn failed(mut self, error: &'static str) -> Self {
        self.0.status = Status::error(error);
        self.with("error.type", error)
    }

    /// With an event at its end.
    pub(super) fn event(mut self, name: &'static str, attributes: Vec<KeyValue>) -> Self {
        self.0.events.events.push(Event::new(name, self.0.end_time, attributes, 0));
        self
    }

    pub(super) fn into_data(self) -> SpanData {
        self.0
    }
}

fn exported(context: TraceContext, remote: bool) -> SpanContext {
    let flags = if context.is_sampled() { TraceFlags::SAMPLED } else { TraceFlags::NOT_SAMPLED };
    let (trace_id, span_id) = (TraceId::from(context.trace_id()), SpanId::from(context.span_id()));
    SpanContext::new(trace_id, span_id, flags, remote, TraceState::NONE)
}

fn scope() -> InstrumentationScope {
    InstrumentationScope::builder("logistics").with_version(env!("CARGO_PKG_VERSION")).build()
}

/// A time before 1970 is exported as 1970: OTLP has no earlier one.
fn system_time(at: Timestamp) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(u64::try_from(at.as_millis()).unwrap_or_default())
}
