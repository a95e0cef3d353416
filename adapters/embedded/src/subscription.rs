//! A member of a group of readers.

use std::sync::Arc;

use async_trait::async_trait;
use logistics_core::port::{Batch, Delivery, PortError, ReadLimit, Subscription, Topic};
use logistics_core::{Offset, Partition};

use crate::access::Access;
use crate::error::EmbeddedError;
use crate::limits::{DELIVERY_BYTES_MAX, DELIVERY_RECORDS_MAX};
use crate::log;
use crate::readers::{ReaderId, Standing};
use crate::request::{Acknowledge, Request};
use crate::state::GroupKey;

const LIMIT: ReadLimit = ReadLimit { records: DELIVERY_RECORDS_MAX, bytes: DELIVERY_BYTES_MAX };

pub(crate) struct Reader {
    access: Arc<Access>,
    group: GroupKey,
    id: ReaderId,
    /// The partition that records were given of last, so that each gets its turn.
    last: u32,
}

impl Reader {
    pub(crate) fn join(access: Arc<Access>, topic: Topic, group: &str) -> Self {
        let group = (topic, Arc::from(group));
        let id = access.shared.readers.join(&group);
        access.shared.wake_readers(topic);
        Self { access, group, id, last: 0 }
    }

    /// Where one of its partitions goes on, if there is something that it was not given.
    fn waiting(&self) -> Option<(Partition, Offset)> {
        let shared = &self.access.shared;
        let positions = shared.state().positions_of(&self.group);
        let turns = (1..=shared.partitions).map(|turn| Partition((self.last + turn) % shared.partitions));
        turns.into_iter().find_map(|partition| {
            let from = match shared.readers.standing(&self.group, self.id, partition) {
                Standing::Foreign => return None,
                Standing::AtPosition => positions[partition.0 as usize],
                Standing::Given(next) => next,
            };
            let end = shared.bounds(self.group.0, partition).ok()?.end;
            (from < end).then_some((partition, from))
        })
    }

    async fn read(&self, partition: Partition, from: Offset) -> Result<Option<Batch>, EmbeddedError> {
        let shared = &self.access.shared;
        let batch = log::read(shared, self.group.0, partition, from, LIMIT).await?;
        // While it was read, the partition may have gone to another.
        let given = shared.readers.give(&self.group, self.id, partition, batch.next);
        Ok(given.then_some(batch))
    }
}

#[async_trait]
impl Subscription for Reader {
    async fn next(&mut self) -> Result<Delivery, PortError> {
        let mut pulse = self.access.shared.pulse(self.group.0);
        loop {
            pulse.borrow_and_update();
            if self.access.shared.is_closed() {
                return Err(EmbeddedError::Closed.into());
            }
            if let Some((partition, from)) = self.waiting() {
                if let Some(batch) = self.read(partition, from).await? {
                    self.last = partition.0;
                    return Ok(Delivery { partition, batch });
                }
                continue;
            }
            pulse.changed().await.map_err(|_| EmbeddedError::Closed)?;
        }
    }

    async fn acknowledge(&mut self, partition: Partition, next: Offset) -> Result<(), PortError> {
        let standing = self.access.shared.readers.standing(&self.group, self.id, partition);
        if standing == Standing::Foreign {
            return Err(EmbeddedError::NotReader(partition).into());
        }
        let acknowledge = Acknowledge { group: self.group.clone(), partition, next };
        Ok(self.access.queue.ask(|reply| Request::Acknowledge(acknowledge, reply)).await?)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.access.shared.readers.leave(&self.group, self.id);
        self.access.shared.wake_readers(self.group.0);
    }
}
