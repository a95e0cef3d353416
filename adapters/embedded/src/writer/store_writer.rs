//! Writing documents and their entries in the index, the lists of late orders and of parties, and the timers.

use logistics_core::port::{DocumentWrite, PartyRole, StoreCheckpoint, StoreWrite};
use logistics_core::{Order, Partition, PartyId};
use redb::{Table, WriteTransaction};

use crate::error::FileError;
use crate::file::schema::{
    DOCUMENTS, INDEX, LATE, PARTIES, STATE, TIMERS, checkpoint_key, encode_checkpoint, index_key, late_key,
    parse_index_key, parse_late_key, parse_party_key, party_key, timer_key,
};
use crate::store::counts::Counts;
use crate::store::document::{self, Derived, status_code};

type Bytes = &'static [u8];

pub(super) struct StoreWriter<'txn> {
    state: Table<'txn, Bytes, Bytes>,
    documents: Table<'txn, Bytes, Bytes>,
    index: Table<'txn, Bytes, ()>,
    late: Table<'txn, Bytes, u8>,
    parties: Table<'txn, Bytes, u8>,
    timers: Table<'txn, Bytes, i64>,
    /// The entries of the index.
    pub(super) counts: Counts,
    /// A reused buffer for one row.
    row: Vec<u8>,
}

impl<'txn> StoreWriter<'txn> {
    pub(super) fn open(txn: &'txn WriteTransaction, counts: Counts) -> Result<Self, FileError> {
        Ok(Self {
            state: txn.open_table(STATE)?,
            documents: txn.open_table(DOCUMENTS)?,
            index: txn.open_table(INDEX)?,
            late: txn.open_table(LATE)?,
            parties: txn.open_table(PARTIES)?,
            timers: txn.open_table(TIMERS)?,
            counts,
            row: Vec::new(),
        })
    }

    /// Applies a write, and returns the partition's new checkpoint.
    pub(super) fn write(&mut self, write: &StoreWrite) -> Result<StoreCheckpoint, FileError> {
        for document in &write.documents {
            self.document(write, document)?;
        }
        let checkpoint = StoreCheckpoint {
            offset: write.offset,
            answered: write.answered,
            token: write.next,
            basis: Some(write.basis.clone()),
        };
        let key = checkpoint_key(write.partition);
        self.state.insert(&key[..], &encode_checkpoint(&checkpoint)[..])?;
        Ok(checkpoint)
    }

    fn document(&mut self, write: &StoreWrite, document: &DocumentWrite) -> Result<(), FileError> {
        let (order_id, derived) = (document.order_id.as_str(), Derived::of(document));
        self.row.resize(document::row_bytes(&document.json), 0);
        document::encode_into(&mut self.row, order_id, derived, &document.json);
        let replaced = self.documents.insert(order_id.as_bytes(), &self.row[..])?;
        let replaced = replaced.map(|row| {
            let (derived, json) = document::decode(order_id, row.value())?;
            // A writer that rebuilt the order does not know the courier in whose list it is.
            let courier = document.rebuilt.then(|| courier_of(json)).flatten();
            Ok::<_, &'static str>((derived, courier))
        });
        let (replaced, courier) = match replaced.transpose() {
            Ok(replaced) => replaced.unzip(),
            // The damaged row does not name its entries. The log supplies the order.
            Err(_) if document.rebuilt => {
                self.remove_entries(write.partition, order_id)?;
                (None, None)
            }
            Err(problem) => return Err(FileError::Damaged(format!("{problem} ({order_id})"))),
        };
        let key = |derived: Derived| index_key(derived.status, derived.changed_at, order_id);
        let (before, after) = (replaced.map(key), key(derived));
        if before.as_ref() != Some(&after) {
            if let Some(before) = before
                && self.index.remove(&before[..])?.is_some()
            {
                self.counts.remove(&before);
            }
            if self.index.insert(&after[..], ())?.is_none() {
                self.counts.add(&after);
            }
        }
        self.update_late(document, replaced)?;
        let courier = courier.flatten();
        let previous = document.previous.as_ref().and_then(|previous| previous.courier.as_ref());
        self.update_parties(document, replaced, if document.rebuilt { courier.as_ref() } else { previous })?;
        let timer = timer_key(write.partition, order_id);
        match document.due {
            Some(due) => _ = self.timers.insert(&timer[..], due.as_millis())?,
            None if replaced.is_some_and(|replaced| replaced.has_timer) => {
                _ = self.timers.remove(&timer[..])?
            }
            None => {}
        }
        Ok(())
    }

    /// Updates the order's entry in the list of late orders.
    fn update_late(&mut self, document: &DocumentWrite, replaced: Option<Derived>) -> Result<(), FileError> {
        let order_id = document.order_id.as_str();
        if let Some(replaced) = replaced {
            self.late.remove(&late_key(replaced.changed_at, order_id)[..])?;
        }
        if document.late {
            let key = late_key(document.changed_at.as_millis(), order_id);
            self.late.insert(&key[..], status_code(document.status))?;
        }
        Ok(())
    }

    /// Updates the order's entries in the lists of its parties. `courier`: in whose list it is.
    fn update_parties(
        &mut self,
        document: &DocumentWrite,
        replaced: Option<Derived>,
        courier: Option<&PartyId>,
    ) -> Result<(), FileError> {
        let key = |role, id, changed_at| party_key(role, id, changed_at, document.order_id.as_str());
        for role in PartyRole::ALL {
            let id = document.parties.id(role);
            // Only the courier changes.
            let before = if role == PartyRole::Courier { courier } else { id };
            let before = replaced.zip(before).map(|(replaced, id)| key(role, id, replaced.changed_at));
            let after = id.map(|id| key(role, id, document.changed_at.as_millis()));
            if let Some(before) = before.filter(|before| after.as_ref() != Some(before)) {
                self.parties.remove(&before[..])?;
            }
            // Also if the entry is the same: it is missing if an earlier release wrote the document.
            if let Some(after) = after {
                self.parties.insert(&after[..], status_code(document.status))?;
            }
        }
        Ok(())
    }

    /// Removes all entries of an order. This reads the complete lists, and is only needed for a damaged row.
    fn remove_entries(&mut self, partition: Partition, order_id: &str) -> Result<(), FileError> {
        let counts = &mut self.counts;
        self.index.retain(|key, ()| {
            let is_kept = parse_index_key(key).is_none_or(|(_, id)| id != order_id);
            if !is_kept {
                counts.remove(key);
            }
            is_kept
        })?;
        self.late.retain(|key, _| parse_late_key(key).is_none_or(|(_, id)| id != order_id))?;
        self.parties.retain(|key, _| parse_party_key(key).is_none_or(|(_, id)| id != order_id))?;
        self.timers.remove(&timer_key(partition, order_id)[..])?;
        Ok(())
    }
}

fn courier_of(json: &[u8]) -> Option<PartyId> {
    Order::from_document(json).ok()?.courier_id
}
