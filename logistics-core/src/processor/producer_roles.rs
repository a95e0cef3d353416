//! What an input may ask that no log key signed.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use crate::lifecycle::{ACTORS, Actor};
use crate::request::{Command, Request};

const ANY: &str = "any";
const NONE: &str = "none";

/// The actors that an unsigned input may name, where the log has keys. The default is `customer`.
///
/// `customer` permits placements only. Another actor may request what the lifecycle table permits it. [`Self::any`] permits
/// every request of every actor. No input acts as [`Actor::System`].
///
/// ```
/// use logistics_core::processor::ProducerRoles;
///
/// let roles: ProducerRoles = "customer,courier".parse()?;
/// assert_eq!(roles.to_string(), "customer,courier");
/// assert_eq!(ProducerRoles::default().to_string(), "customer");
/// # Ok::<(), logistics_core::processor::InvalidProducerRoles>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ProducerRoles {
    actors: BTreeSet<Actor>,
    any: bool,
}

/// A list of producer roles has a name that is no role.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
#[error(
    "{0:?} is no role of a producer; use customer, merchant, courier or operator, separated by commas, or any or none alone"
)]
pub struct InvalidProducerRoles(String);

impl Default for ProducerRoles {
    fn default() -> Self {
        Self::of([Actor::Customer])
    }
}

impl ProducerRoles {
    /// These actors. [`Actor::System`] is left out.
    #[must_use]
    pub fn of(actors: impl IntoIterator<Item = Actor>) -> Self {
        let actors = actors.into_iter().filter(|actor| *actor != Actor::System).collect();
        Self { actors, any: false }
    }

    /// No unsigned input is permitted.
    #[must_use]
    pub fn none() -> Self {
        Self::of([])
    }

    /// Every actor but [`Actor::System`], with everything that the lifecycle table permits it.
    #[must_use]
    pub fn any() -> Self {
        Self { any: true, ..Self::of(ACTORS) }
    }

    /// Whether an unsigned input may request this. The lifecycle table decides afterwards.
    #[must_use]
    pub fn permits(&self, request: &Request) -> bool {
        let is_placement = matches!(request.command, Command::Place(_));
        match request.actor {
            Actor::System => false,
            Actor::Customer => self.any || is_placement && self.actors.contains(&Actor::Customer),
            actor @ (Actor::Merchant | Actor::Courier | Actor::Operator) => self.actors.contains(&actor),
        }
    }

    /// Why an unsigned input that is not permitted is a dead letter.
    pub(super) fn refusal(&self, request: &Request) -> String {
        let refused = match request.actor {
            Actor::Customer if self.actors.contains(&Actor::Customer) => {
                "permits only placements by customer".to_owned()
            }
            actor => format!("does not permit {}", actor.name()),
        };
        format!("the input is not signed with the log key, and --log-producer-roles {refused}")
    }
}

impl FromStr for ProducerRoles {
    type Err = InvalidProducerRoles;

    /// Reads `any`, `none`, or names of actors, separated by commas. `all` means `any`.
    fn from_str(text: &str) -> Result<Self, InvalidProducerRoles> {
        let role = |name: &str| {
            let actor = Actor::from_name(name).filter(|actor| *actor != Actor::System);
            actor.ok_or_else(|| InvalidProducerRoles(name.chars().take(40).collect()))
        };
        match text.trim() {
            ANY | "all" => Ok(Self::any()),
            NONE => Ok(Self::none()),
            names => names
                .split(',')
                .map(|name| role(name.trim()))
                .collect::<Result<_, _>>()
                .map(|actors: Vec<Actor>| Self::of(actors)),
        }
    }
}

impl fmt::Display for ProducerRoles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.any {
            return f.write_str(ANY);
        }
        if self.actors.is_empty() {
            return f.write_str(NONE);
        }
        let names: Vec<_> = self.actors.iter().map(|actor| actor.name()).collect();
        f.write_str(&names.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Timestamp;
    use crate::request::Placement;

    fn permitted(roles: &ProducerRoles) -> Vec<(&'static str, bool)> {
        let of = |actor: Actor| {
            let request = |command| {
                let (id, order_id) = ("r".parse().unwrap(), "o".parse().unwrap());
                roles.permits(&Request::new(id, order_id, actor, command, Timestamp::default()))
            };
            let places = request(Command::Place(Placement::new())).then_some((actor.name(), true));
            let moves = request(Command::Cancel).then_some((actor.name(), false));
            [places, moves]
        };
        ACTORS.into_iter().flat_map(of).flatten().collect()
    }

    #[test]
    fn a_customer_may_place_only_others_may_do_anything_and_the_system_nothing() {
        assert_eq!(permitted(&ProducerRoles::default()), [("customer", true)]);
        assert_eq!(permitted(&ProducerRoles::none()), []);
        assert_eq!(permitted(&ProducerRoles::of(ACTORS)).len(), 7);
        let any = permitted(&ProducerRoles::any());
        assert_eq!(any.len(), 8);
        assert!(any.iter().all(|(actor, _)| *actor != "system"));
        let courier = permitted(&ProducerRoles::of([Actor::Courier, Actor::System]));
        assert_eq!(courier, [("courier", true), ("courier", false)]);
    }

    #[test]
    fn a_list_is_read_and_written_alike_and_a_wrong_name_is_in_the_error() {
        for text in ["customer", "customer,merchant,courier,operator", "any", "none"] {
            assert_eq!(text.parse::<ProducerRoles>().unwrap().to_string(), text);
        }
        assert_eq!("all".parse(), Ok(ProducerRoles::any()));
        assert_eq!(" operator, customer ".parse(), Ok(ProducerRoles::of([Actor::Customer, Actor::Operator])));
        for wrong in ["", "system", "customer,", "customer,any", "Customer"] {
            let error = wrong.parse::<ProducerRoles>().expect_err(wrong).to_string();
            assert!(error.contains("is no role of a producer"), "{error}");
        }
    }
}
