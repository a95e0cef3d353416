//! A store in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use logistics_core::port::{
    Loaded, MockOwnerStore, PortError, PortErrorKind, Recovery, StoreCheckpoint, StoreWrite, WriteOutcome,
};
use logistics_core::{OrderId, Partition, Timestamp};

use super::error;

/// The state of one partition in the store.
#[derive(Default)]
pub(crate) struct Stored {
    pub(crate) checkpoint: Option<StoreCheckpoint>,
    pub(crate) documents: BTreeMap<OrderId, Bytes>,
    timers: BTreeMap<OrderId, Timestamp>,
    pub(crate) fail_next_write: bool,
}

impl Stored {
    fn write(&mut self, write: StoreWrite) -> Result<WriteOutcome, PortError> {
        if std::mem::take(&mut self.fail_next_write) {
            return Err(error(PortErrorKind::Unavailable));
        }
        if self.checkpoint.as_ref().map(|checkpoint| checkpoint.token) != write.expected {
            return Ok(WriteOutcome::Mismatch);
        }
        let StoreWrite { next: token, offset, answered, basis, .. } = write;
        self.checkpoint = Some(StoreCheckpoint { offset, answered, token, basis: Some(basis) });
        for document in write.documents {
            match document.due {
                Some(due) => self.timers.insert(document.order_id.clone(), due),
                None => self.timers.remove(&document.order_id),
            };
            self.documents.insert(document.order_id, document.json);
        }
        Ok(WriteOutcome::Applied)
    }

    fn load(&self, ids: &[OrderId]) -> Loaded {
        let documents = ids.iter().map(|id| self.documents.get(id).cloned()).collect();
        Loaded {
            token: self.checkpoint.as_ref().map(|checkpoint| checkpoint.token),
            documents,
            ..Loaded::default()
        }
    }
}

/// A working store. Expectations of `mock` apply first.
pub(crate) fn working(mut mock: MockOwnerStore) -> (MockOwnerStore, Arc<Mutex<BTreeMap<Partition, Stored>>>) {
    let stored = Arc::new(Mutex::new(BTreeMap::<Partition, Stored>::new()));
    let held = stored.clone();
    mock.expect_recover().returning(move |partition| {
        let mut held = held.lock().unwrap();
        let stored = held.entry(partition).or_default();
        let timers = stored.timers.iter().map(|(id, due)| (id.clone(), *due)).collect();
        Ok(Recovery { checkpoint: stored.checkpoint.clone(), timers, now: None })
    });
    let held = stored.clone();
    mock.expect_load()
        .returning(move |partition, ids| Ok(held.lock().unwrap().entry(partition).or_default().load(ids)));
    let held = stored.clone();
    mock.expect_write()
        .returning(move |write| held.lock().unwrap().entry(write.partition).or_default().write(write));
    (mock, stored)
}
