//! The facts of an order that the store has, for a stream that may lack some.

use std::time::Duration;

use bytes::Bytes;
use logistics_core::{HistoryEntry, Offset, OrderId, Status, Version, partition_of};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::document::visible;
use crate::error::ServiceError;
use crate::history::unreadable;
use crate::live::{LiveFact, entry};
use crate::principal::Principal;
use crate::service::OrderService;

/// The first pause before the store is read again, in milliseconds. Each pause is twice as long as the one before.
const PAUSE_MS_MIN: u64 = 20;
/// The longest pause, in milliseconds.
const PAUSE_MS_MAX: u64 = 2_000;
/// Reads of a store that may be behind the log. After these, a stream waits for the checkpoint, which all streams share.
const READS_MAX: u32 = 6;

/// What a stream may lack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// The stream has the facts up to this version.
    pub(crate) after: Version,
    /// The store has what the stream lacks once its checkpoint has reached this offset.
    pub(crate) until: Offset,
}

/// What the store has.
#[derive(Debug, Default)]
pub(crate) struct CaughtUp {
    /// The facts behind the wanted version.
    pub(crate) facts: Vec<LiveFact>,
    /// The version of the document; 0 if it was not read.
    pub(crate) version: Version,
    /// The document has every fact before the wanted offset.
    pub(crate) is_complete: bool,
    /// The order is in a terminal status, so no fact follows.
    pub(crate) is_terminal: bool,
    /// The last of the facts took the order from the principal.
    pub(crate) is_lost: bool,
}

/// The parsed part of a document.
#[derive(Deserialize)]
pub(crate) struct Outline<'a> {
    pub(crate) status: Status,
    pub(crate) version: Version,
    #[serde(borrow)]
    pub(crate) history: &'a RawValue,
}

impl Outline<'_> {
    pub(crate) fn of<'a>(order_id: &OrderId, json: &'a [u8]) -> Result<Outline<'a>, ServiceError> {
        serde_json::from_slice(json).map_err(|error| unreadable(Some(order_id), &error))
    }

    /// The facts behind this version.
    pub(crate) fn facts(&self, order_id: &OrderId, after: Version) -> Result<Vec<LiveFact>, ServiceError> {
        let entries = self.entries(order_id)?;
        let later = entries.iter().filter(|entry| entry.version > after);
        Ok(later.map(|one| entry::of_history(order_id, one)).collect())
    }

    fn entries(&self, order_id: &OrderId) -> Result<Vec<HistoryEntry>, ServiceError> {
        serde_json::from_str(self.history.get()).map_err(|error| unreadable(Some(order_id), &error))
    }
}

impl OrderService {
    /// Reads the store for a stream. `attempt`: the number of attempts before this one for the same facts.
    pub(crate) async fn catch_up(
        &self,
        principal: &Principal,
        order_id: &OrderId,
        wanted: Wanted,
        attempt: u32,
    ) -> Result<CaughtUp, ServiceError> {
        let Some((document, is_complete)) = self.read_again(order_id, wanted, attempt).await? else {
            return Ok(CaughtUp::default());
        };
        let is_seen = principal.sees_document(order_id, &document)?;
        if self.check_link(principal, order_id, &document).is_err() {
            return Ok(CaughtUp { is_complete, is_lost: true, ..CaughtUp::default() });
        }
        let json = visible(principal, document)?;
        let outline = Outline::of(order_id, &json)?;
        let version = outline.version;
        if is_seen {
            let facts = outline.facts(order_id, wanted.after)?;
            let is_terminal = outline.status.is_terminal();
            return Ok(CaughtUp { facts, version, is_complete, is_terminal, is_lost: false });
        }
        let entries = outline.entries(order_id)?;
        Ok(CaughtUp {
            facts: until_lost(order_id, &entries, wanted.after),
            version,
            is_complete,
            is_terminal: false,
            is_lost: true,
        })
    }

    /// The facts behind the wanted version for everyone, and whether they are complete.
    pub(crate) async fn read_entries(
        &self,
        is_operator: bool,
        order_id: &OrderId,
        wanted: Wanted,
        attempt: u32,
    ) -> Result<(Vec<LiveFact>, bool), ServiceError> {
        let Some((document, is_complete)) = self.read_again(order_id, wanted, attempt).await? else {
            return Ok((Vec::new(), false));
        };
        let mut entries = Outline::of(order_id, &document)?.entries(order_id)?;
        entries.retain(|entry| entry.version > wanted.after);
        if !is_operator {
            entries.iter_mut().for_each(|entry| (entry.by, entry.trace) = (None, None));
        }
        Ok((entries.iter().map(|one| entry::of_history(order_id, one)).collect(), is_complete))
    }

    /// The document, and whether it is complete. `None`: it may be behind, and was read often enough.
    async fn read_again(
        &self,
        order_id: &OrderId,
        wanted: Wanted,
        attempt: u32,
    ) -> Result<Option<(Bytes, bool)>, ServiceError> {
        if attempt > 0 {
            let pause_ms = PAUSE_MS_MIN.saturating_mul(1 << (attempt - 1).min(16)).min(PAUSE_MS_MAX);
            tokio::time::sleep(Duration::from_millis(pause_ms)).await;
        }
        // Before the document: what the checkpoint covers, the document has.
        let is_complete = self.covers(order_id, wanted.until).await?;
        if !is_complete && attempt >= READS_MAX {
            return Ok(None);
        }
        let document = self.find_written(&Principal::anonymous(), order_id).await?;
        Ok(Some((document.json, is_complete)))
    }

    /// Whether the store has every fact of the order's partition before this offset.
    pub(crate) async fn covers(&self, order_id: &OrderId, until: Offset) -> Result<bool, ServiceError> {
        let shared = &self.shared;
        let partition = partition_of(order_id, self.partitions());
        let call = shared.port("read the store's checkpoint", shared.store.checkpoint(partition));
        let call = async { Ok(call.await?.map_or(Offset(0), |checkpoint| checkpoint.offset)) };
        Ok(shared.checkpoints.run(&partition, async {}, call).await? >= until)
    }
}

/// The facts up to the assignment that took the order from its courier.
fn until_lost(order_id: &OrderId, entries: &[HistoryEntry], after: Version) -> Vec<LiveFact> {
    let later = entries.iter().filter(|entry| entry.version > after);
    let mut facts = Vec::new();
    for one in later {
        facts.push(entry::of_history(order_id, one));
        if one.assignment.is_some() {
            break;
        }
    }
    facts
}
