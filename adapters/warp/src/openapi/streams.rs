//! The paths of live facts.

use utoipa::openapi::path::{OperationBuilder, ParameterBuilder, ParameterIn};
use utoipa::openapi::{ArrayBuilder, ContentBuilder, ResponseBuilder};

use super::paths::{errors, header, operation, parameter, reply};
use super::schemas::{matching, of, text};

const EVENTS: &str = "text/event-stream";

/// What an order's stream is, beside its history.
pub(super) const OF_ORDER: &str = "The order's facts, from the first to the latest. With `Accept: text/event-stream`, a live stream: \
    `snapshot` (the order), then `fact` for each fact; the `id` is the version. It ends behind the fact with a terminal status.";

/// The last event that a client has.
const LAST_EVENT_ID: &str = "The `id` of the last event that the client has. The stream continues behind it.";

/// The parameters of a stream that resumes from an id of this pattern.
pub(super) fn resumed(operation: OperationBuilder, pattern: &str) -> OperationBuilder {
    let by_header = header("Last-Event-ID", LAST_EVENT_ID).schema(Some(matching(LAST_EVENT_ID, pattern)));
    let by_query = "The same, for clients that cannot send headers.";
    let by_query = parameter("last_event_id", ParameterIn::Query, by_query)
        .schema(Some(matching(LAST_EVENT_ID, pattern)));
    operation.parameter(by_header).parameter(by_query)
}

/// A reply that may be a stream.
pub(super) fn or_stream(response: ResponseBuilder) -> ResponseBuilder {
    let events = "Server-sent events (the HTML standard). `resume` and `end` precede the end of a stream that ends early.";
    response.content(EVENTS, ContentBuilder::new().schema(Some(text(events))).build())
}

/// 204: a browser stops reconnecting.
pub(super) fn complete() -> ResponseBuilder {
    ResponseBuilder::new().description("A stream that resumes from the last version has nothing to send.")
}

pub(super) fn all_events() -> OperationBuilder {
    let status = "Only facts with this status. May occur several times.";
    let statuses = ParameterBuilder::new()
        .name("status")
        .parameter_in(ParameterIn::Query)
        .description(Some(status))
        .schema(Some(ArrayBuilder::new().items(of("Status")).build()));
    let stream = ResponseBuilder::new().description(
        "A live stream of the facts of every order that the caller sees. The `id` is an opaque position.",
    );
    let operation = operation("events", "Follow every order")
        .parameter(statuses)
        .response("200", or_stream(stream))
        .response("501", without_streams());
    errors(resumed(operation, "^[A-Za-z0-9_-]+$"), &[400, 503])
}

pub(super) fn socket() -> OperationBuilder {
    let protocol = "Must contain `logistics.live.v1`.";
    let switched = ResponseBuilder::new().description(
        "A WebSocket (RFC 6455) with subscriptions to orders, by the subprotocol `logistics.live.v1`.",
    );
    let operation = operation("liveSocket", "Follow any number of orders over a WebSocket")
        .parameter(header("Sec-WebSocket-Protocol", protocol))
        .response("101", switched)
        .response("426", reply("The request is no upgrade to a WebSocket.", "Error"))
        .response("501", without_streams());
    errors(operation, &[400, 503])
}

fn without_streams() -> ResponseBuilder {
    reply("This server has no live streams (`no_streams`).", "Error")
}
