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
    #[error("Kafka at {brokers}: {doing} failed: {source}{why}")]
    Call {
        /// The brokers, as configured.
        brokers: String,
        /// What was being done.
        doing: &'static str,
        /// What the client says.
        source: Box<ClientError>,
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
    /// Records are there, and a transaction that nobody ends hides them.
    #[error(
        "partition {partition} of {topic} at {brokers} has records from offset {from} on that a transaction has hidden for \
         longer than it may last: the brokers lost its end. `kafka-transactions.sh find-hanging` shows it. Do not abort it: its \
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
            KafkaError::Call { source, .. } => kind(source),
            // The topics may be on their way: whoever creates them starts beside us.
            KafkaError::NoTopic { .. } | KafkaError::Unknown { .. } | KafkaError::Hidden { .. } => {
                PortErrorKind::Unavailable
            }
            KafkaError::Closed(_) => PortErrorKind::Closed,
        };
        PortError::new(kind, error.to_string()).with_source(error)
    }
}

/// What a caller can do about it.
fn kind(error: &ClientError) -> PortErrorKind {
    match error.rdkafka_error_code() {
        Some(code) if is_refusal(code) => PortErrorKind::Refused,
        Some(Code::MessageSizeTooLarge | Code::InvalidMessageSize) => PortErrorKind::TooLarge,
        Some(Code::OffsetOutOfRange | Code::AutoOffsetReset) => PortErrorKind::Truncated,
        Some(Code::BadMessage | Code::InvalidMessage) => PortErrorKind::Corrupt,
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
        let source = ClientError::MessageProduction(code);
        KafkaError::Call {
            brokers: "b:9092".to_owned(),
            doing: "appending",
            source: Box::new(source),
            why: String::new(),
        }
        .into()
    }

    #[test]
    fn a_code_says_what_a_caller_can_do() {
        let kinds = [
            (Code::MessageSizeTooLarge, PortErrorKind::TooLarge),
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
}
