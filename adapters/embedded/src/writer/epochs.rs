//! The epochs that fence previous owners of a partition.

use logistics_core::Partition;

use crate::writer::request::Epoch;

/// The newest epoch of every partition. They are in memory only, because all processors are in this process.
pub(super) struct Epochs {
    newest: Vec<Option<Epoch>>,
    last: u64,
}

impl Epochs {
    pub(super) fn new(partitions: u32) -> Self {
        Self { newest: vec![None; partitions as usize], last: 0 }
    }

    /// Assigns a new epoch. From here on, commits with an earlier epoch of the partition are fenced.
    pub(super) fn acquire(&mut self, partition: Partition) -> Epoch {
        self.last += 1;
        let epoch = Epoch(self.last);
        self.newest[partition.0 as usize] = Some(epoch);
        epoch
    }

    pub(super) fn is_newest(&self, partition: Partition, epoch: Epoch) -> bool {
        self.newest[partition.0 as usize] == Some(epoch)
    }
}
