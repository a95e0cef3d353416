//! One member of a group: a consumer that receives assignments and fetches nothing. [`crate::read::fetcher`] reads, so that a rebalance
//! never interrupts reading.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use logistics_core::Partition;
use logistics_core::port::{GroupEvent, PortError};
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext, ConsumerGroupMetadata};
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode as Code};
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{Offset, TopicPartitionList};
use tokio::sync::{mpsc, oneshot};

use crate::client::{Brokers, Context, blocking, one};
use crate::error::KafkaError;
use crate::watchdog::Watchdog;

/// How long the member's thread waits for events of the group. Long, because the client spins through the last millisecond of each
/// wait; an event ends the wait at once.
const POLL: Duration = Duration::from_secs(1);

type GroupConsumer = BaseConsumer<GroupContext>;

/// One member of a group.
pub(crate) struct Member {
    brokers: Arc<Brokers>,
    topic: String,
    shared: Arc<Shared>,
    /// Owned by the thread: when the consumer is dropped, the member has left.
    consumer: Weak<GroupConsumer>,
    ended: tokio::sync::Mutex<oneshot::Receiver<()>>,
    events: tokio::sync::Mutex<mpsc::UnboundedReceiver<Result<GroupEvent, PortError>>>,
    pub(crate) watchdog: Arc<Watchdog>,
}

struct Shared {
    owned: Mutex<BTreeSet<i32>>,
    revoked: Mutex<Revoked>,
    leaving: AtomicBool,
    /// The first event was emitted.
    notified: AtomicBool,
}

/// Revoked partitions for which the group waits.
#[derive(Default)]
struct Revoked {
    /// Unassigned together, because the client revoked them together.
    all: BTreeSet<i32>,
    unreleased: BTreeSet<i32>,
}

impl Revoked {
    /// All of them, once every worker has released its own.
    fn released(&mut self) -> Option<BTreeSet<i32>> {
        (self.unreleased.is_empty() && !self.all.is_empty()).then(|| std::mem::take(&mut self.all))
    }
}

impl Shared {
    fn owned(&self) -> MutexGuard<'_, BTreeSet<i32>> {
        self.owned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn revoked(&self) -> MutexGuard<'_, Revoked> {
        self.revoked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Member {
    /// Joins without waiting for the group, which answers with events.
    ///
    /// # Errors
    /// [`KafkaError`] if the client rejects a setting or the system starts no thread.
    pub(crate) fn join(brokers: &Arc<Brokers>, group: &str, topic: String) -> Result<Self, KafkaError> {
        let session_ms = brokers.config.session_timeout_ms;
        let mut settings = brokers.consumer(group);
        settings
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set("session.timeout.ms", session_ms.to_string())
            .set("heartbeat.interval.ms", (session_ms / 3).clamp(1, 2000).to_string())
            .set("max.poll.interval.ms", session_ms.max(30_000).to_string())
            // Nothing is fetched; log ends include uncommitted records.
            .set("isolation.level", "read_uncommitted");
        let shared = Arc::new(Shared {
            owned: Mutex::default(),
            revoked: Mutex::default(),
            leaving: AtomicBool::new(false),
            notified: AtomicBool::new(false),
        });
        let (sender, events) = mpsc::unbounded_channel();
        let context = GroupContext {
            client: Context(brokers.clone()),
            topic: topic.clone(),
            shared: shared.clone(),
            events: sender.clone(),
        };
        let failed = |error| brokers.failed("joining the group", error);
        let consumer: GroupConsumer = settings.create_with_context(context).map_err(failed)?;
        consumer.subscribe(&[&topic]).map_err(failed)?;
        let consumer = Arc::new(consumer);
        let member = Arc::downgrade(&consumer);
        let (end, ended) = oneshot::channel();
        let watchdog = Arc::new(Watchdog::default());
        let group_thread = GroupThread {
            brokers: brokers.clone(),
            shared: shared.clone(),
            events: sender,
            watchdog: watchdog.clone(),
        };
        let thread = thread::Builder::new().name("kafka-group".to_owned()).spawn(move || {
            group_thread.run(&consumer);
            drop(consumer);
            let _ = end.send(());
        });
        thread.map_err(|error| {
            KafkaError::Setting(format!("cannot start the thread of the group {group}: {error}"))
        })?;
        Ok(Self {
            brokers: brokers.clone(),
            topic,
            shared,
            consumer: member,
            ended: tokio::sync::Mutex::new(ended),
            events: tokio::sync::Mutex::new(events),
            watchdog,
        })
    }

    fn consumer(&self) -> Result<Arc<GroupConsumer>, KafkaError> {
        let gone = KafkaError::Closed("this member has left the group");
        if self.shared.leaving.load(Ordering::Acquire) {
            return Err(gone);
        }
        self.consumer.upgrade().ok_or(gone)
    }

    /// The next event, if there is one.
    pub(crate) async fn next_now(&self) -> Option<Result<GroupEvent, PortError>> {
        self.events.lock().await.try_recv().ok()
    }

    /// The next event. Can be cancelled.
    pub(crate) async fn next(&self) -> Result<GroupEvent, PortError> {
        match self.events.lock().await.recv().await {
            Some(event) => event,
            None => Err(KafkaError::Closed("this member has left the group").into()),
        }
    }

    /// True if the member owns the partition, or has not yet released it after a revocation.
    fn may_commit(&self, partition: Partition) -> bool {
        self.is_owned(partition) || self.shared.revoked().unreleased.contains(&as_client(partition))
    }

    /// By the latest event of the group.
    pub(crate) fn is_owned(&self, partition: Partition) -> bool {
        self.shared.owned().contains(&as_client(partition))
    }

    /// Verifies ownership at the group's coordinator: it accepts a commit of the current position from current members only.
    pub(crate) async fn owns(&self, partition: Partition) -> Result<bool, KafkaError> {
        let (consumer, brokers) = (self.consumer()?, self.brokers.clone());
        if !self.is_owned(partition) {
            return Ok(false);
        }
        let topic = self.topic.clone();
        let asked = blocking(move || {
            let failed = |error| brokers.failed("verifying the owner of a partition", error);
            let asked = one(&topic, as_client(partition), Offset::Invalid).map_err(failed)?;
            let timeout = Duration::from_millis(brokers.config.timeout_ms.into());
            let committed = consumer.committed_offsets(asked, timeout).map_err(failed)?;
            let position = match committed.elements().first().map(|position| position.offset()) {
                Some(Offset::Offset(offset)) => offset,
                _ => 0,
            };
            let position = one(&topic, as_client(partition), Offset::Offset(position)).map_err(failed)?;
            match consumer.commit(&position, CommitMode::Sync) {
                Ok(()) => Ok(!consumer.assignment_lost()),
                Err(error) => Err(failed(error)),
            }
        })
        .await;
        if !self.is_owned(partition) {
            return Ok(false);
        }
        // A rejection is not conclusive while the latest event names this member as the owner: in a rebalance the coordinator rejects
        // the previous generation, and a member that keeps a partition gets no event. A removed member soon gets `Lost`.
        asked
    }

    /// Releases revoked partitions, so that the group can assign them to others.
    pub(crate) fn release(&self, partitions: &[Partition]) -> Result<(), KafkaError> {
        let released = {
            let mut revoked = self.shared.revoked();
            revoked
                .unreleased
                .retain(|one| !partitions.iter().any(|partition| as_client(*partition) == *one));
            revoked.released()
        };
        let Some(all) = released else { return Ok(()) };
        self.consumer()?
            .incremental_unassign(&list(&self.topic, all))
            .map_err(|error| self.brokers.failed("releasing partitions", error))
    }

    /// Leaves, and waits until the member has left.
    pub(crate) async fn leave(&self) -> Result<(), KafkaError> {
        self.begin_to_leave();
        // Fails only for a second call after the member has left.
        let _ = (&mut *self.ended.lock().await).await;
        Ok(())
    }

    fn begin_to_leave(&self) {
        if !self.shared.leaving.swap(true, Ordering::AcqRel)
            && let Some(consumer) = self.consumer.upgrade()
        {
            // The revocation wakes the thread.
            consumer.unsubscribe();
        }
    }

    /// The group metadata of the member, for a transaction; `None` once the member has left.
    pub(crate) fn metadata(&self) -> Option<ConsumerGroupMetadata> {
        self.consumer().ok()?.group_metadata()
    }

    /// The committed positions of these partitions; `None` where there is none.
    pub(crate) async fn positions(&self, partitions: &[Partition]) -> Result<Vec<Option<u64>>, KafkaError> {
        let (consumer, brokers) = (self.consumer()?, self.brokers.clone());
        let asked = list(&self.topic, partitions.iter().map(|p| as_client(*p)));
        blocking(move || {
            let timeout = Duration::from_millis(brokers.config.timeout_ms.into());
            let failed = |error| brokers.failed("reading the group's positions", error);
            let found = consumer.committed_offsets(asked, timeout).map_err(failed)?;
            let position = |element: &rdkafka::topic_partition_list::TopicPartitionListElem<'_>| {
                element.error().map_err(failed)?;
                Ok(match element.offset() {
                    Offset::Offset(offset) => u64::try_from(offset).ok(),
                    _ => None,
                })
            };
            found.elements().iter().map(position).collect()
        })
        .await
    }

    /// Commits positions, all or none. During a rebalance the coordinator rejects the previous generation; a retry helps while the
    /// member still owns the partitions.
    ///
    /// # Errors
    /// [`KafkaError::Closed`] if another member owns one of the partitions, and all other errors of a call.
    pub(crate) async fn commit(
        &self,
        positions: &[(Partition, logistics_core::Offset)],
    ) -> Result<(), KafkaError> {
        let gone = || KafkaError::Closed("another member owns the partition now");
        let may_commit = || positions.iter().all(|(partition, _)| self.may_commit(*partition));
        let (consumer, brokers) = (self.consumer()?, self.brokers.clone());
        if !may_commit() {
            return Err(gone());
        }
        let (topic, asked) = (self.topic.clone(), positions.to_vec());
        let committed = blocking(move || {
            let failed = |error| brokers.failed("committing the group's position", error);
            let mut list = TopicPartitionList::with_capacity(asked.len());
            for (partition, next) in asked {
                let offset = Offset::Offset(i64::try_from(next.0).unwrap_or(i64::MAX));
                list.add_partition_offset(&topic, as_client(partition), offset).map_err(failed)?;
            }
            consumer.commit(&list, CommitMode::Sync).map_err(failed)
        })
        .await;
        if committed.is_err() && !may_commit() { Err(gone()) } else { committed }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.begin_to_leave();
    }
}

/// The state of the member's thread.
struct GroupThread {
    brokers: Arc<Brokers>,
    shared: Arc<Shared>,
    events: mpsc::UnboundedSender<Result<GroupEvent, PortError>>,
    watchdog: Arc<Watchdog>,
}

impl GroupThread {
    /// Polls the consumer until the member leaves. [`GroupContext`] receives the events.
    fn run(&self, consumer: &GroupConsumer) {
        while !self.shared.leaving.load(Ordering::Acquire) {
            match consumer.poll(POLL) {
                Some(Err(error)) if !is_passing(&error) => {
                    let _ = self.events.send(Err(self.brokers.failed("following the group", error).into()));
                }
                _ => {}
            }
            self.watchdog.check();
        }
        let unreleased = std::mem::take(&mut *self.shared.revoked());
        if !unreleased.all.is_empty() {
            let topic = &consumer.context().topic;
            let _ = consumer.incremental_unassign(&list(topic, unreleased.all));
        }
    }
}

/// The client retries these by itself, and the calls report them.
fn is_passing(error: &ClientError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(Code::AllBrokersDown | Code::BrokerTransportFailure | Code::OperationTimedOut | Code::Resolve)
    )
}

struct GroupContext {
    client: Context,
    topic: String,
    shared: Arc<Shared>,
    events: mpsc::UnboundedSender<Result<GroupEvent, PortError>>,
}

impl ClientContext for GroupContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.client.log(level, facility, message);
    }

    fn error(&self, error: ClientError, reason: &str) {
        self.client.error(error, reason);
    }
}

impl ConsumerContext for GroupContext {
    /// Only records the assignment: workers start and stop outside of the callback.
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        what: RDKafkaRespErr,
        partitions: &mut TopicPartitionList,
    ) {
        let listed: BTreeSet<i32> = partitions.elements().iter().map(|element| element.partition()).collect();
        if what == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            self.assigned(consumer, listed);
        } else {
            self.revoked(consumer, listed);
        }
    }
}

impl GroupContext {
    fn assigned(&self, consumer: &BaseConsumer<Self>, listed: BTreeSet<i32>) {
        let mut from_the_end = list(&self.topic, listed.iter().copied());
        // This consumer fetches nothing; without a position it would query the brokers for one.
        let _ = from_the_end.set_all_offsets(Offset::End);
        let assigned =
            consumer.incremental_assign(&from_the_end).and_then(|()| consumer.pause(&from_the_end));
        if let Err(error) = assigned {
            let error = self.client.0.failed("accepting an assignment of partitions", error);
            let _ = self.events.send(Err(error.into()));
            return;
        }
        self.shared.owned().extend(&listed);
        self.emit(GroupEvent::Assigned, listed);
    }

    fn revoked(&self, consumer: &BaseConsumer<Self>, listed: BTreeSet<i32>) {
        self.shared.owned().retain(|partition| !listed.contains(partition));
        let lost = consumer.assignment_lost();
        if lost {
            // Lost partitions are never released.
            let mut revoked = self.shared.revoked();
            revoked.all.retain(|partition| !listed.contains(partition));
            revoked.unreleased.retain(|partition| !listed.contains(partition));
        }
        if lost || self.shared.leaving.load(Ordering::Acquire) {
            let _ = consumer.incremental_unassign(&list(&self.topic, listed.iter().copied()));
        } else {
            let mut revoked = self.shared.revoked();
            revoked.all.extend(&listed);
            revoked.unreleased.extend(listed.iter().filter(|partition| self.is_configured(**partition)));
            // Partitions that are not configured have no worker that would release them.
            if let Some(all) = revoked.released() {
                let _ = consumer.incremental_unassign(&list(&self.topic, all));
            }
        }
        self.emit(if lost { GroupEvent::Lost } else { GroupEvent::Revoked }, listed);
    }

    /// Partitions beyond the configured number are ignored: the configured number determines an order's partition.
    fn is_configured(&self, partition: i32) -> bool {
        u32::try_from(partition).is_ok_and(|partition| partition < self.client.0.config.partitions)
    }

    fn emit(&self, event: fn(Vec<Partition>) -> GroupEvent, mut listed: BTreeSet<i32>) {
        listed.retain(|partition| self.is_configured(*partition));
        let notified = self.shared.notified.swap(true, Ordering::AcqRel);
        if listed.is_empty() && notified {
            return;
        }
        let listed = listed.into_iter().filter_map(|p| u32::try_from(p).ok()).map(Partition).collect();
        let _ = self.events.send(Ok(event(listed)));
    }
}

fn list(topic: &str, partitions: impl IntoIterator<Item = i32>) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for partition in partitions {
        list.add_partition(topic, partition);
    }
    list
}

/// A partition's number in the client's type.
pub(crate) fn as_client(partition: Partition) -> i32 {
    i32::try_from(partition.0).unwrap_or(i32::MAX)
}
