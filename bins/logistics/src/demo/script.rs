//! The script of an example order.

use logistics_core::{Actor, Status};

/// One action of a script.
#[derive(Debug, Clone, Copy)]
pub(super) enum Action {
    /// An actor requests a transition, and the processor accepts it.
    Request { actor: Actor, to: Status, reason: Option<&'static str> },
    /// A timer causes the transition.
    Automatic(Status),
    /// An actor requests a transition, and the processor rejects it.
    RequestRejected { actor: Actor, to: Status },
}

impl Action {
    /// The status after the action; `None`: it changes nothing.
    pub(super) fn target(&self) -> Option<Status> {
        match self {
            Action::Request { to, .. } | Action::Automatic(to) => Some(*to),
            Action::RequestRejected { .. } => None,
        }
    }
}

/// The statuses that an order with this script goes through.
pub(super) fn path(script: &[Action]) -> Vec<Status> {
    std::iter::once(Status::Placed).chain(script.iter().filter_map(Action::target)).collect()
}

/// The number of rejected requests of the script.
pub(super) fn rejections(script: &[Action]) -> usize {
    script.iter().filter(|action| matches!(action, Action::RequestRejected { .. })).count()
}
