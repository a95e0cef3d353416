//! Pages of the late orders.

use std::collections::BTreeMap;

use bytes::Bytes;
use deadpool_redis::redis;
use logistics_core::lifecycle::Status;
use logistics_core::port::{Cursor, ListQuery, Page, PartyFilter};
use logistics_core::{OrderId, Partition, Timestamp};
use serde::Deserialize;

use crate::error::RedisStoreError;
use crate::limits::PAGE_INSPECTED_MAX;
use crate::read::index::{index_arguments, position};
use crate::read::list::Lister;
use crate::read::lookup::millis;
use crate::script::INDEX;

/// Entries of one round trip, at least, of a page that selects among them.
const SELECTED_FROM_MIN: usize = 100;

/// The fields of a document that a page selects by.
#[derive(Deserialize)]
struct Head {
    status: Status,
    #[serde(default)]
    late: bool,
}

impl Lister<'_> {
    /// A page of the late orders; the longest late first. They are normally few, so a whole page is read of each partition.
    pub(super) async fn late_page(
        &mut self,
        query: &ListQuery,
        limit: usize,
    ) -> Result<Page, RedisStoreError> {
        let selects = query.status.is_some() || query.party.is_some();
        let count = if selects { limit.max(SELECTED_FROM_MIN) } else { limit };
        let party = query.party.as_ref().map(PartyFilter::digest);
        let (mut page, mut inspected) = (Page::default(), 0);
        let mut after = query.after.as_ref().map(position);
        loop {
            // The empty id comes before every order at this time.
            let since = query.since.map(|since| (since, ""));
            let begin = after.as_ref().map(|(time, id)| (*time, id.as_str())).max(since);
            let entries = self.late_entries(begin, count + 1).await?;
            let more = entries.len() > count;
            let entries = &entries[..entries.len().min(count)];
            for (changed_at, order_id, document) in self.late_documents(entries).await? {
                let Head { status, late } = serde_json::from_slice(&document).map_err(|error| {
                    RedisStoreError::damaged(self.place, format!("the document of {order_id}: {error}"))
                })?;
                let is_wanted = query.status.is_none_or(|wanted| wanted == status)
                    && query.party.as_ref().is_none_or(|party| party.matches(&document));
                // The order may have changed after the index was read.
                if !late || !is_wanted {
                    continue;
                }
                if page.documents.len() == limit {
                    return Ok(page);
                }
                page.documents.push(document);
                page.next = Some(Cursor { status, changed_at, order_id, party });
            }
            let Some((changed_at, order_id, _)) = entries.last().filter(|_| more).cloned() else {
                page.next = None;
                return Ok(page);
            };
            inspected += entries.len();
            if page.documents.len() == limit {
                return Ok(page);
            }
            if inspected >= PAGE_INSPECTED_MAX {
                let status = query.status.unwrap_or(Status::Placed);
                page.next = Some(Cursor { status, changed_at, order_id, party });
                return Ok(page);
            }
            after = Some((changed_at, order_id));
        }
    }

    /// The next late orders of all partitions, oldest first.
    async fn late_entries(
        &mut self,
        after: Option<(Timestamp, &str)>,
        count: usize,
    ) -> Result<Vec<(Timestamp, OrderId, Partition)>, RedisStoreError> {
        let partitions = (0..self.partitions).map(Partition);
        let call = |partition| (vec![self.keys.late(partition)], index_arguments(count, after, "ZRANGE"));
        let calls: Vec<_> = partitions.clone().map(call).collect();
        let answers = self.conn.scripts::<Vec<(String, f64)>>(&INDEX, &calls).await?;
        let mut entries = Vec::new();
        for (partition, found) in partitions.zip(answers) {
            for (id, became) in found {
                let order_id = OrderId::parse(&id).map_err(|error| {
                    RedisStoreError::damaged(
                        self.place,
                        format!("an entry of the late orders has no valid order id: {error}"),
                    )
                })?;
                entries.push((Timestamp::from_millis(millis(became)), order_id, partition));
            }
        }
        entries.sort_unstable();
        entries.truncate(count);
        Ok(entries)
    }

    async fn late_documents(
        &mut self,
        entries: &[(Timestamp, OrderId, Partition)],
    ) -> Result<Vec<(Timestamp, OrderId, Bytes)>, RedisStoreError> {
        let mut groups: BTreeMap<Partition, Vec<usize>> = BTreeMap::new();
        for (position, (_, _, partition)) in entries.iter().enumerate() {
            groups.entry(*partition).or_default().push(position);
        }
        if groups.is_empty() {
            return Ok(Vec::new());
        }
        let mget = |(partition, positions): (&Partition, &Vec<usize>)| {
            let mut mget = redis::cmd("MGET");
            for position in positions {
                mget.arg(self.keys.order(*partition, &entries[*position].1));
            }
            mget
        };
        let answers: Vec<Vec<Option<Bytes>>> = self.conn.scattered(groups.iter().map(mget).collect()).await?;
        let mut found = vec![None; entries.len()];
        let mut lost: BTreeMap<Partition, Vec<OrderId>> = BTreeMap::new();
        for (position, document) in groups.values().flatten().zip(answers.into_iter().flatten()) {
            if document.is_none() {
                let (_, order_id, partition) = &entries[*position];
                lost.entry(*partition).or_default().push(order_id.clone());
            }
            found[*position] = document;
        }
        self.report(&lost).await?;
        let documents = entries.iter().zip(found);
        Ok(documents.filter_map(|((at, id, _), document)| Some((*at, id.clone(), document?))).collect())
    }
}
