//! The caller of a use case.

use logistics_core::Actor;

use crate::error::ServiceError;

/// The caller of a use case.
///
/// There is one today: [`Principal::anonymous`]. It may act as every actor except `system`, and may read every order.
/// Authentication will add constructors for subjects, their roles and their parties. Every use case takes a principal already, so
/// callers will not change.
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

    /// The name of the subject. Idempotency keys belong to a subject: one key of two subjects names two orders.
    #[must_use]
    pub fn subject(&self) -> &str {
        self.subject
    }

    /// Returns `actor` if the principal may act as this actor.
    ///
    /// # Errors
    /// [`ServiceError::ReservedActor`] for `system`, which only the processor's timers use.
    pub fn act_as(&self, actor: Actor) -> Result<Actor, ServiceError> {
        if actor == Actor::System { Err(ServiceError::ReservedActor) } else { Ok(actor) }
    }
}

#[cfg(test)]
mod tests {
    use logistics_core::lifecycle::ACTORS;

    use super::*;

    #[test]
    fn an_anonymous_caller_may_act_as_every_actor_except_the_system() {
        for actor in ACTORS {
            let expected = if actor == Actor::System { Err(ServiceError::ReservedActor) } else { Ok(actor) };
            assert_eq!(Principal::anonymous().act_as(actor), expected);
        }
    }
}
