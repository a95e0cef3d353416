//! Whether every order is moving, and why not, in words.

use std::time::Duration;

use serde::Serialize;

use super::super::text;
use super::{PartitionRow, Snapshot, Trouble};

/// A store or a processor with more than this share of its limit is nearly full.
const FULL: f64 = 0.9;
/// The only eviction policy that loses no documents.
const NO_EVICTION: &str = "noeviction";

/// A sentence about one thing that is wrong. The code is stable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(in super::super) struct Finding {
    pub(in super::super) code: &'static str,
    /// The partition, process, channel, dependency or store.
    pub(in super::super) subject: String,
    pub(in super::super) message: String,
}

fn finding(code: &'static str, subject: impl ToString, message: String) -> Finding {
    Finding { code, subject: subject.to_string(), message }
}

/// Adds the findings and the verdict. `is_deciding_seen`: a process that can own partitions is among the scraped ones.
pub(super) fn judge(snapshot: &mut Snapshot, is_deciding_seen: bool, stuck_after: Duration) {
    let stuck_after = stuck_after.as_secs_f64();
    let mut reasons = partitions(snapshot);
    let is_known = snapshot.partitions.iter().any(|row| row.phase.is_some() || row.lag_seconds.is_some());
    reasons.extend(processes(snapshot));
    reasons.extend(dependencies(snapshot));
    reasons.extend(channels(snapshot, stuck_after));
    snapshot.moving = if !reasons.is_empty() {
        Some(false)
    } else if is_known {
        Some(true)
    } else {
        reasons.push(finding(
            "no_data",
            "partitions",
            "no process shows the state of a partition".to_owned(),
        ));
        None
    };
    let mut warnings = Vec::new();
    if is_known && !is_deciding_seen {
        let message =
            "no scraped process is a processor, so timers and phases are unknown: add --metrics of each";
        warnings.push(finding("no_processor", "processes", message.to_owned()));
    }
    warnings.extend(partition_warnings(snapshot));
    warnings.extend(other_warnings(snapshot));
    (snapshot.reasons, snapshot.warnings) = (reasons, warnings);
}

/// The partitions in which orders do not move, the worst first.
fn partitions(snapshot: &Snapshot) -> Vec<Finding> {
    let mut rows: Vec<&PartitionRow> =
        snapshot.partitions.iter().filter(|row| row.trouble >= Some(Trouble::Stuck)).collect();
    rows.sort_by(|one, other| {
        let lag = other.lag_seconds.unwrap_or(0.0).total_cmp(&one.lag_seconds.unwrap_or(0.0));
        other.trouble.cmp(&one.trouble).then(lag)
    });
    rows.into_iter().map(partition).collect()
}

fn partition(row: &PartitionRow) -> Finding {
    let PartitionRow { partition, .. } = row;
    let owner = row.owner.as_deref().unwrap_or("no scraped process");
    let seconds = |value: Option<f64>| text::seconds(value.unwrap_or(0.0));
    let phase = row.phase.as_deref().unwrap_or("unknown");
    let (code, message) = match row.trouble {
        Some(Trouble::Halted) => (
            "partition_halted",
            format!("partition {partition} is halted on {owner} since {}", seconds(row.phase_seconds)),
        ),
        Some(Trouble::Unowned) => {
            ("partition_unowned", format!("partition {partition} is owned by no scraped process"))
        }
        _ if row.phase.is_some() && phase != "live" => (
            "partition_not_live",
            format!("partition {partition} is {phase} on {owner} since {}", seconds(row.phase_seconds)),
        ),
        // The greatest wait is the cause that the sentence names.
        _ if row.open_transaction_seconds >= max_of(row) => (
            "open_transaction",
            format!(
                "partition {partition} has an open transaction of another producer since {}",
                seconds(row.open_transaction_seconds)
            ),
        ),
        _ if row.overdue_seconds >= max_of(row) => (
            "timer_overdue",
            format!(
                "partition {partition} ({owner}) has a timer that is {} overdue",
                seconds(row.overdue_seconds)
            ),
        ),
        _ => (
            "request_unanswered",
            format!(
                "partition {partition} ({owner}) has left a request unanswered for {}",
                seconds(row.lag_seconds)
            ),
        ),
    };
    finding(code, partition, message)
}

fn max_of(row: &PartitionRow) -> Option<f64> {
    super::max(row.lag_seconds, super::max(row.overdue_seconds, row.open_transaction_seconds))
}

fn processes(snapshot: &Snapshot) -> Vec<Finding> {
    let down = snapshot.processes.iter().filter_map(|process| Some((process, process.error.as_ref()?)));
    down.map(|(process, error)| {
        finding("process_down", &process.name, format!("{} is down: {error}", process.name))
    })
    .collect()
}

fn dependencies(snapshot: &Snapshot) -> Vec<Finding> {
    let down = snapshot.dependencies.iter().filter(|row| !row.up);
    down.map(|row| {
        let since = row.down_seconds.map(|seconds| format!(" since {}", text::seconds(seconds)));
        let message =
            format!("{} cannot reach the {}{}", row.process, row.dependency, since.unwrap_or_default());
        finding("dependency_down", &row.dependency, message)
    })
    .collect()
}

fn channels(snapshot: &Snapshot, stuck_after: f64) -> Vec<Finding> {
    let mut findings = Vec::new();
    for row in &snapshot.notifications {
        let halted = row.halted_partitions.filter(|halted| *halted > 0.0);
        let oldest = row.oldest_seconds.filter(|oldest| *oldest > stuck_after);
        if let Some(halted) = halted {
            let message = format!("notifications by {} are halted in {halted} partitions", row.channel);
            findings.push(finding("notifications_halted", &row.channel, message));
        }
        if let Some(oldest) = oldest {
            let message =
                format!("a notification by {} has waited for {}", row.channel, text::seconds(oldest));
            findings.push(finding("notifications_behind", &row.channel, message));
        }
    }
    findings
}

fn partition_warnings(snapshot: &Snapshot) -> Vec<Finding> {
    let mut findings = Vec::new();
    for row in &snapshot.partitions {
        let PartitionRow { partition, .. } = row;
        match row.trouble {
            Some(Trouble::TwoOwners) => findings.push(finding(
                "partition_two_owners",
                partition,
                format!("partition {partition} is live in two processes; the log accepts one of them"),
            )),
            Some(Trouble::Starting) => findings.push(finding(
                "partition_starting",
                partition,
                format!("partition {partition} is {}", row.phase.as_deref().unwrap_or("unknown")),
            )),
            _ => {}
        }
        if let Some(skew) = row.clock_skew_seconds.filter(|skew| *skew != 0.0) {
            let owner = row.owner.as_deref().unwrap_or("its owner");
            let message =
                format!("the clock of {owner} differs from the log's by {}", text::seconds(skew.abs()));
            findings.push(finding("clock_skew", partition, message));
        }
        if is_full(row.memory_bytes, row.memory_limit_bytes) {
            let message = format!("partition {partition} uses nearly all of its memory");
            findings.push(finding("memory_nearly_full", partition, message));
        }
    }
    findings
}

fn other_warnings(snapshot: &Snapshot) -> Vec<Finding> {
    let mut findings = Vec::new();
    for row in &snapshot.stores {
        if is_full(row.used_bytes, row.limit_bytes) {
            let message = format!("the store {} is nearly full", row.store);
            findings.push(finding("store_nearly_full", &row.store, message));
        }
        if let Some(policy) = row.eviction_policy.as_ref().filter(|policy| *policy != NO_EVICTION) {
            let message = format!("the store {} may evict documents (policy {policy})", row.store);
            findings.push(finding("store_evicts", &row.store, message));
        }
    }
    for row in snapshot.failures.iter().filter(|row| row.kind == "dead_letter" && row.per_second > Some(0.0))
    {
        findings.push(finding("dead_letters", &row.reason, format!("new dead letters: {}", row.reason)));
    }
    for row in snapshot.processes.iter().filter(|row| row.ready == Some(false)) {
        findings.push(finding("process_not_ready", &row.name, format!("{} is not ready", row.name)));
    }
    if let Some(longest) = snapshot.late_orders.orders.first() {
        let message = format!("orders are late, {} in {} the longest", longest.order_id, longest.status);
        findings.push(finding("orders_late", &longest.order_id, message));
    }
    findings
}

/// Without a limit, nothing is full. Redis shows 0 for no limit.
fn is_full(used: Option<f64>, limit: Option<f64>) -> bool {
    matches!((used, limit), (Some(used), Some(limit)) if limit > 0.0 && used > FULL * limit)
}
