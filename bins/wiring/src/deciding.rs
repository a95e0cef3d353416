//! Flags of processes that decide orders.

use clap::Args;
use logistics_cli_kit::Failure;
use logistics_core::processor::ProducerRoles;
use logistics_tokio::OrderLines;

use crate::limits::{ClockArgs, MemoryArgs};
use crate::log_key::LogKeyArgs;
use crate::policy::PolicyArgs;
use crate::services::Deciding;

/// Flags of every process that decides orders.
#[derive(Args, Debug, Clone)]
pub struct DecidingArgs {
    #[command(flatten)]
    policy: PolicyArgs,
    #[command(flatten)]
    memory: MemoryArgs,
    #[command(flatten)]
    clock: ClockArgs,
    #[command(flatten)]
    log_key: LogKeyArgs,
    /// With a log key: the actors that an unsigned request in the log may name, separated by commas. `customer` permits
    /// placements only; `merchant`, `courier` and `operator` permit what the lifecycle permits these; `any` permits everything
    /// but `system`, `none` nothing. Other unsigned requests are dead-lettered. Without a log key it has no effect
    #[arg(long, env = "LOGISTICS_LOG_PRODUCER_ROLES", value_name = "ROLES", default_value_t)]
    log_producer_roles: ProducerRoles,
    /// The orders with a log line per event at info: `all`, `none`, or a share from 0 to 1. An order has all its lines or none
    #[arg(long, env = "LOGISTICS_LOG_ORDER_EVENTS", value_name = "ORDERS", default_value_t)]
    log_order_events: OrderLines,
}

impl DecidingArgs {
    /// The memory of the process. A process that also serves requests reserves a part for them.
    #[must_use]
    pub fn memory(&self) -> &MemoryArgs {
        &self.memory
    }

    /// The settings of the flags, with `memory_bytes` for the orders of all partitions.
    ///
    /// # Errors
    /// If the keys of the log cannot be read.
    pub fn deciding(&self, memory_bytes: u64) -> Result<Deciding, Failure> {
        Ok(Deciding {
            policy: self.policy.policy(),
            memory_bytes,
            clock_skew_ms_max: self.clock.skew_ms_max(),
            log_keys: self.log_key.keys()?,
            producer_roles: self.log_producer_roles.clone(),
            order_lines: self.log_order_events,
        })
    }

    /// Logs a warning if the clock moves orders. Call it once, at the start.
    pub fn announce(&self) {
        self.policy.announce();
    }
}
