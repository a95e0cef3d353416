//! How a command ends.

use std::process::ExitCode;

use logistics_core::port::{PortError, PortErrorKind};

/// Why a command failed, for the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The other side said no: exit code 1.
    Refused,
    /// Something is wrong with the command line, the environment or the machine: exit code 2.
    Usage,
    /// The server cannot be reached, or cannot tell at the moment: exit code 3.
    Unreachable,
}

/// A command that failed: the exit code, and one sentence for people.
#[derive(Debug)]
pub struct Failure {
    kind: Kind,
    /// The sentence.
    pub message: String,
}

impl Failure {
    /// The other side said no, or what was looked for is not there.
    pub fn refused(message: impl Into<String>) -> Self {
        Self { kind: Kind::Refused, message: message.into() }
    }

    /// A setting is wrong, or this machine does not let the command do its work.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { kind: Kind::Usage, message: message.into() }
    }

    /// The server cannot be reached, or cannot tell at the moment.
    pub fn unreachable(message: impl Into<String>) -> Self {
        Self { kind: Kind::Unreachable, message: message.into() }
    }

    /// Log or store did not do what was asked of them: they cannot be reached, or refuse.
    #[must_use]
    pub fn of_port(what: &str, error: &PortError) -> Self {
        let message = format!("{what}: {error}");
        if error.kind() == PortErrorKind::Unavailable {
            Self::unreachable(message)
        } else {
            Self::refused(message)
        }
    }

    /// The same, with the place where it failed.
    #[must_use]
    pub fn at(mut self, place: &str) -> Self {
        self.message = format!("{place}: {}", self.message);
        self
    }

    /// The exit code of a process that failed like this.
    #[must_use]
    pub fn code(&self) -> ExitCode {
        ExitCode::from(match self.kind {
            Kind::Refused => 1,
            Kind::Usage => 2,
            Kind::Unreachable => 3,
        })
    }
}
