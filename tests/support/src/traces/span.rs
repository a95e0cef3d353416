//! A received span, from protobuf or from the collector's JSON.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value as AnyValue;
use serde_json::Value;

/// A received span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Its trace, in hexadecimal.
    pub trace_id: String,
    /// Its id, in hexadecimal.
    pub span_id: String,
    /// Its parent's id; empty for a root.
    pub parent: String,
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: Kind,
    /// Its attributes as texts.
    pub attributes: BTreeMap<String, String>,
    /// The traces and spans to which it is linked.
    pub links: Vec<(String, String)>,
    /// `service.name` of its process.
    pub service: String,
}

/// The kind of a span, by its number in OTLP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// 1
    Internal,
    /// 2
    Server,
    /// 3
    Client,
    /// 4
    Producer,
    /// 5
    Consumer,
}

impl Kind {
    fn of(number: i64) -> Self {
        match number {
            1 => Kind::Internal,
            2 => Kind::Server,
            3 => Kind::Client,
            4 => Kind::Producer,
            5 => Kind::Consumer,
            other => panic!("the span has the kind {other}"),
        }
    }
}

impl Span {
    /// The attribute; empty without it.
    #[must_use]
    pub fn attribute(&self, name: &str) -> &str {
        self.attributes.get(name).map_or("", String::as_str)
    }

    /// The spans of an export.
    pub(super) fn of_export(export: ExportTraceServiceRequest) -> Vec<Self> {
        let mut spans = Vec::new();
        for resource in export.resource_spans {
            let attributes = resource.resource.map(|resource| resource.attributes).unwrap_or_default();
            let service = texts(attributes).remove("service.name").unwrap_or_default();
            for span in resource.scope_spans.into_iter().flat_map(|scope| scope.spans) {
                let links = span.links.iter();
                spans.push(Self {
                    trace_id: hex(&span.trace_id),
                    span_id: hex(&span.span_id),
                    parent: hex(&span.parent_span_id),
                    kind: Kind::of(span.kind.into()),
                    links: links.map(|link| (hex(&link.trace_id), hex(&link.span_id))).collect(),
                    attributes: texts(span.attributes),
                    name: span.name,
                    service: service.clone(),
                });
            }
        }
        spans
    }

    /// The spans of a line of the collector's file exporter.
    pub(super) fn of_json(export: &Value) -> Vec<Self> {
        let mut spans = Vec::new();
        for resource in list(&export["resourceSpans"]) {
            let service = json_texts(&resource["resource"]["attributes"]).remove("service.name");
            for span in list(&resource["scopeSpans"]).flat_map(|scope| list(&scope["spans"])) {
                let id = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                let links = list(&span["links"]);
                spans.push(Self {
                    trace_id: id(&span["traceId"]),
                    span_id: id(&span["spanId"]),
                    parent: id(&span["parentSpanId"]),
                    name: id(&span["name"]),
                    kind: Kind::of(span["kind"].as_i64().unwrap_or_default()),
                    attributes: json_texts(&span["attributes"]),
                    links: links.map(|link| (id(&link["traceId"]), id(&link["spanId"]))).collect(),
                    service: service.clone().unwrap_or_default(),
                });
            }
        }
        spans
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn texts(attributes: Vec<KeyValue>) -> BTreeMap<String, String> {
    let text = |attribute: KeyValue| match attribute.value?.value? {
        AnyValue::StringValue(text) => Some((attribute.key, text)),
        AnyValue::IntValue(number) => Some((attribute.key, number.to_string())),
        AnyValue::BoolValue(is) => Some((attribute.key, is.to_string())),
        AnyValue::DoubleValue(number) => Some((attribute.key, number.to_string())),
        _ => None,
    };
    attributes.into_iter().filter_map(text).collect()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn json_texts(attributes: &Value) -> BTreeMap<String, String> {
    let text = |attribute: &Value| {
        let (_, value) = attribute["value"].as_object()?.iter().next()?;
        // A 64-bit integer is a text in JSON.
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        Some((attribute["key"].as_str()?.to_owned(), value))
    };
    list(attributes).filter_map(text).collect()
}
