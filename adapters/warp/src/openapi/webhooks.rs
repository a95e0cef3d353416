//! The paths and schemas of webhook endpoints.

use logistics_core::lifecycle::Actor;
use logistics_core::limits::{
    ENDPOINT_DESCRIPTION_BYTES_MAX, ENDPOINT_ID_BYTES_MAX, ENDPOINT_URL_BYTES_MAX, PARTY_BYTES_MAX,
    WEBHOOK_OVERLAP_MS_DEFAULT, WEBHOOK_OVERLAP_MS_MAX,
};
use logistics_core::webhook::{DisabledReason, EventType, ReplyUse, SecretKind};
use utoipa::openapi::path::{HttpMethod, OperationBuilder, ParameterIn, PathItem};
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{HeaderBuilder, PathsBuilder, Required, ResponseBuilder};

use super::paths::{
    BODY_ERRORS, VERSION_TAG, body, errors, header, if_none_match, key, operation, parameter, path_part,
    reply, secured, tagged,
};
use super::schemas::{
    Any, bounded, closed, flag, list_of, matching, names, object, of, text, time, typed, typed_or_null,
    whole_number,
};
use crate::endpoint::webhooks::{PAGE_ENDPOINTS, PAGE_ENDPOINTS_MAX};

const ENDPOINTS: &str = "/webhooks/endpoints";

pub(super) fn paths(paths: PathsBuilder) -> PathsBuilder {
    let item = |method, operation| PathItem::new(method, secured(operation));
    let mut endpoints = item(HttpMethod::Get, list());
    endpoints.merge_operations(item(HttpMethod::Post, create()));
    let mut endpoint = item(HttpMethod::Get, show());
    endpoint.merge_operations(item(HttpMethod::Patch, change()));
    endpoint.merge_operations(item(HttpMethod::Delete, delete()));
    let below = |name: &str| format!("{ENDPOINTS}/{{id}}/{name}");
    let switch = |id: &str, summary: &str| {
        let operation = on_endpoint(operation(id, summary)).parameter(if_match());
        let operation = operation.response("200", tagged("The endpoint.", "WebhookEndpoint"));
        errors(operation.response("412", stale()), BODY_ERRORS)
    };
    paths
        .path(ENDPOINTS, endpoints)
        .path(format!("{ENDPOINTS}/{{id}}"), endpoint)
        .path(below("rotate"), item(HttpMethod::Post, rotate()))
        .path(below("test"), item(HttpMethod::Post, test()))
        .path(below("statistics"), item(HttpMethod::Get, statistics()))
        .path(below("dead-letters"), item(HttpMethod::Get, dead_letters()))
        .path(below("redrive"), item(HttpMethod::Post, redrive()))
        .path(
            below("enable"),
            item(HttpMethod::Post, switch("enableWebhookEndpoint", "Enable a webhook endpoint")),
        )
        .path(
            below("disable"),
            item(HttpMethod::Post, switch("disableWebhookEndpoint", "Disable a webhook endpoint")),
        )
}

pub(super) fn schemas() -> Vec<(&'static str, Any)> {
    vec![
        ("WebhookEndpointId", id()),
        ("WebhookEventType", event_type()),
        ("WebhookSignature", names(SecretKind::ALL.map(SecretKind::name), "How messages are signed.")),
        ("WebhookOwner", owner()),
        ("WebhookEndpoint", endpoint()),
        ("NewWebhookEndpoint", new_endpoint()),
        ("WebhookEndpointChange", endpoint_change()),
        ("WebhookRotation", rotation()),
        ("WebhookEndpointPage", page()),
        ("WebhookTest", tested()),
        ("WebhookStatistics", statistics_body()),
        ("WebhookProblem", problem()),
        ("WebhookDeadLetter", dead_letter()),
        ("WebhookDeadLetters", dead_letters_body()),
        ("WebhookRedrive", redrive_body()),
        ("WebhookRedriven", redriven()),
    ]
}

fn on_endpoint(operation: OperationBuilder) -> OperationBuilder {
    operation
        .parameter(path_part("id", "The endpoint.", of("WebhookEndpointId")))
        .response("404", reply("There is no such endpoint, or the server has no webhooks.", "Error"))
}

fn if_match() -> utoipa::openapi::path::ParameterBuilder {
    let description = "The `ETag` of the endpoint that the client has read. If it has changed since, the request is rejected.";
    header("If-Match", description).schema(Some(matching(description, VERSION_TAG)))
}

fn stale() -> ResponseBuilder {
    tagged("The endpoint has another version than `If-Match`.", "Error")
}

fn create() -> OperationBuilder {
    let location = HeaderBuilder::new().schema(Some(text("The path of the endpoint."))).build();
    let created = tagged("The endpoint, with its secret, which is shown this once.", "WebhookEndpoint");
    let operation = operation("createWebhookEndpoint", "Create a webhook endpoint")
        .parameter(key(
            "The same key is the same endpoint, so that a request can be repeated safely. The secret is in each reply until the \
             endpoint changes.",
        ))
        .request_body(Some(body("NewWebhookEndpoint", Required::True)))
        .response("201", created.header("Location", location))
        .response("404", reply("The server has no webhooks.", "Error"))
        .response("409", reply("The owner has too many endpoints.", "Error"))
        .response("422", reply("The key belongs to a request with another body.", "Error"));
    errors(operation, BODY_ERRORS)
}

fn list() -> OperationBuilder {
    let after = "The `next_after` of the previous page.";
    let limit = whole_number("Endpoints on the page.").minimum(Some(1)).maximum(Some(PAGE_ENDPOINTS_MAX));
    let operation = operation("webhookEndpoints", "List webhook endpoints")
        .parameter(parameter("after", ParameterIn::Query, after).schema(Some(of("WebhookEndpointId"))))
        .parameter(
            parameter("limit", ParameterIn::Query, "Endpoints on the page.")
                .schema(Some(limit.default(Some(PAGE_ENDPOINTS.into())))),
        )
        .response("200", reply("The endpoints that the caller manages.", "WebhookEndpointPage"))
        .response("404", reply("The server has no webhooks.", "Error"));
    errors(operation, &[400, 503])
}

fn show() -> OperationBuilder {
    let operation = on_endpoint(operation("webhookEndpoint", "Read a webhook endpoint"))
        .parameter(if_none_match())
        .response("200", tagged("The endpoint.", "WebhookEndpoint"))
        .response("304", ResponseBuilder::new().description("The client has it already."));
    errors(operation, &[400, 503])
}

fn change() -> OperationBuilder {
    let operation = on_endpoint(operation("changeWebhookEndpoint", "Change a webhook endpoint"))
        .parameter(if_match())
        .request_body(Some(body("WebhookEndpointChange", Required::True)))
        .response("200", tagged("The endpoint.", "WebhookEndpoint"))
        .response("412", stale());
    errors(operation, BODY_ERRORS)
}

fn delete() -> OperationBuilder {
    let operation = on_endpoint(operation("deleteWebhookEndpoint", "Delete a webhook endpoint"))
        .parameter(if_match())
        .response("204", ResponseBuilder::new().description("The endpoint is deleted."))
        .response("412", stale());
    errors(operation, BODY_ERRORS)
}

fn rotate() -> OperationBuilder {
    let operation = on_endpoint(operation("rotateWebhookSecret", "Rotate the secret of a webhook endpoint"))
        .parameter(if_match())
        .request_body(Some(body("WebhookRotation", Required::False)))
        .response(
            "200",
            tagged("The endpoint, with its new secret, which is shown this once.", "WebhookEndpoint"),
        )
        .response("412", stale());
    errors(operation, BODY_ERRORS)
}

fn test() -> OperationBuilder {
    let operation = on_endpoint(operation("testWebhookEndpoint", "Send a test message now"))
        .response(
            "200",
            reply("The message was sent; `success` says whether the endpoint accepted it.", "WebhookTest"),
        )
        .response("501", reply("This process sends no webhooks.", "Error"));
    errors(operation, BODY_ERRORS)
}

fn statistics() -> OperationBuilder {
    let operation =
        on_endpoint(operation("webhookStatistics", "Read what became of the messages to an endpoint"))
            .response("200", reply("Sums, as far back as the server has read the log.", "WebhookStatistics"));
    errors(operation, &[400, 503])
}

fn dead_letters() -> OperationBuilder {
    let since = "Only messages that were given up at or after this time.";
    let limit = whole_number("Messages in the reply.").minimum(Some(1)).maximum(Some(PAGE_ENDPOINTS_MAX));
    let operation = on_endpoint(operation("webhookDeadLetters", "List the messages that were given up"))
        .parameter(parameter("since", ParameterIn::Query, since).schema(Some(time(since))))
        .parameter(
            parameter("limit", ParameterIn::Query, "Messages in the reply.")
                .schema(Some(limit.default(Some(PAGE_ENDPOINTS.into())))),
        )
        .response("200", reply("The latest ones, the latest first.", "WebhookDeadLetters"));
    errors(operation, &[400, 503])
}

fn redrive() -> OperationBuilder {
    let operation = on_endpoint(operation("redriveWebhookDeadLetters", "Deliver dead letters again"))
        .request_body(Some(body("WebhookRedrive", Required::True)))
        .response("200", reply("The log has stored the requests durably.", "WebhookRedriven"));
    errors(operation, BODY_ERRORS)
}

fn problem() -> Any {
    object(&[
        ("code", text("A stable code, for example `timeout` or `status`."), true),
        ("status", whole_number("The HTTP status of the answer.").into(), false),
    ])
}

fn time_or_null(description: &str) -> Any {
    let format = utoipa::openapi::SchemaFormat::KnownFormat(utoipa::openapi::KnownFormat::DateTime);
    let kind: SchemaType = [Type::String, Type::Null].into_iter().collect();
    ObjectBuilder::new().schema_type(kind).format(Some(format)).description(Some(description)).into()
}

fn statistics_body() -> Any {
    object(&[
        ("delivered", whole_number("Messages that the endpoint accepted.").into(), true),
        ("failed", whole_number("Attempts that failed.").into(), true),
        ("dead", whole_number("Messages that were given up.").into(), true),
        ("last_success_at", time_or_null("When the endpoint accepted the latest message."), true),
        ("last_failure_at", time_or_null("When the latest attempt failed."), true),
        ("last_problem", of("WebhookProblem"), false),
    ])
}

fn dead_letter() -> Any {
    object(&[
        ("order_id", of("OrderId"), true),
        ("version", whole_number("The version of the order's fact.").into(), true),
        ("at", time("When the message was given up."), true),
        ("attempts", whole_number("Attempts that ended without success.").into(), true),
        ("problem", of("WebhookProblem"), false),
    ])
}

fn dead_letters_body() -> Any {
    let more = flag("There are more: a later `since` or a greater `limit` shows them.");
    object(&[("dead_letters", list_of(of("WebhookDeadLetter")), true), ("more", more, true)])
}

fn redrive_body() -> Any {
    closed(&[
        ("order_id", of("OrderId"), false),
        ("version", whole_number("The version of the order's fact; with `order_id`.").into(), false),
        ("since", time("All messages that were given up at or after this time; alone."), false),
    ])
}

fn redriven() -> Any {
    object(&[
        ("redriven", whole_number("Messages that will be delivered again.").into(), true),
        ("more", flag("There are more: repeat the request."), true),
    ])
}

fn id() -> Any {
    let id = typed(Type::String).description(Some("The id of a webhook endpoint."));
    id.pattern(Some("^[A-Za-z0-9_-]+$")).min_length(Some(1)).max_length(Some(ENDPOINT_ID_BYTES_MAX)).into()
}

fn event_type() -> Any {
    let names: Vec<&str> = EventType::all().map(EventType::name).collect();
    typed(Type::String).description(Some("The type of an event.")).enum_values(Some(names)).into()
}

fn event_types() -> Any {
    let kind: SchemaType = [Type::Array, Type::Null].into_iter().collect();
    let description = "What to send; null for everything that the owner may receive.";
    ArrayBuilder::new().schema_type(kind).description(Some(description)).items(of("WebhookEventType")).into()
}

fn owner() -> Any {
    object(&[
        (
            "role",
            names([Actor::Operator, Actor::Merchant, Actor::Courier].map(Actor::name), "The role."),
            true,
        ),
        ("party", bounded("The party; missing for an operator.", PARTY_BYTES_MAX), false),
    ])
}

fn url() -> Any {
    bounded("The URL, which begins with https://.", ENDPOINT_URL_BYTES_MAX)
}

fn description() -> Any {
    bounded("What the endpoint is for.", ENDPOINT_DESCRIPTION_BYTES_MAX)
}

fn reply_use() -> Any {
    let description = "What the body of the endpoint's reply is: nothing, or `requests` about the order with the rights of the owner.";
    names(ReplyUse::ALL.map(ReplyUse::name), description)
}

fn given_secret() -> Any {
    text("A secret that the receiver has already: `whsec_` or `whsk_`. Without it, the server makes one.")
}

fn new_endpoint() -> Any {
    closed(&[
        ("url", url(), true),
        ("event_types", event_types(), false),
        ("description", description(), false),
        ("reply", reply_use(), false),
        ("owner", of("WebhookOwner"), false),
        ("signature", of("WebhookSignature"), false),
        ("secret", given_secret(), false),
    ])
}

fn endpoint_change() -> Any {
    let kind: SchemaType = [Type::String, Type::Null].into_iter().collect();
    let described = ObjectBuilder::new().schema_type(kind).description(Some("Null removes it."));
    let described = described.min_length(Some(1)).max_length(Some(ENDPOINT_DESCRIPTION_BYTES_MAX));
    closed(&[
        ("url", url(), false),
        ("event_types", event_types(), false),
        ("description", described.into(), false),
        ("reply", reply_use(), false),
    ])
}

fn rotation() -> Any {
    let overlap = whole_number("Seconds for which the previous secret signs as well.")
        .maximum(Some(WEBHOOK_OVERLAP_MS_MAX / 1000))
        .default(Some((WEBHOOK_OVERLAP_MS_DEFAULT / 1000).into()));
    closed(&[
        ("overlap_s", overlap.into(), false),
        ("signature", of("WebhookSignature"), false),
        ("secret", given_secret(), false),
    ])
}

fn endpoint() -> Any {
    let disabled = object(&[
        ("reason", names(DisabledReason::ALL.map(DisabledReason::name), "Why."), true),
        ("since", time("When."), true),
    ]);
    let outline = object(&[
        ("signature", typed_or_null("The kind; null for a secret that this process cannot open."), true),
        ("public_key", text("The public key of an Ed25519 secret: `whpk_`."), false),
        ("valid_until", time("Until when it signs; missing for the newest one."), false),
    ]);
    let secret = "Only after a creation or a rotation: `whsec_`, or the public key `whpk_`.";
    object(&[
        ("id", of("WebhookEndpointId"), true),
        ("version", whole_number("The number of the endpoint's changes so far.").into(), true),
        ("owner", of("WebhookOwner"), true),
        ("url", url(), true),
        ("event_types", event_types(), true),
        ("description", description(), false),
        ("reply", reply_use(), true),
        ("enabled", flag("It receives events."), true),
        ("disabled", disabled, false),
        ("secrets", list_of(outline), true),
        ("created_at", time("The time of the creation."), true),
        ("changed_at", time("The time of the latest change."), true),
        ("secret", text(secret), false),
    ])
}

fn page() -> Any {
    object(&[
        ("endpoints", list_of(of("WebhookEndpoint")), true),
        ("next_after", typed_or_null("`after` of the next page; null on the last."), true),
    ])
}

fn tested() -> Any {
    let kind: SchemaType = [Type::Integer, Type::Null].into_iter().collect();
    let status =
        ObjectBuilder::new().schema_type(kind).description(Some("The HTTP status; null without an answer."));
    object(&[
        ("message_id", text("The `webhook-id`."), true),
        ("success", flag("The endpoint accepted the message: the status is 2xx."), true),
        ("status", status.into(), true),
        ("error", text("Why there is no answer."), false),
        ("error_code", text("The same as a stable code for programs."), false),
        ("took_ms", whole_number("Milliseconds to the answer.").into(), true),
    ])
}
