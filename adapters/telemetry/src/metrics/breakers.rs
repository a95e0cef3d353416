//! Circuit breakers, by dependency.

use logistics_core::observe::BreakerState;

use super::catalogue::{Family, Label, Subject};
use super::page::{OTHER, Page};
use super::readings::Readings;
use super::value::{Counter, Table};

/// Dependencies with series of their own.
const DEPENDENCIES_MAX: usize = 32;

const STATES: usize = BreakerState::ALL.len();

const DEPENDENCY: Label = Label::new(
    "dependency",
    "`store`: reads of the API; `log`: appends of the API; `jwks`: fetches of the keys of tokens; or the name that a process of your own \
     gives its breaker",
);

const STATE: Label = Label::new("state", "`closed`, `open` or `half_open`");

const CURRENT: Family = Family::gauge(
    "logistics_circuit_breaker_state",
    "1",
    &[DEPENDENCY, STATE],
    "1 for the state of the circuit breaker, 0 for the other states.",
);

const TRANSITIONS: Family = Family::counter(
    "logistics_circuit_breaker_transitions_total",
    "transitions",
    &[DEPENDENCY, STATE],
    "Transitions of the circuit breaker to this state.",
);

const REJECTED: Family = Family::counter(
    "logistics_circuit_breaker_rejected_total",
    "calls",
    &[DEPENDENCY],
    "Calls that the circuit breaker has rejected without calling the dependency.",
);

pub(super) const SUBJECT: Subject = Subject {
    title: "Circuit breakers",
    text: "Of processes with circuit breakers: the HTTP API on Kafka and Redis, and processes that fetch a JWK set.",
    families: &[CURRENT, TRANSITIONS, REJECTED],
};

/// The transitions of circuit breakers.
pub(super) struct Breakers(Table<&'static str, [Counter; STATES]>);

impl Breakers {
    pub(super) fn new() -> Self {
        Self(Table::new(DEPENDENCIES_MAX, OTHER, Default::default))
    }

    pub(super) fn changed(&self, dependency: &'static str, state: BreakerState) {
        if let Some(at) = BreakerState::ALL.iter().position(|one| *one == state) {
            self.0.get(&dependency)[at].add(1);
        }
    }

    pub(super) fn expose(&self, readings: &Readings, page: &mut Page) {
        let breakers = || readings.breakers.iter().take(DEPENDENCIES_MAX);
        // From its first reading on, a breaker has a value of every counter: an increase needs a 0 before it.
        for (dependency, _) in breakers() {
            self.0.get(dependency);
        }
        let mut series = page.family(&CURRENT);
        for (dependency, breaker) in breakers() {
            for state in BreakerState::ALL {
                series.count(&[dependency, state.code()], u64::from(breaker.state == state));
            }
        }
        let mut series = page.family(&TRANSITIONS);
        for (dependency, counts) in self.0.iter() {
            for (state, count) in BreakerState::ALL.into_iter().zip(counts) {
                series.count(&[dependency, state.code()], count.value());
            }
        }
        let mut series = page.family(&REJECTED);
        for (dependency, breaker) in breakers() {
            series.count(&[dependency], breaker.rejected);
        }
    }
}
