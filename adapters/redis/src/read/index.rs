//! The index of a list: its sorted set of every partition, merged.

use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use logistics_core::port::{Cursor, ListQuery};
use logistics_core::{OrderId, Partition, Timestamp};

use crate::error::RedisStoreError;
use crate::keys::List;
use crate::read::list::Lister;
use crate::read::lookup::{millis, report_missing};
use crate::script::{DOCUMENTS, INDEX};

/// Entries that are read of every partition beyond its share, so that a page seldom needs a second round trip.
const SPARE_ENTRIES: usize = 8;

/// The position of an entry in a list.
pub(super) type Position = (Timestamp, OrderId);

/// The position at which a page begins.
pub(super) fn position(cursor: &Cursor) -> Position {
    (cursor.changed_at, cursor.order_id.clone())
}

/// An index entry: its position within a list, and its partition.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    pub(super) changed_at: Reverse<Timestamp>,
    pub(super) order_id: Reverse<OrderId>,
    pub(super) partition: Partition,
}

impl Entry {
    pub(super) fn position(&self) -> Position {
        (self.changed_at.0, self.order_id.0.clone())
    }
}

/// Index entries of one partition that are read and not merged yet.
#[derive(Debug, Clone)]
struct Stretch {
    partition: Partition,
    /// The entry before the next range to read.
    after: Option<Position>,
    entries: VecDeque<Entry>,
    /// The index has no further entries.
    ended: bool,
}

impl Lister<'_> {
    /// The first entries of a list behind a position, as far as they match the query's time.
    pub(super) async fn index(
        &mut self,
        list: List<'_>,
        query: &ListQuery,
        after: Option<&Position>,
        count: usize,
    ) -> Result<Vec<Entry>, RedisStoreError> {
        let after = after.cloned();
        let stretch =
            |partition| Stretch { partition, after: after.clone(), entries: VecDeque::new(), ended: false };
        let mut stretches: Vec<Stretch> = (0..self.partitions).map(Partition).map(stretch).collect();
        let mut merged = Vec::with_capacity(count);
        loop {
            merge(&mut stretches, &mut merged, count);
            if merged.len() == count || stretches.iter().all(|stretch| stretch.ended) {
                return Ok(merged);
            }
            self.extend(list, query.since, &mut stretches, count - merged.len()).await?;
        }
    }

    /// Reads the next range of every partition without entries.
    async fn extend(
        &mut self,
        list: List<'_>,
        since: Option<Timestamp>,
        stretches: &mut [Stretch],
        missing: usize,
    ) -> Result<(), RedisStoreError> {
        let mut dry: Vec<&mut Stretch> =
            stretches.iter_mut().filter(|stretch| stretch.entries.is_empty() && !stretch.ended).collect();
        let count = (2 * missing / dry.len().max(1) + SPARE_ENTRIES).min(missing);
        let calls: Vec<_> = dry
            .iter()
            .map(|stretch| {
                let after = stretch.after.as_ref().map(|(time, id)| (*time, id.as_str()));
                (vec![list.key(self.keys, stretch.partition)], index_arguments(count, after, "ZREVRANGE"))
            })
            .collect();
        let answers = self.conn.scripts::<Vec<(String, f64)>>(&INDEX, &calls).await?;
        for (stretch, answer) in dry.iter_mut().zip(answers) {
            stretch.ended = answer.len() < count;
            for (id, changed_at) in answer {
                let changed_at = Timestamp::from_millis(millis(changed_at));
                if since.is_some_and(|since| changed_at < since) {
                    stretch.ended = true;
                    break;
                }
                let order_id = OrderId::parse(&id).map_err(|error| {
                    RedisStoreError::damaged(
                        self.place,
                        format!("an entry of the list has no valid order id: {error}"),
                    )
                })?;
                let (changed_at, order_id) = (Reverse(changed_at), Reverse(order_id));
                stretch.entries.push_back(Entry { changed_at, order_id, partition: stretch.partition });
            }
            stretch.after = stretch.entries.back().map(Entry::position);
        }
        Ok(())
    }

    /// The documents, in the order of the entries. Orders that left their list after the index was read are omitted.
    pub(super) async fn documents(
        &mut self,
        entries: &[(List<'_>, Entry)],
    ) -> Result<Vec<Bytes>, RedisStoreError> {
        let mut groups: BTreeMap<(Partition, List<'_>), Vec<usize>> = BTreeMap::new();
        for (position, (list, entry)) in entries.iter().enumerate() {
            groups.entry((entry.partition, *list)).or_default().push(position);
        }
        let id = |position: usize| &entries[position].1.order_id.0;
        let call = |((partition, list), positions): (&(Partition, List<'_>), &Vec<usize>)| {
            let mut keys = vec![list.key(self.keys, *partition)];
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
    pub(super) async fn report(
        &mut self,
        lost: &BTreeMap<Partition, Vec<OrderId>>,
    ) -> Result<(), RedisStoreError> {
        for (partition, ids) in lost {
            report_missing(self.conn, self.keys, *partition, ids).await?;
        }
        Ok(())
    }
}

/// The arguments of [`INDEX`]. The empty id comes before every order at this time.
pub(super) fn index_arguments(count: usize, after: Option<(Timestamp, &str)>, range: &str) -> Vec<String> {
    let (time, id) = match after {
        Some((time, id)) => (time.as_millis().to_string(), id.to_owned()),
        None => (String::new(), String::new()),
    };
    vec![count.to_string(), time, id, range.to_owned()]
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
