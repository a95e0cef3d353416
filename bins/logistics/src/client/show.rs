//! Orders and their histories as text.

use comfy_table::Table;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use logistics_core::text::{Escaped, escaped_json};
use logistics_core::{Actor, DeadlineKind, HistoryEntry, Order, OrderId, PartyId, Reason, Status, Subject};

use super::api::names;

/// One order with all its fields.
pub(crate) fn order(order: &Order) -> String {
    let mut table = table();
    let mut row = |name: &str, value: String| _ = table.add_row([name.to_owned(), value]);
    row("Order", order.order_id.to_string());
    let late = if order.late { " (late)" } else { "" };
    row("Status", format!("{}{late}", order.status));
    row("Version", order.version.to_string());
    row("Placed", order.created_at.to_string());
    row("Changed", order.updated_at.to_string());
    let parties =
        [("Customer", &order.customer_id), ("Merchant", &order.merchant_id), ("Courier", &order.courier_id)];
    for (name, party) in parties {
        if let Some(party) = party {
            row(name, escaped(party.as_str()));
        }
    }
    if order.delivery_attempts > 0 {
        let left = order.attempts_left.map(|left| format!(" ({left} left)")).unwrap_or_default();
        row("Delivery attempts", format!("{}{left}", order.delivery_attempts));
    }
    if let Some(deadline) = order.deadline {
        row("Deadline", format!("{} at {}", at_deadline(deadline.kind), deadline.at));
    }
    row("Allowed now", names(&order.allowed_transitions));
    match &order.details {
        // Below the table, because it may be long and is easier to copy there.
        Some(details) => format!("{table}\nDetails: {}", escaped_json(details.as_str())),
        None => table.to_string(),
    }
}

/// The effect of a deadline.
fn at_deadline(kind: DeadlineKind) -> &'static str {
    match kind {
        DeadlineKind::Advance => "moves on",
        DeadlineKind::Expire => "expires",
        DeadlineKind::Return => "returns",
        DeadlineKind::Late => "is late",
    }
}

/// Orders, one per row.
pub(crate) fn orders(orders: &[Order]) -> String {
    let mut table = table();
    table.set_header(["Order", "Status", "Version", "Changed", "Customer", "Merchant", "Courier"]);
    let party =
        |party: &Option<PartyId>| party.as_ref().map(|party| escaped(party.as_str())).unwrap_or_default();
    for order in orders {
        table.add_row([
            order.order_id.to_string(),
            order.status.to_string(),
            order.version.to_string(),
            order.updated_at.to_string(),
            party(&order.customer_id),
            party(&order.merchant_id),
            party(&order.courier_id),
        ]);
    }
    table.to_string()
}

/// The history of an order, one fact per row.
pub(crate) fn history(entries: &[HistoryEntry]) -> String {
    let mut table = table();
    table.set_header(["Version", "When", "Status", "By", "Reason"]);
    for entry in entries {
        let late = if entry.late { " (late)" } else { "" };
        let courier = entry.assignment.as_ref().map(|assignment| assignment.courier_id.as_ref());
        let courier = courier.map(|courier| format!(" ({})", to_courier(courier))).unwrap_or_default();
        let links = if entry.tracking_revoked { " (tracking links revoked)" } else { "" };
        table.add_row([
            entry.version.to_string(),
            entry.at.to_string(),
            format!("{}{late}{courier}{links}", entry.status),
            by(entry.actor, entry.by.as_ref()),
            entry.reason.as_ref().map(|reason| escaped(reason.as_str())).unwrap_or_default(),
        ]);
    }
    table.to_string()
}

/// The current status of an order as a line.
pub(crate) fn now(order: &Order) -> String {
    format!("{} is now {} (version {})", order.order_id, order.status, order.version)
}

/// One fact as a line, without its order.
pub(crate) fn entry(entry: &HistoryEntry) -> String {
    format!("{}  {}", entry.at, happened(entry))
}

/// One fact as a line, with its order.
pub(crate) fn fact(order_id: &OrderId, entry: &HistoryEntry) -> String {
    format!("{}  {order_id}  {}", entry.at, happened(entry))
}

fn happened(entry: &HistoryEntry) -> String {
    let change = match &entry.assignment {
        Some(assignment) => assigned(entry.status, assignment.courier_id.as_ref()),
        None if entry.tracking_revoked => links_revoked(entry.status),
        None => change(entry.status, entry.late),
    };
    format!("{change} {}", cause(entry.actor, entry.by.as_ref(), entry.reason.as_ref()))
}

fn change(status: Status, late: bool) -> String {
    if late { format!("{status}: late") } else { status.to_string() }
}

/// A change of the courier.
pub(crate) fn assigned(status: Status, courier: Option<&PartyId>) -> String {
    format!("{status}: {}", to_courier(courier))
}

fn links_revoked(status: Status) -> String {
    format!("{status}: tracking links revoked")
}

fn to_courier(courier: Option<&PartyId>) -> String {
    courier.map_or("no courier".to_owned(), |courier| format!("courier {}", Escaped(courier.as_str())))
}

/// The actor and the reason of a fact.
pub(crate) fn cause(actor: Actor, subject: Option<&Subject>, reason: Option<&Reason>) -> String {
    let by = by(actor, subject);
    match reason {
        Some(reason) => format!("by {by}: {}", Escaped(reason.as_str())),
        None => format!("by {by}"),
    }
}

/// The actor of a fact, and its authenticated subject if there is one.
fn by(actor: Actor, subject: Option<&Subject>) -> String {
    match subject {
        Some(subject) => format!("{actor} ({})", Escaped(subject.as_str())),
        None => actor.to_string(),
    }
}

/// A client's text, escaped.
fn escaped(text: &str) -> String {
    Escaped(text).to_string()
}

fn table() -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    table
}
