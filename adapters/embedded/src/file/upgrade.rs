//! What this release adds to the file of an earlier one. The layout stays: an earlier release ignores it.

use std::collections::BTreeSet;

use logistics_core::Order;
use logistics_core::OrderId;
use logistics_core::lifecycle::STATUSES;
use redb::{Database, ReadTransaction, ReadableDatabase, ReadableTable, TableHandle, WriteTransaction};

use crate::error::FileError;
use crate::file::schema::{
    DOCUMENTS, IDENTITY_BYTES, IDENTITY_KEY, INDEX, LATE, STATE, index_range, late_key, parse_index_key,
};
use crate::store::document;

/// Gives the file what an earlier release did not: an identity, and the list of late orders.
pub(super) fn upgrade(database: &Database) -> Result<(), FileError> {
    let read = database.begin_read()?;
    let tables: BTreeSet<String> = read.list_tables()?.map(|table| table.name().to_owned()).collect();
    let has_late = tables.contains(LATE.name());
    let has_identity = read.open_table(STATE)?.get(IDENTITY_KEY)?.is_some();
    if has_late && has_identity {
        return Ok(());
    }
    let txn = database.begin_write()?;
    if !has_identity {
        add_identity(&txn)?;
    }
    if !has_late {
        add_late(&read, &txn)?;
    }
    txn.commit()?;
    Ok(())
}

/// Gives the file the identity of its logs.
pub(super) fn add_identity(txn: &WriteTransaction) -> Result<(), FileError> {
    let identity: [u8; IDENTITY_BYTES] = rand::random();
    txn.open_table(STATE)?.insert(IDENTITY_KEY, &identity[..])?;
    Ok(())
}

/// Lists the late orders, by their documents.
fn add_late(read: &ReadTransaction, txn: &WriteTransaction) -> Result<(), FileError> {
    let (index, documents) = (read.open_table(INDEX)?, read.open_table(DOCUMENTS)?);
    let mut late = txn.open_table(LATE)?;
    // In a final status no order is late, and most orders are in one.
    for status in STATUSES.into_iter().filter(|status| !status.is_terminal()) {
        let (start, end) = index_range(status);
        for entry in index.range(&start[..]..&end[..])? {
            let (key, _) = entry?;
            let broken = || FileError::damaged("an entry of the index is not one");
            let (changed_at, id) = parse_index_key(key.value()).ok_or_else(broken)?;
            let order_id = OrderId::parse(id).map_err(|_| broken())?;
            if is_late(&documents, &order_id)? {
                late.insert(&late_key(changed_at.as_millis(), id)[..], document::status_code(status))?;
            }
        }
    }
    Ok(())
}

/// A document that is lost or damaged is reported when it is read, and keeps no file from being opened.
fn is_late(
    documents: &impl ReadableTable<&'static [u8], &'static [u8]>,
    order_id: &OrderId,
) -> Result<bool, FileError> {
    let Some(row) = documents.get(order_id.as_str().as_bytes())? else { return Ok(false) };
    let order = document::decode(order_id.as_str(), row.value())
        .map_err(str::to_owned)
        .and_then(|(_, json)| Order::from_document(json).map_err(|error| error.to_string()));
    if let Err(problem) = &order {
        tracing::warn!(%order_id, problem, "cannot tell whether the order is late");
    }
    Ok(order.is_ok_and(|order| order.late))
}
