//! What an audit finds wrong.

use std::fmt;

use serde::Serialize;

use crate::ids::{Offset, OrderId, Partition};
use crate::named::named;

named! {
    /// What must hold, by the number that the design gives it.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
    #[non_exhaustive]
    pub enum Invariant {
        /// The lifecycle: each fact is a transition of the table by an allowed actor, and never back in time.
        Lifecycle => "lifecycle",
        /// An order's facts have versions 1, 2, 3 ... in one partition.
        I1 => "I1",
        /// An input has at most one outcome, exactly one at rest.
        I2 => "I2",
        /// An input is answered if and only if its offset is below the answered offset.
        I3 => "I3",
        /// A stored document is the fold of the order's first facts.
        I6 => "I6",
        /// A checkpoint never passes what is committed.
        I7 => "I7",
        /// A decision was made on the state that the log had then.
        I8 => "I8",
        /// Each fact has exactly one notification, and each notification its fact.
        I9 => "I9",
        /// At rest, documents, index and checkpoint are up to the log.
        I10 => "I10",
        /// An accepted placement is exactly one order.
        I11 => "I11",
        /// A fact with a deadline has one live timer until the next fact, and a timer fires at its deadline only.
        I12 => "I12",
        /// A fact or outcome of a newer release, or a truncated log, is never skipped; a foreign record is dead-lettered.
        I14 => "I14",
    }
    /// The number, for example `I1`.
    pub fn code;
}

impl Invariant {
    /// What must hold, as a clause.
    #[must_use]
    pub fn statement(self) -> &'static str {
        match self {
            Invariant::Lifecycle => {
                "an order only makes transitions of the lifecycle, and never goes back in time"
            }
            Invariant::I1 => {
                "an order's facts have versions 1, 2, 3 ... with no gap and no duplicate, in one partition"
            }
            Invariant::I2 => "an input has at most one outcome, and exactly one at rest",
            Invariant::I3 => "an input is answered if and only if its offset is below the answered offset",
            Invariant::I6 => "a stored document is the fold of the order's first facts",
            Invariant::I7 => "a checkpoint never passes what is committed",
            Invariant::I8 => "a decision is made on the order's current state",
            Invariant::I9 => "each fact has exactly one notification, and each notification its fact",
            Invariant::I10 => "at rest, documents, index and checkpoint are up to the log",
            Invariant::I11 => "an accepted placement is exactly one order",
            Invariant::I12 => {
                "a fact with a deadline has one live timer until the next fact, and nothing else has one"
            }
            Invariant::I14 => "what an owner wrote can be read, from the log's first record on",
        }
    }
}

/// The first violation that an audit found.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
pub struct Violation {
    /// What does not hold.
    pub invariant: Invariant,
    /// The order, if it concerns one.
    pub order: Option<OrderId>,
    /// The partition, if it concerns one.
    pub partition: Option<Partition>,
    /// The offset in the log, if it concerns one record.
    pub offset: Option<Offset>,
    /// What was expected and what was found, as a clause.
    pub found: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} does not hold", self.invariant.code())?;
        if let Some(order) = &self.order {
            write!(f, " for order {order}")?;
        }
        if let Some(partition) = self.partition {
            write!(f, " in partition {partition}")?;
        }
        if let Some(offset) = self.offset {
            write!(f, " at offset {offset}")?;
        }
        write!(f, ": {} ({})", self.found, self.invariant.statement())
    }
}

/// A violation before it is known where it was found.
pub(super) struct Broken {
    pub(super) invariant: Invariant,
    pub(super) found: String,
}

impl Broken {
    pub(super) fn new(invariant: Invariant, found: impl Into<String>) -> Self {
        Self { invariant, found: found.into() }
    }

    pub(super) fn anywhere(self) -> Violation {
        let Broken { invariant, found } = self;
        Violation { invariant, order: None, partition: None, offset: None, found }
    }

    pub(super) fn at(
        self,
        partition: Partition,
        offset: Option<Offset>,
        order: Option<&OrderId>,
    ) -> Violation {
        Violation { order: order.cloned(), partition: Some(partition), offset, ..self.anywhere() }
    }
}
