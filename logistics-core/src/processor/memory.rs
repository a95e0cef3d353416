//! The memory of a partition in bytes, and the shares of its budget.
//!
//! Orders are as large as their details, up to 64 KiB, so counts bound nothing. Sizes are estimates: the texts, and a fixed
//! amount for everything around them.

use bytes::Bytes;

use super::input::{Input, InputKind};
use crate::limits::DETAILS_BYTES_MAX;
use crate::order::Order;
use crate::port::Loaded;

/// An order without its details and history.
const ORDER_BYTES: usize = 512;
const HISTORY_ENTRY_BYTES: usize = 128;
/// A trace context of a history entry: its text and the counters of its allocation.
const TRACE_BYTES: usize = 80;
const INPUT_BYTES: usize = 512;

/// The shares of a partition's budget. Together they are less than the whole: a commit and a store write hold copies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Shares {
    /// Inputs read ahead.
    pub(super) inbox: usize,
    /// What one plan decides: its inputs and the states that are loaded for it.
    pub(super) plan: usize,
    /// Orders that wait for the store.
    pub(super) unwritten: usize,
    /// Orders kept for the next request.
    pub(super) cache: usize,
}

impl Shares {
    pub(super) fn of(memory_bytes_max: usize) -> Self {
        Self {
            inbox: memory_bytes_max / 8,
            plan: memory_bytes_max / 8,
            unwritten: memory_bytes_max / 8,
            cache: memory_bytes_max / 8,
        }
    }
}

/// How large the documents of a load may be: as large as the largest of the last loads. At first, as large as any can be.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct DocumentSize(usize);

impl Default for DocumentSize {
    fn default() -> Self {
        Self(DETAILS_BYTES_MAX)
    }
}

impl DocumentSize {
    /// A load came.
    pub(super) fn seen(&mut self, loaded: &Loaded) {
        let largest = loaded.documents.iter().flatten().map(Bytes::len).max().unwrap_or_default();
        self.0 = largest.max(self.0 / 2).max(ORDER_BYTES);
    }

    /// How many documents fit; at least one.
    pub(super) fn fit(&self, bytes: usize) -> usize {
        (bytes / self.0).max(1)
    }
}

pub(super) fn of_order(order: &Order) -> usize {
    let details = order.details.as_ref().map_or(0, |details| details.as_str().len());
    let subjects: usize =
        order.history.iter().filter_map(|entry| entry.by.as_ref()).map(|by| by.as_str().len()).sum();
    let traces = order.history.iter().filter(|entry| entry.trace.is_some()).count() * TRACE_BYTES;
    ORDER_BYTES
        + details
        + order.contacts.bytes()
        + order.history.len() * HISTORY_ENTRY_BYTES
        + subjects
        + traces
}

pub(super) fn of_input(input: &Input) -> usize {
    let payload = match &input.kind {
        InputKind::Request(request) => match &request.command {
            crate::request::Command::Place(placement) => {
                placement.details.as_ref().map_or(0, |details| details.as_str().len())
                    + placement.contacts.bytes()
            }
            _ => 0,
        },
        InputKind::Misplaced { record, .. }
        | InputKind::Dead { record, .. }
        | InputKind::Claimed { record, .. } => {
            record.payload.len() + record.key.as_ref().map_or(0, Bytes::len)
        }
    };
    INPUT_BYTES + payload
}
