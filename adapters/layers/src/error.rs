//! The errors of ports, as a layer sees them.

use logistics_core::port::{NotifyError, NotifyErrorKind, PortError, PortErrorKind};

/// An error of a port's call.
pub trait CallError: Send {
    /// The error's kind.
    fn kind(&self) -> PortErrorKind;

    /// The port did not answer, so the error counts towards an outage. Errors that the port returned on purpose do not.
    fn is_outage(&self) -> bool {
        self.kind() == PortErrorKind::Unavailable
    }

    /// An error of the kind `Unavailable` with this message.
    fn unavailable(message: String) -> Self;

    /// The same, with the minimum wait before the next call, in milliseconds.
    #[must_use]
    fn with_retry_after_ms(self, retry_after_ms: u64) -> Self;
}

impl CallError for PortError {
    fn kind(&self) -> PortErrorKind {
        PortError::kind(self)
    }

    fn unavailable(message: String) -> Self {
        PortError::new(PortErrorKind::Unavailable, message)
    }

    fn with_retry_after_ms(self, retry_after_ms: u64) -> Self {
        PortError::with_retry_after_ms(self, retry_after_ms)
    }
}

impl CallError for NotifyError {
    /// `Unavailable` if the error is retryable, otherwise `Refused`.
    fn kind(&self) -> PortErrorKind {
        if self.is_retryable() { PortErrorKind::Unavailable } else { PortErrorKind::Refused }
    }

    /// Only `Unavailable`. A rate limit and wrong credentials are answers, and each has a delay of its own.
    fn is_outage(&self) -> bool {
        NotifyError::kind(self) == NotifyErrorKind::Unavailable
    }

    fn unavailable(message: String) -> Self {
        NotifyError::new(NotifyErrorKind::Unavailable, message)
    }

    fn with_retry_after_ms(self, retry_after_ms: u64) -> Self {
        NotifyError::with_retry_after_ms(self, retry_after_ms)
    }
}
