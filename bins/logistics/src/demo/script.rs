//! What happens to an order of the demo, and in which order.

use logistics_core::{Actor, Status};

/// One thing that happens.
#[derive(Debug, Clone, Copy)]
pub(super) enum Beat {
    /// Somebody asks for a step and gets it.
    Asks { actor: Actor, to: Status, reason: Option<&'static str> },
    /// The step happens by itself.
    Comes(Status),
    /// Somebody asks for a step and is refused.
    AsksInVain { actor: Actor, to: Status },
}

/// The statuses that an order with this script goes through.
pub(super) fn path(script: &[Beat]) -> Vec<Status> {
    let steps = script.iter().filter_map(|beat| match beat {
        Beat::Asks { to, .. } | Beat::Comes(to) => Some(*to),
        Beat::AsksInVain { .. } => None,
    });
    std::iter::once(Status::Placed).chain(steps).collect()
}

/// How many requests of the script are refused.
pub(super) fn refusals(script: &[Beat]) -> usize {
    script.iter().filter(|beat| matches!(beat, Beat::AsksInVain { .. })).count()
}
