//! A member of the group of processors.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;

use super::inner::Inner;
use super::partition_log::MemoryLog;
use crate::broker::Member;
use logistics_core::Partition;
use logistics_core::port::{GroupEvent, Membership, PartitionLog, PortError, PortErrorKind};

pub(super) struct MemoryMembership {
    bus: Arc<Inner>,
    member: Member,
    left: AtomicBool,
    /// It has received an event.
    greeted: AtomicBool,
}

enum Next {
    Event(GroupEvent),
    /// The session expired, and the member has received its losses.
    Out,
}

impl MemoryMembership {
    pub(super) fn new(bus: Arc<Inner>, member: Member) -> Self {
        Self { bus, member, left: AtomicBool::new(false), greeted: AtomicBool::new(false) }
    }

    fn check_open(&self) -> Result<(), PortError> {
        if self.left.load(Ordering::Relaxed) {
            return Err(PortError::new(PortErrorKind::Closed, "this member left the group"));
        }
        Ok(())
    }
}

#[async_trait]
impl Membership for MemoryMembership {
    async fn next(&self) -> Result<GroupEvent, PortError> {
        self.bus.shared.enter("poll the group").await?;
        loop {
            self.check_open()?;
            let next = self.bus.shared.wait(|broker| {
                if self.left.load(Ordering::Relaxed) {
                    return Some(Next::Out);
                }
                let event = broker.poll_group(self.member);
                if event.is_none() && !broker.is_member(self.member) {
                    return Some(Next::Out);
                }
                let greeted = self.greeted.swap(true, Ordering::Relaxed);
                event.or_else(|| (!greeted).then(|| GroupEvent::Assigned(Vec::new()))).map(Next::Event)
            });
            match next.await {
                Next::Event(event) => return Ok(event),
                Next::Out => self.bus.shared.update(|broker, _| {
                    if !self.left.load(Ordering::Relaxed) {
                        broker.join(self.member);
                    }
                }),
            }
        }
    }

    async fn owns(&self, partition: Partition) -> Result<bool, PortError> {
        self.bus.shared.enter("check the ownership").await?;
        self.check_open()?;
        Ok(self.bus.shared.look(|broker, _| broker.owns(self.member, partition)))
    }

    async fn release(&self, partitions: &[Partition]) -> Result<(), PortError> {
        self.bus.shared.enter("release partitions").await?;
        self.check_open()?;
        self.bus.shared.update(|broker, _| broker.release(self.member, partitions));
        self.bus.shared.answer("release partitions", ())
    }

    fn log(&self, partition: Partition) -> Arc<dyn PartitionLog> {
        Arc::new(MemoryLog::new(Arc::clone(&self.bus), self.member, partition))
    }

    async fn leave(&self) -> Result<(), PortError> {
        self.bus.shared.enter("leave the group").await?;
        self.bus.shared.update(|broker, _| {
            self.left.store(true, Ordering::Relaxed);
            broker.leave(self.member);
        });
        self.bus.shared.answer("leave the group", ())
    }
}

impl Drop for MemoryMembership {
    /// A member that is dropped leaves when its session expires; without a clock, that is now. Its
    /// logs may live on as those of a zombie.
    fn drop(&mut self) {
        self.bus.shared.update(|broker, _| broker.expire(self.member));
    }
}
