//! The schemas of bodies.

use logistics_core::lifecycle::{ACTORS, Actor, STATUSES, Status};
use logistics_core::limits::{
    EMAIL_BYTES_MAX, LANGUAGE_BYTES_MAX, ORDER_ID_BYTES_MAX, PARTY_BYTES_MAX, REASON_BYTES_MAX,
};
use logistics_core::port::Topic;
use logistics_service::TRACKING_TTL_MS_MIN;
use utoipa::openapi::schema::{AdditionalProperties, ArrayBuilder, ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{Ref, RefOr};

pub(super) type Any = RefOr<Schema>;

pub(super) fn all() -> Vec<(&'static str, Any)> {
    let mut all = vec![
        ("Status", names(STATUSES.map(Status::name), "The status of an order.")),
        ("Actor", names(ACTORS.map(Actor::name), "The role that requests a transition.")),
        ("OrderId", order_id()),
        ("Placement", placement()),
        ("Contacts", contacts()),
        ("Contact", contact()),
        ("Placed", placed()),
        ("Transition", transition()),
        ("Cancellation", cancellation()),
        ("Assignment", assignment()),
        ("TrackingLinkRequest", tracking_link_request()),
        ("TrackingLink", tracking_link()),
        ("Revocation", closed(&[("actor", of("Actor"), false)])),
        ("Accepted", accepted()),
        ("HistoryEntry", history_entry()),
        ("RequestOutcome", request_outcome()),
        ("Deadline", deadline()),
        ("Order", order()),
        ("Page", page()),
        ("History", history()),
        ("Topic", names(Topic::SHOWN.map(Topic::name), "A log.")),
        ("LogPage", log_page()),
        ("LogRecord", log_record()),
        ("Error", error()),
        ("Live", object(&[("status", text("Always `live`."), true)])),
        ("Ready", ready()),
        ("PartHealth", part_health()),
    ];
    all.extend(super::webhooks::schemas());
    all
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

pub(super) fn typed(kind: Type) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(kind)
}

pub(super) fn names<const N: usize>(names: [&'static str; N], description: &str) -> Any {
    typed(Type::String).description(Some(description)).enum_values(Some(names)).into()
}

pub(super) fn flag(description: &str) -> Any {
    typed(Type::Boolean).description(Some(description)).into()
}

pub(super) fn bounded(description: &str, bytes_max: usize) -> Any {
    typed(Type::String).description(Some(description)).min_length(Some(1)).max_length(Some(bytes_max)).into()
}

pub(super) fn time(description: &str) -> Any {
    let format = utoipa::openapi::SchemaFormat::KnownFormat(utoipa::openapi::KnownFormat::DateTime);
    typed(Type::String).description(Some(description)).format(Some(format)).into()
}

pub(super) fn list_of(items: Any) -> Any {
    ArrayBuilder::new().items(items).into()
}

/// An object with fields of (name, schema, required).
fn fields(fields: &[(&str, Any, bool)]) -> ObjectBuilder {
    fields.iter().fold(typed(Type::Object), |object, (name, schema, required)| {
        let object = object.property(*name, schema.clone());
        if *required { object.required(*name) } else { object }
    })
}

pub(super) fn object(of: &[(&str, Any, bool)]) -> Any {
    fields(of).into()
}

/// The body of a request. Other fields are rejected.
pub(super) fn closed(of: &[(&str, Any, bool)]) -> Any {
    fields(of).additional_properties(Some(AdditionalProperties::FreeForm(false))).into()
}

fn order_id() -> Any {
    let id = typed(Type::String).description(Some("The id of an order.")).pattern(Some("^[A-Za-z0-9_-]+$"));
    id.min_length(Some(1)).max_length(Some(ORDER_ID_BYTES_MAX)).into()
}

fn anything(description: &str) -> Any {
    ObjectBuilder::new().schema_type(SchemaType::AnyValue).description(Some(description)).into()
}

fn details() -> Any {
    anything("Any JSON. The platform stores it and does not interpret it.")
}

fn parties() -> Vec<(&'static str, Any, bool)> {
    vec![
        ("customer_id", bounded("The party that orders.", PARTY_BYTES_MAX), false),
        ("merchant_id", bounded("The party that makes or sells.", PARTY_BYTES_MAX), false),
        ("courier_id", bounded("The party that delivers.", PARTY_BYTES_MAX), false),
        ("details", details(), false),
    ]
}

fn placement() -> Any {
    let mut all = parties();
    all.push(("contacts", of("Contacts"), false));
    closed(&all)
}

fn contacts() -> Any {
    let parts = [("customer", of("Contact"), false), ("merchant", of("Contact"), false)];
    let RefOr::T(Schema::Object(mut object)) = closed(&parts) else {
        unreachable!("a closed schema is an object")
    };
    object.description = Some(
        "How parties are reached, by e-mail notifications alone. No reply, stream, page or webhook contains it. A customer can \
         set its own contact only."
            .to_owned(),
    );
    object.into()
}

fn contact() -> Any {
    closed(&[
        ("email", bounded("An e-mail address in ASCII, without a name.", EMAIL_BYTES_MAX), true),
        (
            "language",
            bounded("The language of the e-mails, a BCP 47 tag such as `de-AT`.", LANGUAGE_BYTES_MAX),
            false,
        ),
    ])
}

fn placed() -> Any {
    object(&[("message", text("For people."), true), ("order_id", of("OrderId"), true)])
}

fn reason() -> Any {
    bounded("The reason, as a code or a short text.", REASON_BYTES_MAX)
}

fn transition() -> Any {
    closed(&[("to", of("Status"), true), ("actor", of("Actor"), false), ("reason", reason(), false)])
}

fn cancellation() -> Any {
    closed(&[("actor", of("Actor"), false), ("reason", reason(), false)])
}

fn courier_or_null(description: &str) -> Any {
    let kind: SchemaType = [Type::String, Type::Null].into_iter().collect();
    let courier = ObjectBuilder::new().schema_type(kind).description(Some(description));
    courier.min_length(Some(1)).max_length(Some(PARTY_BYTES_MAX)).into()
}

fn assignment() -> Any {
    let courier = courier_or_null("The courier from now on; null clears it.");
    closed(&[("courier_id", courier, true), ("actor", of("Actor"), false), ("reason", reason(), false)])
}

fn tracking_link_request() -> Any {
    let ttl = whole_number("Seconds for which the link is valid, within the server's limits.");
    closed(&[("ttl_s", ttl.minimum(Some(TRACKING_TTL_MS_MIN / 1000)).into(), false)])
}

fn tracking_link() -> Any {
    object(&[
        (
            "url",
            text("The address of the tracking page; relative to the server unless --tracking-url is set."),
            true,
        ),
        ("token", text("The secret of the link."), true),
        ("link_id", text("Names the link in logs."), true),
        ("expires_at", time("The link ends at this time, or earlier."), true),
    ])
}

fn accepted() -> Any {
    object(&[
        ("message", text("For people."), true),
        ("order_id", of("OrderId"), true),
        ("request_id", text("The id of the request. Its fact or its outcome contains it."), true),
    ])
}

fn version() -> Any {
    whole_number("The number of the order's facts so far.").into()
}

fn history_entry() -> Any {
    object(&[
        ("version", version(), true),
        ("status", of("Status"), true),
        ("at", time("The time of the fact."), true),
        ("actor", of("Actor"), true),
        (
            "by",
            text("The authenticated subject that caused the fact; missing for anonymous requests."),
            false,
        ),
        ("reason", reason(), false),
        ("late", flag("The order is late in its status, which did not change."), false),
        ("assignment", assigned(), false),
        (
            "tracking_revoked",
            flag("The order's earlier tracking links are revoked; the status did not change."),
            false,
        ),
        ("request", text("The request that caused the fact; missing for a timer."), false),
        ("trace", text("The W3C trace context of the fact; operators see it, if there is one."), false),
    ])
}

fn assigned() -> Any {
    object(&[
        ("courier_id", courier_or_null("The courier after the fact; null if there is none."), true),
        ("previous_courier_id", bounded("The courier before the fact.", PARTY_BYTES_MAX), false),
    ])
}

fn request_outcome() -> Any {
    object(&[
        ("order_id", of("OrderId"), true),
        ("request_id", text("The id of the request."), true),
        ("outcome", text("`happened`, `unchanged` or `rejected`."), true),
        ("version", version(), false),
        ("status", of("Status"), false),
        ("rejection", anything("The reason for a rejection, with a `code` for programs."), false),
    ])
}

fn deadline() -> Any {
    object(&[
        ("at", time("The time of the deadline."), true),
        ("kind", text("What the deadline causes: `advance`, `expire`, `return` or `late`."), true),
    ])
}

fn order() -> Any {
    let mut all = vec![
        ("order_id", of("OrderId"), true),
        ("status", of("Status"), true),
        ("version", version(), true),
        ("created_at", time("The time of the placement."), true),
        ("updated_at", time("The time of the latest fact."), true),
    ];
    all.extend(parties());
    all.extend([
        ("delivery_attempts", whole_number("Delivery attempts so far.").into(), true),
        ("attempts_left", whole_number("Delivery attempts left after a failed one.").into(), false),
        ("late", flag("The order is late in its status."), true),
        ("deadline", of("Deadline"), false),
        ("trace", text("The W3C trace context of the latest fact that has one; operators see it."), false),
        (
            "tracking_epoch",
            whole_number("The version of the latest fact that revoked its tracking links.").into(),
            false,
        ),
        ("allowed_transitions", list_of(of("Status")), true),
        ("history", list_of(of("HistoryEntry")), true),
    ]);
    object(&all)
}

fn page() -> Any {
    let cursor = typed_or_null("The cursor of the next page; null on the last.");
    let incomplete = flag("The store is behind the log, so the list may lack orders.");
    object(&[
        ("orders", list_of(of("Order")), true),
        ("next_cursor", cursor, true),
        ("incomplete", incomplete, false),
    ])
}

pub(super) fn typed_or_null(description: &str) -> Any {
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
        ("partitions", whole_number("The number of partitions of every topic.").into(), true),
        ("start", whole_number("The first offset that the log retains.").into(), true),
        ("end", whole_number("The offset behind the last record.").into(), true),
        ("next", whole_number("The `from` of the next page.").into(), true),
        ("records", list_of(of("LogRecord")), true),
    ])
}

fn log_record() -> Any {
    object(&[
        ("offset", whole_number("The position of the record in its partition.").into(), true),
        ("at", time("The log's timestamp."), true),
        ("key", text("The key: the order id, unless a foreign producer wrote the record."), false),
        ("key_base64", text("The key in base64, if it is not UTF-8."), false),
        ("value", anything("The value, if it is JSON: a CloudEvent."), false),
        ("value_base64", text("The value in base64, if it is not JSON."), false),
    ])
}

fn error() -> Any {
    object(&[
        ("error", text("What failed, as a sentence."), true),
        ("code", text("What failed, as a stable code for programs."), true),
        ("field", text("The invalid field, parameter or header."), false),
        ("hint", text("What to do."), false),
        ("allowed_transitions", list_of(of("Status")), false),
        ("current_version", version(), false),
        ("trace_id", trace_id(), false),
    ])
}

fn trace_id() -> Any {
    let description = "The trace of the request: that of its `traceparent`, or the server's own. Spans and log lines have it.";
    matching(description, "^[0-9a-f]{32}$")
}

fn ready() -> Any {
    object(&[
        ("status", text("`ready` or `not ready`."), true),
        ("error", text("The missing parts, as a sentence."), false),
        ("code", text("`not_ready` if parts are missing."), false),
        ("missing", list_of(text("A part that is missing and needed.")), true),
        ("degraded", list_of(text("A part that is missing and not needed to accept orders.")), false),
        ("parts", list_of(of("PartHealth")), true),
    ])
}

fn part_health() -> Any {
    object(&[
        ("name", text("The name of the part."), true),
        ("ready", flag("The part can do its work."), true),
        ("detail", text("What the part does or waits for; only if the server shows details."), false),
    ])
}
