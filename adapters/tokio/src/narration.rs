//! What the processor has to say, as log lines.

use logistics_core::Partition;
use logistics_core::processor::{Notice, Skew};
use tracing::{Level, error, info, warn};

/// Somebody reads the lines of single orders.
pub(crate) fn is_wanted() -> bool {
    tracing::enabled!(Level::INFO)
}

pub(crate) fn running() {
    info!("Order Processor Running...");
}

/// Logs a notice. `cause`: the error behind a failure, in full.
pub(crate) fn tell(partition: Partition, notice: &Notice, cause: Option<&str>) {
    match notice {
        Notice::Received { order_id, status } => info!("Received order {order_id} with status {status}"),
        Notice::Moved { order_id, status } => info!("Moved order {order_id} → {status}"),
        Notice::Rejected { order_id, code } => info!(%partition, %order_id, code, "request rejected"),
        Notice::DeadLettered { offset, reason } => warn!(
            %partition, %offset, reason,
            "a record that is no input went to the dead letters; the partition goes on behind it"
        ),
        Notice::Foreign { offset, reason } => error!(
            %partition, %offset, reason,
            "a record claims to be an owner's and is none; it changes no order and is dead-lettered"
        ),
        Notice::Rebuilding { reason } => error!(
            %partition, reason,
            "the store does not belong to this log as it is; rebuilding the partition's documents from the log"
        ),
        Notice::ClockSkew(Skew { ours, log, by_log }) => error!(
            %partition, %ours, %log, by_log,
            "this process's clock differs from the log's by more than --clock-skew-max permits; nothing is decided by time \
             until the clocks agree"
        ),
        Notice::ClocksAgree => info!(%partition, "the clocks agree again; deadlines are decided"),
        Notice::Failed { doing, why, retry_after_ms } => warn!(
            %partition, doing, why, cause, retry_after_ms,
            "the partition begins again after a failure"
        ),
        Notice::Live { from, replayed } => info!(%partition, %from, replayed, "partition live"),
        Notice::Halted { reason } => error!(
            %partition, reason, cause,
            "the partition halted, the others go on; remove the reason, then restart this process"
        ),
        other => info!(%partition, notice = ?other, "notice"),
    }
}
