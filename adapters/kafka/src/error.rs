//! What goes wrong at the brokers, and what that means to a caller.

use logistics_core::port::{PortError, PortErrorKind};
use logistics_core::{Offset, Partition};
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode as Code};

/// A failure of this adapter.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum KafkaError {
    /// A setting cannot be.
    #[error("{0}")]
    Setting(String),
    /// A call of the client failed.
    #[error("Kafka at {brokers}: {doing} failed: {cause}{why}")]
    Call {
        /// The brokers, as configured.
        brokers: String,
        /// What was being done.
        doing: &'static str,
        /// What the client says. Part of the text, so it is no `source`: a chain of causes would print it again.
        cause: Box<ClientError>,
        /// What it said of its connections before, in parentheses; empty where that explains nothing.
        why: String,
    },
    /// The brokers refuse us.
    #[error("Kafka at {brokers} refuses: {reason}; check the user, its password and its rights")]
    Credentials {
        /// The brokers, as configured.
        brokers: String,
        /// What they say.
        reason: String,
    },
    /// A topic is not there.
    #[error(
        "Kafka at {brokers} has no topic {topic}: create it with `logistics topics create --engine cluster`"
    )]
    NoTopic {
        /// The brokers, as configured.
        brokers: String,
        /// The topic.
        topic: String,
    },
    /// A topic was created, and nobody who answers knows it.
    #[error(
        "the topic {topic} was created at {brokers}, and they do not know it yet: see whether all brokers are up and reach \
         their controller"
    )]
    Unknown {
        /// The brokers, as configured.
        brokers: String,
        /// The topic.
        topic: String,
    },
    /// A topic is not as it must be.
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
        "partition {partition} of {topic} at {brokers} has a batch at offset {at} or next behind it that cannot be decoded: {cause}. \
         Reading again finds the same. `kafka-dump-log.sh --deep-iteration --files FILE` on the broker shows the batch. Restore the \
         partition's files from a replica or a backup"
    )]
    Unreadable {
        /// The brokers, as configured.
        brokers: String,
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// Where reading stands.
        at: Offset,
        /// What the client says.
        cause: Box<ClientError>,
    },
    /// A transaction holds more than a topic takes at once.
    #[error(
        "Kafka at {brokers} refuses the transaction of partition {partition}, which was aborted: {cause}. A batch of it is larger \
         than `max.message.bytes` of its topic permits; raise that with `kafka-configs.sh --alter --entity-type topics \
         --entity-name TOPIC --add-config max.message.bytes=1048588`"
    )]
    TooLarge {
        /// The brokers, as configured.
        brokers: String,
        /// The partition.
        partition: Partition,
        /// What the client says.
        cause: Box<ClientError>,
    },
    /// Records are there, and a transaction that the brokers no longer have hides them.
    #[error(
        "partition {partition} of {topic} at {brokers} has records from offset {from} on that a transaction hides which is no longer \
         open: the brokers lost its end. `kafka-transactions.sh find-hanging` shows it. Do not abort it: its \
         commit may have been acknowledged, and others were built on it. Restore the brokers, or begin with new topics"
    )]
    Hidden {
        /// The brokers, as configured.
        brokers: String,
        /// The topic.
        topic: String,
        /// The partition.
        partition: Partition,
        /// Where reading stands.
        from: Offset,
    },
    /// The client was closed, or the partition is another member's.
    #[error("{0}")]
    Closed(&'static str),
}

impl From<KafkaError> for PortError {
    fn from(error: KafkaError) -> Self {
        let kind = match &error {
            KafkaError::Setting(_) | KafkaError::Credentials { .. } | KafkaError::Topic { .. } => {
                PortErrorKind::Refused
            }
            KafkaError::Call { cause, .. } => kind(cause),
            KafkaError::Unreadable { .. } => PortErrorKind::Corrupt,
            KafkaError::TooLarge { .. } => PortErrorKind::TooLarge,
            // The topics may be on their way: whoever creates them starts beside us.
            KafkaError::NoTopic { .. } | KafkaError::Unknown { .. } | KafkaError::Hidden { .. } => {
                PortErrorKind::Unavailable
            }
            KafkaError::Closed(_) => PortErrorKind::Closed,
        };
        // The text has all of it: with the error as its source, a chain would print the same again.
        PortError::new(kind, error.to_string())
    }
}

/// What a caller can do about it.
fn kind(error: &ClientError) -> PortErrorKind {
    match error.rdkafka_error_code() {
        Some(code) if is_refusal(code) => PortErrorKind::Refused,
        // Brokers permit less than our transactions may last (`transaction.max.timeout.ms`).
        Some(Code::InvalidTransactionTimeout) => PortErrorKind::Refused,
        Some(code) if is_too_large(code) => PortErrorKind::TooLarge,
        Some(Code::OffsetOutOfRange | Code::AutoOffsetReset) => PortErrorKind::Truncated,
        Some(code) if is_unreadable(code) => PortErrorKind::Corrupt,
        _ if matches!(error, ClientError::MessageConsumptionFatal(_)) => PortErrorKind::Closed,
        _ => PortErrorKind::Unavailable,
    }
}

/// Trying again does not help before somebody changed something.
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

/// A record or a batch of them is larger than the client or the topic takes.
pub(crate) fn is_too_large(code: Code) -> bool {
    matches!(code, Code::MessageSizeTooLarge | Code::MessageBatchTooLarge | Code::InvalidMessageSize)
}

/// What was read cannot be decoded: its checksum, its compression or its format is wrong. Reading again finds the same.
pub(crate) fn is_unreadable(code: Code) -> bool {
    matches!(code, Code::BadMessage | Code::InvalidMessage | Code::BadCompression | Code::NotImplemented)
}

/// Nobody answered, which says nothing of why.
pub(crate) fn is_silence(code: Code) -> bool {
    matches!(
        code,
        Code::BrokerTransportFailure | Code::AllBrokersDown | Code::OperationTimedOut | Code::MessageTimedOut
    )
}

/// Somebody else took over: nothing of this side is committed any more.
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
            cause: Box::new(cause),
            why: String::new(),
        }
        .into()
    }

    #[test]
    fn a_code_says_what_a_caller_can_do() {
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
    fn a_chain_of_causes_says_each_of_them_once() {
        let error = port(Code::BrokerTransportFailure);
        let first: &dyn std::error::Error = &error;
        let chain: Vec<String> =
            std::iter::successors(Some(first), |error| error.source()).map(ToString::to_string).collect();
        let said = chain.join(": ");
        for part in ["appending failed", &Code::BrokerTransportFailure.to_string()] {
            assert_eq!(said.matches(part).count(), 1, "{part:?} in {said}");
        }
    }
}
