//! A store with the hard properties of Redis, as a pure state machine.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use logistics_core::lifecycle::Status;
use logistics_core::port::{
    ClearOutcome, Cursor, DocumentLookup, DocumentWrite, IndexEntry, ListQuery, Loaded, Page, PartyFilter,
    PartyRole, Recovery, StatusSummary, StoreCheckpoint, StoreWrite, Token, WriteOutcome,
};
use logistics_core::{OrderId, Partition, RequestId, RequestOutcome, Timestamp, partition_of};

/// The state of an order store, with the faults that a real one has.
///
/// Every method is one atomic step. Equal states are equal values and hash alike. It trusts its writer as a real store
/// does: it removes an index entry only if the write names it. A writer that names a wrong entry therefore leaves an order
/// in the list twice, and a test can detect that.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MemoryStore {
    partitions: u32,
    contents: Contents,
    /// Writes in transit: they may arrive at any time, in any order, or never.
    held: Vec<StoreWrite>,
}

/// The contents of a store at some moment.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Snapshot(Contents);

type Contents = BTreeMap<Partition, Part>;

/// An index entry, in the order of the list: the latest change first, and of two at the same time the greater id.
type Indexed = (Status, Reverse<Timestamp>, Reverse<OrderId>);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Part {
    checkpoint: StoreCheckpoint,
    documents: BTreeMap<OrderId, Bytes>,
    timers: BTreeMap<OrderId, Timestamp>,
    index: BTreeSet<Indexed>,
    /// The orders that are late in their status: since when, and in which.
    late: BTreeMap<OrderId, (Timestamp, Status)>,
    /// The orders of each party: when each changed, and its status.
    parties: BTreeMap<PartyFilter, BTreeMap<OrderId, (Timestamp, Status)>>,
    outcomes: BTreeMap<RequestId, RequestOutcome>,
    /// Orders whose lost document a reader has requested.
    reported: BTreeSet<OrderId>,
}

/// How many documents one step of [`MemoryStore::clear`] removes.
const CLEAR_DOCUMENTS_MAX: usize = 2;

impl MemoryStore {
    /// An empty store for topics of this many partitions.
    #[must_use]
    pub fn new(partitions: u32) -> Self {
        Self { partitions, contents: Contents::new(), held: Vec::new() }
    }

    /// The state from which a new owner of the partition starts.
    #[must_use]
    pub fn recover(&self, partition: Partition) -> Recovery {
        self.contents.get(&partition).map_or_else(Recovery::default, |part| Recovery {
            checkpoint: Some(part.checkpoint.clone()),
            timers: part.timers.iter().map(|(id, due)| (id.clone(), *due)).collect(),
            now: None,
        })
    }

    /// The documents of these orders, the token, and the orders whose document is lost.
    #[must_use]
    pub fn load(&mut self, partition: Partition, ids: &[OrderId]) -> Loaded {
        let Some(part) = self.contents.get_mut(&partition) else {
            return Loaded { documents: vec![None; ids.len()], ..Loaded::default() };
        };
        let mut missing = std::mem::take(&mut part.reported);
        missing.extend(ids.iter().filter(|id| part.has_lost(id)).cloned());
        let documents = ids.iter().map(|id| part.documents.get(id).cloned()).collect();
        Loaded { token: Some(part.checkpoint.token), documents, missing }
    }

    /// Removes a part of the partition's contents.
    pub fn clear(&mut self, partition: Partition, token: Token) -> ClearOutcome {
        let part = match self.contents.get_mut(&partition) {
            Some(part) if part.checkpoint.token == token => part,
            _ => return ClearOutcome::Mismatch,
        };
        part.outcomes.clear();
        part.reported.clear();
        let ids: Vec<OrderId> = part.index.iter().take(CLEAR_DOCUMENTS_MAX).map(|e| e.2.0.clone()).collect();
        for id in ids {
            part.documents.remove(&id);
            part.timers.remove(&id);
            part.late.remove(&id);
            part.index.retain(|entry| entry.2.0 != id);
            part.leave_parties(&id);
        }
        if !part.index.is_empty() {
            return ClearOutcome::More;
        }
        part.parties.clear();
        ClearOutcome::Done
    }

    /// Orders that are in the index but have no document.
    #[must_use]
    pub fn lost(&self) -> Vec<OrderId> {
        let entries =
            self.contents.values().flat_map(|part| part.index.iter().map(move |entry| (part, entry)));
        let lost = entries.filter(|(part, entry)| !part.documents.contains_key(&entry.2.0));
        lost.map(|(_, entry)| entry.2.0.clone()).collect()
    }

    /// The order is in the index but has no document.
    #[must_use]
    pub fn has_lost(&self, order_id: &OrderId) -> bool {
        let part = self.contents.get(&partition_of(order_id, self.partitions));
        part.is_some_and(|part| part.has_lost(order_id))
    }

    /// Removes a document and keeps everything else, as an eviction or a deleted key does.
    pub fn lose_document(&mut self, order_id: &OrderId) {
        let partition = partition_of(order_id, self.partitions);
        if let Some(part) = self.contents.get_mut(&partition) {
            part.documents.remove(order_id);
        }
    }

    /// Compares and writes.
    pub fn write(&mut self, write: &StoreWrite) -> WriteOutcome {
        let token = self.token(write.partition);
        if token == Some(write.next) {
            return WriteOutcome::Applied;
        }
        if token != write.expected {
            return WriteOutcome::Mismatch;
        }
        let checkpoint = StoreCheckpoint {
            offset: write.offset,
            answered: write.answered,
            token: write.next,
            basis: Some(write.basis.clone()),
        };
        let part = self.contents.entry(write.partition).or_insert_with(|| Part::new(checkpoint.clone()));
        part.checkpoint = checkpoint;
        write.documents.iter().for_each(|document| part.put(document));
        part.outcomes.extend(write.outcomes.iter().cloned());
        WriteOutcome::Applied
    }

    /// The document of one order.
    #[must_use]
    pub fn document(&mut self, order_id: &OrderId) -> DocumentLookup {
        match self.contents.get_mut(&partition_of(order_id, self.partitions)) {
            None => DocumentLookup::Unknown,
            Some(part) => match part.documents.get(order_id) {
                Some(json) => DocumentLookup::Found(json.clone()),
                None if part.has_lost(order_id) => {
                    part.reported.insert(order_id.clone());
                    DocumentLookup::Missing
                }
                None => DocumentLookup::Absent { answered: part.checkpoint.answered },
            },
        }
    }

    /// A page of the list.
    #[must_use]
    pub fn list(&self, query: &ListQuery) -> Page {
        if query.late {
            return self.list_late(query);
        }
        if let Some(party) = &query.party {
            return self.list_party(query, party);
        }
        let after = query
            .after
            .as_ref()
            .map(|cursor| (cursor.status, Reverse(cursor.changed_at), Reverse(cursor.order_id.clone())));
        let mut entries: Vec<(&Indexed, &Part)> = self
            .contents
            .values()
            .flat_map(|part| part.index.iter().map(move |entry| (entry, part)))
            .filter(|(entry, _)| query.status.is_none_or(|status| entry.0 == status))
            .filter(|(entry, _)| query.since.is_none_or(|since| entry.1.0 >= since))
            .filter(|(entry, _)| after.as_ref().is_none_or(|after| *entry > after))
            .collect();
        entries.sort_unstable_by_key(|(entry, _)| *entry);
        let more = entries.len() > query.limit;
        entries.truncate(query.limit);
        let next = entries.last().filter(|_| more).map(|((status, changed_at, order_id), _)| Cursor {
            status: *status,
            changed_at: changed_at.0,
            order_id: order_id.0.clone(),
            party: None,
        });
        let documents =
            entries.iter().filter_map(|(entry, part)| part.documents.get(&entry.2.0).cloned()).collect();
        Page { documents, next }
    }

    fn list_late(&self, query: &ListQuery) -> Page {
        let after = query.after.as_ref().map(|cursor| (cursor.changed_at, &cursor.order_id));
        let late = self.contents.values().flat_map(|part| part.late.iter().map(move |entry| (entry, part)));
        let mut entries: Vec<_> =
            late.map(|((id, (changed_at, status)), part)| ((*changed_at, id), *status, part)).collect();
        entries.retain(|(place, status, _)| {
            query.status.is_none_or(|wanted| *status == wanted)
                && query.since.is_none_or(|since| place.0 >= since)
                && after.is_none_or(|after| *place > after)
        });
        if let Some(party) = &query.party {
            entries.retain(|((_, id), _, part)| part.shows(id, party));
        }
        entries.sort_unstable_by_key(|(place, ..)| *place);
        let more = entries.len() > query.limit;
        entries.truncate(query.limit);
        let next = entries.last().filter(|_| more).map(|((changed_at, order_id), status, _)| Cursor {
            status: *status,
            changed_at: *changed_at,
            order_id: OrderId::clone(order_id),
            party: query.party.as_ref().map(PartyFilter::digest),
        });
        let documents =
            entries.iter().filter_map(|((_, id), _, part)| part.documents.get(*id).cloned()).collect();
        Page { documents, next }
    }

    fn list_party(&self, query: &ListQuery, party: &PartyFilter) -> Page {
        let after =
            query.after.as_ref().map(|cursor| (Reverse(cursor.changed_at), Reverse(&cursor.order_id)));
        let mut entries = Vec::new();
        for part in self.contents.values() {
            for (id, (changed_at, status)) in part.parties.get(party).into_iter().flatten() {
                let place = (Reverse(*changed_at), Reverse(id));
                let wanted = query.status.is_none_or(|wanted| *status == wanted)
                    && query.since.is_none_or(|since| *changed_at >= since)
                    && after.is_none_or(|after| place > after)
                    && part.shows(id, party);
                if wanted {
                    entries.push((place, *status, part));
                }
            }
        }
        entries.sort_unstable_by_key(|(place, ..)| *place);
        let more = entries.len() > query.limit;
        entries.truncate(query.limit);
        let next = entries.last().filter(|_| more).map(|((changed_at, order_id), status, _)| Cursor {
            status: *status,
            changed_at: changed_at.0,
            order_id: order_id.0.clone(),
            party: Some(party.digest()),
        });
        let documents = entries.iter().filter_map(|((_, id), _, part)| part.documents.get(id.0).cloned());
        Page { documents: documents.collect(), next }
    }

    /// The orders of each status.
    #[must_use]
    pub fn summary(&self) -> Vec<StatusSummary> {
        let mut summaries = StatusSummary::none();
        for (status, changed_at, _) in self.contents.values().flat_map(|part| &part.index) {
            let summary = summaries.iter_mut().find(|summary| summary.status == *status);
            summary.into_iter().for_each(|summary| summary.add(1, Some(changed_at.0)));
        }
        summaries
    }

    /// Removes the lists of parties, as if a release without them had written the store.
    pub fn forget_parties(&mut self) {
        self.contents.values_mut().for_each(|part| part.parties.clear());
    }

    /// The outcome of an awaited request about this order, if it is stored.
    #[must_use]
    pub fn outcome(&self, order_id: &OrderId, request: &RequestId) -> Option<RequestOutcome> {
        let part = self.contents.get(&partition_of(order_id, self.partitions))?;
        part.outcomes.get(request).cloned()
    }

    /// The partition's token; `None` if the store has no checkpoint of it.
    #[must_use]
    pub fn token(&self, partition: Partition) -> Option<Token> {
        self.contents.get(&partition).map(|part| part.checkpoint.token)
    }

    /// Every document of a partition, by id.
    pub fn documents(&self, partition: Partition) -> impl Iterator<Item = (&OrderId, &Bytes)> {
        self.contents.get(&partition).into_iter().flat_map(|part| &part.documents)
    }

    /// Loses everything. Held writes can still arrive.
    pub fn wipe(&mut self) {
        self.contents.clear();
    }

    /// A backup of the current contents.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot(self.contents.clone())
    }

    /// Restores an older state: a backup, or a replica without the latest writes.
    pub fn restore(&mut self, snapshot: &Snapshot) {
        self.contents.clone_from(&snapshot.0);
    }

    /// All outcomes expire.
    pub fn expire_outcomes(&mut self) {
        self.contents.values_mut().for_each(|part| part.outcomes.clear());
    }

    /// Holds a write back: it is sent but has not arrived.
    pub fn hold(&mut self, write: StoreWrite) {
        self.held.push(write);
    }

    /// The held writes, in the order in which they were sent.
    #[must_use]
    pub fn held(&self) -> &[StoreWrite] {
        &self.held
    }

    /// A held write arrives; `None` if there is none at that index.
    pub fn apply_held(&mut self, index: usize) -> Option<WriteOutcome> {
        let write = self.drop_held(index)?;
        Some(self.write(&write))
    }

    /// A held write is lost; `None` if there is none at that index.
    pub fn drop_held(&mut self, index: usize) -> Option<StoreWrite> {
        (index < self.held.len()).then(|| self.held.remove(index))
    }
}

impl Part {
    fn new(checkpoint: StoreCheckpoint) -> Self {
        Self {
            checkpoint,
            documents: BTreeMap::new(),
            timers: BTreeMap::new(),
            index: BTreeSet::new(),
            late: BTreeMap::new(),
            parties: BTreeMap::new(),
            outcomes: BTreeMap::new(),
            reported: BTreeSet::new(),
        }
    }

    /// The order is in the index but has no document.
    fn has_lost(&self, order_id: &OrderId) -> bool {
        !self.documents.contains_key(order_id) && self.index.iter().any(|entry| entry.2.0 == *order_id)
    }

    /// The order has a document that names this party.
    fn shows(&self, order_id: &OrderId, party: &PartyFilter) -> bool {
        self.documents.get(order_id).is_some_and(|json| party.matches(json))
    }

    fn leave(&mut self, party: &PartyFilter, order_id: &OrderId) {
        let Some(orders) = self.parties.get_mut(party) else { return };
        orders.remove(order_id);
        if orders.is_empty() {
            self.parties.remove(party);
        }
    }

    fn leave_parties(&mut self, order_id: &OrderId) {
        self.parties.values_mut().for_each(|orders| _ = orders.remove(order_id));
        self.parties.retain(|_, orders| !orders.is_empty());
    }

    fn put(&mut self, write: &DocumentWrite) {
        let entry = |status, changed_at| (status, Reverse(changed_at), Reverse(write.order_id.clone()));
        if write.rebuilt {
            self.index.retain(|entry| entry.2.0 != write.order_id);
            self.leave_parties(&write.order_id);
        } else if let Some(IndexEntry { status, changed_at, courier }) = &write.previous {
            self.index.remove(&entry(*status, *changed_at));
            if let Some(id) = courier.clone() {
                self.leave(&PartyFilter { role: PartyRole::Courier, id }, &write.order_id);
            }
        }
        self.index.insert(entry(write.status, write.changed_at));
        for (role, id) in write.parties.iter() {
            let orders = self.parties.entry(PartyFilter { role, id: id.clone() }).or_default();
            orders.insert(write.order_id.clone(), (write.changed_at, write.status));
        }
        match write.late {
            true => _ = self.late.insert(write.order_id.clone(), (write.changed_at, write.status)),
            false => _ = self.late.remove(&write.order_id),
        }
        self.documents.insert(write.order_id.clone(), write.json.clone());
        match write.due {
            Some(due) => _ = self.timers.insert(write.order_id.clone(), due),
            None => _ = self.timers.remove(&write.order_id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use logistics_core::Offset;
    use logistics_core::port::OrderParties;

    const P: Partition = Partition(0);

    fn token(sequence: u64) -> Token {
        Token { acquisition: 1, sequence }
    }

    fn write(expected: Option<u64>, next: u64, document: &'static str) -> StoreWrite {
        StoreWrite {
            partition: P,
            expected: expected.map(token),
            next: token(next),
            offset: Offset(next),
            answered: Offset(next),
            documents: vec![DocumentWrite {
                order_id: OrderId::parse("o").expect("an id"),
                json: Bytes::from_static(document.as_bytes()),
                status: Status::Placed,
                changed_at: Timestamp::from_millis(1),
                parties: OrderParties::default(),
                previous: None,
                rebuilt: false,
                late: false,
                due: None,
            }],
            basis: Bytes::new(),
            outcomes: Vec::new(),
        }
    }

    #[test]
    fn the_token_of_a_restored_state_differs_from_the_current_one() {
        let mut store = MemoryStore::new(1);
        assert_eq!(store.write(&write(None, 1, "one")), WriteOutcome::Applied);
        let old = store.snapshot();
        assert_eq!(store.write(&write(Some(1), 2, "two")), WriteOutcome::Applied);
        store.restore(&old);
        assert_eq!(store.write(&write(Some(2), 3, "three")), WriteOutcome::Mismatch);
        assert_eq!(store.token(P), Some(token(1)));
        store.wipe();
        assert_eq!(store, MemoryStore::new(1));
    }

    #[test]
    fn a_late_write_is_applied_only_on_top_of_the_token_that_it_expects() {
        let mut store = MemoryStore::new(1);
        store.hold(write(None, 1, "late"));
        assert_eq!(store.token(P), None);
        let mut overtaken = store.clone();
        assert_eq!(store.apply_held(0), Some(WriteOutcome::Applied));
        assert_eq!(store.token(P), Some(token(1)));
        assert_eq!(store.apply_held(0), None);

        assert_eq!(overtaken.write(&write(None, 5, "other")), WriteOutcome::Applied);
        let before = overtaken.load(P, &[]);
        assert_eq!(overtaken.apply_held(0), Some(WriteOutcome::Mismatch));
        assert_eq!(overtaken.load(P, &[]), before);
    }
}
