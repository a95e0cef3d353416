//! Why an input is dead-lettered, with stable codes.

use crate::named::named;
use crate::wire::RecordError;

named! {
    /// Why an input is dead-lettered. The reason beside it is for people.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    #[non_exhaustive]
    pub enum DeadLetterCode {
        /// The record is longer than a record may be.
        TooLong => "too_long",
        /// The record is not a JSON object.
        NotJson => "not_json",
        /// The record is neither an event of this system nor a bare placement.
        NotAnEvent => "not_an_event",
        /// The record has a version that this build does not read.
        UnsupportedVersion => "unsupported_version",
        /// A field is missing or wrong.
        InvalidField => "invalid_field",
        /// The request lacks a signature, and [`ProducerRoles`](super::ProducerRoles) do not permit it without one.
        Unsigned => "unsigned",
        /// The record claims to be an owner's, and no owner wrote it.
        Foreign => "foreign",
    }
    /// The code as text, in lower case with underscores. It never changes.
    pub fn code;
}

impl DeadLetterCode {
    /// The code of a record that cannot be read and does not claim to be an owner's.
    pub(super) fn of(error: &RecordError) -> Self {
        match error {
            RecordError::TooLong(_) => Self::TooLong,
            RecordError::NotJson(_) => Self::NotJson,
            RecordError::Foreign(_) => Self::NotAnEvent,
            RecordError::NewerVersion(_) | RecordError::UnsupportedVersion(_) => Self::UnsupportedVersion,
            RecordError::Unsigned => Self::Unsigned,
            RecordError::UnknownStatus(_) | RecordError::Invalid { .. } => Self::InvalidField,
        }
    }
}
