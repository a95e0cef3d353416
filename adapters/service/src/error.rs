//! The error of every use case.

use logistics_core::Rejection;
use logistics_core::port::PortErrorKind;

use crate::readers::READERS_MAX;

/// Why a use case failed. Its text is a sentence for the caller; it names no broker, store or address. What a port reports is in
/// the service's log only.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ServiceError {
    /// The order is known to be absent.
    #[error("Order not found")]
    NotFound,
    /// Whether there is such an order is unknown yet: the store has not caught up with the log.
    #[error("It is not known yet whether there is such an order")]
    NotReady,
    /// The store lost what this process has read from it before. It is being rebuilt from the log.
    #[error("The store holds an older state than was served before")]
    Rebuilding,
    /// The log or the store failed or did not answer in time. The log may hold a placement or a transition all the same, so
    /// repeat it with an idempotency key or an expected version only.
    #[error("The service cannot reach its log or its store at the moment")]
    Unavailable,
    /// The log or the store has no room left.
    #[error("There is no room left to store anything")]
    StorageFull,
    /// The request is larger than a record of the log may be.
    #[error("The request is larger than the log takes")]
    TooLarge,
    /// The calls under way hold all of [`Options::in_flight_bytes_max`](crate::Options). Nothing was changed.
    #[error("The server has too much under way at the moment")]
    Overloaded,
    /// As many calls read the log as may.
    #[error("{max} requests read the log already", max = READERS_MAX)]
    TooManyReaders,
    /// The request is not decided yet, its outcome has expired, or it was never sent.
    #[error("The outcome of this request is not known")]
    OutcomeUnknown,
    /// The principal may not act as `system`.
    #[error("actor: system is reserved for the service's own timers")]
    ReservedActor,
    /// The log has no such partition.
    #[error("There is no such partition; there are {partitions}, from 0 on")]
    UnknownPartition {
        /// How many there are.
        partitions: u32,
    },
    /// The request was decided and rejected. Nothing changed.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// A field of the command is wrong.
    #[error("{field}: {problem}")]
    Invalid {
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        problem: String,
    },
}

impl ServiceError {
    /// The code for programs. It does not change.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            ServiceError::NotFound => "not_found",
            ServiceError::NotReady => "not_ready",
            ServiceError::Rebuilding => "rebuilding",
            ServiceError::Unavailable => "unavailable",
            ServiceError::StorageFull => "storage_full",
            ServiceError::TooLarge => "too_large",
            ServiceError::Overloaded => "overloaded",
            ServiceError::TooManyReaders => "too_many_readers",
            ServiceError::OutcomeUnknown => "outcome_unknown",
            ServiceError::ReservedActor => "reserved_actor",
            ServiceError::UnknownPartition { .. } => "unknown_partition",
            ServiceError::Rejected(rejection) => rejection.code(),
            ServiceError::Invalid { .. } => "invalid_request",
        }
    }

    /// The same call may succeed later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            ServiceError::NotReady
            | ServiceError::Rebuilding
            | ServiceError::Unavailable
            | ServiceError::StorageFull
            | ServiceError::Overloaded
            | ServiceError::TooManyReaders
            | ServiceError::OutcomeUnknown => true,
            ServiceError::NotFound
            | ServiceError::TooLarge
            | ServiceError::ReservedActor
            | ServiceError::UnknownPartition { .. }
            | ServiceError::Rejected(_)
            | ServiceError::Invalid { .. } => false,
        }
    }

    pub(crate) fn invalid(field: &'static str, problem: impl Into<String>) -> Self {
        ServiceError::Invalid { field, problem: problem.into() }
    }
}

/// The kind only: the port's sentence names what is inside.
impl From<PortErrorKind> for ServiceError {
    fn from(kind: PortErrorKind) -> Self {
        match kind {
            PortErrorKind::StorageFull => ServiceError::StorageFull,
            PortErrorKind::TooLarge => ServiceError::TooLarge,
            _ => ServiceError::Unavailable,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_failure_is_known_by_its_kind_alone_and_says_whether_a_retry_helps() {
        let cases = [
            (PortErrorKind::Unavailable, "unavailable", true),
            (PortErrorKind::StorageFull, "storage_full", true),
            (PortErrorKind::TooLarge, "too_large", false),
            (PortErrorKind::Refused, "unavailable", true),
            (PortErrorKind::Corrupt, "unavailable", true),
            (PortErrorKind::Closed, "unavailable", true),
        ];
        for (kind, code, retryable) in cases {
            let error = ServiceError::from(kind);
            assert_eq!((error.code(), error.is_retryable()), (code, retryable), "{kind:?}");
        }
    }

    #[test]
    fn a_rejection_keeps_its_code_and_sentence() {
        let error = ServiceError::from(Rejection::IdConflict);
        assert_eq!((error.code(), error.is_retryable()), ("id_conflict", false));
        assert_eq!(error.to_string(), Rejection::IdConflict.to_string());
    }
}
