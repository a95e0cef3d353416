//! Why a processor discards its state, with stable codes.

use std::collections::BTreeSet;

use crate::ids::OrderId;
use crate::named::named;
use crate::order::VersionGap;
use crate::port::{PortErrorKind, WriteOutcome};

named! {
    /// Why an attempt failed and a retry follows.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    #[non_exhaustive]
    pub enum InterruptCode {
        /// A call of a port failed or did not answer in time.
        CallFailed => "call_failed",
        /// Another owner has acquired the partition; the log rejected the transaction.
        Fenced => "fenced",
        /// The outcome of a transaction is unknown.
        CommitUnknown => "commit_unknown",
        /// The log rejected a transaction for its size; the next one decides less.
        TransactionTooLarge => "transaction_too_large",
        /// The store is at a write that is not this owner's.
        StoreMismatch => "store_mismatch",
        /// The store's checkpoint lies beyond the log's end.
        CheckpointAhead => "checkpoint_ahead",
        /// The store has lost documents, which are rebuilt from the log.
        DocumentsLost => "documents_lost",
        /// The clock of this process was set, or the machine was suspended.
        ClockStepped => "clock_stepped",
    }
    /// The code as text, in lower case with underscores. It never changes.
    pub fn code;
}

named! {
    /// Why a partition halted.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
    #[non_exhaustive]
    pub enum HaltCode {
        /// The log no longer has records that the store needs.
        LogTruncated => "log_truncated",
        /// The log has lost records that the store's checkpoint covers.
        LogLostRecords => "log_lost_records",
        /// A port read damaged data.
        Corrupt => "corrupt",
        /// The log rejects the outcome of a single input for its size.
        InputTooLarge => "input_too_large",
        /// Another writer decides on the same log.
        SecondWriter => "second_writer",
        /// A newer release wrote a record that this one cannot read.
        NewerRelease => "newer_release",
        /// A document of the store cannot be used.
        DocumentUnusable => "document_unusable",
        /// A fact does not continue its order.
        VersionGap => "version_gap",
        /// The driver halted the partition, for example after a panic.
        External => "external",
    }
    /// The code as text, in lower case with underscores. It never changes.
    pub fn code;
}

/// Why the processor discards its state.
pub(super) enum Interrupt {
    /// Discard everything, ask the group, and begin anew.
    Again { code: InterruptCode, why: String, suspicion: Option<String> },
    /// The store has lost documents: begin anew, at the log's first record.
    Rebuild { why: String, orders: BTreeSet<OrderId> },
    /// The log has a record that could be an owner's and that this owner did not write: either the group gave the partition
    /// to another member, or there is a second writer.
    SecondWriter(String),
    /// Continuing would skip or invent records.
    Halt { code: HaltCode, reason: String },
}

impl Interrupt {
    pub(super) fn again(code: InterruptCode, why: impl Into<String>) -> Self {
        Interrupt::Again { code, why: why.into(), suspicion: None }
    }

    pub(super) fn halt(code: HaltCode, reason: impl Into<String>) -> Self {
        Interrupt::Halt { code, reason: reason.into() }
    }

    /// The interrupt for a failed call that the stage cannot continue without.
    pub(super) fn of(kind: PortErrorKind, what: &str) -> Self {
        match kind {
            PortErrorKind::Truncated => Interrupt::halt(
                HaltCode::LogTruncated,
                format!(
                    "{what}: the log no longer has records that the store lacks; restore the log or the store from a backup"
                ),
            ),
            PortErrorKind::Corrupt => Interrupt::halt(
                HaltCode::Corrupt,
                format!("{what}: the data is damaged; restore it from a backup"),
            ),
            kind => Interrupt::again(InterruptCode::CallFailed, format!("{what}: {kind:?}")),
        }
    }
}

impl From<VersionGap> for Interrupt {
    fn from(gap: VersionGap) -> Self {
        Interrupt::halt(HaltCode::VersionGap, gap.to_string())
    }
}

/// The store is at a token that this owner did not write.
pub(super) fn store_mismatch() -> Interrupt {
    Interrupt::again(InterruptCode::StoreMismatch, "another owner wrote to the store")
}

/// # Errors
/// An interrupt after anything but a clear success of a store write: the store may be at any token.
pub(super) fn check_written(written: Result<WriteOutcome, PortErrorKind>) -> Result<(), Interrupt> {
    match written {
        Ok(WriteOutcome::Applied) => Ok(()),
        Ok(WriteOutcome::Mismatch) => Err(store_mismatch()),
        Err(kind) => Err(Interrupt::of(kind, "writing to the store")),
    }
}

/// # Errors
/// An interrupt where the store has lost documents. Orders among `ghosts` do not count: the log does not have them.
pub(super) fn check_missing(
    missing: &BTreeSet<OrderId>,
    ghosts: &BTreeSet<OrderId>,
) -> Result<(), Interrupt> {
    let orders: BTreeSet<_> = missing.difference(ghosts).cloned().collect();
    match orders.first() {
        None => Ok(()),
        Some(first) => {
            let why = format!("the store has lost {} documents, among them that of {first}", orders.len());
            Err(Interrupt::Rebuild { why, orders })
        }
    }
}
