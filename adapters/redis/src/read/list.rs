//! Pages of the list: the index of every partition, merged.

use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use deadpool_redis::redis;
use logistics_core::lifecycle::{STATUSES, Status};
use logistics_core::limits::PAGE_ORDERS_MAX;
use logistics_core::port::{Cursor, ListQuery, Page};
use logistics_core::{OrderId, Partition, Timestamp};
use serde::Deserialize;

use crate::error::RedisStoreError;
use crate::keys::Keys;
use crate::read::lookup::{millis, report_missing};
use crate::script::{DOCUMENTS, INDEX};
use crate::server::connection::Conn;

/// Entries that are read of every partition beyond its share, so that a page seldom needs a second round trip.
const SPARE_ENTRIES: usize = 8;

/// Lists orders.
pub(crate) struct Lister<'a> {
    pub(crate) conn: &'a mut Conn,
    pub(crate) place: &'a Arc<str>,
    pub(crate) keys: Keys,
    pub(crate) partitions: u32,
}

/// An index entry: its position within a status, and its partition.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    changed_at: Reverse<Timestamp>,
    order_id: Reverse<OrderId>,
    partition: Partition,
}

/// Index entries of one partition that are read and not merged yet.
#[derive(Debug, Clone)]
struct Stretch {
    partition: Partition,
    /// The entry before the next range to read.
    after: Option<(Timestamp, OrderId)>,
    entries: VecDeque<Entry>,
    /// The index has no further entries.
    ended: bool,
}

impl Lister<'_> {
    pub(crate) async fn page(&mut self, query: &ListQuery) -> Result<Page, RedisStoreError> {
        let limit = query.limit.clamp(1, PAGE_ORDERS_MAX);
        if query.late {
            return self.late_page(query, limit).await;
        }
        let mut after = query.after.clone();
        loop {
            let page = self.attempt(query.status, after.as_ref(), limit).await?;
            // Every order of the page left its status before its document was read: read the next page.
            if page.documents.is_empty() && page.next.is_some() {
                after = page.next;
                continue;
            }
            return Ok(page);
        }
    }

    async fn attempt(
        &mut self,
        status: Option<Status>,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Page, RedisStoreError> {
        let begin = status.or(after.map(|cursor| cursor.status));
        let statuses = STATUSES.into_iter().skip_while(|status| begin.is_some_and(|begin| *status != begin));
        let mut entries: Vec<(Status, Entry)> = Vec::new();
        for status in statuses.take(if status.is_some() { 1 } else { STATUSES.len() }) {
            let behind = after.filter(|cursor| cursor.status == status);
            // One more than the limit, to detect another page.
            let found = self.index(status, behind, limit + 1 - entries.len()).await?;
            entries.extend(found.into_iter().map(|entry| (status, entry)));
            if entries.len() > limit {
                break;
            }
        }
        let more = entries.len() > limit;
        entries.truncate(limit);
        let next = entries.last().filter(|_| more).map(|(status, entry)| Cursor {
            status: *status,
            changed_at: entry.changed_at.0,
            order_id: entry.order_id.0.clone(),
        });
        Ok(Page { documents: self.documents(&entries).await?, next })
    }

    /// The first entries of a status.
    async fn index(
        &mut self,
        status: Status,
        behind: Option<&Cursor>,
        count: usize,
    ) -> Result<Vec<Entry>, RedisStoreError> {
        let after = behind.map(|cursor| (cursor.changed_at, cursor.order_id.clone()));
        let stretch =
            |partition| Stretch { partition, after: after.clone(), entries: VecDeque::new(), ended: false };
        let mut stretches: Vec<Stretch> = (0..self.partitions).map(Partition).map(stretch).collect();
        let mut merged = Vec::with_capacity(count);
        loop {
            merge(&mut stretches, &mut merged, count);
            if merged.len() == count || stretches.iter().all(|stretch| stretch.ended) {
                return Ok(merged);
            }
            self.extend(status, &mut stretches, count - merged.len()).await?;
        }
    }

    /// Reads the next range of every partition without entries.
    async fn extend(
        &mut self,
        status: Status,
        stretches: &mut [Stretch],
        missing: usize,
    ) -> Result<(), RedisStoreError> {
        let mut dry: Vec<&mut Stretch> =
            stretches.iter_mut().filter(|stretch| stretch.entries.is_empty() && !stretch.ended).collect();
        let count = (2 * missing / dry.len().max(1) + SPARE_ENTRIES).min(missing);
        let calls: Vec<_> = dry
            .iter()
            .map(|stretch| {
                let key = self.keys.status(stretch.partition, status);
                (vec![key], index_arguments(count, stretch.after.as_ref(), "ZREVRANGE"))
            })
            .collect();
        let answers = self.conn.scripts::<Vec<(String, f64)>>(&INDEX, &calls).await?;
        for (stretch, answer) in dry.iter_mut().zip(answers) {
            stretch.ended = answer.len() < count;
            for (id, changed_at) in answer {
                let order_id = OrderId::parse(&id).map_err(|error| {
                    RedisStoreError::damaged(
                        self.place,
                        format!("an entry of the list has no valid order id: {error}"),
                    )
                })?;
                stretch.entries.push_back(Entry {
                    changed_at: Reverse(Timestamp::from_millis(millis(changed_at))),
                    order_id: Reverse(order_id),
                    partition: stretch.partition,
                });
            }
            let last = stretch.entries.back();
            stretch.after = last.map(|entry| (entry.changed_at.0, entry.order_id.0.clone()));
        }
        Ok(())
    }

    /// The documents, in the order of the entries. Orders that left their status after the index was read are omitted.
    async fn documents(&mut self, entries: &[(Status, Entry)]) -> Result<Vec<Bytes>, RedisStoreError> {
        let mut groups: BTreeMap<(Partition, Status), Vec<usize>> = BTreeMap::new();
        for (position, (status, entry)) in entries.iter().enumerate() {
            groups.entry((entry.partition, *status)).or_default().push(position);
        }
        let id = |position: usize| &entries[position].1.order_id.0;
        let call = |((partition, status), positions): (&(Partition, Status), &Vec<usize>)| {
            let mut keys = vec![self.keys.status(*partition, *status)];
            keys.extend(positions.iter().map(|position| self.keys.order(*partition, id(*position))));
            let ids = positions.iter().map(|position| id(*position).as_str().to_owned());
            (keys, ids.collect::<Vec<_>>())
        };
        let calls: Vec<_> = groups.iter().map(call).collect();
        if calls.is_empty() {
            return Ok(Vec::new());
        }
        let answers = self.conn.scripts::<Vec<Option<Bytes>>>(&DOCUMENTS, &calls).await?;
        let mut documents = vec![Bytes::new(); entries.len()];
        let mut lost: BTreeMap<Partition, Vec<OrderId>> = BTreeMap::new();
        for (position, document) in groups.values().flatten().zip(answers.into_iter().flatten()) {
            match document {
                Some(document) => documents[*position] = document,
                None => lost.entry(entries[*position].1.partition).or_default().push(id(*position).clone()),
            }
        }
        self.report(&lost).await?;
        documents.retain(|document| !document.is_empty());
        Ok(documents)
    }

    /// Reports orders whose documents are lost to their owners. The page omits them.
    async fn report(&mut self, lost: &BTreeMap<Partition, Vec<OrderId>>) -> Result<(), RedisStoreError> {
        for (partition, ids) in lost {
            report_missing(self.conn, self.keys, *partition, ids).await?;
        }
        Ok(())
    }

    /// A page of the late orders; the longest late first. They are normally few, so a whole page is read of each partition.
    async fn late_page(&mut self, query: &ListQuery, limit: usize) -> Result<Page, RedisStoreError> {
        let mut page = Page::default();
        let mut after = query.after.as_ref().map(|cursor| (cursor.changed_at, cursor.order_id.clone()));
        loop {
            let entries = self.late_entries(after.as_ref(), limit + 1).await?;
            let more = entries.len() > limit;
            for (changed_at, order_id, document) in
                self.late_documents(&entries[..entries.len().min(limit)]).await?
            {
                let Head { status, late } = serde_json::from_slice(&document).map_err(|error| {
                    RedisStoreError::damaged(self.place, format!("the document of {order_id}: {error}"))
                })?;
                // The order changed after the index was read.
                if !late || query.status.is_some_and(|wanted| wanted != status) {
                    continue;
                }
                if page.documents.len() == limit {
                    return Ok(page);
                }
                page.documents.push(document);
                page.next = Some(Cursor { status, changed_at, order_id });
            }
            if !more {
                page.next = None;
                return Ok(page);
            }
            let last = &entries[limit - 1];
            after = Some((last.0, last.1.clone()));
            if page.documents.len() == limit {
                return Ok(page);
            }
        }
    }

    /// The next late orders of all partitions, oldest first.
    async fn late_entries(
        &mut self,
        after: Option<&(Timestamp, OrderId)>,
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

/// The arguments of [`INDEX`].
fn index_arguments(count: usize, after: Option<&(Timestamp, OrderId)>, range: &str) -> Vec<String> {
    let (time, id) = match after {
        Some((time, id)) => (time.as_millis().to_string(), id.as_str().to_owned()),
        None => (String::new(), String::new()),
    };
    vec![count.to_string(), time, id, range.to_owned()]
}

/// The fields of a document that a page of late orders needs.
#[derive(Deserialize)]
struct Head {
    status: Status,
    #[serde(default)]
    late: bool,
}

/// Merges entries in order, until a partition needs another range.
fn merge(stretches: &mut [Stretch], merged: &mut Vec<Entry>, count: usize) {
    while merged.len() < count {
        if stretches.iter().any(|stretch| stretch.entries.is_empty() && !stretch.ended) {
            return;
        }
        let first = stretches.iter_mut().filter(|stretch| !stretch.entries.is_empty());
        let Some(stretch) = first.min_by(|a, b| a.entries.front().cmp(&b.entries.front())) else { return };
        merged.extend(stretch.entries.pop_front());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stretch(partition: u32, entries: &[(i64, &str)], ended: bool) -> Stretch {
        let entry = |(time, id): &(i64, &str)| Entry {
            changed_at: Reverse(Timestamp::from_millis(*time)),
            order_id: Reverse(OrderId::parse(id).expect("an order id")),
            partition: Partition(partition),
        };
        Stretch {
            partition: Partition(partition),
            after: None,
            entries: entries.iter().map(entry).collect(),
            ended,
        }
    }

    fn ids(entries: &[Entry]) -> Vec<&str> {
        entries.iter().map(|entry| entry.order_id.0.as_str()).collect()
    }

    #[test]
    fn the_merge_stops_when_a_partition_needs_another_range() {
        let mut stretches = [
            stretch(0, &[(9, "a"), (5, "c"), (5, "a")], true),
            stretch(1, &[(5, "b")], false),
            stretch(2, &[], true),
        ];
        let mut merged = Vec::new();
        merge(&mut stretches, &mut merged, 9);
        assert_eq!(ids(&merged), ["a", "c", "b"]);
        stretches[1].ended = true;
        merge(&mut stretches, &mut merged, 9);
        assert_eq!(ids(&merged), ["a", "c", "b", "a"]);
    }

    #[test]
    fn the_merge_stops_at_the_count() {
        let mut stretches = [stretch(0, &[(9, "a"), (5, "c")], true)];
        let mut merged = Vec::new();
        merge(&mut stretches, &mut merged, 1);
        assert_eq!((ids(&merged), stretches[0].entries.len()), (vec!["a"], 1));
    }
}
