//! The policy, from flags.

use std::collections::BTreeMap;
use std::str::FromStr;

use clap::{Args, ValueEnum};
use logistics_core::lifecycle::STATUSES;
use logistics_core::{Mode, Policy, Status};

use logistics_cli_kit::Span;

/// Flags of the policy. A program may give `mode` another default.
#[derive(Args, Debug, Clone)]
pub(crate) struct PolicyArgs {
    /// Whether the clock or requests make the transitions towards DELIVERED
    #[arg(long, env = "LOGISTICS_MODE", value_enum, default_value_t = ModeKind::Manual)]
    mode: ModeKind,
    /// Time in a status before the next transition, in the mode simulate
    #[arg(long, env = "LOGISTICS_DWELL", default_value = "2s")]
    dwell: Span,
    /// An exception from --dwell, such as PREPARING=10s. Repeatable
    #[arg(long, env = "LOGISTICS_DWELL_STATUS", value_delimiter = ',')]
    dwell_status: Vec<StatusSpan>,
    /// Time after which an order without a merchant's decision becomes EXPIRED
    #[arg(long, env = "LOGISTICS_ACCEPT_DEADLINE", default_value = "10m")]
    accept_deadline: Span,
    /// Time after which an order with a failed delivery becomes RETURNED
    #[arg(long, env = "LOGISTICS_RETURN_DEADLINE", default_value = "24h")]
    return_deadline: Span,
    /// Time after which an order is late in a status, such as PREPARING=30m. Repeatable; replaces the
    /// defaults (CONFIRMED=10m, PREPARING=30m, READY_FOR_PICKUP=15m, OUT_FOR_DELIVERY=1h)
    #[arg(long, env = "LOGISTICS_LATE", value_delimiter = ',')]
    late: Vec<StatusSpan>,
    /// Maximum delivery attempts of an order
    #[arg(long, env = "LOGISTICS_MAX_DELIVERY_ATTEMPTS", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    max_delivery_attempts: u32,
}

#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
enum ModeKind {
    Simulate,
    Manual,
}

/// A status and a span of time: `PREPARING=10s`.
#[derive(Debug, Clone, Copy)]
struct StatusSpan(Status, Span);

impl FromStr for StatusSpan {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (status, span) = text.split_once('=').ok_or("write STATUS=TIME, such as PREPARING=10s")?;
        let known = || STATUSES.map(Status::name).join(", ");
        let status = Status::from_name(status).ok_or_else(|| format!("the statuses are {}", known()))?;
        Ok(Self(status, span.parse()?))
    }
}

fn by_status(spans: &[StatusSpan]) -> BTreeMap<Status, u64> {
    spans.iter().map(|StatusSpan(status, span)| (*status, span.ms)).collect()
}

impl PolicyArgs {
    /// Logs a warning if the clock moves orders.
    pub(crate) fn announce(&self) {
        if self.mode == ModeKind::Simulate {
            tracing::warn!(
                "SIMULATING: the clock moves every order to DELIVERED, without a merchant or courier. For real orders, \
                 start with --mode manual (LOGISTICS_MODE=manual)"
            );
        }
    }

    /// The policy of the flags.
    pub(crate) fn policy(&self) -> Policy {
        let mut policy = Policy::manual();
        policy.mode = match self.mode {
            ModeKind::Simulate => Mode::Simulate,
            ModeKind::Manual => Mode::Manual,
        };
        policy.dwell_ms = self.dwell.ms;
        policy.dwell_by_status_ms = by_status(&self.dwell_status);
        policy.accept_ms = self.accept_deadline.ms;
        policy.return_ms = self.return_deadline.ms;
        if !self.late.is_empty() {
            policy.late_ms = by_status(&self.late);
        }
        policy.max_delivery_attempts = self.max_delivery_attempts;
        policy
    }
}

#[cfg(test)]
mod tests {
    use clap::Command;

    use super::*;

    #[test]
    fn the_help_of_late_has_every_default() {
        let command = PolicyArgs::augment_args(Command::new("policy"));
        let flag = command.get_arguments().find(|flag| flag.get_id() == "late").expect("the flag");
        let help = flag.get_help().expect("its help").to_string();
        let (_, defaults) = help.split_once("defaults (").expect("the defaults");
        let (defaults, _) = defaults.split_once(')').expect("their end");
        let defaults: Vec<StatusSpan> =
            defaults.split(", ").map(|one| one.parse().expect("STATUS=TIME")).collect();
        assert_eq!(by_status(&defaults), Policy::manual().late_ms);
    }
}
