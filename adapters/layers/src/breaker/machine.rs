//! The states of a circuit breaker. It makes no call and reads no clock.

use std::time::Duration;

use logistics_core::observe::BreakerState;
use tokio::time::Instant;

use super::failure_rate::FailureRate;
use super::settings::BreakerSettings;

/// The state machine. A transition is returned to the caller, which reports it.
pub(super) struct Machine {
    settings: BreakerSettings,
    phase: Phase,
    /// The number of transitions. A result of an earlier period is not counted: it says nothing about the present.
    period: u64,
    probes_begun: u64,
}

enum Phase {
    Closed(FailureRate),
    Open {
        /// The time of the first probe.
        until: Instant,
    },
    /// The probes without a result.
    HalfOpen(Vec<Probe>),
}

struct Probe {
    number: u64,
    /// A probe that hangs gives up its place at this time.
    until: Instant,
}

/// The permission to make one call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ticket {
    period: u64,
    probe: u64,
}

type Transition = Option<BreakerState>;

impl Machine {
    pub(super) fn new(settings: BreakerSettings) -> Self {
        Self { settings, phase: Phase::Closed(FailureRate::new(settings)), period: 0, probes_begun: 0 }
    }

    pub(super) fn state(&self, now: Instant) -> BreakerState {
        match &self.phase {
            Phase::Closed(_) => BreakerState::Closed,
            Phase::Open { until } if now < *until => BreakerState::Open,
            Phase::Open { .. } | Phase::HalfOpen(_) => BreakerState::HalfOpen,
        }
    }

    /// The permission to make a call, or the time until the next permission.
    pub(super) fn admit(&mut self, now: Instant) -> (Result<Ticket, Duration>, Transition) {
        let mut transition = None;
        if let Phase::Open { until } = self.phase {
            if now < until {
                return (Err(until - now), None);
            }
            transition = self.enter(Phase::HalfOpen(Vec::new()), BreakerState::HalfOpen);
        }
        if let Phase::HalfOpen(probes) = &mut self.phase {
            probes.retain(|probe| now < probe.until);
            if probes.len() >= self.settings.probes_max {
                let free_at = probes.iter().map(|probe| probe.until).min();
                return (Err(free_at.map_or(Duration::ZERO, |at| at - now)), transition);
            }
            self.probes_begun += 1;
            probes.push(Probe { number: self.probes_begun, until: now + self.settings.open_time() });
        }
        (Ok(Ticket { period: self.period, probe: self.probes_begun }), transition)
    }

    /// Takes the result of a call.
    pub(super) fn record(&mut self, ticket: Ticket, failed: bool, now: Instant) -> Transition {
        if ticket.period != self.period {
            return None;
        }
        match &self.phase {
            Phase::Closed(rate) => {
                if rate.record(failed) {
                    self.open(now)
                } else {
                    None
                }
            }
            Phase::HalfOpen(_) if failed => self.open(now),
            Phase::HalfOpen(_) => {
                let no_results = FailureRate::new(self.settings);
                self.enter(Phase::Closed(no_results), BreakerState::Closed)
            }
            // An open breaker gives no tickets of its period.
            Phase::Open { .. } => None,
        }
    }

    /// Takes back the permission of a call that was cancelled.
    pub(super) fn cancel(&mut self, ticket: Ticket) {
        if ticket.period == self.period
            && let Phase::HalfOpen(probes) = &mut self.phase
        {
            probes.retain(|probe| probe.number != ticket.probe);
        }
    }

    fn open(&mut self, now: Instant) -> Transition {
        self.enter(Phase::Open { until: now + self.settings.open_time() }, BreakerState::Open)
    }

    fn enter(&mut self, phase: Phase, state: BreakerState) -> Transition {
        self.phase = phase;
        self.period += 1;
        Some(state)
    }
}
