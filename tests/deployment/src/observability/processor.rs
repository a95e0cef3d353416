//! Processors and their partitions: what they do, how long it takes, and what interrupts them.

use serde_json::Value;

use super::dashboard::{dashboard as made, variable};
use super::panel::{EACH_SECOND, Panel};
use super::rules::{Alert, threshold};

/// The processes and partitions that the variables select.
const SELECTED: &str = "instance=~\"$instance\", partition=~\"$partition\"";
const PROCESS: &str = "instance=~\"$instance\"";

pub(super) fn dashboard(alerts: &[Alert]) -> Value {
    let about =
        "What does a processor do with its partitions, how long does it take, and what interrupts it?";
    let variables = vec![
        variable("instance", "logistics_processor_phase", "instance"),
        variable("partition", "logistics_processor_phase", "partition"),
    ];
    let panels = [phases(alerts), work(), interruptions(), time(alerts), memory(), ports()];
    made("processor", "processor", about, variables, panels.into_iter().flatten().collect())
}

fn phases(alerts: &[Alert]) -> Vec<Panel> {
    let phase = format!("max by (partition, phase) (logistics_processor_phase{{{SELECTED}}})");
    vec![
        Panel::row("Partitions"),
        Panel::states("Phases", "A row for each phase that a partition was in. Only `live` decides.")
            .query(&phase, "{{partition}} {{phase}}")
            .mapped(&[("1", "in this phase", "blue")])
            .size(24, 9),
        Panel::lines("Lag", "Age of the oldest request that was read and is not answered.")
            .query(
                &format!("max by (partition) (logistics_processor_lag_seconds{{{SELECTED}}})"),
                "partition {{partition}}",
            )
            .unit("s")
            .zero_based()
            .red_from(threshold(alerts, "LogLagGrows")),
        Panel::lines("Records between the log's end and the answers", "Requests and owners' records.")
            .query(
                "max by (partition) (logistics_log_lag_records{partition=~\"$partition\"})",
                "partition {{partition}}",
            )
            .unit("short")
            .zero_based(),
        Panel::lines("End of the log, read position and answered offset", "All three advance together.")
            .query(
                "max by (partition) (logistics_log_end_offset{partition=~\"$partition\"})",
                "end {{partition}}",
            )
            .query(
                &format!("max by (partition) (logistics_processor_read_position{{{SELECTED}}})"),
                "read {{partition}}",
            )
            .query(
                &format!("max by (partition) (logistics_processor_answered_offset{{{SELECTED}}})"),
                "answered {{partition}}",
            )
            .unit("none"),
        Panel::lines(
            "Open transactions",
            "A foreign or abandoned transaction keeps every reader from the log's end.",
        )
        .query(
            "max by (partition) (logistics_log_open_transaction_seconds{partition=~\"$partition\"})",
            "partition {{partition}}",
        )
        .unit("s")
        .zero_based()
        .red_from(threshold(alerts, "OpenTransaction")),
    ]
}

fn work() -> Vec<Panel> {
    vec![
        Panel::row("Work"),
        Panel::lines("Facts per second", "What the processors decided.")
            .query(
                &format!(
                    "sum by (status, change) (rate(logistics_facts_total{{{PROCESS}}}[$__rate_interval]))"
                ),
                "{{change}} {{status}}",
            )
            .unit(EACH_SECOND)
            .zero_based(),
        Panel::lines("Requests in a transaction", "Requests that one transaction answers: more under load.")
            .query(&quantile(0.5, "logistics_processor_batch_inputs", "le"), "half within")
            .query(&quantile(0.99, "logistics_processor_batch_inputs", "le"), "99 % within")
            .unit("short")
            .zero_based(),
        Panel::lines(
            "Duration of decisions and commits, 99 % within",
            "Decisions take processor time; a commit waits for the broker.",
        )
        .query(&quantile(0.99, "logistics_processor_decide_duration_seconds", "le"), "decide")
        .query(&quantile(0.99, "logistics_processor_commit_duration_seconds", "le"), "commit")
        .unit("s")
        .zero_based(),
        Panel::lines("Requests that wait in memory", "Read and not answered.")
            .query(
                &format!("sum by (partition) (logistics_processor_waiting_inputs{{{SELECTED}}})"),
                "partition {{partition}}",
            )
            .unit("short")
            .zero_based(),
    ]
}

fn interruptions() -> Vec<Panel> {
    // Every code has a counter. The panel shows those with an event in its time.
    let happened = |metric: &str| {
        let counts = |time: &str| format!("sum by (code) (increase({metric}{{{PROCESS}}}[{time}]))");
        format!("{} and on (code) {} > 0", counts("$__rate_interval"), counts("$__range"))
    };
    vec![
        Panel::row("Interruptions, rejections and dead letters"),
        Panel::lines(
            "Interruptions by code",
            "A partition discards its state and begins again. Repeated ones need an operator.",
        )
        .query(&happened("logistics_processor_interrupts_total"), "{{code}}")
        .query(&happened("logistics_processor_halts_total"), "halted: {{code}}")
        .unit("short")
        .zero_based()
        .without_data("no interruption"),
        Panel::lines("Acquisitions and rebuilds", "A rebuild reads the whole log of the partition.")
            .query(
                &format!(
                    "sum(increase(logistics_processor_acquisitions_total{{{PROCESS}}}[$__rate_interval]))"
                ),
                "acquisitions",
            )
            .query(
                &format!("sum(increase(logistics_processor_rebuilds_total{{{PROCESS}}}[$__rate_interval]))"),
                "rebuilds",
            )
            .unit("short")
            .zero_based(),
        Panel::lines(
            "Rejections per second, by code",
            "Requests that the table of transitions does not permit.",
        )
        .query(
            &format!("sum by (code) (rate(logistics_rejections_total{{{PROCESS}}}[$__rate_interval]))"),
            "{{code}}",
        )
        .unit(EACH_SECOND)
        .zero_based(),
        Panel::lines("Dead letters of the last 5 minutes", "Invalid records, by reason. Any is an alert.")
            .query("logistics:dead_letters:increase5m", "{{reason}}")
            .query("logistics:foreign_records:increase5m", "claims to be an owner's")
            .unit("short")
            .zero_based()
            .red_from(1.0),
    ]
}

fn time(alerts: &[Alert]) -> Vec<Panel> {
    vec![
        Panel::row("Time"),
        Panel::lines("Overdue timers", "How long ago the earliest timer that did not fire was due.")
            .query(
                &format!("max by (partition) (logistics_timer_overdue_seconds{{{SELECTED}}})"),
                "partition {{partition}}",
            )
            .unit("s")
            .zero_based()
            .red_from(threshold(alerts, "OrderStuck"))
            .size(8, 8),
        Panel::lines("Timers", "Deadlines and transitions that the clock makes.")
            .query(&format!("sum by (partition) (logistics_timers{{{SELECTED}}})"), "partition {{partition}}")
            .unit("short")
            .zero_based()
            .size(8, 8),
        Panel::lines("Difference of the clocks", "0 while it is permitted. Beyond that, no timer fires.")
            .query(&format!("logistics_clock_skew_seconds{{{SELECTED}}}"), "{{instance}} {{partition}}")
            .unit("s")
            .size(8, 8),
    ]
}

fn memory() -> Vec<Panel> {
    vec![
        Panel::row("Process"),
        Panel::lines("Memory budget", "Share of the limit that a partition may use for orders and requests.")
            .query("max by (instance, partition) (logistics:processor_memory:ratio{instance=~\"$instance\", partition=~\"$partition\"})", "{{instance}} {{partition}}")
            .unit("percentunit")
            .zero_based()
            .size(8, 8),
        Panel::lines("Resident memory", "Of the whole process.")
            .query("process_resident_memory_bytes{job=~\"order-processor|logistics\", instance=~\"$instance\"}", "{{instance}}")
            .unit("bytes")
            .zero_based()
            .size(8, 8),
        Panel::lines("Processor time", "Cores in use.")
            .query("rate(process_cpu_seconds_total{job=~\"order-processor|logistics\", instance=~\"$instance\"}[$__rate_interval])", "{{instance}}")
            .unit("short")
            .zero_based()
            .size(8, 8),
    ]
}

fn ports() -> Vec<Panel> {
    vec![
        Panel::row("Calls of the log and the store"),
        Panel::lines("Duration, 99 % within", "By port and operation.")
            .query(&quantile(0.99, "logistics_port_call_duration_seconds", "le, port, operation"), "{{port}} {{operation}}")
            .unit("s")
            .zero_based(),
        Panel::lines("Failures per second", "By port, operation and kind.")
            .query(
                &format!("sum by (port, operation, outcome) (rate(logistics_port_call_duration_seconds_count{{outcome!=\"ok\", {PROCESS}}}[$__rate_interval]))"),
                "{{port}} {{operation}}: {{outcome}}",
            )
            .unit(EACH_SECOND)
            .zero_based()
            .without_data("no failure"),
    ]
}

fn quantile(q: f64, histogram: &str, by: &str) -> String {
    format!(
        "histogram_quantile({q}, sum by ({by}) (rate({histogram}_bucket{{{PROCESS}}}[$__rate_interval])))"
    )
}
