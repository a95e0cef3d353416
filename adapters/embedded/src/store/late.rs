//! The list of late orders: reading it.

use std::ops::Bound;

use logistics_core::lifecycle::{STATUSES, Status};
use logistics_core::port::{Cursor, ListQuery, Page};
use logistics_core::{OrderId, Timestamp};
use redb::ReadTransaction;

use crate::error::FileError;
use crate::file::schema::{DOCUMENTS, LATE, late_key, parse_late_key};
use crate::store::document::status_code;
use crate::store::listed_json;

/// A page of the late orders, the one that has been late for the longest first.
pub(crate) fn page(txn: &ReadTransaction, query: &ListQuery) -> Result<Page, FileError> {
    let (documents, late) = (txn.open_table(DOCUMENTS)?, txn.open_table(LATE)?);
    let mut page = Page::default();
    let after = query.after.as_ref().map(|at| late_key(at.changed_at.as_millis(), at.order_id.as_str()));
    let begin = after.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
    for entry in late.range::<&[u8]>((begin, Bound::Unbounded))? {
        let (key, code) = entry?;
        let (status, changed_at, order_id) = parse(key.value(), code.value())?;
        if query.status.is_some_and(|wanted| wanted != status) {
            continue;
        }
        if page.documents.len() == query.limit {
            // There is one more, so another page follows.
            return Ok(page);
        }
        page.documents.push(listed_json(&documents, &order_id)?);
        page.next = Some(Cursor { status, changed_at, order_id });
    }
    page.next = None;
    Ok(page)
}

fn parse(key: &[u8], code: u8) -> Result<(Status, Timestamp, OrderId), FileError> {
    let broken = || FileError::damaged("an entry of the late orders is not one");
    let (changed_at, id) = parse_late_key(key).ok_or_else(broken)?;
    let status = STATUSES.into_iter().find(|status| status_code(*status) == code).ok_or_else(broken)?;
    Ok((status, changed_at, OrderId::parse(id).map_err(|_| broken())?))
}
