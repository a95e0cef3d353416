//! Reading the list of late orders.

use std::ops::Bound;

use logistics_core::lifecycle::{STATUSES, Status};
use logistics_core::port::{Cursor, ListQuery, Page};
use logistics_core::{OrderId, Timestamp};
use redb::ReadTransaction;

use crate::error::FileError;
use crate::file::schema::{LATE, late_key, parse_late_key};
use crate::store::PageReader;
use crate::store::document::status_code;

/// A page of the late orders. The order that became late first comes first.
pub(crate) fn page(txn: &ReadTransaction, query: &ListQuery) -> Result<Page, FileError> {
    let (late, mut page) = (txn.open_table(LATE)?, PageReader::open(txn, query)?);
    let after = query.after.as_ref().map(|at| late_key(at.changed_at.as_millis(), at.order_id.as_str()));
    let begin = after.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
    for entry in late.range::<&[u8]>((begin, Bound::Unbounded))? {
        let (key, code) = entry?;
        let (status, changed_at, order_id) = parse(key.value(), code.value())?;
        if query.status.is_some_and(|wanted| wanted != status) {
            continue;
        }
        if !page.add(Cursor { status, changed_at, order_id })? {
            return Ok(page.full());
        }
    }
    Ok(page.last())
}

fn parse(key: &[u8], code: u8) -> Result<(Status, Timestamp, OrderId), FileError> {
    let broken = || FileError::damaged("an entry of the late orders cannot be decoded");
    let (changed_at, id) = parse_late_key(key).ok_or_else(broken)?;
    let status = STATUSES.into_iter().find(|status| status_code(*status) == code).ok_or_else(broken)?;
    Ok((status, changed_at, OrderId::parse(id).map_err(|_| broken())?))
}
