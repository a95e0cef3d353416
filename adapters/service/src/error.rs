//! The error of every use case.

use logistics_core::Rejection;
use logistics_core::port::{PortError, PortErrorKind};

use crate::readers::READERS_MAX;

/// Why a use case failed. Its text is for the caller and names no broker, store or address. The error of a port is only in the
/// service's log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ServiceError {
    /// The order is known to be absent.
    #[error("Order not found")]
    NotFound,
    /// The tracking link was valid, and is no longer: it has expired, was revoked, or its order ended long ago.
    #[error("This tracking link is no longer valid")]
    LinkEnded,
    /// The service makes no tracking links: [`Options::tracking`](crate::Options) is not set.
    #[error("This server has no tracking links")]
    NoTracking,
    /// It is unknown whether the order exists: the store is behind the log.
    #[error("It is unknown yet whether the order exists")]
    NotReady,
    /// The store has an older state than this process has read before. The processor rebuilds the store from the log.
    #[error("The store has an older state than this server has served before")]
    Rebuilding,
    /// The log or the store failed, or did not answer in time. A placement or a transition has an unknown outcome: retry it only
    /// with an idempotency key or an expected version.
    #[error("The log or the store is unavailable")]
    Unavailable,
    /// The log or the store was not called, because a circuit breaker is open. Nothing changed.
    #[error("The log or the store is unavailable, and was not called")]
    CircuitOpen {
        /// Seconds until it may be called again, at least 1.
        retry_after_s: u64,
    },
    /// The log or the store is full.
    #[error("The storage is full")]
    StorageFull,
    /// The request exceeds the record limit of the log.
    #[error("The request exceeds the record limit of the log")]
    TooLarge,
    /// The calls in flight use all of [`Options::in_flight_bytes_max`](crate::Options). Nothing changed.
    #[error("Requests and replies in flight use all of the server's memory budget")]
    Overloaded,
    /// The processors are behind the log by more than [`Options::admission_lag_max`](crate::Options), and this is a placement.
    /// Nothing changed.
    #[error("The processors are behind; no orders are placed until they have caught up")]
    Behind,
    /// The limit of calls that read the log at a time is reached.
    #[error("{max} requests read the log already, which is the limit", max = READERS_MAX)]
    TooManyReaders,
    /// The limit of open streams of the process is reached.
    #[error("The server has as many open streams as it permits")]
    TooManyStreams,
    /// The limit of open streams of this caller is reached.
    #[error("This caller has as many open streams as the server permits")]
    TooManyStreamsOfCaller,
    /// The request is undecided, its outcome has expired, or it was never sent.
    #[error("The outcome of this request is unknown")]
    OutcomeUnknown,
    /// The principal may not act as `system`.
    #[error("actor: system is reserved for the service's own timers")]
    ReservedActor,
    /// The principal may not do this, or not as this actor.
    #[error("This principal is not permitted to do this")]
    Forbidden,
    /// The principal is another party, or may not name the party in this field.
    #[error("{field}: this principal is not permitted to name this party")]
    ForeignParty {
        /// The field.
        field: &'static str,
    },
    /// The log has no such partition.
    #[error("There is no such partition; there are {partitions}, from 0 on")]
    UnknownPartition {
        /// The number of partitions.
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
            ServiceError::LinkEnded => "link_ended",
            ServiceError::NoTracking => "no_tracking",
            ServiceError::NotReady => "not_ready",
            ServiceError::Rebuilding => "rebuilding",
            ServiceError::Unavailable => "unavailable",
            ServiceError::CircuitOpen { .. } => "circuit_open",
            ServiceError::StorageFull => "storage_full",
            ServiceError::TooLarge => "too_large",
            ServiceError::Overloaded => "overloaded",
            ServiceError::Behind => "behind",
            ServiceError::TooManyReaders => "too_many_readers",
            ServiceError::TooManyStreams => "too_many_streams",
            ServiceError::TooManyStreamsOfCaller => "too_many_streams_of_caller",
            ServiceError::OutcomeUnknown => "outcome_unknown",
            ServiceError::ReservedActor => "reserved_actor",
            ServiceError::Forbidden => "forbidden",
            ServiceError::ForeignParty { .. } => "foreign_party",
            ServiceError::UnknownPartition { .. } => "unknown_partition",
            ServiceError::Rejected(rejection) => rejection.code(),
            ServiceError::Invalid { .. } => "invalid_request",
        }
    }

    /// Whether a retry can succeed.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            ServiceError::NotReady
            | ServiceError::Rebuilding
            | ServiceError::Unavailable
            | ServiceError::CircuitOpen { .. }
            | ServiceError::StorageFull
            | ServiceError::Overloaded
            | ServiceError::Behind
            | ServiceError::TooManyReaders
            | ServiceError::TooManyStreams
            | ServiceError::TooManyStreamsOfCaller
            | ServiceError::OutcomeUnknown => true,
            ServiceError::NotFound
            | ServiceError::LinkEnded
            | ServiceError::NoTracking
            | ServiceError::TooLarge
            | ServiceError::ReservedActor
            | ServiceError::Forbidden
            | ServiceError::ForeignParty { .. }
            | ServiceError::UnknownPartition { .. }
            | ServiceError::Rejected(_)
            | ServiceError::Invalid { .. } => false,
        }
    }

    pub(crate) fn invalid(field: &'static str, problem: impl Into<String>) -> Self {
        ServiceError::Invalid { field, problem: problem.into() }
    }
}

/// Converts the kind only, because the port's text names brokers and addresses.
impl From<PortErrorKind> for ServiceError {
    fn from(kind: PortErrorKind) -> Self {
        match kind {
            PortErrorKind::StorageFull => ServiceError::StorageFull,
            PortErrorKind::TooLarge => ServiceError::TooLarge,
            _ => ServiceError::Unavailable,
        }
    }
}

/// Converts the kind, and the wait before the next call if the port was not called.
impl From<&PortError> for ServiceError {
    fn from(error: &PortError) -> Self {
        match error.retry_after_ms() {
            Some(ms) => ServiceError::CircuitOpen { retry_after_s: ms.div_ceil(1000).max(1) },
            None => error.kind().into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_was_not_called_has_a_wait_in_whole_seconds() {
        for (ms, seconds) in [(0, 1), (1, 1), (1000, 1), (1001, 2)] {
            let error = PortError::new(PortErrorKind::Unavailable, "down").with_retry_after_ms(ms);
            let error = ServiceError::from(&error);
            assert_eq!(error, ServiceError::CircuitOpen { retry_after_s: seconds });
            assert_eq!((error.code(), error.is_retryable()), ("circuit_open", true));
        }
    }

    #[test]
    fn the_kind_of_a_port_error_determines_code_and_retryability() {
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
    fn a_rejection_keeps_its_code_and_text() {
        let error = ServiceError::from(Rejection::IdConflict);
        assert_eq!((error.code(), error.is_retryable()), ("id_conflict", false));
        assert_eq!(error.to_string(), Rejection::IdConflict.to_string());
    }
}
