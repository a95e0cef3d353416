//! Reading the list of late orders.

use std::ops::Bound;

use logistics_core::lifecycle::Status;
use logistics_core::port::{Cursor, ListQuery, Page, PartyFilter};
use logistics_core::{OrderId, Timestamp};
use redb::ReadTransaction;

use crate::error::FileError;
use crate::file::schema::{LATE, late_key, parse_late_key};
use crate::store::PageReader;
use crate::store::document::status_of;

/// A page of the late orders. The order that became late first comes first.
pub(crate) fn page(txn: &ReadTransaction, query: &ListQuery) -> Result<Page, FileError> {
    let (late, mut page) = (txn.open_table(LATE)?, PageReader::open(txn, query)?);
    let after = query.after.as_ref().map(|at| late_key(at.changed_at.as_millis(), at.order_id.as_str()));
    let since = query.since.map(|since| late_key(since.as_millis(), ""));
    let begin = match (after.as_deref(), since.as_deref()) {
        (Some(after), since) if since.is_none_or(|since| after >= since) => Bound::Excluded(after),
        (_, Some(since)) => Bound::Included(since),
        (_, None) => Bound::Unbounded,
    };
    let party = query.party.as_ref().map(PartyFilter::digest);
    for entry in late.range::<&[u8]>((begin, Bound::Unbounded))? {
        let (key, code) = entry?;
        let (status, changed_at, order_id) = parse(key.value(), code.value())?;
        let entry = Cursor { status, changed_at, order_id, party };
        let added = match &query.party {
            _ if query.status.is_some_and(|wanted| wanted != status) => page.omit(entry),
            Some(party) => page.add_if(entry, |document| {
                Ok(document.map(|(_, json)| json).filter(|json| party.matches(json)))
            })?,
            None => page.add(entry)?,
        };
        if !added {
            return Ok(page.full());
        }
    }
    Ok(page.last())
}

fn parse(key: &[u8], code: u8) -> Result<(Status, Timestamp, OrderId), FileError> {
    let broken = || FileError::damaged("an entry of the late orders cannot be decoded");
    let (changed_at, id) = parse_late_key(key).ok_or_else(broken)?;
    let status = status_of(code).ok_or_else(broken)?;
    Ok((status, changed_at, OrderId::parse(id).map_err(|_| broken())?))
}
