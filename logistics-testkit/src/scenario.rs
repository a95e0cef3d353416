//! Given / when / then, on facts only.

use crate::sample;
use logistics_core::lifecycle::Status;
use logistics_core::{
    Decision, Fact, Offset, Order, Policy, Rejection, Request, Timestamp, Version, decide, decide_due, evolve,
};

/// One order with its facts, ready for the next request or deadline.
///
/// By default, the policy is [`Policy::manual`] and the time is a second after the last fact.
///
/// ```
/// use logistics_testkit::{Scenario, sample};
/// use logistics_core::{Actor, Command, Status};
///
/// let confirm = sample::request(Actor::Merchant, Command::Transition { to: Status::Confirmed });
/// Scenario::given(sample::facts_to(Status::Placed))
///     .when(&confirm)
///     .then_fact(|fact| fact.status == Status::Confirmed && fact.version.0 == 2)
///     .when(&confirm)
///     .then_unchanged();
///
/// let deliver = sample::request(Actor::Courier, Command::Transition { to: Status::Delivered });
/// Scenario::given(sample::facts_to(Status::Delivered)).when(&deliver).then_unchanged();
/// Scenario::given(sample::facts_to(Status::Cancelled)).when(&deliver).then_rejected("illegal_transition");
/// Scenario::given([]).when(&deliver).then_rejected("not_found");
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Scenario {
    order: Option<Order>,
    policy: Policy,
    now: Timestamp,
    /// The next input's offset.
    next: Offset,
}

/// The decision in a [`Scenario`], for comparison with the expected one.
#[derive(Debug, Clone)]
#[must_use]
pub struct Decided {
    scenario: Scenario,
    /// `None` if time passed and no deadline was due.
    decision: Option<Decision>,
}

impl Scenario {
    /// These facts happened. Without facts, there is no order.
    ///
    /// # Panics
    /// When the facts do not follow each other.
    pub fn given(facts: impl IntoIterator<Item = Fact>) -> Self {
        let scenario =
            Self { order: None, policy: Policy::manual(), now: sample::time(0), next: Offset(100) };
        facts.into_iter().fold(scenario, |scenario, fact| scenario.with(&fact))
    }

    /// Sets the policy.
    pub fn with_policy(self, policy: Policy) -> Self {
        Self { policy, ..self }
    }

    /// Sets the time.
    pub fn at(self, now: Timestamp) -> Self {
        Self { now, ..self }
    }

    /// A request arrives.
    pub fn when(mut self, request: &Request) -> Decided {
        let decision = decide(self.order.as_ref(), request, self.next, self.now, &self.policy);
        self.next = self.next.next();
        Decided { scenario: self, decision: Some(decision) }
    }

    /// Time passes until `now`.
    ///
    /// # Panics
    /// When there is no order.
    pub fn when_time_is(mut self, now: Timestamp) -> Decided {
        self.now = now;
        let Some(order) = &self.order else { panic!("there is no order for which time could pass") };
        let fact = decide_due(order, self.next, now, &self.policy);
        let decision = fact.map(|fact| Decision::Fact(Box::new(fact)));
        Decided { scenario: self, decision }
    }

    /// The current order.
    #[must_use]
    pub fn order(&self) -> Option<&Order> {
        self.order.as_ref()
    }

    fn with(mut self, fact: &Fact) -> Self {
        match evolve(self.order.take(), fact) {
            Ok(order) => self.order = Some(order),
            Err(gap) => panic!("the facts of the scenario do not follow each other: {gap}"),
        }
        self.now = fact.at.after_millis(1000);
        self
    }
}

impl Decided {
    /// The decision is a fact, as expected. The scenario continues with the fact.
    ///
    /// # Panics
    /// When something else was decided.
    pub fn then_fact(self, expected: impl FnOnce(&Fact) -> bool) -> Scenario {
        let Some(Decision::Fact(fact)) = &self.decision else {
            panic!("wanted a fact, found {:?}", self.decision);
        };
        let current = self.scenario.order.as_ref().map_or(Version(0), |order| order.version);
        assert_eq!(fact.version, current.next(), "the fact is not the next one: {fact:?}");
        assert!(expected(fact), "the fact is not as expected: {fact:?}");
        self.scenario.with(fact)
    }

    /// The order entered this status. The scenario continues with the fact.
    ///
    /// # Panics
    /// When something else was decided.
    pub fn then_status(self, status: Status) -> Scenario {
        let scenario = self.then_fact(|_| true);
        assert_eq!(scenario.order.as_ref().map(|order| order.status), Some(status), "the order's status");
        scenario
    }

    /// The decision is that nothing changes.
    ///
    /// # Panics
    /// When something else was decided.
    pub fn then_unchanged(self) -> Scenario {
        assert_eq!(self.decision, Some(Decision::Unchanged), "wanted that nothing changes");
        self.scenario
    }

    /// The request was rejected with this code.
    ///
    /// # Panics
    /// When something else was decided.
    pub fn then_rejected(self, code: &str) -> Scenario {
        self.then_rejected_as(|rejection| rejection.code() == code)
    }

    /// The request was rejected, as expected.
    ///
    /// # Panics
    /// When something else was decided.
    pub fn then_rejected_as(self, expected: impl FnOnce(&Rejection) -> bool) -> Scenario {
        let Some(Decision::Rejected(rejection)) = &self.decision else {
            panic!("wanted a rejection, found {:?}", self.decision);
        };
        assert!(expected(rejection), "the rejection is not as expected: {rejection:?}");
        self.scenario
    }

    /// No deadline was due.
    ///
    /// # Panics
    /// When something was decided.
    pub fn then_nothing(self) -> Scenario {
        assert_eq!(self.decision, None, "wanted that nothing is due");
        self.scenario
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use logistics_core::Command;
    use logistics_core::lifecycle::Actor;

    #[test]
    fn an_order_walks_to_its_end_by_itself_and_stays_there() {
        let mut scenario = Scenario::given([]).with_policy(Policy::simulate(2000)).when(&sample::place());
        for status in [Status::Placed, Status::Confirmed, Status::Preparing, Status::OutForDelivery] {
            let placed = scenario.then_status(status);
            let due = placed.order().and_then(Order::due).expect("every step but the last has a deadline");
            let early = Timestamp::from_millis(due.as_millis() - 1);
            scenario = placed.when_time_is(early).then_nothing().when_time_is(due);
        }
        let _ =
            scenario.then_status(Status::Delivered).when_time_is(sample::time(i64::MAX / 2)).then_nothing();
    }

    #[test]
    fn a_courier_changes_while_an_order_stays_in_its_status() {
        let set = |courier| sample::assign(Actor::Merchant, courier);
        let _ = Scenario::given(sample::facts_to(Status::Preparing))
            .when(&set(Some("courier-2")))
            .then_fact(|fact| fact.status == Status::Preparing)
            .when(&set(Some("courier-2")))
            .then_unchanged();
        let _ = Scenario::given(sample::facts_to(Status::OutForDelivery))
            .when(&set(None))
            .then_rejected("assignment_not_permitted");
    }

    #[test]
    #[should_panic(expected = "wanted a fact")]
    fn another_decision_than_the_expected_one_fails_the_test() {
        let cancel = sample::request(Actor::Courier, Command::Cancel);
        let _ = Scenario::given(sample::facts_to(Status::Placed)).when(&cancel).then_fact(|_| true);
    }

    #[test]
    #[should_panic(expected = "do not follow each other")]
    fn facts_with_a_gap_are_no_scenario() {
        let mut facts = sample::facts_to(Status::Preparing);
        facts.remove(1);
        let _ = Scenario::given(facts);
    }
}
