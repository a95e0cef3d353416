//! The order store.

pub(crate) mod counts;
pub(crate) mod document;
pub(crate) mod late;
pub(crate) mod outcomes;
pub(crate) mod parties;
mod summary;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use logistics_core::lifecycle::STATUSES;
use logistics_core::limits::PAGE_ORDERS_MAX;
use logistics_core::port::{
    ClearOutcome, Cursor, DocumentLookup, ListQuery, Loaded, OrderReader, OwnerStore, Page, PortError,
    Recovery, StatusSummary, StoreCheckpoint, StoreWrite, Token, WriteOutcome,
};
use logistics_core::{OrderId, Partition, RequestId, RequestOutcome, Timestamp, partition_of};
use redb::{ReadOnlyTable, ReadTransaction};

use crate::error::{EmbeddedError, FileError};
use crate::file::schema::{
    DOCUMENTS, INDEX, STATE, TIMERS, checkpoint_key, decode_checkpoint, index_key, index_range,
    parse_index_key, parse_timer_key, timer_key,
};
use crate::handle::Handle;
use crate::limits::{INLINE_DOCUMENTS_MAX, PAGE_INSPECTED_MAX};
use crate::store::document::Derived;
use crate::writer::request::Request;

type Documents = ReadOnlyTable<&'static [u8], &'static [u8]>;

/// [`OrderStore`] of an engine.
pub(crate) struct Store(pub(crate) Arc<Handle>);

#[async_trait]
impl OwnerStore for Store {
    async fn recover(&self, partition: Partition) -> Result<Recovery, PortError> {
        self.0.shared.check(partition)?;
        Ok(self.0.shared.read_blocking(move |txn| recovery(txn, partition)).await?)
    }

    async fn load(&self, partition: Partition, ids: &[OrderId]) -> Result<Loaded, PortError> {
        let shared = &self.0.shared;
        shared.check(partition)?;
        if ids.len() <= INLINE_DOCUMENTS_MAX {
            return Ok(shared.read(|txn| loaded(txn, partition, ids))?);
        }
        let ids = ids.to_vec();
        Ok(shared.read_blocking(move |txn| loaded(txn, partition, &ids)).await?)
    }

    async fn write(&self, write: StoreWrite) -> Result<WriteOutcome, PortError> {
        self.0.shared.check(write.partition)?;
        Ok(self.0.queue.call(|reply| Request::Write(Box::new(write), reply)).await?)
    }

    async fn clear(&self, partition: Partition, token: Token) -> Result<ClearOutcome, PortError> {
        self.0.shared.check(partition)?;
        Ok(self.0.queue.call(|reply| Request::Clear(partition, token, reply)).await?)
    }
}

#[async_trait]
impl OrderReader for Store {
    async fn document(&self, order_id: &OrderId) -> Result<DocumentLookup, PortError> {
        let shared = &self.0.shared;
        // Read before the document, so that the document's snapshot includes everything up to the checkpoint.
        let state = shared.state();
        let checkpoint = &state.checkpoints[partition_of(order_id, shared.partitions).0 as usize];
        let found = shared.read(|txn| json_of(&txn.open_table(DOCUMENTS)?, order_id))?;
        Ok(match (found, checkpoint) {
            (Some(json), _) => DocumentLookup::Found(json),
            (None, Some(checkpoint)) => DocumentLookup::Absent { answered: checkpoint.answered },
            (None, None) => DocumentLookup::Unknown,
        })
    }

    async fn checkpoint(&self, partition: Partition) -> Result<Option<StoreCheckpoint>, PortError> {
        self.0.shared.check(partition)?;
        Ok(self.0.shared.read(|txn| checkpoint(txn, partition))?)
    }

    async fn list(&self, query: &ListQuery) -> Result<Page, PortError> {
        let query = ListQuery { limit: query.limit.clamp(1, PAGE_ORDERS_MAX), ..query.clone() };
        Ok(self
            .0
            .shared
            .read_blocking(move |txn| match &query.party {
                _ if query.late => late::page(txn, &query),
                Some(party) => parties::page(txn, &query, party),
                None => page(txn, &query),
            })
            .await?)
    }

    async fn summary(&self) -> Result<Vec<StatusSummary>, PortError> {
        Ok(self.0.shared.read_blocking(summary::summary).await?)
    }

    async fn outcome(&self, order_id: &OrderId, request: &RequestId) -> Result<RequestOutcome, PortError> {
        let partition = partition_of(order_id, self.0.shared.partitions);
        let outcome = self.0.shared.outcomes.wait(partition, request).await;
        Ok(outcome.ok_or(EmbeddedError::Closed)?)
    }
}

fn checkpoint(txn: &ReadTransaction, partition: Partition) -> Result<Option<StoreCheckpoint>, FileError> {
    let damaged = || FileError::damaged("a checkpoint cannot be decoded");
    let stored = txn.open_table(STATE)?.get(&checkpoint_key(partition)[..])?;
    stored.map(|value| decode_checkpoint(value.value()).ok_or_else(damaged)).transpose()
}

fn recovery(txn: &ReadTransaction, partition: Partition) -> Result<Recovery, FileError> {
    let checkpoint = checkpoint(txn, partition)?;
    let mut timers = Vec::new();
    let table = txn.open_table(TIMERS)?;
    let (start, end) = (timer_key(partition, ""), timer_key(Partition(partition.0 + 1), ""));
    for entry in table.range(&start[..]..&end[..])? {
        let (key, due) = entry?;
        let order_id = parse_timer_key(key.value()).and_then(|id| OrderId::parse(id).ok());
        let order_id = order_id.ok_or_else(|| FileError::damaged("a timer has no valid order id"))?;
        timers.push((order_id, Timestamp::from_millis(due.value())));
    }
    Ok(Recovery { checkpoint, timers, now: None })
}

fn loaded(txn: &ReadTransaction, partition: Partition, ids: &[OrderId]) -> Result<Loaded, FileError> {
    let token = checkpoint(txn, partition)?.map(|checkpoint| checkpoint.token);
    let documents = match ids {
        [] => Vec::new(),
        ids => {
            let table = txn.open_table(DOCUMENTS)?;
            ids.iter().map(|id| json_of(&table, id)).collect::<Result<_, _>>()?
        }
    };
    Ok(Loaded { token, documents, ..Loaded::default() })
}

fn json_of(documents: &Documents, order_id: &OrderId) -> Result<Option<Bytes>, FileError> {
    Ok(document_of(documents, order_id)?.map(|(_, json)| json))
}

fn document_of(documents: &Documents, order_id: &OrderId) -> Result<Option<(Derived, Bytes)>, FileError> {
    let Some(row) = documents.get(order_id.as_str().as_bytes())? else { return Ok(None) };
    let (derived, json) = document::decode(order_id.as_str(), row.value())
        .map_err(|problem| FileError::Damaged(format!("{problem} ({order_id})")))?;
    Ok(Some((derived, Bytes::copy_from_slice(json))))
}

/// Reads one page of a list.
pub(crate) struct PageReader {
    documents: Documents,
    limit: usize,
    page: Page,
    /// The entries that were inspected and not added.
    omitted: usize,
}

impl PageReader {
    pub(crate) fn open(txn: &ReadTransaction, query: &ListQuery) -> Result<Self, FileError> {
        let documents = txn.open_table(DOCUMENTS)?;
        Ok(Self { documents, limit: query.limit, page: Page::default(), omitted: 0 })
    }

    /// Adds the order at this entry of the list. Returns false if the page is full; then another page follows.
    pub(crate) fn add(&mut self, entry: Cursor) -> Result<bool, FileError> {
        let order_id = entry.order_id.clone();
        let missing =
            || FileError::damaged(format!("the document of {order_id}, which is in a list, is missing"));
        self.add_if(entry, |document| document.ok_or_else(missing).map(|(_, json)| Some(json)))
    }

    /// Like [`Self::add`], for a list whose entries may not fit their documents. `select` returns the document to add, if any.
    pub(crate) fn add_if(
        &mut self,
        entry: Cursor,
        select: impl FnOnce(Option<(Derived, Bytes)>) -> Result<Option<Bytes>, FileError>,
    ) -> Result<bool, FileError> {
        if self.is_full() {
            return Ok(false);
        }
        match select(document_of(&self.documents, &entry.order_id)?)? {
            Some(json) => {
                self.page.documents.push(json);
                self.page.next = Some(entry);
                Ok(true)
            }
            None => Ok(self.omit(entry)),
        }
    }

    /// Omits the order at this entry. Returns false like [`Self::add`].
    pub(crate) fn omit(&mut self, entry: Cursor) -> bool {
        if self.is_full() {
            return false;
        }
        self.page.next = Some(entry);
        self.omitted += 1;
        true
    }

    /// Whether the page has the maximum number of orders, or inspected the maximum number of entries.
    fn is_full(&self) -> bool {
        self.page.documents.len() == self.limit || self.omitted == PAGE_INSPECTED_MAX
    }

    /// The page, when more orders follow.
    pub(crate) fn full(self) -> Page {
        self.page
    }

    /// The page, when it is the last one.
    pub(crate) fn last(self) -> Page {
        Page { next: None, ..self.page }
    }
}

fn page(txn: &ReadTransaction, query: &ListQuery) -> Result<Page, FileError> {
    let (index, mut page) = (txn.open_table(INDEX)?, PageReader::open(txn, query)?);
    let begin = query.status.or(query.after.as_ref().map(|cursor| cursor.status));
    let statuses = STATUSES.into_iter().skip_while(|status| begin.is_some_and(|begin| *status != begin));
    for status in statuses.take(if query.status.is_some() { 1 } else { STATUSES.len() }) {
        let (mut start, mut end) = index_range(status);
        if let Some(after) = query.after.as_ref().filter(|after| after.status == status) {
            end = key_of(after);
        }
        if let Some(since) = query.since {
            start = index_key(document::status_code(status), since.as_millis(), "");
        }
        if start >= end {
            continue;
        }
        for entry in index.range(&start[..]..&end[..])?.rev() {
            let (key, _) = entry?;
            let broken = || FileError::damaged("an entry of the index cannot be decoded");
            let (changed_at, id) = parse_index_key(key.value()).ok_or_else(broken)?;
            let order_id = OrderId::parse(id).map_err(|_| broken())?;
            if !page.add(Cursor { status, changed_at, order_id, party: None })? {
                return Ok(page.full());
            }
        }
    }
    Ok(page.last())
}

fn key_of(cursor: &Cursor) -> Vec<u8> {
    index_key(document::status_code(cursor.status), cursor.changed_at.as_millis(), cursor.order_id.as_str())
}
