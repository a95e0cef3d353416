//! The errors of ports, as a layer sees them.

use logistics_core::port::{NotifyError, NotifyErrorKind, PortError, PortErrorKind};

/// An error of a port's call.
pub trait CallError: Send {
    /// The error's kind.
    fn kind(&self) -> PortErrorKind;

    /// An error of the kind `Unavailable` with this message.
    fn unavailable(message: String) -> Self;
}

impl CallError for PortError {
    fn kind(&self) -> PortErrorKind {
        PortError::kind(self)
    }

    fn unavailable(message: String) -> Self {
        PortError::new(PortErrorKind::Unavailable, message)
    }
}

impl CallError for NotifyError {
    /// `Unavailable` if the error is retryable, otherwise `Refused`.
    fn kind(&self) -> PortErrorKind {
        if self.is_retryable() { PortErrorKind::Unavailable } else { PortErrorKind::Refused }
    }

    fn unavailable(message: String) -> Self {
        NotifyError::new(NotifyErrorKind::Unavailable, message)
    }
}
