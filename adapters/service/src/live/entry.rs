//! A fact as JSON.

use bytes::Bytes;
use logistics_core::{Change, Fact, HistoryEntry, OrderId};
use logistics_feed::LoggedFact;
use serde::Serialize;

use crate::live::LiveFact;
use crate::principal::Principal;

/// The form of a fact with its subject and trace, for operators.
const FORM_COMPLETE: usize = 0;
/// The form without them, for everyone else.
const FORM_VISIBLE: usize = 1;

#[derive(Serialize)]
struct Entry<'a> {
    order_id: &'a OrderId,
    #[serde(flatten)]
    entry: &'a HistoryEntry,
}

/// The entry of a history.
pub(crate) fn of_history(order_id: &OrderId, entry: &HistoryEntry) -> LiveFact {
    LiveFact {
        order_id: order_id.clone(),
        version: entry.version,
        status: entry.status,
        json: written(order_id, entry),
    }
}

/// The fact of the hub. `None`: the fact does not name all of its entry, because it changed the courier.
pub(crate) fn of_hub(logged: &LoggedFact, is_operator: bool) -> Option<LiveFact> {
    let fact = &logged.fact;
    if matches!(fact.change, Change::Assigned { .. }) {
        return None;
    }
    let json = if is_operator {
        logged.form(FORM_COMPLETE, |fact| written(&fact.order_id, &HistoryEntry::of(fact, None)))
    } else {
        logged.form(FORM_VISIBLE, |fact| written(&fact.order_id, &visible(fact)))
    };
    Some(LiveFact { order_id: fact.order_id.clone(), version: fact.version, status: fact.status, json })
}

/// The fact of the hub as this principal sees it. `None`: only the store shows whether it sees the fact, or all of its entry.
pub(crate) fn of_hub_for(logged: &LoggedFact, principal: &Principal) -> Option<LiveFact> {
    if principal.tracked_order().is_none() {
        return of_hub(logged, principal.is_operator());
    }
    let fact = &logged.fact;
    match fact.change {
        Change::Placed(_) | Change::Moved | Change::Late => Some(of_history(&fact.order_id, &reduced(fact))),
        Change::Assigned { .. } | Change::TrackingRevoked => None,
    }
}

/// The entry as the holder of a tracking link sees it.
fn reduced(fact: &Fact) -> HistoryEntry {
    let mut entry = HistoryEntry::of(fact, None);
    (entry.by, entry.reason, entry.request, entry.trace) = (None, None, None, None);
    entry
}

/// The entry without what only operators see, as in documents.
fn visible(fact: &Fact) -> HistoryEntry {
    let mut entry = HistoryEntry::of(fact, None);
    (entry.by, entry.trace) = (None, None);
    entry
}

fn written(order_id: &OrderId, entry: &HistoryEntry) -> Bytes {
    // Texts and numbers always serialize.
    Bytes::from(serde_json::to_vec(&Entry { order_id, entry }).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use logistics_core::Status;
    use logistics_testkit::sample;

    use super::*;

    #[test]
    fn an_entry_of_the_hub_equals_that_of_the_history() {
        let facts = sample::facts_to(Status::Confirmed);
        let entry = HistoryEntry::of(&facts[1], None);
        let json = String::from_utf8(written(&facts[1].order_id, &entry).to_vec()).unwrap();
        let whole = serde_json::to_string(&entry).unwrap();
        let id = &facts[1].order_id;
        assert_eq!(json, format!(r#"{{"order_id":"{id}",{}"#, &whole[1..]));
    }
}
