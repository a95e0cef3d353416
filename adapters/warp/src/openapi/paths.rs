//! The paths, with their parameters, headers and replies.

use logistics_core::limits::PAGE_ORDERS_MAX;
use logistics_service::{IDEMPOTENCY_KEY_BYTES_MAX, PAGE_ORDERS, PAGE_RECORDS, PAGE_RECORDS_MAX};
use utoipa::openapi::path::{HttpMethod, OperationBuilder, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::{
    ContentBuilder, HeaderBuilder, Paths, PathsBuilder, RefOr, Required, ResponseBuilder, Schema,
};

use super::schemas::{matching, of, text, whole_number};
use crate::log::END;

const JSON: &str = "application/json";

/// An `ETag` of an order, or any.
const VERSION_TAG: &str = r#"^(\*|(W/)?"[0-9]+")$"#;

/// What 503 means, of every path but health.
const UNAVAILABLE: &str = "It cannot be answered or stored at the moment: `unavailable` (the log or the store does not answer), \
    `storage_full`, `overloaded` (too many bytes are under way), `not_ready` or `rebuilding` (the store is behind the log).";

/// What can be wrong with a request that has a body.
const BODY_ERRORS: &[u16] = &[400, 408, 413, 415, 503];

pub(super) fn all() -> Paths {
    let path = PathItem::new;
    let mut orders = path(HttpMethod::Get, list());
    orders.merge_operations(path(HttpMethod::Post, place()));
    let paths = PathsBuilder::new()
        .path("/orders", orders)
        .path("/orders/{id}", path(HttpMethod::Get, order()))
        .path("/orders/{id}/events", path(HttpMethod::Get, events()))
        .path("/orders/{id}/requests/{request_id}", path(HttpMethod::Get, request_outcome()))
        .path("/orders/{id}/cancel", path(HttpMethod::Post, cancel()))
        .path("/orders/{id}/transitions", path(HttpMethod::Post, transition()))
        .path("/log/{topic}/{partition}", path(HttpMethod::Get, log()))
        .path("/health/live", path(HttpMethod::Get, live()))
        .path("/health/ready", path(HttpMethod::Get, ready()))
        .path("/openapi.json", path(HttpMethod::Get, openapi()));
    #[cfg(feature = "docs-page")]
    let paths = paths.path("/docs", path(HttpMethod::Get, docs()));
    paths.build()
}

fn operation(id: &str, summary: &str) -> OperationBuilder {
    OperationBuilder::new().operation_id(Some(id)).summary(Some(summary))
}

fn place() -> OperationBuilder {
    let key = format!(
        "1 to {IDEMPOTENCY_KEY_BYTES_MAX} visible ASCII characters. The same key is the same order, so that a request can be \
         repeated safely; the reply then waits for the decision."
    );
    let operation = operation("placeOrder", "Place an order")
        .parameter(
            header("Idempotency-Key", &key)
                .schema(Some(matching(&key, &format!("^[!-~]{{1,{IDEMPOTENCY_KEY_BYTES_MAX}}}$")))),
        )
        .parameter(prefer())
        .request_body(Some(body("Placement", Required::False)))
        .response("200", reply("The order stands in the log, durably.", "Placed"))
        .response("202", accepted())
        .response("422", reply("The key was used with another body.", "Error"));
    errors(operation, BODY_ERRORS)
}

fn order() -> OperationBuilder {
    let operation = operation("order", "Read an order")
        .parameter(id())
        .parameter(if_none_match())
        .response("200", tagged("The order.", "Order"))
        .response("304", ResponseBuilder::new().description("The client has it already."));
    errors(operation, &[400, 404, 503])
}

fn events() -> OperationBuilder {
    let operation = operation("orderEvents", "Read what happened to an order")
        .parameter(id())
        .parameter(if_none_match())
        .response("200", tagged("Its facts, from the first to the latest.", "History"))
        .response("304", ResponseBuilder::new().description("The client has them already."));
    errors(operation, &[400, 404, 503])
}

fn request_outcome() -> OperationBuilder {
    let operation = operation("requestOutcome", "Read what became of a request")
        .parameter(id())
        .parameter(path_part("request_id", "The request.", text("The `request_id` of a 202.")))
        .parameter(prefer())
        .response("200", reply("It is decided.", "RequestOutcome"))
        .response("404", reply("It is not decided yet, or its outcome has expired.", "Error"));
    errors(operation, &[400, 503])
}

fn list() -> OperationBuilder {
    let limit = whole_number("Orders on the page.").minimum(Some(1)).maximum(Some(PAGE_ORDERS_MAX));
    let operation = operation("orders", "List orders, those that changed last first")
        .parameter(
            parameter("status", ParameterIn::Query, "Only those in this status.").schema(Some(of("Status"))),
        )
        .parameter(
            parameter("late", ParameterIn::Query, "`true`: only those that are late, the oldest first.")
                .schema(Some(matching("Whether only late orders are listed.", "^(true|false)$"))),
        )
        .parameter(cursor())
        .parameter(
            parameter("limit", ParameterIn::Query, "Orders on the page.")
                .schema(Some(limit.default(Some(PAGE_ORDERS.into())))),
        )
        .response("200", reply("A page; it ends early once its orders have a MiB.", "Page"));
    errors(operation, &[400, 503])
}

fn cancel() -> OperationBuilder {
    let operation = operation("cancelOrder", "Call an order off");
    step(operation.request_body(Some(body("Cancellation", Required::False))))
}

fn transition() -> OperationBuilder {
    let operation = operation("moveOrder", "Ask for a step of the lifecycle");
    step(operation.request_body(Some(body("Transition", Required::True))))
}

fn step(operation: OperationBuilder) -> OperationBuilder {
    let if_match =
        "The `ETag` of the order as the client knows it; if it has changed since, nothing happens.";
    let key = format!(
        "1 to {IDEMPOTENCY_KEY_BYTES_MAX} visible ASCII characters. The same key at the same order is the same request: what \
         it changed is not repeated, for as long as the order exists."
    );
    let key_pattern = format!("^[!-~]{{1,{IDEMPOTENCY_KEY_BYTES_MAX}}}$");
    let operation = operation
        .parameter(id())
        .parameter(header("Idempotency-Key", &key).schema(Some(matching(&key, &key_pattern))))
        .parameter(header("If-Match", if_match).schema(Some(matching(if_match, VERSION_TAG))))
        .parameter(prefer())
        .response("200", tagged("It is so; the order.", "Order"))
        .response("202", accepted())
        .response(
            "403",
            reply("`actor` is `system`, or the request comes from a page of another site.", "Error"),
        )
        .response("422", reply("The key was used with another body.", "Error"))
        .response("409", reply("The lifecycle refuses; `allowed_transitions` says what it allows.", "Error"))
        .response("412", tagged("The order has another version than `If-Match` says.", "Error"));
    errors(errors(operation, &[404]), BODY_ERRORS)
}

fn log() -> OperationBuilder {
    let limit = whole_number("Records on the page.").minimum(Some(1)).maximum(Some(PAGE_RECORDS_MAX));
    let from = format!("The offset to begin at, 0 where it is not given; `{END}`: behind the last record.");
    let wait = "`wait=N`: where there is no record yet, wait up to N seconds for one (RFC 7240).";
    let operation = operation("log", "Read a partition of the log")
        .parameter(path_part("topic", "The topic.", of("Topic")))
        .parameter(path_part("partition", "The partition.", whole_number("From 0 on.").into()))
        .parameter(
            parameter("from", ParameterIn::Query, &from)
                .schema(Some(matching(&from, &format!("^([0-9]+|{END})$")))),
        )
        .parameter(
            parameter("limit", ParameterIn::Query, "Records on the page.")
                .schema(Some(limit.default(Some(PAGE_RECORDS.into())))),
        )
        .parameter(header("Prefer", wait))
        .response("200", reply("Records in the order of their offsets, as they stand there.", "LogPage"))
        .response("404", reply("There is no such topic or partition; `error` says which there are.", "Error"))
        .response("429", retried("As many requests read the log as may.", "Error"));
    errors(operation, &[400, 503])
}

fn live() -> OperationBuilder {
    operation("live", "Whether the process answers").response("200", reply("It does.", "Live"))
}

fn ready() -> OperationBuilder {
    operation("ready", "Whether every part can do its work")
        .response(
            "200",
            reply("Orders are taken; `degraded` names the parts that are missing all the same.", "Ready"),
        )
        .response("503", reply("Some cannot; `missing` names them.", "Ready"))
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
    operation("docs", "This document as a page to try things out").response("200", page)
}

fn parameter(name: &str, place: ParameterIn, description: &str) -> ParameterBuilder {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(text(description)))
}

fn header(name: &str, description: &str) -> ParameterBuilder {
    parameter(name, ParameterIn::Header, description)
}

fn path_part(name: &str, description: &str, schema: RefOr<Schema>) -> ParameterBuilder {
    let part = parameter(name, ParameterIn::Path, description);
    part.required(Required::True).schema(Some(schema))
}

fn cursor() -> ParameterBuilder {
    let description = "The `next_cursor` of the page before.";
    parameter("cursor", ParameterIn::Query, description)
        .schema(Some(matching(description, "^[A-Za-z0-9_-]+$")))
}

fn id() -> ParameterBuilder {
    path_part("id", "The order.", of("OrderId"))
}

fn prefer() -> ParameterBuilder {
    header("Prefer", "`wait=N`: wait up to N seconds for the decision (RFC 7240).")
}

fn if_none_match() -> ParameterBuilder {
    header("If-None-Match", "The `ETag` that the client has.")
}

fn body(schema: &str, required: Required) -> utoipa::openapi::request_body::RequestBody {
    let content = ContentBuilder::new().schema(Some(of(schema))).build();
    RequestBodyBuilder::new().content(JSON, content).required(Some(required)).build()
}

fn reply(description: &str, schema: &str) -> ResponseBuilder {
    let content = ContentBuilder::new().schema(Some(of(schema))).build();
    ResponseBuilder::new().description(description).content(JSON, content)
}

fn tagged(description: &str, schema: &str) -> ResponseBuilder {
    let etag = HeaderBuilder::new().schema(Some(text("The version in quotation marks."))).build();
    reply(description, schema).header("ETag", etag)
}

/// A reply that says when to try again.
fn retried(description: &str, schema: &str) -> ResponseBuilder {
    let seconds = whole_number("Seconds after which to try again.");
    let after = HeaderBuilder::new().schema(Some(seconds)).build();
    reply(description, schema).header("Retry-After", after)
}

fn accepted() -> ResponseBuilder {
    let location = HeaderBuilder::new().schema(Some(text("Where the outcome will be."))).build();
    reply("The log holds the request; it is not decided yet.", "Accepted").header("Location", location)
}

fn errors(operation: OperationBuilder, statuses: &[u16]) -> OperationBuilder {
    statuses.iter().fold(operation, |operation, status| {
        let response = match status {
            400 => reply("The request is malformed; `field` says where.", "Error"),
            404 => reply("There is no such order.", "Error"),
            408 => reply("The body did not arrive in time.", "Error"),
            413 => reply("The body is too long.", "Error"),
            415 => reply("The body is not sent as application/json.", "Error"),
            _ => retried(UNAVAILABLE, "Error"),
        };
        operation.response(status.to_string(), response)
    })
}
