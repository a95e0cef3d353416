//! `/health/live` and `/health/ready`.

use bytes::Bytes;
use hyper::http::StatusCode;
use logistics_core::health::{Health, HealthProbe, PartHealth};
use serde::Serialize;
use tokio_util::sync::CancellationToken;
use warp::reply::Response;

use crate::config::Config;
use crate::output::failure::ErrorCode;
use crate::output::reply;

/// The reply of a live process. It checks nothing.
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
    /// The names of the parts that are not ready and are needed.
    missing: Vec<&'a str>,
    /// The names of the parts that are not ready; orders are accepted without them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    degraded: Vec<&'a str>,
    parts: Vec<Part<'a>>,
}

#[derive(Serialize)]
struct Part<'a> {
    name: &'a str,
    ready: bool,
    /// What the part is doing. The sentence may contain addresses.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
}

/// Whether the process is ready, and its parts. Without a degradable part it is ready.
pub(crate) fn ready(health: &dyn HealthProbe, config: &Config, closing: &CancellationToken) -> Response {
    let Health { parts } = health.health();
    let down = parts.iter().filter(|part| !part.ready).map(|part| &*part.name);
    let (degraded, missing): (Vec<&str>, Vec<&str>) =
        down.partition(|name| config.degradable_parts.iter().any(|part| part == name));
    // A balancer must send a stopping server no new request.
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
    // Texts and flags always serialize.
    let body = Bytes::from(serde_json::to_vec(&body).unwrap_or_default());
    let mut response =
        reply::json(if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, body);
    if let Some(code) = code {
        response.extensions_mut().insert(ErrorCode(code));
    }
    response
}

fn shown(part: &PartHealth, details: bool) -> Part<'_> {
    let PartHealth { name, ready, detail } = part;
    Part { name, ready: *ready, detail: details.then_some(detail) }
}
