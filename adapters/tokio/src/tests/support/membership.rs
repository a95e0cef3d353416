//! A membership whose events the test sends.

use std::future::pending;
use std::sync::Arc;

use async_trait::async_trait;
use logistics_core::Partition;
use logistics_core::port::{GroupEvent, Membership, MockMembership, PartitionLog, PortError};
use tokio::sync::{Mutex as AsyncMutex, mpsc};

use super::TestLog;

pub(crate) type Event = Result<GroupEvent, PortError>;

/// A membership whose events the test sends.
struct TestMembership {
    mock: MockMembership,
    events: AsyncMutex<mpsc::UnboundedReceiver<Event>>,
}

#[async_trait]
impl Membership for TestMembership {
    async fn next(&self) -> Event {
        match self.events.lock().await.recv().await {
            Some(event) => event,
            None => pending().await,
        }
    }

    async fn owns(&self, partition: Partition) -> Result<bool, PortError> {
        self.mock.owns(partition).await
    }

    async fn release(&self, partitions: &[Partition]) -> Result<(), PortError> {
        self.mock.release(partitions).await
    }

    fn log(&self, partition: Partition) -> Arc<dyn PartitionLog> {
        self.mock.log(partition)
    }

    async fn leave(&self) -> Result<(), PortError> {
        self.mock.leave().await
    }
}

pub(crate) fn member(mock: MockMembership) -> (Box<dyn Membership>, mpsc::UnboundedSender<Event>) {
    let (sender, events) = mpsc::unbounded_channel();
    (Box::new(TestMembership { mock, events: AsyncMutex::new(events) }), sender)
}

/// A membership with these logs that owns every partition.
pub(crate) fn owner(logs: &[Arc<TestLog>]) -> MockMembership {
    let mut mock = MockMembership::new();
    mock.expect_owns().returning(|_| Ok(true));
    with_logs(&mut mock, logs);
    mock
}

pub(crate) fn with_logs(mock: &mut MockMembership, logs: &[Arc<TestLog>]) {
    let logs = logs.to_vec();
    mock.expect_log().returning(move |partition| logs[partition.0 as usize].clone());
}
