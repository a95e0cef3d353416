//! The order as the holder of a tracking link sees it.

use logistics_core::{Actor, Deadline, Order, OrderId, Status, Timestamp, Version};
use serde::Serialize;

/// No party, no reason, no subject, no details, no trace, and no fact about the courier or the links. The versions of the
/// history may have gaps therefore.
#[derive(Serialize)]
struct Tracked<'a> {
    order_id: &'a OrderId,
    status: Status,
    version: Version,
    created_at: Timestamp,
    updated_at: Timestamp,
    delivery_attempts: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts_left: Option<u32>,
    late: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    deadline: Option<Deadline>,
    history: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    version: Version,
    status: Status,
    at: Timestamp,
    actor: Actor,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    late: bool,
}

/// The reduced document. It has the fields that [`Order::from_document`] requires.
pub(crate) fn reduced(json: &[u8]) -> serde_json::Result<Vec<u8>> {
    let order = Order::from_document(json)?;
    let entries = order.history.iter().filter(|entry| entry.late || entry.is_move());
    let entry = |entry: &logistics_core::HistoryEntry| Entry {
        version: entry.version,
        status: entry.status,
        at: entry.at,
        actor: entry.actor,
        late: entry.late,
    };
    serde_json::to_vec(&Tracked {
        order_id: &order.order_id,
        status: order.status,
        version: order.version,
        created_at: order.created_at,
        updated_at: order.updated_at,
        delivery_attempts: order.delivery_attempts,
        attempts_left: order.attempts_left,
        late: order.late,
        deadline: order.deadline,
        history: entries.map(entry).collect(),
    })
}

#[cfg(test)]
mod tests {
    use logistics_testkit::sample;

    use super::*;

    #[test]
    fn a_reduced_document_names_no_party_and_no_reason_and_can_be_read() {
        let document = sample::document(&sample::order_id(7), Status::Delivered);
        let full: serde_json::Value = serde_json::from_slice(&document).unwrap();
        assert!(full["customer_id"].is_string());
        let json = reduced(&document).unwrap();
        let text = String::from_utf8(json.clone()).unwrap();
        for hidden in
            ["customer_id", "merchant_id", "courier_id", "details", "reason", "by", "request", "trace"]
        {
            assert!(!text.contains(&format!("\"{hidden}\":")), "{hidden}: {text}");
        }
        let order = Order::from_document(&json).unwrap();
        assert_eq!((order.status, order.version, order.history.len()), (Status::Delivered, Version(5), 5));
    }
}
