//! Reading a rejection of any release: the derived lists are optional, and may name statuses that this build does not know.

use serde::{Deserialize, Deserializer};

use super::Rejection;
use crate::ids::Version;
use crate::lifecycle::{Actor, Status, transitions_from};

/// [`Rejection`] as another release may have written it.
#[derive(Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub(super) enum Stored {
    NotFound,
    IllegalTransition {
        current: Status,
        requested: Status,
        #[serde(default)]
        allowed: Option<Known>,
    },
    NotPermitted {
        current: Status,
        requested: Status,
        actor: Actor,
        permitted: Vec<Actor>,
        #[serde(default)]
        allowed: Option<Known>,
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
        allowed: Option<Known>,
    },
}

/// The statuses of a list that this build knows.
pub(super) struct Known(Vec<Status>);

impl<'de> Deserialize<'de> for Known {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let names = Vec::<String>::deserialize(deserializer)?;
        Ok(Self(names.iter().filter_map(|name| Status::from_name(name)).collect()))
    }
}

impl From<Stored> for Rejection {
    fn from(stored: Stored) -> Self {
        let known = |allowed: Option<Known>| allowed.map(|known| known.0);
        match stored {
            Stored::NotFound => Rejection::NotFound,
            Stored::IllegalTransition { current, requested, allowed } => {
                let allowed = known(allowed).unwrap_or_else(|| requestable(current, None));
                Rejection::IllegalTransition { current, requested, allowed }
            }
            Stored::NotPermitted { current, requested, actor, permitted, allowed } => {
                let allowed = known(allowed).unwrap_or_else(|| requestable(current, Some(actor)));
                Rejection::NotPermitted { current, requested, actor, permitted, allowed }
            }
            Stored::PlacementNotPermitted { actor } => Rejection::PlacementNotPermitted { actor },
            Stored::StaleVersion { current, expected } => Rejection::StaleVersion { current, expected },
            Stored::IdConflict => Rejection::IdConflict,
            Stored::AttemptsExhausted { attempts, allowed } => {
                let allowed = known(allowed).unwrap_or_else(|| {
                    let mut others = requestable(Status::DeliveryFailed, None);
                    others.retain(|to| *to != Status::OutForDelivery);
                    others
                });
                Rejection::AttemptsExhausted { attempts, allowed }
            }
        }
    }
}

/// The statuses that a request can lead to from `current`. An input never acts as the system.
fn requestable(current: Status, actor: Option<Actor>) -> Vec<Status> {
    let by = |actors: &[Actor]| match actor {
        Some(actor) => actor != Actor::System && actors.contains(&actor),
        None => actors != [Actor::System],
    };
    transitions_from(Some(current)).filter(|row| by(row.actors)).map(|row| row.to).collect()
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
            Rejection::IllegalTransition { current, requested, allowed: requestable(current, None) },
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
        let mut allowed = requestable(Status::DeliveryFailed, None);
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
