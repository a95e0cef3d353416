//! The schemas of bodies.

use logistics_core::lifecycle::{ACTORS, Actor, STATUSES, Status};
use logistics_core::limits::{ORDER_ID_BYTES_MAX, PARTY_BYTES_MAX, REASON_BYTES_MAX};
use logistics_core::port::Topic;
use utoipa::openapi::schema::{AdditionalProperties, ArrayBuilder, ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{Ref, RefOr};

type Any = RefOr<Schema>;

pub(super) fn all() -> Vec<(&'static str, Any)> {
    vec![
        ("Status", names(STATUSES.map(Status::name), "Where an order is.")),
        ("Actor", names(ACTORS.map(Actor::name), "Who asks.")),
        ("OrderId", order_id()),
        ("Placement", placement()),
        ("Placed", placed()),
        ("Transition", transition()),
        ("Cancellation", cancellation()),
        ("Accepted", accepted()),
        ("HistoryEntry", history_entry()),
        ("RequestOutcome", request_outcome()),
        ("Deadline", deadline()),
        ("Order", order()),
        ("Page", page()),
        ("History", history()),
        ("Topic", names(Topic::ALL.map(Topic::name), "A log.")),
        ("LogPage", log_page()),
        ("LogRecord", log_record()),
        ("Error", error()),
        ("Live", object(&[("status", text("Always `live`."), true)])),
        ("Ready", ready()),
        ("PartHealth", part_health()),
    ]
}

pub(super) fn of(name: &str) -> Any {
    Ref::from_schema_name(name).into()
}

pub(super) fn text(description: &str) -> Any {
    typed(Type::String).description(Some(description)).into()
}

/// A text that matches a regular expression (ECMA-262).
pub(super) fn matching(description: &str, pattern: &str) -> Any {
    typed(Type::String).description(Some(description)).pattern(Some(pattern)).into()
}

pub(super) fn whole_number(description: &str) -> ObjectBuilder {
    typed(Type::Integer).description(Some(description)).minimum(Some(0))
}

fn typed(kind: Type) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(kind)
}

fn names<const N: usize>(names: [&'static str; N], description: &str) -> Any {
    typed(Type::String).description(Some(description)).enum_values(Some(names)).into()
}

fn flag(description: &str) -> Any {
    typed(Type::Boolean).description(Some(description)).into()
}

fn bounded(description: &str, bytes_max: usize) -> Any {
    typed(Type::String).description(Some(description)).min_length(Some(1)).max_length(Some(bytes_max)).into()
}

fn time(description: &str) -> Any {
    let format = utoipa::openapi::SchemaFormat::KnownFormat(utoipa::openapi::KnownFormat::DateTime);
    typed(Type::String).description(Some(description)).format(Some(format)).into()
}

fn list_of(items: Any) -> Any {
    ArrayBuilder::new().items(items).into()
}

/// An object of (name, schema, always there).
fn fields(fields: &[(&str, Any, bool)]) -> ObjectBuilder {
    fields.iter().fold(typed(Type::Object), |object, (name, schema, required)| {
        let object = object.property(*name, schema.clone());
        if *required { object.required(*name) } else { object }
    })
}

fn object(of: &[(&str, Any, bool)]) -> Any {
    fields(of).into()
}

/// A body of a request: what it does not name is refused.
fn closed(of: &[(&str, Any, bool)]) -> Any {
    fields(of).additional_properties(Some(AdditionalProperties::FreeForm(false))).into()
}

fn order_id() -> Any {
    let id = typed(Type::String).description(Some("Names an order.")).pattern(Some("^[A-Za-z0-9_-]+$"));
    id.min_length(Some(1)).max_length(Some(ORDER_ID_BYTES_MAX)).into()
}

fn anything(description: &str) -> Any {
    ObjectBuilder::new().schema_type(SchemaType::AnyValue).description(Some(description)).into()
}

fn details() -> Any {
    anything("Any JSON: the platform carries it and never reads it.")
}

fn parties() -> Vec<(&'static str, Any, bool)> {
    vec![
        ("customer_id", bounded("Who ordered.", PARTY_BYTES_MAX), false),
        ("merchant_id", bounded("Who makes or sells.", PARTY_BYTES_MAX), false),
        ("courier_id", bounded("Who carries.", PARTY_BYTES_MAX), false),
        ("details", details(), false),
    ]
}

fn placement() -> Any {
    closed(&parties())
}

fn placed() -> Any {
    object(&[("message", text("For people."), true), ("order_id", of("OrderId"), true)])
}

fn reason() -> Any {
    bounded("Why, as a code or a short text.", REASON_BYTES_MAX)
}

fn transition() -> Any {
    closed(&[("to", of("Status"), true), ("actor", of("Actor"), false), ("reason", reason(), false)])
}

fn cancellation() -> Any {
    closed(&[("actor", of("Actor"), false), ("reason", reason(), false)])
}

fn accepted() -> Any {
    object(&[
        ("message", text("For people."), true),
        ("order_id", of("OrderId"), true),
        ("request_id", text("Names the request; a fact or an outcome will name it."), true),
    ])
}

fn version() -> Any {
    whole_number("The number of the order's facts so far.").into()
}

fn history_entry() -> Any {
    object(&[
        ("version", version(), true),
        ("status", of("Status"), true),
        ("at", time("When."), true),
        ("actor", of("Actor"), true),
        ("reason", reason(), false),
        ("late", flag("The status did not change: the order is late in it."), false),
        ("request", text("The request that caused it; none for a timer."), false),
    ])
}

fn request_outcome() -> Any {
    object(&[
        ("order_id", of("OrderId"), true),
        ("request_id", text("The request."), true),
        ("outcome", text("happened, unchanged or rejected."), true),
        ("version", version(), false),
        ("status", of("Status"), false),
        ("rejection", anything("Why it was rejected; `code` says it for programs."), false),
    ])
}

fn deadline() -> Any {
    object(&[
        ("at", time("The moment."), true),
        ("kind", text("What happens then: advance, expire, return or late."), true),
    ])
}

fn order() -> Any {
    let mut all = vec![
        ("order_id", of("OrderId"), true),
        ("status", of("Status"), true),
        ("version", version(), true),
        ("created_at", time("When it was placed."), true),
        ("updated_at", time("When its latest fact happened."), true),
    ];
    all.extend(parties());
    all.extend([
        ("delivery_attempts", whole_number("How often it went out for delivery.").into(), true),
        ("attempts_left", whole_number("Further delivery attempts, after a failed one.").into(), false),
        ("late", flag("It is late in its status."), true),
        ("deadline", of("Deadline"), false),
        ("trace", text("W3C trace context of its latest fact that has one."), false),
        ("allowed_transitions", list_of(of("Status")), true),
        ("history", list_of(of("HistoryEntry")), true),
    ]);
    object(&all)
}

fn page() -> Any {
    let cursor = typed_or_null("Asks for the next page; null on the last.");
    let incomplete = flag("The store is being rebuilt from the log: orders may be missing from the list.");
    object(&[
        ("orders", list_of(of("Order")), true),
        ("next_cursor", cursor, true),
        ("incomplete", incomplete, false),
    ])
}

fn typed_or_null(description: &str) -> Any {
    let kind: SchemaType = [Type::String, Type::Null].into_iter().collect();
    ObjectBuilder::new().schema_type(kind).description(Some(description)).into()
}

fn history() -> Any {
    object(&[
        ("order_id", of("OrderId"), true),
        ("status", of("Status"), true),
        ("version", version(), true),
        ("events", list_of(of("HistoryEntry")), true),
    ])
}

fn log_page() -> Any {
    object(&[
        ("topic", of("Topic"), true),
        ("partition", whole_number("The partition.").into(), true),
        ("partitions", whole_number("How many partitions every topic has.").into(), true),
        ("start", whole_number("The first offset that is still there.").into(), true),
        ("end", whole_number("The offset behind the last record.").into(), true),
        ("next", whole_number("The `from` of the next page.").into(), true),
        ("records", list_of(of("LogRecord")), true),
    ])
}

fn log_record() -> Any {
    object(&[
        ("offset", whole_number("Its position in its partition.").into(), true),
        ("at", time("When the log took it."), true),
        ("key", text("Its key: the order id, where a well-behaved producer wrote it."), false),
        ("key_base64", text("Its key in base64, where it is not UTF-8."), false),
        ("value", anything("The record, where it is JSON: a CloudEvent."), false),
        ("value_base64", text("The record in base64, where it is not JSON."), false),
    ])
}

fn error() -> Any {
    object(&[
        ("error", text("What is wrong, as a sentence."), true),
        ("code", text("What is wrong, for programs."), true),
        ("field", text("The field, parameter or header that is at fault."), false),
        ("hint", text("What to do about it."), false),
        ("allowed_transitions", list_of(of("Status")), false),
        ("current_version", version(), false),
    ])
}

fn ready() -> Any {
    object(&[
        ("status", text("`ready` or `not ready`."), true),
        ("error", text("What is missing, as a sentence."), false),
        ("code", text("`not_ready` where it is not."), false),
        ("missing", list_of(text("A part that cannot do its work.")), true),
        ("degraded", list_of(text("A part that is missing while orders are still taken.")), false),
        ("parts", list_of(of("PartHealth")), true),
    ])
}

fn part_health() -> Any {
    object(&[
        ("name", text("The part."), true),
        ("ready", flag("It can do its work."), true),
        ("detail", text("What it is doing, or waits for; only where the server shows details."), false),
    ])
}
