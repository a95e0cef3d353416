//! Pages of the orders of a party.

use std::collections::{BTreeMap, BTreeSet};

use deadpool_redis::redis;
use logistics_core::lifecycle::Status;
use logistics_core::port::{Cursor, ListQuery, Page, PartyFilter};
use logistics_core::{OrderId, Partition};
use serde::Deserialize;

use crate::error::RedisStoreError;
use crate::keys::List;
use crate::limits::{INSPECTED_AT_ONCE_MAX, PAGE_INSPECTED_MAX};
use crate::read::index::{Entry, position};
use crate::read::list::Lister;

/// Entries of the first round trip, at least, of a page that selects among them. Orders in a status are often the latest ones.
const SELECTED_FROM_MIN: usize = 100;

/// The field of a document that a page selects by.
#[derive(Deserialize)]
struct Head {
    status: Status,
}

impl Lister<'_> {
    /// A page of the orders of a party. An entry may be outdated, so the document decides whether it belongs to the page.
    pub(super) async fn party_page(
        &mut self,
        query: &ListQuery,
        party: &PartyFilter,
        limit: usize,
    ) -> Result<Page, RedisStoreError> {
        let (mut page, mut inspected) = (Page::default(), 0);
        let mut after = query.after.as_ref().map(position);
        let mut at_once = limit.clamp(SELECTED_FROM_MIN, INSPECTED_AT_ONCE_MAX);
        loop {
            let left = limit - page.documents.len();
            let count = if query.status.is_some() { at_once } else { left };
            // One more, to detect another page.
            let mut entries = self.index(List::Party(party), query, after.as_ref(), count + 1).await?;
            let mut more = entries.len() > count;
            entries.truncate(count);
            inspected += entries.len();
            let mut last = entries.last().cloned();
            if let Some(status) = query.status {
                entries = self.in_status(status, entries).await?;
            }
            if entries.len() > left {
                entries.truncate(left);
                (more, last) = (true, entries.last().cloned());
            }
            let entries: Vec<_> = entries.into_iter().map(|entry| (List::Party(party), entry)).collect();
            let mut documents = self.documents(&entries).await?;
            documents.retain(|document| party.matches(document) && has_status(document, query.status));
            page.documents.extend(documents);
            let Some(last) = last.filter(|_| more) else {
                page.next = None;
                return Ok(page);
            };
            after = Some(last.position());
            if page.documents.len() == limit || inspected >= PAGE_INSPECTED_MAX {
                // The position is independent of the status.
                let status = query.status.unwrap_or(Status::Placed);
                let (changed_at, order_id) = last.position();
                page.next = Some(Cursor { status, changed_at, order_id, party: Some(party.digest()) });
                return Ok(page);
            }
            at_once = (4 * at_once).min(INSPECTED_AT_ONCE_MAX);
        }
    }

    /// The entries of orders in a status.
    async fn in_status(
        &mut self,
        status: Status,
        entries: Vec<Entry>,
    ) -> Result<Vec<Entry>, RedisStoreError> {
        let mut groups: BTreeMap<Partition, Vec<&OrderId>> = BTreeMap::new();
        for entry in &entries {
            groups.entry(entry.partition).or_default().push(&entry.order_id.0);
        }
        if groups.is_empty() {
            return Ok(entries);
        }
        let scores = |(partition, ids): (&Partition, &Vec<&OrderId>)| {
            let mut scores = redis::cmd("ZMSCORE");
            scores.arg(List::Status(status).key(self.keys, *partition));
            ids.iter().for_each(|id| _ = scores.arg(id.as_str()));
            scores
        };
        let answers = self.conn.scattered::<Vec<Option<f64>>>(groups.iter().map(scores).collect()).await?;
        let found = groups.values().flatten().zip(answers.into_iter().flatten());
        let found: BTreeSet<OrderId> = found.filter_map(|(id, score)| score.map(|_| (*id).clone())).collect();
        Ok(entries.into_iter().filter(|entry| found.contains(&entry.order_id.0)).collect())
    }
}

/// Whether the order has this status. It may have changed after the index was read.
fn has_status(document: &[u8], wanted: Option<Status>) -> bool {
    let Some(wanted) = wanted else { return true };
    serde_json::from_slice::<Head>(document).is_ok_and(|head| head.status == wanted)
}
