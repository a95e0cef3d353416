//! Exit codes and errors of commands.

use std::process::ExitCode;

use logistics_core::port::{PortError, PortErrorKind};

/// The kind of a failure, which determines the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The other side rejected the request: exit code 1.
    Refused,
    /// The command line, the environment or the machine is unsuitable: exit code 2.
    Usage,
    /// The server is unreachable or temporarily unable to answer: exit code 3.
    Unreachable,
}

/// The error of a command: its exit code and its text.
#[derive(Debug)]
pub struct Failure {
    kind: Kind,
    /// The text: what failed, where, and what to do.
    pub message: String,
}

impl Failure {
    /// The other side rejected the request, or found nothing.
    pub fn refused(message: impl Into<String>) -> Self {
        Self { kind: Kind::Refused, message: message.into() }
    }

    /// A setting is invalid, or this machine cannot run the command.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { kind: Kind::Usage, message: message.into() }
    }

    /// The server is unreachable or temporarily unable to answer.
    pub fn unreachable(message: impl Into<String>) -> Self {
        Self { kind: Kind::Unreachable, message: message.into() }
    }

    /// The server is unreachable or temporarily unable to answer, so a retry can help.
    #[must_use]
    pub fn is_unreachable(&self) -> bool {
        self.kind == Kind::Unreachable
    }

    /// A call of the log or the store failed.
    #[must_use]
    pub fn of_port(what: &str, error: &PortError) -> Self {
        let message = format!("{what}: {error}");
        if error.kind() == PortErrorKind::Unavailable {
            Self::unreachable(message)
        } else {
            Self::refused(message)
        }
    }

    /// Prefixes the text with the place of the failure.
    #[must_use]
    pub fn at(mut self, place: &str) -> Self {
        self.message = format!("{place}: {}", self.message);
        self
    }

    /// The exit code.
    #[must_use]
    pub fn code(&self) -> ExitCode {
        ExitCode::from(match self.kind {
            Kind::Refused => 1,
            Kind::Usage => 2,
            Kind::Unreachable => 3,
        })
    }
}
