//! Reading a rejection of any release: the derived lists are optional, and may name statuses that this build does not know.

use serde::Deserialize;

use super::Rejection;
use crate::ids::Version;
use crate::lifecycle::{Actor, KnownStatuses, Status, requestable};

/// [`Rejection`] as another release may have written it.
#[derive(Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub(super) enum Stored {
    NotFound,
    IllegalTransition {
        current: Status,
        requested: Status,
        #[serde(default)]
        allowed: Option<KnownStatuses>,
    },
    NotPermitted {
        current: Status,
        requested: Status,
        actor: Actor,
        permitted: Vec<Actor>,
        #[serde(default)]
        allowed: Option<KnownStatuses>,
    },
    AssignmentNotPermitted {
        current: Status,
        actor: Actor,
        permitted: Vec<Actor>,
    },
    TrackingNotRevocable {
        current: Status,
    },
    PlacementNotPermitted {
        actor: Actor,
    },
    StaleVersion {
        current: Version,
        expected: Version,
    },
    IdConflict,
    AttemptsExhausted {
        attempts: u32,
        #[serde(default)]
        allowed: Option<KnownStatuses>,
    },
}

impl From<Stored> for Rejection {
    fn from(stored: Stored) -> Self {
        let known = |allowed: Option<KnownStatuses>| allowed.map(|known| known.0);
        match stored {
            Stored::NotFound => Rejection::NotFound,
            Stored::IllegalTransition { current, requested, allowed } => {
                let allowed = known(allowed).unwrap_or_else(|| requestable(current, None, true));
                Rejection::IllegalTransition { current, requested, allowed }
            }
            Stored::NotPermitted { current, requested, actor, permitted, allowed } => {
                // An input never acts as the system.
                let derived = || match actor {
                    Actor::System => Vec::new(),
                    actor => requestable(current, Some(actor), true),
                };
                let allowed = known(allowed).unwrap_or_else(derived);
                Rejection::NotPermitted { current, requested, actor, permitted, allowed }
            }
            Stored::AssignmentNotPermitted { current, actor, permitted } => {
                Rejection::AssignmentNotPermitted { current, actor, permitted }
            }
            Stored::TrackingNotRevocable { current } => Rejection::TrackingNotRevocable { current },
            Stored::PlacementNotPermitted { actor } => Rejection::PlacementNotPermitted { actor },
            Stored::StaleVersion { current, expected } => Rejection::StaleVersion { current, expected },
            Stored::IdConflict => Rejection::IdConflict,
            Stored::AttemptsExhausted { attempts, allowed } => {
                let allowed =
                    known(allowed).unwrap_or_else(|| requestable(Status::DeliveryFailed, None, false));
                Rejection::AttemptsExhausted { attempts, allowed }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same rejection as a release writes it whose list is `allowed`; `None`: without the list.
    fn read(rejection: &Rejection, allowed: Option<serde_json::Value>) -> Rejection {
        let mut json = serde_json::to_value(rejection).unwrap();
        let fields = json.as_object_mut().unwrap();
        assert!(fields.remove("allowed").is_some());
        if let Some(allowed) = allowed {
            fields.insert("allowed".to_owned(), allowed);
        }
        serde_json::from_value(json).unwrap()
    }

    fn samples() -> [Rejection; 3] {
        let (current, requested) = (Status::Preparing, Status::Delivered);
        [
            Rejection::IllegalTransition { current, requested, allowed: requestable(current, None, true) },
            Rejection::NotPermitted {
                current,
                requested,
                actor: Actor::Courier,
                permitted: vec![Actor::Operator],
                allowed: vec![Status::OutForDelivery],
            },
            Rejection::AttemptsExhausted { attempts: 3, allowed: exhausted() },
        ]
    }

    fn exhausted() -> Vec<Status> {
        let mut allowed = requestable(Status::DeliveryFailed, None, true);
        allowed.retain(|to| *to != Status::OutForDelivery);
        allowed
    }

    #[test]
    fn a_missing_list_is_derived_from_the_table() {
        for rejection in samples() {
            assert_eq!(read(&rejection, None), rejection);
            assert_eq!(read(&rejection, Some(serde_json::Value::Null)), rejection);
        }
    }

    #[test]
    fn an_unknown_status_in_a_list_is_left_out() {
        for rejection in samples() {
            let list = serde_json::json!(["SHREDDED", "CANCELLED", "", "cancelled"]);
            assert_eq!(read(&rejection, Some(list)).allowed(), Some(&[Status::Cancelled][..]));
        }
    }
}
