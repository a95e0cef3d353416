//! `/health/live` and `/health/ready`.

use bytes::Bytes;
use hyper::http::StatusCode;
use logistics_core::health::{Health, HealthProbe, PartHealth};
use serde::Serialize;
use tokio_util::sync::CancellationToken;
use warp::reply::Response;

use crate::config::Config;
use crate::reply;

/// The process answers; nothing else is checked.
pub(crate) fn live() -> Response {
    reply::json(StatusCode::OK, Bytes::from_static(br#"{"status":"live"}"#))
}

#[derive(Serialize)]
struct Ready<'a> {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    /// The names of the parts that cannot do their work.
    missing: Vec<&'a str>,
    /// The names of the parts that are missing while orders are still taken.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    degraded: Vec<&'a str>,
    parts: Vec<Part<'a>>,
}

#[derive(Serialize)]
struct Part<'a> {
    name: &'a str,
    ready: bool,
    /// What it is doing, in a sentence that may hold addresses.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
}

/// Whether the process can do its work, and which parts cannot. Parts that are degradable may be missing.
pub(crate) fn ready(health: &dyn HealthProbe, config: &Config, closing: &CancellationToken) -> Response {
    let Health { parts } = health.health();
    let down = parts.iter().filter(|part| !part.ready).map(|part| &*part.name);
    let (degraded, missing): (Vec<&str>, Vec<&str>) =
        down.partition(|name| config.degradable_parts.iter().any(|part| part == name));
    // A server that stops is not to be sent anything new.
    let closing = closing.is_cancelled();
    let error = if closing {
        Some("The server is stopping".to_owned())
    } else {
        (!missing.is_empty()).then(|| format!("Not ready: {}", missing.join(", ")))
    };
    let ready = error.is_none();
    let (status, code) = if ready { ("ready", None) } else { ("not ready", Some("not_ready")) };
    let body = Ready {
        status,
        error,
        code,
        missing,
        degraded,
        parts: parts.iter().map(|part| shown(part, config.health_details)).collect(),
    };
    // Texts and flags only: nothing fails to serialize.
    let body = Bytes::from(serde_json::to_vec(&body).unwrap_or_default());
    reply::json(if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, body)
}

fn shown(part: &PartHealth, details: bool) -> Part<'_> {
    let PartHealth { name, ready, detail } = part;
    Part { name, ready: *ready, detail: details.then_some(detail) }
}
