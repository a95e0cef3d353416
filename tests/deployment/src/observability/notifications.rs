//! Notifications: are they delivered, how late, and what holds them up.

use serde_json::Value;

use super::dashboard::{dashboard as made, variable};
use super::panel::{EACH_SECOND, Panel};
use super::rules::{Alert, threshold};

const SELECTED: &str = "channel=~\"$channel\"";

pub(super) fn dashboard(alerts: &[Alert]) -> Value {
    let about = "Is every notification delivered, how late, and what holds one up?";
    let variables = vec![variable("channel", "logistics_notification_oldest_seconds", "channel")];
    let panels = [answers(alerts), deliveries(alerts), failures()];
    made("notifications", "notifications", about, variables, panels.into_iter().flatten().collect())
}

fn answers(alerts: &[Alert]) -> Vec<Panel> {
    vec![
        Panel::row("Is every notification delivered?"),
        Panel::stat("The oldest one waits for", "Since its fact. 0: each one that was read is delivered.")
            .now(
                &format!("max by (channel) (logistics_notification_oldest_seconds{{{SELECTED}}})"),
                "{{channel}}",
            )
            .unit("s")
            .red_from(threshold(alerts, "NotifierBehind"))
            .size(8, 5),
        Panel::stat("Partitions that halted", "A notification of a newer release: upgrade the service.")
            .now(
                &format!("sum by (channel) (logistics_notification_halted_partitions{{{SELECTED}}})"),
                "{{channel}}",
            )
            .red_from(1.0)
            .size(8, 5),
        Panel::stat("Notification services that answer", "")
            .now("sum(up{job=~\"notification-service|logistics\"}) or vector(0)", "")
            .steps(&[("red", None), ("green", Some(1.0))])
            .size(8, 5),
    ]
}

fn deliveries(alerts: &[Alert]) -> Vec<Panel> {
    let quantile = |q: f64, histogram: &str| {
        format!(
            "histogram_quantile({q}, sum by (le, channel) (rate({histogram}_bucket{{{SELECTED}}}[$__rate_interval])))"
        )
    };
    vec![
        Panel::row("Deliveries"),
        Panel::lines("Notifications per second", "By channel and end.")
            .query(
                &format!("sum by (channel, outcome) (rate(logistics_notifications_total{{{SELECTED}}}[$__rate_interval]))"),
                "{{channel}} {{outcome}}",
            )
            .unit(EACH_SECOND)
            .zero_based(),
        Panel::lines("Oldest notification", "Since its fact.")
            .query(
                &format!("max by (channel) (logistics_notification_oldest_seconds{{{SELECTED}}})"),
                "{{channel}}",
            )
            .unit("s")
            .zero_based()
            .red_from(threshold(alerts, "NotifierBehind")),
        Panel::lines("From the fact to the delivery, 99 % within", "A point is one notification: it leads to its trace.")
            .query_with_exemplars(&quantile(0.99, "logistics_notification_delay_seconds"), "{{channel}}")
            .unit("s")
            .zero_based(),
        Panel::lines("Duration of an attempt, 99 % within", "What the channel itself takes.")
            .query_with_exemplars(&quantile(0.99, "logistics_notification_attempt_duration_seconds"), "{{channel}}")
            .unit("s")
            .zero_based(),
    ]
}

fn failures() -> Vec<Panel> {
    vec![
        Panel::row("Failures"),
        Panel::lines("Retries per second", "By channel and kind of the failure.")
            .query(
                &format!("sum by (channel, kind) (rate(logistics_notification_retries_total{{{SELECTED}}}[$__rate_interval]))"),
                "{{channel}} {{kind}}",
            )
            .unit(EACH_SECOND)
            .zero_based(),
        Panel::lines("Skipped notifications", "Undeliverable, undecodable, or removed by retention before the service read them.")
            .query(
                &format!("sum by (channel, outcome) (increase(logistics_notifications_total{{outcome!=\"delivered\", {SELECTED}}}[$__rate_interval]))"),
                "{{channel}} {{outcome}}",
            )
            .unit("short")
            .zero_based(),
    ]
}
