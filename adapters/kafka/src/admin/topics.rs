//! The topics: what must be there, and creating it.

mod rules;

use std::sync::Arc;
use std::time::{Duration, Instant};

use logistics_core::port::Topic;
use logistics_core::{Partition, Timestamp};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode as Code};
use rdkafka::metadata::Metadata;

use crate::client::{Brokers, Context, blocking};
use crate::error::KafkaError;
use crate::limits::BATCH_BYTES_MAX;
use crate::read::lookup::Lookup;
use rules::{Described, Finding};

/// A topic that was created is known to whoever answers within this. Brokers that start take some seconds.
const KNOWN_WITHIN: Duration = Duration::from_secs(30);
/// Between two looks at that.
const PAUSE: Duration = Duration::from_millis(100);

/// Sees whether the topics are as they must be.
pub(crate) async fn check(lookup: &Arc<Lookup>) -> Result<(), KafkaError> {
    let brokers = &lookup.brokers;
    let asked = lookup.clone();
    let found = blocking(move || asked.metadata()).await?;
    for topic in Topic::ALL {
        let name = brokers.config.topic(topic);
        match partitions(brokers, &found, &name)? {
            None => return Err(KafkaError::NoTopic { brokers: brokers.config.brokers.clone(), topic: name }),
            Some(count) if count != brokers.config.partitions as usize => {
                return Err(wrong(brokers, name, count_problem(count, brokers.config.partitions)));
            }
            Some(_) => {}
        }
    }
    brokers.note_count(found.brokers().len());
    let mut batch_bytes = BATCH_BYTES_MAX;
    for (topic, described) in describe(lookup, &found).await? {
        let name = brokers.config.topic(topic);
        for Finding { wrong: is_wrong, problem } in
            rules::findings(topic, &name, &brokers.config.brokers, &described)
        {
            if is_wrong {
                return Err(wrong(brokers, name, problem));
            }
            advise(brokers, &name, problem);
        }
        batch_bytes = batch_bytes.min(described.batch_bytes());
    }
    brokers.note_message_bytes(batch_bytes);
    Ok(())
}

/// Says once what is only unwise.
fn advise(brokers: &Brokers, topic: &str, problem: String) {
    let advice = format!("the topic {topic} {problem}");
    if brokers.is_new_advice(&advice) {
        tracing::warn!("{advice}");
    }
}

/// Creates the topics that are not there.
pub(crate) async fn create(lookup: &Arc<Lookup>, replication: Option<i32>) -> Result<Vec<Topic>, KafkaError> {
    let brokers = &lookup.brokers;
    let asked = lookup.clone();
    let found = blocking(move || asked.metadata()).await?;
    let mut missing = Vec::new();
    for topic in Topic::ALL {
        if partitions(brokers, &found, &brokers.config.topic(topic))?.is_none() {
            missing.push(topic);
        }
    }
    let mut created = Vec::new();
    if !missing.is_empty() {
        for (topic, outcome) in missing.iter().zip(create_all(brokers, &missing, replication).await?) {
            match outcome {
                Ok(_) => created.push(*topic),
                // Somebody else was faster; the check below sees what came of it.
                Err((_, Code::TopicAlreadyExists)) => {}
                Err((_, code)) => return Err(brokers.failed("creating a topic", ClientError::AdminOp(code))),
            }
        }
    }
    until_known(lookup).await?;
    Ok(created)
}

/// Deletes the topics that are there.
pub(crate) async fn delete(lookup: &Arc<Lookup>) -> Result<(), KafkaError> {
    let brokers = &lookup.brokers;
    let names = Topic::ALL.map(|topic| brokers.config.topic(topic));
    let deleted =
        admin(brokers)?.delete_topics(&names.each_ref().map(String::as_str), &options(brokers)).await;
    for outcome in deleted.map_err(|error| brokers.failed("deleting topics", error))? {
        match outcome {
            Ok(_) | Err((_, Code::UnknownTopicOrPartition)) => {}
            Err((_, code)) => return Err(brokers.failed("deleting a topic", ClientError::AdminOp(code))),
        }
    }
    Ok(())
}

/// Checks the topics once every broker knows them and each partition has a leader that answers. Brokers learn of a new topic,
/// and of the partitions that they lead, one after the other.
async fn until_known(lookup: &Arc<Lookup>) -> Result<(), KafkaError> {
    let end = Instant::now() + KNOWN_WITHIN;
    loop {
        let error = match usable(lookup).await {
            Err(error @ (KafkaError::NoTopic { .. } | KafkaError::Call { .. })) => error,
            known => return known,
        };
        if Instant::now() >= end {
            return Err(match error {
                KafkaError::NoTopic { brokers, topic } => KafkaError::Unknown { brokers, topic },
                error => error,
            });
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn usable(lookup: &Arc<Lookup>) -> Result<(), KafkaError> {
    check(lookup).await?;
    for topic in Topic::ALL {
        let partitions = (0..lookup.brokers.config.partitions).map(Partition).collect();
        lookup.first_at(topic, partitions, Timestamp::default()).await?;
    }
    Ok(())
}

async fn create_all(
    brokers: &Arc<Brokers>,
    missing: &[Topic],
    replication: Option<i32>,
) -> Result<Vec<Result<String, (String, Code)>>, KafkaError> {
    let names: Vec<String> = missing.iter().map(|topic| brokers.config.topic(*topic)).collect();
    let count = i32::try_from(brokers.config.partitions).unwrap_or(i32::MAX);
    let topics: Vec<NewTopic<'_>> = names
        .iter()
        .map(|name| {
            let topic = NewTopic::new(name, count, TopicReplication::Fixed(replication.unwrap_or(-1)));
            rules::CREATED.into_iter().fold(topic, |topic, (setting, value)| topic.set(setting, value))
        })
        .collect();
    let created = admin(brokers)?.create_topics(&topics, &options(brokers)).await;
    created.map_err(|error| brokers.failed("creating topics", error))
}

fn admin(brokers: &Arc<Brokers>) -> Result<AdminClient<Context>, KafkaError> {
    let admin = brokers.client().create_with_context(Context(brokers.clone()));
    admin.map_err(|error| brokers.failed("opening a client", error))
}

fn options(brokers: &Brokers) -> AdminOptions {
    let timeout = Duration::from_millis(brokers.config.timeout_ms.into());
    AdminOptions::new().request_timeout(Some(timeout)).operation_timeout(Some(timeout))
}

/// How many partitions a topic has; `None` where there is no such topic.
fn partitions(brokers: &Brokers, found: &Metadata, name: &str) -> Result<Option<usize>, KafkaError> {
    let Some(topic) = found.topics().iter().find(|topic| topic.name() == name) else { return Ok(None) };
    match topic.error().map(Code::from) {
        None => Ok(Some(topic.partitions().len()).filter(|count| *count > 0)),
        Some(Code::UnknownTopicOrPartition) => Ok(None),
        Some(code) => Err(brokers.failed("asking for a topic", ClientError::MetadataFetch(code))),
    }
}

/// The topics with their settings, asked together.
async fn describe(lookup: &Arc<Lookup>, found: &Metadata) -> Result<Vec<(Topic, Described)>, KafkaError> {
    let names = Topic::ALL.map(|topic| lookup.brokers.config.topic(topic));
    let mut all = lookup.configs(names.to_vec()).await?;
    let described = |(topic, name): (Topic, String)| {
        let replicas = replicas(found, &name);
        (topic, Described { settings: all.remove(&name).unwrap_or_default(), replicas })
    };
    Ok(Topic::ALL.into_iter().zip(names).map(described).collect())
}

/// Copies of the partition that has the fewest.
fn replicas(found: &Metadata, name: &str) -> usize {
    let topic = found.topics().iter().find(|topic| topic.name() == name);
    let counts =
        topic.into_iter().flat_map(|topic| topic.partitions()).map(|partition| partition.replicas().len());
    counts.min().unwrap_or_default()
}

fn wrong(brokers: &Brokers, topic: String, problem: String) -> KafkaError {
    KafkaError::Topic { brokers: brokers.config.brokers.clone(), topic, problem }
}

fn count_problem(found: usize, wanted: u32) -> String {
    format!(
        "has {found} partitions and the settings say {wanted}: orders would be looked for in the wrong ones; set the number \
         of partitions to {found}, or begin with new topics"
    )
}
