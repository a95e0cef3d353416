//! Checking, creating and deleting the topics.

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

/// How long to wait until every broker reports a new topic. Starting brokers need some seconds.
const KNOWN_WITHIN: Duration = Duration::from_secs(30);
/// The pause between two checks of a new topic.
const PAUSE: Duration = Duration::from_millis(100);

/// Checks the topics and their settings.
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
    brokers.set_count(found.brokers().len());
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
    brokers.set_batch_bytes(batch_bytes);
    Ok(())
}

/// Logs an unwise setting once.
fn advise(brokers: &Brokers, topic: &str, problem: String) {
    let advice = format!("the topic {topic} {problem}");
    if brokers.is_new_advice(&advice) {
        tracing::warn!("{advice}");
    }
}

/// Creates the missing topics, and returns those that it created.
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
                // Another process was faster; the check below validates its topic.
                Err((_, Code::TopicAlreadyExists)) => {}
                Err((_, code)) => return Err(brokers.failed("creating a topic", ClientError::AdminOp(code))),
            }
        }
    }
    until_known(lookup).await?;
    Ok(created)
}

/// Deletes the topics that exist.
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

/// Checks the topics, and retries while a broker does not report them: brokers learn of a new topic and its leaders one after the
/// other.
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

/// The number of partitions of a topic; `None` if it does not exist.
fn partitions(brokers: &Brokers, found: &Metadata, name: &str) -> Result<Option<usize>, KafkaError> {
    let Some(topic) = found.topics().iter().find(|topic| topic.name() == name) else { return Ok(None) };
    match topic.error().map(Code::from) {
        None => Ok(Some(topic.partitions().len()).filter(|count| *count > 0)),
        Some(Code::UnknownTopicOrPartition) => Ok(None),
        Some(code) => Err(brokers.failed("querying a topic", ClientError::MetadataFetch(code))),
    }
}

/// The topics with their settings, in one query.
async fn describe(lookup: &Arc<Lookup>, found: &Metadata) -> Result<Vec<(Topic, Described)>, KafkaError> {
    let names = Topic::ALL.map(|topic| lookup.brokers.config.topic(topic));
    let mut all = lookup.configs(names.to_vec()).await?;
    let described = |(topic, name): (Topic, String)| {
        let replicas = replicas(found, &name);
        (topic, Described { settings: all.remove(&name).unwrap_or_default(), replicas })
    };
    Ok(Topic::ALL.into_iter().zip(names).map(described).collect())
}

/// The smallest number of replicas of a partition.
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
        "has {found} partitions and the settings say {wanted}, which assigns orders to other partitions; set the number of partitions to \
         {found}, or start with new topics"
    )
}
