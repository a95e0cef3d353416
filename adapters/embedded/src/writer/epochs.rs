//! Who may commit to which partition.

use logistics_core::Partition;

use crate::writer::request::Epoch;

/// The newest epoch of every partition. They belong to this process, as all workers do.
pub(super) struct Epochs {
    newest: Vec<Option<Epoch>>,
    given: u64,
}

impl Epochs {
    pub(super) fn new(partitions: u32) -> Self {
        Self { newest: vec![None; partitions as usize], given: 0 }
    }

    /// From here on, nobody but the receiver of this epoch commits to the partition.
    pub(super) fn acquire(&mut self, partition: Partition) -> Epoch {
        self.given += 1;
        let epoch = Epoch(self.given);
        self.newest[partition.0 as usize] = Some(epoch);
        epoch
    }

    pub(super) fn is_newest(&self, partition: Partition, epoch: Epoch) -> bool {
        self.newest[partition.0 as usize] == Some(epoch)
    }
}
