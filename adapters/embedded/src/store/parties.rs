//! Reading the list of the orders of a party.

use bytes::Bytes;
use logistics_core::OrderId;
use logistics_core::port::{Cursor, ListQuery, Page, PartyFilter};
use redb::ReadTransaction;

use crate::error::FileError;
use crate::file::schema::{PARTIES, parse_party_key, party_key, party_range};
use crate::store::PageReader;
use crate::store::document::{Derived, status_code, status_of};

/// A page of the orders of a party, the latest change first.
pub(super) fn page(txn: &ReadTransaction, query: &ListQuery, party: &PartyFilter) -> Result<Page, FileError> {
    let (parties, mut page) = (txn.open_table(PARTIES)?, PageReader::open(txn, query)?);
    let key = |changed_at, order_id| party_key(party.role, &party.id, changed_at, order_id);
    let (mut start, mut end) = party_range(party);
    if let Some(after) = &query.after {
        end = key(after.changed_at.as_millis(), after.order_id.as_str());
    }
    if let Some(since) = query.since {
        start = key(since.as_millis(), "");
    }
    if start >= end {
        return Ok(page.last());
    }
    let wanted = query.status.map(status_code);
    for entry in parties.range(&start[..]..&end[..])?.rev() {
        let (key, code) = entry?;
        let broken = || FileError::damaged("an entry of the list of a party cannot be decoded");
        let (changed_at, id) = parse_party_key(key.value()).ok_or_else(broken)?;
        let order_id = OrderId::parse(id).map_err(|_| broken())?;
        // A newer release wrote a status that this build does not know: the document cannot be read.
        let Some(status) = status_of(code.value()) else { continue };
        let cursor = Cursor { status, changed_at, order_id, party: Some(party.digest()) };
        let added = match wanted {
            Some(wanted) if wanted != code.value() => page.omit(cursor),
            _ => page.add_if(cursor, |document| {
                Ok(document.and_then(|document| current(party, changed_at.as_millis(), document)))
            })?,
        };
        if !added {
            return Ok(page.full());
        }
    }
    Ok(page.last())
}

/// The document, unless its entry is outdated: an earlier release changed the document and left the entry.
fn current(party: &PartyFilter, changed_at: i64, (derived, json): (Derived, Bytes)) -> Option<Bytes> {
    (derived.changed_at == changed_at && party.matches(&json)).then_some(json)
}
