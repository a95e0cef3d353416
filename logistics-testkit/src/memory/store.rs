//! The order store over a [`MemoryStore`].

use std::sync::Arc;

use async_trait::async_trait;

use super::faults::{Dice, Faults, unavailable};
use super::shared::Shared;
use crate::store::{MemoryStore, Snapshot};
use logistics_core::port::{
    ClearOutcome, DocumentLookup, ListQuery, Loaded, OrderReader, OwnerStore, Page, PortError, Recovery,
    StatusSummary, StoreCheckpoint, StoreWrite, Token, WriteOutcome,
};
use logistics_core::{OrderId, Partition, RequestId, RequestOutcome};

/// Separates the dice of the store from those of the bus.
const DICE_STREAM: u64 = 0x7374_6f72_6500;

/// One write in so many is followed by a snapshot, for later restores.
const WRITES_PER_SNAPSHOT: usize = 8;

/// An [`OrderStore`](logistics_core::port::OrderStore) in memory. Clones are the same store.
#[derive(Debug, Clone)]
pub struct MemoryOrderStore(Arc<Shared<Machine>>);

#[derive(Debug)]
struct Machine {
    store: MemoryStore,
    /// An earlier state that may come back.
    earlier: Option<Snapshot>,
}

impl MemoryOrderStore {
    /// An empty store for topics of this many partitions, without faults.
    #[must_use]
    pub fn new(partitions: u32) -> Self {
        Self::with_faults(partitions, Faults::none())
    }

    /// The same with faults.
    #[must_use]
    pub fn with_faults(partitions: u32, faults: Faults) -> Self {
        let machine = Machine { store: MemoryStore::new(partitions), earlier: None };
        Self(Arc::new(Shared::new(machine, Dice::new(faults, DICE_STREAM))))
    }

    /// Replaces the faults; [`Faults::none`] for the end of a test in which everything must settle. The seed stays. Held
    /// writes still arrive, or get lost, before later calls.
    pub fn set_faults(&self, faults: Faults) {
        self.0.set_faults(faults);
    }

    /// Looks at the store or changes it by hand; calls that wait for an outcome look again afterwards.
    pub fn with_store<R>(&self, step: impl FnOnce(&mut MemoryStore) -> R) -> R {
        self.0.update(|machine, _| step(&mut machine.store))
    }

    /// Runs before every call.
    async fn enter(&self, doing: &str) -> Result<(), PortError> {
        self.0.enter(doing).await?;
        self.0.update(Machine::disturb);
        Ok(())
    }

    fn read<R>(&self, step: impl FnOnce(&MemoryStore) -> R) -> R {
        self.0.look(|machine, _| step(&machine.store))
    }
}

impl Machine {
    /// Injects faults before a call.
    fn disturb(&mut self, dice: &mut Dice) {
        if dice.strikes(|faults| faults.store_wiped) {
            self.store.wipe();
        }
        if dice.strikes(|faults| faults.store_restored)
            && let Some(earlier) = &self.earlier
        {
            self.store.restore(earlier);
        }
        // Half of the calls let one of the late writes arrive or get lost, so that none is late for ever.
        let late = self.store.held().len();
        if late > 0 && dice.below(2) == 0 {
            let index = dice.below(late);
            if dice.below(3) == 0 {
                self.store.drop_held(index);
            } else {
                self.store.apply_held(index);
            }
        }
    }

    fn write(&mut self, write: StoreWrite, dice: &mut Dice) -> Result<WriteOutcome, PortError> {
        if dice.strikes(|faults| faults.store_held_back) {
            self.store.hold(write);
            return Err(unavailable("write"));
        }
        let outcome = self.store.write(&write);
        if dice.faults.store_restored > 0 && dice.below(WRITES_PER_SNAPSHOT) == 0 {
            self.earlier = Some(self.store.snapshot());
        }
        Ok(outcome)
    }
}

#[async_trait]
impl OwnerStore for MemoryOrderStore {
    async fn recover(&self, partition: Partition) -> Result<Recovery, PortError> {
        self.enter("recover").await?;
        Ok(self.read(|store| store.recover(partition)))
    }

    async fn load(&self, partition: Partition, ids: &[OrderId]) -> Result<Loaded, PortError> {
        self.enter("load").await?;
        Ok(self.0.update(|machine, _| machine.store.load(partition, ids)))
    }

    async fn write(&self, write: StoreWrite) -> Result<WriteOutcome, PortError> {
        self.enter("write").await?;
        let outcome = self.0.update(|machine, dice| machine.write(write, dice))?;
        self.0.answer("write", outcome)
    }

    async fn clear(&self, partition: Partition, token: Token) -> Result<ClearOutcome, PortError> {
        self.enter("clear").await?;
        let outcome = self.0.update(|machine, _| machine.store.clear(partition, token));
        self.0.answer("clear", outcome)
    }
}

#[async_trait]
impl OrderReader for MemoryOrderStore {
    async fn document(&self, order_id: &OrderId) -> Result<DocumentLookup, PortError> {
        self.enter("look a document up").await?;
        Ok(self.0.update(|machine, _| machine.store.document(order_id)))
    }

    async fn checkpoint(&self, partition: Partition) -> Result<Option<StoreCheckpoint>, PortError> {
        self.enter("read a checkpoint").await?;
        Ok(self.read(|store| store.recover(partition).checkpoint))
    }

    async fn list(&self, query: &ListQuery) -> Result<Page, PortError> {
        self.enter("list").await?;
        Ok(self.read(|store| store.list(query)))
    }

    async fn summary(&self) -> Result<Vec<StatusSummary>, PortError> {
        self.enter("summarise").await?;
        Ok(self.read(MemoryStore::summary))
    }

    async fn outcome(&self, order_id: &OrderId, request: &RequestId) -> Result<RequestOutcome, PortError> {
        self.enter("wait for an outcome").await?;
        Ok(self.0.wait(|machine| machine.store.outcome(order_id, request)).await)
    }
}
