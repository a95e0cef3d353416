//! What this release adds to a file of an earlier release. The format stays the same: an earlier release ignores the additions.

use std::collections::BTreeSet;

use logistics_core::Order;
use logistics_core::OrderId;
use logistics_core::lifecycle::STATUSES;
use redb::{
    Database, ReadTransaction, ReadableDatabase, ReadableTable, ReadableTableMetadata, TableHandle,
    WriteTransaction,
};

use crate::error::FileError;
use crate::file::schema::{
    COUNTS_KEY, DOCUMENTS, IDENTITY_BYTES, IDENTITY_KEY, INDEX, LATE, PARTIES, STATE, index_range, late_key,
    parse_index_key,
};
use crate::state::State;
use crate::store::counts::{self, Counts};
use crate::store::document;

/// Counts the orders of each status, if an earlier release has changed them since. Adds the identity, the list of late orders and the lists of parties if they are missing. The lists of parties are empty at first:
/// the owner of each partition finds in its checkpoint that they are missing, and writes every document again.
pub(super) fn upgrade(database: &Database) -> Result<(), FileError> {
    let read = database.begin_read()?;
    let tables: BTreeSet<String> = read.list_tables()?.map(|table| table.name().to_owned()).collect();
    let has_late = tables.contains(LATE.name());
    let has_identity = read.open_table(STATE)?.get(IDENTITY_KEY)?.is_some();
    let has_parties = tables.contains(PARTIES.name());
    let counts = newer_counts(&read)?;
    if has_late && has_identity && has_parties && counts.is_none() {
        return Ok(());
    }
    let txn = database.begin_write()?;
    if !has_identity {
        add_identity(&txn)?;
    }
    if !has_late {
        add_late(&read, &txn)?;
    }
    txn.open_table(PARTIES)?;
    if let Some(row) = counts {
        txn.open_table(STATE)?.insert(COUNTS_KEY, &row[..])?;
    }
    txn.commit()?;
    Ok(())
}

/// The row of counts, if that of the file does not fit its index. Reads the index, 0.2 s for a million orders, and only in that case.
fn newer_counts(read: &ReadTransaction) -> Result<Option<Vec<u8>>, FileError> {
    let (state, index) = (read.open_table(STATE)?, read.open_table(INDEX)?);
    let checkpoints = State::checkpoints_of(read)?;
    if let Some(row) = state.get(COUNTS_KEY)? {
        let total = Counts::decode(row.value()).map(|counts| counts.total());
        if counts::is_marked(row.value(), &checkpoints) && total == Some(index.len()?) {
            return Ok(None);
        }
    }
    Ok(Some(Counts::read(&index)?.encode(&checkpoints)))
}

/// Adds a new identity of the file's logs.
pub(super) fn add_identity(txn: &WriteTransaction) -> Result<(), FileError> {
    let identity: [u8; IDENTITY_BYTES] = rand::random();
    txn.open_table(STATE)?.insert(IDENTITY_KEY, &identity[..])?;
    Ok(())
}

/// Creates the list of late orders from the documents.
fn add_late(read: &ReadTransaction, txn: &WriteTransaction) -> Result<(), FileError> {
    let (index, documents) = (read.open_table(INDEX)?, read.open_table(DOCUMENTS)?);
    let mut late = txn.open_table(LATE)?;
    // No order with a final status is late, and most orders have one.
    for status in STATUSES.into_iter().filter(|status| !status.is_terminal()) {
        let (start, end) = index_range(status);
        for entry in index.range(&start[..]..&end[..])? {
            let (key, _) = entry?;
            let broken = || FileError::damaged("an entry of the index cannot be decoded");
            let (changed_at, id) = parse_index_key(key.value()).ok_or_else(broken)?;
            let order_id = OrderId::parse(id).map_err(|_| broken())?;
            if is_late(&documents, &order_id)? {
                late.insert(&late_key(changed_at.as_millis(), id)[..], document::status_code(status))?;
            }
        }
    }
    Ok(())
}

/// A missing or damaged document does not prevent opening the file. Reading the document reports it.
fn is_late(
    documents: &impl ReadableTable<&'static [u8], &'static [u8]>,
    order_id: &OrderId,
) -> Result<bool, FileError> {
    let Some(row) = documents.get(order_id.as_str().as_bytes())? else { return Ok(false) };
    let order = document::decode(order_id.as_str(), row.value())
        .map_err(str::to_owned)
        .and_then(|(_, json)| Order::from_document(json).map_err(|error| error.to_string()));
    if let Err(problem) = &order {
        tracing::warn!(%order_id, problem, "the document is damaged; the order is not listed as late");
    }
    Ok(order.is_ok_and(|order| order.late))
}
