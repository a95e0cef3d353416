//! The minute: is every order moving, where is the oldest one that is not, which partition, since when, whose fault.

use serde_json::{Value, json};

use super::dashboard::dashboard as made;
use super::panel::{EACH_SECOND, Panel};
use super::rules::{Alert, threshold};

/// How long the oldest work of a partition has waited; for a partition that no process decides on, since when.
const STUCK: &str = "logistics:partition_stuck_seconds or on (partition, alertname) (time() - ALERTS_FOR_STATE{alertname=\"PartitionUnowned\"})";

pub(super) fn dashboard(alerts: &[Alert]) -> Value {
    let about =
        "Is every order moving? Which one is not, in which partition, since when, and whose fault is it?";
    let panels = [answers(alerts), causes(), partitions(alerts), orders(alerts), dependencies(alerts)];
    made("overview", "overview", about, Vec::new(), panels.into_iter().flatten().collect())
}

fn answers(alerts: &[Alert]) -> Vec<Panel> {
    let limit = threshold(alerts, "OrderStuck").min(threshold(alerts, "LogLagGrows"));
    let jobs = "order-api|order-processor|notification-service|logistics";
    vec![
        Panel::row("1. Is every order moving?"),
        Panel::stat(
            "Partitions whose orders do not move",
            "0: every order moves. A partition counts if no process decides on it, or its oldest work waits for too long.",
        )
        .now(
            &format!("count(logistics:partition_stuck_seconds > {limit} or logistics:partition_unowned) or vector(0)"),
            "",
        )
        .red_from(1.0)
        .mapped(&[("0", "every order moves", "green")]),
        Panel::stat(
            "The oldest work waits for",
            "The oldest unanswered request or overdue timer. 0: there is none.",
        )
        .now(&format!("max({STUCK})"), "")
        .unit("s")
        .red_from(limit),
        Panel::stat("In partition", "The partition of the oldest waiting work.")
            .now(&format!("topk(1, max by (partition) ({STUCK}) > {limit})"), "{{partition}}")
            .red_from(0.0)
            .names_only()
            .without_data("none"),
        Panel::stat("Processes that answer", "None of a service: its alert is critical.")
            .now(&format!("sum by (job) (up{{job=~\"{jobs}\"}})"), "{{job}}")
            .steps(&[("red", None), ("green", Some(1.0))]),
    ]
}

/// `ALERTS_FOR_STATE` has the time at which an alert's condition began.
fn causes() -> Vec<Panel> {
    let hidden =
        json!({"Time": true, "__name__": true, "alertstate": true, "severity": false, "window": true});
    let names = json!({"alertname": "alert", "Value": "for", "layer": "layer", "fault": "look at"});
    let order = json!({"layer": 0, "alertname": 1, "fault": 2, "Value": 3, "partition": 4, "instance": 5});
    let runbook = "https://github.com/logistics-rs/logistics/blob/main/docs/alerts.md#${__value.text}";
    vec![
        Panel::row("2. Whose fault is it, since when?"),
        Panel::table(
            "Firing alerts, causes first",
            "The first line is the cause. The lines of the layer `4 effect` follow from a cause above them, if there is one.",
        )
        .rows("time() - (ALERTS_FOR_STATE and ignoring (alertstate) ALERTS{alertstate=\"firing\", fault!=\"\"})")
        .transform(json!([
            {"id": "organize", "options": {"excludeByName": hidden, "indexByName": order, "renameByName": names}},
        ]))
        .without_data("no alert fires")
        .column("for", json!({"unit": "s"}))
        .column("alert", json!({"links": [{"title": "Runbook", "url": runbook, "targetBlank": true}]}))
        .sorted_by("layer", false),
    ]
}

fn partitions(alerts: &[Alert]) -> Vec<Panel> {
    let to_processor = "/d/logistics-processor?var-partition=${__data.fields.partition}&${__url_time_range}";
    let red = |name: &str| {
        let steps =
            json!([{"color": "text", "value": null}, {"color": "red", "value": threshold(alerts, name)}]);
        json!({"unit": "s", "thresholds": {"mode": "absolute", "steps": steps}, "custom.cellOptions": {"type": "color-text"}})
    };
    let names = json!({"Value #B": "phase since", "Value #C": "lag", "Value #D": "timer overdue", "Value #E": "no owner"});
    let no_owner = json!([{"type": "value", "options": {"1": {"text": "no process decides", "color": "red", "index": 0}}}]);
    vec![
        Panel::row("3. Which partition, at which process?"),
        Panel::table("Partitions", "One line for each partition, the longest wait first.")
            .rows("max by (partition, instance, phase) (logistics_processor_phase)")
            .rows("time() - max by (partition) (logistics_processor_phase_start_timestamp_seconds)")
            // Without `max`, the name of the metric is a column, and the rows of a partition do not merge.
            .rows("max by (partition) (logistics:log_lag_seconds:max)")
            .rows("max by (partition) (logistics:timer_overdue_seconds:max)")
            .rows("max by (partition) (logistics:partition_unowned)")
            .transform(json!([
                {"id": "merge", "options": {}},
                {"id": "organize", "options": {"excludeByName": {"Time": true, "Value #A": true}, "renameByName": names}},
            ]))
            .column("phase since", json!({"unit": "s"}))
            .column("lag", red("LogLagGrows"))
            .column("timer overdue", red("OrderStuck"))
            .column("no owner", json!({"mappings": no_owner, "custom.cellOptions": {"type": "color-text"}}))
            .column("partition", json!({"links": [{"title": "Processor", "url": to_processor}]}))
            .sorted_by("lag", true),
        Panel::lines("Oldest waiting work of each partition", "Seconds that the oldest request or timer has waited.")
            .query("logistics:partition_stuck_seconds", "partition {{partition}}")
            .unit("s")
            .zero_based()
            .red_from(threshold(alerts, "LogLagGrows")),
        Panel::lines("Oldest notification of each channel", "Seconds since its fact.")
            .query("max by (channel) (logistics_notification_oldest_seconds)", "{{channel}}")
            .unit("s")
            .zero_based()
            .red_from(threshold(alerts, "NotifierBehind")),
    ]
}

fn orders(alerts: &[Alert]) -> Vec<Panel> {
    let delivered =
        "sum by (le) (rate(logistics_order_placed_to_delivered_seconds_bucket[$__rate_interval]))";
    let quantile = |q: f64| format!("histogram_quantile({q}, {delivered})");
    vec![
        Panel::row("4. Orders"),
        Panel::lines("Orders per second, by status", "Orders that reach each status.")
            .query("sum by (status) (rate(logistics_facts_total{change=~\"placed|moved\"}[$__rate_interval]))", "{{status}}")
            .unit(EACH_SECOND)
            .zero_based()
            .size(8, 8),
        // A status with a deadline is not final. The number of delivered orders would hide the others.
        Panel::lines("Orders in each status that is not final", "From the index of the store.")
            .query("max by (status) (logistics_orders) and on (status) logistics:order_deadline_seconds", "{{status}}")
            .unit("short")
            .zero_based()
            .size(8, 8),
        Panel::lines("Oldest order of each status, as a share of its deadline", "1: the alert OrderOverdue fires.")
            .query(
                "max by (status) (logistics_oldest_order_seconds) / on (status) logistics:order_deadline_seconds",
                "{{status}}",
            )
            .unit("percentunit")
            .zero_based()
            .red_from(1.0)
            .size(8, 8),
        Panel::lines("From placed to delivered", "A point is one order: it leads to its trace.")
            .query_with_exemplars(&quantile(0.5), "half within")
            .query_with_exemplars(&quantile(0.99), "99 % within")
            .unit("s")
            .zero_based(),
        Panel::lines("Lateness of timers, 99 % within", "From the time at which a timer was due to its fact.")
            .query_with_exemplars(
                "histogram_quantile(0.99, sum by (le, kind) (rate(logistics_timer_lateness_seconds_bucket[$__rate_interval])))",
                "{{kind}}",
            )
            .unit("s")
            .zero_based()
            .red_from(threshold(alerts, "OrderStuck")),
    ]
}

fn dependencies(alerts: &[Alert]) -> Vec<Panel> {
    vec![
        Panel::row("5. Broker and store"),
        Panel::states("Do the log and the store answer?", "As each process sees them.")
            .query("logistics_dependency_up", "{{dependency}} from {{job}} {{instance}}")
            .mapped(&[("1", "answers", "green"), ("0", "down", "red")]),
        Panel::states(
            "Which circuit breakers are open?",
            "Calls that need the dependency fail at once there.",
        )
        .query("logistics_circuit_breaker_state{state=\"open\"}", "{{dependency}} at {{job}} {{instance}}")
        .mapped(&[("0", "not open", "green"), ("1", "open", "red")]),
        Panel::lines("Memory of the store", "At 100 %, the store rejects writes.")
            .query("logistics:store_used:ratio", "{{store}}")
            .unit("percentunit")
            .zero_based()
            .steps(&[
                ("green", None),
                ("orange", Some(threshold(alerts, "StoreFilling"))),
                ("red", Some(threshold(alerts, "StoreFull"))),
            ]),
    ]
}
