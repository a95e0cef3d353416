//! The paths, with their parameters, headers and replies.

use logistics_core::limits::{PAGE_ORDERS_MAX, PARTY_BYTES_MAX};
use logistics_service::{IDEMPOTENCY_KEY_BYTES_MAX, PAGE_ORDERS, PAGE_RECORDS, PAGE_RECORDS_MAX};
use utoipa::openapi::path::{HttpMethod, OperationBuilder, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{
    ContentBuilder, HeaderBuilder, Paths, PathsBuilder, RefOr, Required, ResponseBuilder, Schema,
};

use super::schemas::{bounded, matching, of, text, time, whole_number};
use super::{BEARER, CERTIFICATE, streams};
use crate::endpoint::log::END;

const JSON: &str = "application/json";

/// The pattern of an order's `ETag`, or of `*`.
pub(super) const VERSION_TAG: &str = r#"^(\*|(W/)?"[0-9]+")$"#;

/// The meaning of 503, except at `/health/ready`.
const UNAVAILABLE: &str = "The request failed for now: `unavailable` (the log or the store does not answer), `circuit_open` (it \
    was not called, because it did not answer before), `storage_full`, `overloaded` \
    (too many bytes in flight), `too_many_streams`, `not_ready` or `rebuilding` (the store is behind the log).";

/// The meaning of 403.
const FORBIDDEN: &str = "The caller is not permitted to do this (`forbidden`, `foreign_party`, `not_permitted`), `actor` is `system` \
    (`reserved_actor`), or the request comes from a page of another site (`foreign_origin`).";

/// The meaning of 429.
const LIMITED: &str = "The caller exceeds its rate limit (`rate_limited`), has too many failed logins (`too_many_failed_logins`), too many \
    requests read the log at the same time (`too_many_readers`), or the caller has too many streams (`too_many_streams_of_caller`).";

/// The meaning of 410.
const LINK_ENDED: &str =
    "The tracking link has expired, was revoked, or its order ended long ago (`link_ended`).";

const NO_SCOPES: [&str; 0] = [];

const SINCE: &str = "Only orders whose latest change is at or after this time.";

/// The errors of a request with a body.
pub(super) const BODY_ERRORS: &[u16] = &[400, 408, 413, 415, 503];

pub(super) fn all() -> Paths {
    let path = |method, operation: OperationBuilder| {
        PathItem::new(method, operation.security(SecurityRequirement::default()))
    };
    let protected = |method, operation| PathItem::new(method, secured(operation));
    let mut orders = protected(HttpMethod::Get, list());
    orders.merge_operations(protected(HttpMethod::Post, place()));
    let mut tracking_link = protected(HttpMethod::Post, create_tracking_link());
    tracking_link.merge_operations(protected(HttpMethod::Delete, revoke_tracking_links()));
    let paths = PathsBuilder::new()
        .path("/orders", orders)
        .path("/orders/{id}", protected(HttpMethod::Get, order()))
        .path("/orders/{id}/events", protected(HttpMethod::Get, events()))
        .path("/orders/{id}/requests/{request_id}", protected(HttpMethod::Get, request_outcome()))
        .path("/orders/{id}/cancel", protected(HttpMethod::Post, cancel()))
        .path("/orders/{id}/transitions", protected(HttpMethod::Post, transition()))
        .path("/orders/{id}/assignment", protected(HttpMethod::Post, assignment()))
        .path("/orders/{id}/tracking-link", tracking_link)
        .path("/events", protected(HttpMethod::Get, streams::all_events()))
        .path("/live", protected(HttpMethod::Get, streams::socket()))
        .path("/log/{topic}/{partition}", protected(HttpMethod::Get, log()))
        .path("/health/live", path(HttpMethod::Get, live()))
        .path("/health/ready", path(HttpMethod::Get, ready()))
        .path("/openapi.json", path(HttpMethod::Get, openapi()));
    let paths = super::webhooks::paths(paths);
    #[cfg(feature = "docs-page")]
    let paths = paths.path("/docs", path(HttpMethod::Get, docs()));
    paths.build()
}

/// An operation that needs a credential.
pub(super) fn secured(operation: OperationBuilder) -> OperationBuilder {
    let challenge = HeaderBuilder::new().schema(Some(text("The challenge (RFC 6750)."))).build();
    let unauthenticated = reply("The credential is missing or not accepted.", "Error");
    let schemes = [BEARER, CERTIFICATE].map(|scheme| SecurityRequirement::new(scheme, NO_SCOPES));
    operation
        .securities(Some(schemes))
        .response("401", unauthenticated.header("WWW-Authenticate", challenge))
        .response("403", reply(FORBIDDEN, "Error"))
        .response("429", limited())
}

/// 429, with the headers of rate limits (draft-ietf-httpapi-ratelimit-headers).
fn limited() -> ResponseBuilder {
    let header = |meaning| HeaderBuilder::new().schema(Some(text(meaning))).build();
    retried(LIMITED, "Error")
        .header("RateLimit-Policy", header("The quota `q` and its window `w` in seconds."))
        .header("RateLimit", header("The requests left `r`, and seconds `t` until the quota is restored."))
}

pub(super) fn operation(id: &str, summary: &str) -> OperationBuilder {
    OperationBuilder::new().operation_id(Some(id)).summary(Some(summary))
}

fn place() -> OperationBuilder {
    let operation = operation("placeOrder", "Place an order")
        .parameter(key(
            "The same key is the same order, so that a request can be repeated safely. The reply then waits for the decision.",
        ))
        .parameter(prefer())
        .request_body(Some(body("Placement", Required::False)))
        .response("200", reply("The log has stored the order durably.", "Placed"))
        .response("202", accepted())
        .response("422", reply("The key belongs to a request with another body.", "Error"));
    errors(operation, BODY_ERRORS)
}

fn order() -> OperationBuilder {
    let operation = operation("order", "Read an order")
        .parameter(id())
        .parameter(tracking_token())
        .response("410", reply(LINK_ENDED, "Error"))
        .parameter(if_none_match())
        .response("200", tagged("The order.", "Order"))
        .response("304", ResponseBuilder::new().description("The client has it already."));
    errors(operation, &[400, 404, 503])
}

fn events() -> OperationBuilder {
    let operation = operation("orderEvents", "Read the history of an order")
        .parameter(id())
        .parameter(tracking_token())
        .response("410", reply(LINK_ENDED, "Error"))
        .parameter(if_none_match())
        .response("200", streams::or_stream(tagged(streams::OF_ORDER, "History")))
        .response("204", streams::complete())
        .response("304", ResponseBuilder::new().description("The client has them already."));
    errors(streams::resumed(operation, "^[0-9]+$"), &[400, 404, 503])
}

fn request_outcome() -> OperationBuilder {
    let operation = operation("requestOutcome", "Read the outcome of a request")
        .parameter(id())
        .parameter(path_part("request_id", "The request.", text("The `request_id` of a 202.")))
        .parameter(prefer())
        .response("200", reply("The request is decided.", "RequestOutcome"))
        .response("404", reply("The request is not decided yet, or its outcome has expired.", "Error"));
    errors(operation, &[400, 503])
}

fn list() -> OperationBuilder {
    let limit = whole_number("Orders on the page.").minimum(Some(1)).maximum(Some(PAGE_ORDERS_MAX));
    let operation = operation("orders", "List orders, the latest change first")
        .parameter(
            parameter("status", ParameterIn::Query, "Only orders in this status.").schema(Some(of("Status"))),
        )
        .parameter(
            parameter("late", ParameterIn::Query, "`true`: only late orders, the oldest first.")
                .schema(Some(matching("Whether only late orders are listed.", "^(true|false)$"))),
        )
        .parameter(party("customer_id", "Only orders of this customer, in any status unless `status` is set."))
        .parameter(party("merchant_id", "Only orders of this merchant. A list is of one party at most."))
        .parameter(party("courier_id", "Only orders of this courier. A list is of one party at most."))
        .parameter(
            parameter("since", ParameterIn::Query, SINCE).schema(Some(time(SINCE))),
        )
        .parameter(cursor())
        .parameter(
            parameter("limit", ParameterIn::Query, "Orders on the page.")
                .schema(Some(limit.default(Some(PAGE_ORDERS.into())))),
        )
        .response("200", reply("A page. It ends early at 1 MiB. With a party and a status it may be empty although `next_cursor` is set.", "Page"));
    errors(operation, &[400, 503])
}

fn assignment() -> OperationBuilder {
    let operation = operation("assignCourier", "Set or clear the courier of an order")
        .request_body(Some(body("Assignment", Required::True)))
        .response("200", tagged("The order has the courier.", "Order"))
        .response("409", reply("The lifecycle does not let this actor change the courier now.", "Error"));
    change_order(operation)
}

fn create_tracking_link() -> OperationBuilder {
    let operation = operation("createTrackingLink", "Make a link to the tracking page of an order")
        .parameter(id())
        .request_body(Some(body("TrackingLinkRequest", Required::False)))
        .response(
            "201",
            reply(
                "The link. Its token is a secret: it shows the order to everyone who has it.",
                "TrackingLink",
            ),
        )
        .response("410", reply("The order ended too long ago.", "Error"));
    errors(errors(operation, &[404]), BODY_ERRORS)
}

fn revoke_tracking_links() -> OperationBuilder {
    let operation = operation("revokeTrackingLinks", "Revoke every tracking link of an order that exists")
        .request_body(Some(body("Revocation", Required::False)))
        .response("200", tagged("Every earlier link is invalid.", "Order"))
        .response("409", reply("The order has ended; its links end by themselves.", "Error"));
    change_order(operation)
}

fn cancel() -> OperationBuilder {
    let operation = operation("cancelOrder", "Cancel an order");
    move_order(operation.request_body(Some(body("Cancellation", Required::False))))
}

fn transition() -> OperationBuilder {
    let operation = operation("moveOrder", "Move an order to another status");
    move_order(operation.request_body(Some(body("Transition", Required::True))))
}

fn move_order(operation: OperationBuilder) -> OperationBuilder {
    let rejected = "The lifecycle rejects the request; `allowed_transitions` lists what it permits.";
    let operation = operation.response("200", tagged("The order has the status.", "Order"));
    change_order(operation.response("409", reply(rejected, "Error")))
}

/// A request about an order, with what all of them have in common.
fn change_order(operation: OperationBuilder) -> OperationBuilder {
    let if_match = "The `ETag` of the order that the client has read. If the order has changed since, the request is rejected.";
    let operation = operation
        .parameter(id())
        .parameter(key("The same key at the same order is the same request. Its change is never repeated."))
        .parameter(header("If-Match", if_match).schema(Some(matching(if_match, VERSION_TAG))))
        .parameter(prefer())
        .response("202", accepted())
        .response("422", reply("The key belongs to a request with another body.", "Error"))
        .response("412", tagged("The order has another version than `If-Match`.", "Error"));
    errors(errors(operation, &[404]), BODY_ERRORS)
}

fn log() -> OperationBuilder {
    let limit = whole_number("Records on the page.").minimum(Some(1)).maximum(Some(PAGE_RECORDS_MAX));
    let from = format!("The first offset, 0 by default; `{END}`: behind the last record.");
    let wait = "`wait=N`: wait up to N seconds for a record if there is none yet (RFC 7240).";
    let operation = operation("log", "Read a partition of the log")
        .parameter(path_part("topic", "The topic.", of("Topic")))
        .parameter(path_part(
            "partition",
            "The partition.",
            whole_number("The number of the partition, from 0.").into(),
        ))
        .parameter(
            parameter("from", ParameterIn::Query, &from)
                .schema(Some(matching(&from, &format!("^([0-9]+|{END})$")))),
        )
        .parameter(
            parameter("limit", ParameterIn::Query, "Records on the page.")
                .schema(Some(limit.default(Some(PAGE_RECORDS.into())))),
        )
        .parameter(header("Prefer", wait))
        .response("200", reply("Records in the order of their offsets.", "LogPage"))
        .response("404", reply("There is no such topic or partition; `error` lists them.", "Error"));
    errors(operation, &[400, 503])
}

fn live() -> OperationBuilder {
    operation("live", "Liveness of the process").response("200", reply("The process is live.", "Live"))
}

fn ready() -> OperationBuilder {
    operation("ready", "Readiness of the process")
        .response(
            "200",
            reply(
                "Orders are accepted; `degraded` lists the parts that are missing and not needed.",
                "Ready",
            ),
        )
        .response("503", reply("Parts are missing; `missing` lists them.", "Ready"))
}

fn openapi() -> OperationBuilder {
    let document =
        ResponseBuilder::new().description("OpenAPI 3.1.").content(JSON, ContentBuilder::new().build());
    operation("openapi", "This document").response("200", document)
}

#[cfg(feature = "docs-page")]
fn docs() -> OperationBuilder {
    let page =
        ResponseBuilder::new().description("HTML.").content("text/html", ContentBuilder::new().build());
    operation("docs", "This document as an interactive page").response("200", page)
}

pub(super) fn parameter(name: &str, place: ParameterIn, description: &str) -> ParameterBuilder {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(text(description)))
}

fn party(name: &str, description: &str) -> ParameterBuilder {
    parameter(name, ParameterIn::Query, description).schema(Some(bounded(description, PARTY_BYTES_MAX)))
}

pub(super) fn header(name: &str, description: &str) -> ParameterBuilder {
    parameter(name, ParameterIn::Header, description)
}

pub(super) fn path_part(name: &str, description: &str, schema: RefOr<Schema>) -> ParameterBuilder {
    let part = parameter(name, ParameterIn::Path, description);
    part.required(Required::True).schema(Some(schema))
}

fn cursor() -> ParameterBuilder {
    let description = "The `next_cursor` of the previous page.";
    parameter("cursor", ParameterIn::Query, description)
        .schema(Some(matching(description, "^[A-Za-z0-9_-]+$")))
}

fn tracking_token() -> ParameterBuilder {
    let description = "The token of a tracking link, in place of another credential. The reply has no parties, reasons and details.";
    parameter("token", ParameterIn::Query, description)
        .schema(Some(matching(description, "^[A-Za-z0-9_-]+$")))
}

fn id() -> ParameterBuilder {
    path_part("id", "The order.", of("OrderId"))
}

/// The parameter `Idempotency-Key`. `meaning`: what the same key is.
pub(super) fn key(meaning: &str) -> ParameterBuilder {
    let description = format!("1 to {IDEMPOTENCY_KEY_BYTES_MAX} visible ASCII characters. {meaning}");
    let pattern = format!("^[!-~]{{1,{IDEMPOTENCY_KEY_BYTES_MAX}}}$");
    header("Idempotency-Key", &description).schema(Some(matching(&description, &pattern)))
}

fn prefer() -> ParameterBuilder {
    header("Prefer", "`wait=N`: wait up to N seconds for the decision (RFC 7240).")
}

pub(super) fn if_none_match() -> ParameterBuilder {
    header("If-None-Match", "The `ETag` that the client has.")
}

pub(super) fn body(schema: &str, required: Required) -> utoipa::openapi::request_body::RequestBody {
    let content = ContentBuilder::new().schema(Some(of(schema))).build();
    RequestBodyBuilder::new().content(JSON, content).required(Some(required)).build()
}

pub(super) fn reply(description: &str, schema: &str) -> ResponseBuilder {
    let content = ContentBuilder::new().schema(Some(of(schema))).build();
    ResponseBuilder::new().description(description).content(JSON, content)
}

pub(super) fn tagged(description: &str, schema: &str) -> ResponseBuilder {
    let etag = HeaderBuilder::new().schema(Some(text("The version in quotation marks."))).build();
    reply(description, schema).header("ETag", etag)
}

/// A reply with `Retry-After`.
fn retried(description: &str, schema: &str) -> ResponseBuilder {
    let seconds = whole_number("Seconds before a retry.");
    let after = HeaderBuilder::new().schema(Some(seconds)).build();
    reply(description, schema).header("Retry-After", after)
}

fn accepted() -> ResponseBuilder {
    let location = HeaderBuilder::new().schema(Some(text("The path of the outcome."))).build();
    reply("The log has stored the request; it is not decided yet.", "Accepted").header("Location", location)
}

pub(super) fn errors(operation: OperationBuilder, statuses: &[u16]) -> OperationBuilder {
    statuses.iter().fold(operation, |operation, status| {
        let response = match status {
            400 => reply("The request is invalid; `field` names the part.", "Error"),
            404 => reply("There is no such order.", "Error"),
            408 => reply("The body did not arrive in time.", "Error"),
            413 => reply("The body is too long.", "Error"),
            415 => reply("The content type of the body is not application/json.", "Error"),
            _ => retried(UNAVAILABLE, "Error"),
        };
        operation.response(status.to_string(), response)
    })
}
