//! Replies about webhook endpoints. Only a creation and a rotation contain a secret.

use std::sync::Arc;

use bytes::Bytes;
use hyper::header::{ETAG, HeaderValue, LOCATION};
use hyper::http::StatusCode;
use logistics_core::delivery::{EndpointStats, Problem};
use logistics_core::webhook::{
    DisabledReason, Endpoint, EndpointDescription, EndpointId, EndpointSecret, EndpointState, EndpointUrl,
    EventFilter, MessageId, Secret, SecretKind,
};
use logistics_core::{Actor, OrderId, PartyId, Timestamp, Version};
use logistics_service::{DeadLetter, Redriven, TestResult};
use serde::Serialize;
use warp::reply::Response;

use crate::output::reply;

#[derive(Serialize)]
struct Written<'a> {
    id: &'a EndpointId,
    version: Version,
    owner: Owner<'a>,
    url: &'a EndpointUrl,
    event_types: &'a EventFilter,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a EndpointDescription>,
    reply: &'static str,
    enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    disabled: Option<Disabled>,
    secrets: Vec<SecretOutline>,
    created_at: Timestamp,
    changed_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

#[derive(Serialize)]
struct Owner<'a> {
    role: Actor,
    #[serde(skip_serializing_if = "Option::is_none")]
    party: Option<&'a PartyId>,
}

#[derive(Serialize)]
struct Disabled {
    reason: DisabledReason,
    since: Timestamp,
}

/// What may be shown of a secret at any time.
#[derive(Serialize)]
struct SecretOutline {
    /// Null for a secret that this process cannot open.
    signature: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    public_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_until: Option<Timestamp>,
}

#[derive(Serialize)]
struct Page<'a> {
    endpoints: Vec<Written<'a>>,
    next_after: Option<&'a EndpointId>,
}

#[derive(Serialize)]
struct Tested<'a> {
    message_id: &'a MessageId,
    success: bool,
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<&'static str>,
    took_ms: u64,
}

#[derive(Serialize)]
struct Statistics<'a> {
    delivered: u64,
    failed: u64,
    dead: u64,
    last_success_at: Option<Timestamp>,
    last_failure_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_problem: Option<ProblemOutline<'a>>,
}

#[derive(Serialize)]
struct ProblemOutline<'a> {
    code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
}

#[derive(Serialize)]
struct DeadLetters<'a> {
    dead_letters: Vec<DeadLetterOutline<'a>>,
    more: bool,
}

#[derive(Serialize)]
struct DeadLetterOutline<'a> {
    order_id: &'a OrderId,
    version: Version,
    at: Timestamp,
    attempts: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<ProblemOutline<'a>>,
}

#[derive(Serialize)]
struct RedrivenOutline {
    redriven: usize,
    more: bool,
}

fn written<'a>(endpoint: &'a Endpoint, secret: Option<&Secret>) -> Written<'a> {
    let disabled = match endpoint.state {
        EndpointState::Disabled { reason, since } => Some(Disabled { reason, since }),
        EndpointState::Enabled | EndpointState::Deleted => None,
    };
    Written {
        id: &endpoint.id,
        version: endpoint.version,
        owner: Owner { role: endpoint.owner.role(), party: endpoint.owner.party() },
        url: &endpoint.settings.url,
        event_types: &endpoint.settings.event_types,
        description: endpoint.settings.description.as_ref(),
        reply: endpoint.settings.reply.name(),
        enabled: endpoint.is_enabled(),
        disabled,
        secrets: endpoint.secrets.iter().map(outline).collect(),
        created_at: endpoint.created_at,
        changed_at: endpoint.changed_at,
        secret: secret.map(|secret| secret.for_receiver().to_string()),
    }
}

fn outline(secret: &EndpointSecret) -> SecretOutline {
    let open = secret.secret.open();
    let asymmetric = open.filter(|secret| secret.kind() == SecretKind::Ed25519);
    SecretOutline {
        signature: open.map(|secret| secret.kind().name()),
        public_key: asymmetric.map(|secret| secret.for_receiver().to_string()),
        valid_until: secret.valid_until,
    }
}

/// The endpoint; its version is the entity tag. `secret`: a new one.
pub(super) fn endpoint(status: StatusCode, endpoint: &Endpoint, secret: Option<&Secret>) -> Response {
    let mut response = json(status, &written(endpoint, secret));
    response.headers_mut().insert(ETAG, reply::etag(endpoint.version));
    response
}

/// 201, with the path of the endpoint below `base_path`.
pub(super) fn created(base_path: &str, created: &Endpoint, secret: Option<&Secret>) -> Response {
    let mut response = endpoint(StatusCode::CREATED, created, secret);
    // An endpoint's id has a small alphabet. A `base_path` that is no header value leaves out the header.
    if let Ok(location) = HeaderValue::try_from(format!("{base_path}/webhooks/endpoints/{}", created.id)) {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

pub(super) fn deleted() -> Response {
    let mut response = Response::new(Bytes::new().into());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// `endpoints`: all, in the order of their ids.
pub(super) fn page(endpoints: &[Arc<Endpoint>], after: Option<&EndpointId>, limit: usize) -> Response {
    let start = after.map_or(0, |after| endpoints.partition_point(|endpoint| endpoint.id <= *after));
    let rest = &endpoints[start..];
    let on_page = &rest[..limit.min(rest.len())];
    let next_after = on_page.last().filter(|_| on_page.len() < rest.len()).map(|endpoint| &endpoint.id);
    let endpoints = on_page.iter().map(|endpoint| written(endpoint, None)).collect();
    json(StatusCode::OK, &Page { endpoints, next_after })
}

/// The result of a test. The answer's body stays here, so that a test is no way to read what a host serves.
pub(super) fn tested(result: &TestResult) -> Response {
    let error = result.answer.as_ref().err();
    let tested = Tested {
        message_id: &result.message_id,
        success: result.is_success(),
        status: result.answer.as_ref().ok().map(|answer| answer.status),
        error: error.map(ToString::to_string),
        error_code: error.map(|error| error.kind().code()),
        took_ms: result.took_ms,
    };
    json(StatusCode::OK, &tested)
}

pub(super) fn statistics(stats: &EndpointStats) -> Response {
    let EndpointStats { delivered, failed, dead, last_success_at, last_failure_at, last_problem, .. } = stats;
    let statistics = Statistics {
        delivered: *delivered,
        failed: *failed,
        dead: *dead,
        last_success_at: *last_success_at,
        last_failure_at: *last_failure_at,
        last_problem: last_problem.as_ref().map(problem),
    };
    json(StatusCode::OK, &statistics)
}

/// The latest `limit` dead letters, the latest first.
pub(super) fn dead_letters(mut letters: Vec<DeadLetter>, limit: usize) -> Response {
    letters.sort_by_key(|letter| std::cmp::Reverse(letter.at));
    let more = letters.len() > limit;
    letters.truncate(limit);
    let dead_letters = letters.iter().map(dead_letter).collect();
    json(StatusCode::OK, &DeadLetters { dead_letters, more })
}

fn dead_letter(letter: &DeadLetter) -> DeadLetterOutline<'_> {
    let DeadLetter { order_id, version, at, attempts, problem: why, .. } = letter;
    let problem = why.as_ref().map(problem);
    DeadLetterOutline { order_id, version: *version, at: *at, attempts: *attempts, problem }
}

pub(super) fn redriven(redriven: Redriven) -> Response {
    json(StatusCode::OK, &RedrivenOutline { redriven: redriven.count, more: redriven.more })
}

fn problem(problem: &Problem) -> ProblemOutline<'_> {
    ProblemOutline { code: &problem.code, status: problem.status }
}

fn json(status: StatusCode, body: &impl Serialize) -> Response {
    // Texts and numbers always serialize.
    reply::json(status, Bytes::from(serde_json::to_vec(body).unwrap_or_default()))
}
