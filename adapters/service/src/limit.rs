//! Rate limits as the interfaces see them: a caller and a class of calls in, a decision out.

use std::net::IpAddr;

use async_trait::async_trait;

/// A class of calls. Each class has its own limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum RouteClass {
    /// Placements.
    Place,
    /// Every other change of an order: transitions, cancellations and assignments.
    Transition,
    /// Reads of orders, lists, histories and outcomes.
    Read,
    /// The start of a live stream.
    Stream,
    /// What no party may do: reads of the log, and scrapes of the metrics.
    Admin,
}

impl RouteClass {
    /// All classes.
    pub const ALL: [RouteClass; 5] =
        [RouteClass::Place, RouteClass::Transition, RouteClass::Read, RouteClass::Stream, RouteClass::Admin];

    /// The name in settings, and of the policy in replies.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            RouteClass::Place => "place",
            RouteClass::Transition => "transition",
            RouteClass::Read => "read",
            RouteClass::Stream => "stream",
            RouteClass::Admin => "admin",
        }
    }

    /// The class with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<RouteClass> {
        RouteClass::ALL.into_iter().find(|class| class.name() == name)
    }
}

/// Whose calls a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LimitedCaller<'a> {
    /// The subject of a principal, at any address.
    Subject(&'a str),
    /// The address of an anonymous caller. IPv6 addresses with the same 64 first bits are one caller: providers assign networks
    /// of this size to one customer.
    Address(IpAddr),
    /// An anonymous caller at an unknown address. All of them are one caller, so that a missing address evades no limit.
    Unknown,
}

/// The state of a limit after a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitState {
    /// The class whose limit it is. Its name is the policy's.
    pub class: RouteClass,
    /// Maximum calls at once.
    pub quota: u32,
    /// The time in which the whole quota returns, in seconds; at least 1.
    pub window_s: u64,
    /// The calls that are left.
    pub remaining: u32,
    /// Seconds until the quota is restored; if no call is left, until the next one is admitted.
    pub reset_s: u64,
    /// Seconds until the next call is admitted, at least 1; `None`: this call is admitted.
    pub retry_after_s: Option<u64>,
}

impl LimitState {
    /// This call is refused.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.retry_after_s.is_some()
    }
}

/// Limits the rate of calls.
///
/// To be correct, a limiter uses bounded memory for any number of callers, and decides in bounded time: a limiter whose counts are
/// elsewhere decides by itself while they cannot be reached.
#[async_trait]
pub trait Limiter: Send + Sync {
    /// The class has a limit. Interfaces call nothing else for a class without one.
    fn limits(&self, class: RouteClass) -> bool;

    /// Counts a call. `None`: the class has no limit.
    async fn admit(&self, caller: LimitedCaller<'_>, class: RouteClass) -> Option<LimitState>;

    /// The refusal of a caller that has used its quota, without counting a call. An interface calls this before it verifies a
    /// credential, so that a client at this address cannot try further ones.
    fn refusal(&self, caller: LimitedCaller<'_>, class: RouteClass) -> Option<LimitState>;
}

/// Limits no call.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoLimits;

#[async_trait]
impl Limiter for NoLimits {
    fn limits(&self, _: RouteClass) -> bool {
        false
    }

    async fn admit(&self, _: LimitedCaller<'_>, _: RouteClass) -> Option<LimitState> {
        None
    }

    fn refusal(&self, _: LimitedCaller<'_>, _: RouteClass) -> Option<LimitState> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_class_has_a_name_of_its_own() {
        for class in RouteClass::ALL {
            assert_eq!(RouteClass::from_name(class.name()), Some(class));
        }
        assert_eq!(RouteClass::from_name("Place"), None);
    }
}
