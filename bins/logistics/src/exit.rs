//! How a command ends.

use std::process::ExitCode;

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
pub(crate) struct Failure {
    kind: Kind,
    pub(crate) message: String,
}

impl Failure {
    /// The other side said no, or what was looked for is not there.
    pub(crate) fn refused(message: impl Into<String>) -> Self {
        Self { kind: Kind::Refused, message: message.into() }
    }

    /// A setting is wrong, or this machine does not let the command do its work.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { kind: Kind::Usage, message: message.into() }
    }

    /// The server cannot be reached, or cannot tell at the moment.
    pub(crate) fn unreachable(message: impl Into<String>) -> Self {
        Self { kind: Kind::Unreachable, message: message.into() }
    }

    pub(crate) fn code(&self) -> ExitCode {
        ExitCode::from(match self.kind {
            Kind::Refused => 1,
            Kind::Usage => 2,
            Kind::Unreachable => 3,
        })
    }
}
