//! Errors of the adapter, and the kind that each has for a caller of the port.

use std::fmt;

use logistics_core::port::{PortError, PortErrorKind};
use logistics_core::{Offset, Partition};
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode as Code};

/// A failure of this adapter.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum KafkaError {
    /// A setting is invalid, or the system lacks a resource that the client needs. The text names it.
    #[error("{0}")]
    Setting(String),
    /// A call of the client failed.
    #[error("Kafka at {brokers}: {doing} failed: {cause}{why}")]
    Call {
        /// The brokers, as configured.
        brokers: String,
        /// The operation.
        doing: &'static str,
        /// The error of the client.
        cause: CallError,
        /// The latest connection error, in parentheses; empty where it does not explain this failure.
        why: String,
    },
    /// The brokers reject the user.
    #[error("Kafka at {brokers} rejects this client: {reason}; check the user, its password and its ACLs")]
    Credentials {
        /// The brokers, as configured.
        brokers: String,
        /// Their error message.
        reason: String,
    },
    /// A topic does not exist.
    #[error(
        "Kafka at {brokers} has no topic {topic}: create it with `logistics topics create --engine cluster`"
    )]
    NoTopic {
        /// The brokers, as configured.
        brokers: String,
        /// The topic.
        topic: String,
    },
    /// A topic was created, and the brokers do not report it.
    #[error(
        "Kafka at {brokers} created the topic {topic} but does not report it yet: check that all brokers are up and reach their \
         controller"
    )]
    Unknown {
        /// The brokers, as configured.
        brokers: String,
        /// The topic.
        topic: String,
    },
    /// A topic has a setting that the bus rejects.
    #[error("the topic {topic} at {brokers} {problem}")]
    Topic {
        /// The brokers, as configured.
        brokers: String,
        /// The topic.
        topic: String,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// A batch of records cannot be decoded.
    #[error(
        "partition {partition} of {topic} at {brokers} has an undecodable batch at offset {at} or directly after it: {cause}. A retry \
         does not help. `kafka-dump-log.sh --deep-iteration --files FILE` on the broker shows the batch. Restore the partition's \
         files from a replica or a backup"
    )]
    Unreadable {
        /// The brokers, as configured.
        brokers: String,
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// The next offset to read.
        at: Offset,
        /// The error of the client.
        cause: CallError,
    },
    /// A batch of a transaction is larger than its topic permits.
    #[error(
        "Kafka at {brokers} rejected the transaction of partition {partition}, which was aborted: {cause}. One of its batches exceeds \
         `max.message.bytes` of its topic; raise it with `kafka-configs.sh --bootstrap-server {brokers} --alter --entity-type topics \
         --entity-name TOPIC --add-config max.message.bytes=1048588`"
    )]
    TooLarge {
        /// The brokers, as configured.
        brokers: String,
        /// The partition.
        partition: Partition,
        /// The error of the client.
        cause: CallError,
    },
    /// A transaction that the brokers no longer have open hides records.
    #[error(
        "partition {partition} of {topic} at {brokers} has records from offset {from} on that are hidden by a transaction which is no \
         longer open: the brokers lost its end. `kafka-transactions.sh --bootstrap-server {brokers} find-hanging --topic {topic} \
         --partition {partition}` shows it. Do not abort it: its commit may have been acknowledged, and later records depend on it. \
         Restore the brokers, or start with new topics"
    )]
    Hidden {
        /// The brokers, as configured.
        brokers: String,
        /// The topic.
        topic: String,
        /// The partition.
        partition: Partition,
        /// The next offset to read.
        from: Offset,
    },
    /// The client was closed, or another member owns the partition.
    #[error("{0}")]
    Closed(&'static str),
}

/// An error of the Kafka client. Its text is part of the text of [`KafkaError`], so it is no `source`: a chain of causes would
/// print it twice.
#[derive(Debug, Clone)]
pub struct CallError(Box<ClientError>);

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl CallError {
    pub(crate) fn new(error: ClientError) -> Self {
        Self(Box::new(error))
    }
}

impl From<KafkaError> for PortError {
    fn from(error: KafkaError) -> Self {
        let kind = match &error {
            KafkaError::Setting(_) | KafkaError::Credentials { .. } | KafkaError::Topic { .. } => {
                PortErrorKind::Refused
            }
            KafkaError::Call { cause, .. } => kind(&cause.0),
            KafkaError::Unreadable { .. } => PortErrorKind::Corrupt,
            KafkaError::TooLarge { .. } => PortErrorKind::TooLarge,
            // Another process may be about to create the topics.
            KafkaError::NoTopic { .. } | KafkaError::Unknown { .. } | KafkaError::Hidden { .. } => {
                PortErrorKind::Unavailable
            }
            KafkaError::Closed(_) => PortErrorKind::Closed,
        };
        // The text is complete: with the error as its source, a chain of causes would print it twice.
        PortError::new(kind, error.to_string())
    }
}

/// The kind for a caller of the port.
fn kind(error: &ClientError) -> PortErrorKind {
    match error.rdkafka_error_code() {
        Some(code) if is_refusal(code) => PortErrorKind::Refused,
        // `transaction.max.timeout.ms` of the brokers is less than the timeout of our transactions.
        Some(Code::InvalidTransactionTimeout) => PortErrorKind::Refused,
        Some(code) if is_too_large(code) => PortErrorKind::TooLarge,
        Some(Code::OffsetOutOfRange | Code::AutoOffsetReset) => PortErrorKind::Truncated,
        Some(code) if is_unreadable(code) => PortErrorKind::Corrupt,
        _ if matches!(error, ClientError::MessageConsumptionFatal(_)) => PortErrorKind::Closed,
        _ => PortErrorKind::Unavailable,
    }
}

/// A retry does not help until an operator changes something.
pub(crate) fn is_refusal(code: Code) -> bool {
    matches!(
        code,
        Code::Authentication
            | Code::SaslAuthenticationFailed
            | Code::UnsupportedSASLMechanism
            | Code::TopicAuthorizationFailed
            | Code::GroupAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::TransactionalIdAuthorizationFailed
            | Code::PolicyViolation
    )
}

/// A record or a batch is larger than the client or the topic permits.
pub(crate) fn is_too_large(code: Code) -> bool {
    matches!(code, Code::MessageSizeTooLarge | Code::MessageBatchTooLarge | Code::InvalidMessageSize)
}

/// A batch cannot be decoded: its checksum, its compression or its format is wrong. A retry does not help.
pub(crate) fn is_unreadable(code: Code) -> bool {
    matches!(code, Code::BadMessage | Code::InvalidMessage | Code::BadCompression | Code::NotImplemented)
}

/// No broker answered, and the code does not contain the cause.
pub(crate) fn is_no_answer(code: Code) -> bool {
    matches!(
        code,
        Code::BrokerTransportFailure | Code::AllBrokersDown | Code::OperationTimedOut | Code::MessageTimedOut
    )
}

/// Another client took over: the brokers reject every commit of this one.
pub(crate) fn is_fence(code: Code) -> bool {
    matches!(
        code,
        Code::Fenced
            | Code::ProducerFenced
            | Code::InvalidProducerEpoch
            | Code::IllegalGeneration
            | Code::UnknownMemberId
            | Code::FencedInstanceId
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(code: Code) -> PortError {
        let cause = ClientError::MessageProduction(code);
        KafkaError::Call {
            brokers: "b:9092".to_owned(),
            doing: "appending",
            cause: CallError::new(cause),
            why: String::new(),
        }
        .into()
    }

    #[test]
    fn each_code_has_a_kind() {
        let kinds = [
            (Code::MessageSizeTooLarge, PortErrorKind::TooLarge),
            (Code::MessageBatchTooLarge, PortErrorKind::TooLarge),
            (Code::InvalidTransactionTimeout, PortErrorKind::Refused),
            (Code::BadMessage, PortErrorKind::Corrupt),
            (Code::BadCompression, PortErrorKind::Corrupt),
            (Code::NotImplemented, PortErrorKind::Corrupt),
            (Code::SaslAuthenticationFailed, PortErrorKind::Refused),
            (Code::OffsetOutOfRange, PortErrorKind::Truncated),
            (Code::AllBrokersDown, PortErrorKind::Unavailable),
            (Code::MessageTimedOut, PortErrorKind::Unavailable),
        ];
        for (code, kind) in kinds {
            assert_eq!(port(code).kind(), kind, "{code:?}");
        }
        assert!(port(Code::AllBrokersDown).to_string().starts_with("Kafka at b:9092: appending failed: "));
    }

    #[test]
    fn a_chain_of_causes_prints_each_cause_once() {
        let error = port(Code::BrokerTransportFailure);
        let first: &dyn std::error::Error = &error;
        let chain: Vec<String> =
            std::iter::successors(Some(first), |error| error.source()).map(ToString::to_string).collect();
        let printed = chain.join(": ");
        for part in ["appending failed", &Code::BrokerTransportFailure.to_string()] {
            assert_eq!(printed.matches(part).count(), 1, "{part:?} in {printed}");
        }
    }
}
