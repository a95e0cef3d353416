//! The party that a call is made for.

use logistics_core::Actor;

use crate::error::ServiceError;

/// The party that a call is made for.
///
/// There is one today: [`Principal::anonymous`], which may act as every actor except `system` and may read every order.
/// Authentication adds constructors for authenticated subjects, their roles, and the parties that they belong to. Every use
/// case takes a principal already, so that callers do not change then.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Principal {
    subject: &'static str,
}

impl Principal {
    /// A caller that is not authenticated.
    #[must_use]
    pub const fn anonymous() -> Self {
        Self { subject: "anonymous" }
    }

    /// The name of the subject. Idempotency keys belong to it: the same key of two subjects names two orders.
    #[must_use]
    pub fn subject(&self) -> &str {
        self.subject
    }

    /// The actor, if the principal may act as it.
    ///
    /// # Errors
    /// [`ServiceError::ReservedActor`] for `system`: only the timers of the processor act as the system.
    pub fn act_as(&self, actor: Actor) -> Result<Actor, ServiceError> {
        if actor == Actor::System { Err(ServiceError::ReservedActor) } else { Ok(actor) }
    }
}

#[cfg(test)]
mod tests {
    use logistics_core::lifecycle::ACTORS;

    use super::*;

    #[test]
    fn an_anonymous_caller_acts_as_every_actor_except_the_system() {
        for actor in ACTORS {
            let expected = if actor == Actor::System { Err(ServiceError::ReservedActor) } else { Ok(actor) };
            assert_eq!(Principal::anonymous().act_as(actor), expected);
        }
    }
}
