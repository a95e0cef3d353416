//! The transactions of one partition, on a thread for the client's blocking calls.

use std::sync::{Arc, Mutex, PoisonError, Weak, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use logistics_core::Partition;
use logistics_core::port::{CommitOutcome, Topic, Transaction};
use rdkafka::Offset;
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode as Code};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use tokio::sync::oneshot;

use crate::client::{Brokers, Context, one};
use crate::error::{CallError, KafkaError, is_fence, is_too_large};
use crate::group::member::{Member, as_client};
use crate::limits::{LINGER_MS, MESSAGE_BYTES_MAX, QUEUED_MESSAGES_MAX, TRANSACTION_TIMEOUT_MS};
use crate::native;
use crate::watchdog::Watched;

/// The pause before a retry when the queue of the client is full.
const QUEUE_FULL_PAUSE: Duration = Duration::from_millis(1);

/// The producer of one partition, on its thread.
pub(crate) struct Transactor {
    jobs: Mutex<mpsc::Sender<Job>>,
    watched: Arc<Watched>,
}

enum Job {
    Acquire(oneshot::Sender<Result<(), KafkaError>>),
    Commit(Transaction, oneshot::Sender<Result<CommitOutcome, KafkaError>>),
}

const ENDED: KafkaError = KafkaError::Closed("the partition's thread has ended");

impl Transactor {
    /// # Errors
    /// [`KafkaError`] if the system starts no thread.
    pub(crate) fn start(
        brokers: Arc<Brokers>,
        member: &Arc<Member>,
        partition: Partition,
    ) -> Result<Self, KafkaError> {
        let (jobs, waiting) = mpsc::channel();
        let name = format!("kafka-{partition}");
        let watched = member.watchdog.watch(name.clone());
        let member = Arc::downgrade(member);
        let topics = Topics::new(&brokers);
        let mut producing =
            ProducerThread { brokers, member, partition, watched: watched.clone(), topics, producer: None };
        thread::Builder::new()
            .name(name)
            .spawn(move || {
                for job in waiting {
                    producing.run(job);
                    if producing.watched.is_stuck() {
                        // The call returned after another thread replaced this one.
                        break;
                    }
                }
            })
            .map_err(|error| {
                KafkaError::Setting(format!("cannot start the thread of partition {partition}: {error}"))
            })?;
        Ok(Self { jobs: Mutex::new(jobs), watched })
    }

    /// A call of its client did not return, so the partition needs another one. The next acquisition ends the open transaction.
    pub(crate) fn is_stuck(&self) -> bool {
        self.watched.is_stuck()
    }

    pub(crate) async fn acquire(&self) -> Result<(), KafkaError> {
        self.call(Job::Acquire).await
    }

    pub(crate) async fn commit(&self, transaction: Transaction) -> Result<CommitOutcome, KafkaError> {
        self.call(|reply| Job::Commit(transaction, reply)).await
    }

    async fn call<T>(
        &self,
        job: impl FnOnce(oneshot::Sender<Result<T, KafkaError>>) -> Job,
    ) -> Result<T, KafkaError> {
        let (reply, answer) = oneshot::channel();
        let sent = self.jobs.lock().unwrap_or_else(PoisonError::into_inner).send(job(reply));
        sent.map_err(|_| ENDED)?;
        answer.await.unwrap_or(Err(ENDED))
    }
}

/// The names of the topics at the brokers.
struct Topics([String; Topic::ALL.len()]);

impl Topics {
    fn new(brokers: &Brokers) -> Self {
        Self(Topic::ALL.map(|topic| brokers.config.topic(topic)))
    }

    fn name(&self, topic: Topic) -> &str {
        &self.0[topic as usize]
    }
}

/// The state of the thread.
struct ProducerThread {
    brokers: Arc<Brokers>,
    /// Weak, so that a membership that was dropped commits nothing.
    member: Weak<Member>,
    partition: Partition,
    watched: Arc<Watched>,
    topics: Topics,
    /// `None` after a transaction that was not committed. The next acquisition ends that transaction.
    producer: Option<BaseProducer<Context>>,
}

/// The time limit of all calls of one job.
struct Deadline(Instant);

impl Deadline {
    fn left(&self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }
}

impl ProducerThread {
    fn run(&mut self, job: Job) {
        let limit = Duration::from_millis(self.brokers.config.timeout_ms.into());
        let deadline = Deadline(Instant::now() + limit);
        let watched = self.watched.clone();
        watched.within(limit, || match job {
            // The receiver may be cancelled. A commit then has an unknown outcome for its caller.
            Job::Acquire(reply) => drop(reply.send(self.acquire(&deadline))),
            Job::Commit(transaction, reply) => drop(reply.send(self.commit(transaction, &deadline))),
        });
    }

    fn acquire(&mut self, deadline: &Deadline) -> Result<(), KafkaError> {
        self.producer = None;
        let config = &self.brokers.config;
        let mut settings = self.brokers.client();
        settings
            .set("transactional.id", format!("{}-{}", config.group_named(&config.group), self.partition))
            .set("transaction.timeout.ms", TRANSACTION_TIMEOUT_MS.to_string())
            .set("message.timeout.ms", config.timeout_ms.to_string())
            .set("delivery.report.only.error", "true")
            .set("linger.ms", LINGER_MS.to_string())
            .set("compression.type", "lz4")
            .set("batch.num.messages", "100000")
            .set("batch.size", self.brokers.batch_bytes().to_string())
            .set("message.max.bytes", MESSAGE_BYTES_MAX.to_string())
            .set("queue.buffering.max.messages", QUEUED_MESSAGES_MAX.to_string())
            // The default is 100 ms, and the first responses of a transaction often request an immediate retry.
            .set("retry.backoff.ms", "5");
        let failed = |error| self.brokers.failed("acquiring a partition", error);
        let context = Context(self.brokers.clone());
        let producer: BaseProducer<Context> = settings.create_with_context(context).map_err(failed)?;
        let taken = producer.init_transactions(deadline.left());
        // The events may include the cause of a timeout.
        producer.poll(Duration::ZERO);
        taken.map_err(failed)?;
        self.producer = Some(producer);
        Ok(())
    }

    fn commit(&mut self, transaction: Transaction, deadline: &Deadline) -> Result<CommitOutcome, KafkaError> {
        let Some(producer) = self.producer.take() else { return Ok(CommitOutcome::Fenced) };
        match self.try_commit(&producer, transaction, deadline) {
            Ok(()) => {
                producer.poll(Duration::ZERO);
                self.producer = Some(producer);
                Ok(CommitOutcome::Committed)
            }
            Err(error) if is_fenced(&error) => Ok(CommitOutcome::Fenced),
            Err(error) if code_of(&error).is_some_and(is_too_large) => {
                // No commit was sent. The open transaction hides later records until it is aborted. If that fails, the next
                // acquisition aborts it.
                producer.poll(Duration::ZERO);
                if let Err(error) = producer.abort_transaction(deadline.left()) {
                    tracing::debug!(%error, partition = %self.partition, "failed to abort an oversized transaction");
                }
                let (brokers, partition) = (self.brokers.config.brokers.clone(), self.partition);
                Err(KafkaError::TooLarge { brokers, partition, cause: CallError::new(error) })
            }
            Err(error) => {
                producer.poll(Duration::ZERO);
                Err(self.brokers.failed("committing a transaction", error))
            }
        }
    }

    /// # Errors
    /// After any error, the transaction may or may not be committed.
    fn try_commit(
        &self,
        producer: &BaseProducer<Context>,
        transaction: Transaction,
        deadline: &Deadline,
    ) -> Result<(), ClientError> {
        producer.begin_transaction()?;
        // The client copies each record.
        for record in transaction.records {
            let mut message = BaseRecord::<[u8], [u8]>::to(self.topics.name(record.topic))
                .partition(as_client(record.partition))
                .payload(&record.payload);
            if let Some(key) = &record.key {
                message = message.key(key);
            }
            while let Err((error, unsent)) = producer.send(message) {
                if error.rdkafka_error_code() != Some(Code::QueueFull) || deadline.left().is_zero() {
                    return Err(error);
                }
                message = unsent;
                thread::sleep(QUEUE_FULL_PAUSE);
            }
        }
        // Every transaction contains the offset with the member's group metadata: the coordinator rejects an outdated generation.
        let metadata = self.member.upgrade().and_then(|member| member.metadata());
        let metadata = metadata.ok_or(ClientError::ConsumerCommit(Code::UnknownMemberId))?;
        let next = Offset::Offset(i64::try_from(transaction.next.0).unwrap_or(i64::MAX));
        let next = one(self.topics.name(Topic::Orders), as_client(self.partition), next)?;
        let send_offsets = || producer.send_offsets_to_transaction(&next, &metadata, deadline.left());
        match send_offsets() {
            // The broker rejected a record while this call was under way. A second call sends nothing then, and names the cause.
            Err(error) if code_of(&error) == Some(Code::State) => send_offsets()?,
            sent => sent?,
        }
        native::flush(producer, deadline.left());
        producer.commit_transaction(deadline.left())
    }
}

fn code_of(error: &ClientError) -> Option<Code> {
    match error {
        ClientError::Transaction(error) => Some(error.code()),
        error => error.rdkafka_error_code(),
    }
}

fn is_fenced(error: &ClientError) -> bool {
    code_of(error).is_some_and(is_fence)
}
