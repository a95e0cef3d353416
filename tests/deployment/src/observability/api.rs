//! The API: how much, how fast, how often in vain, and how much of the error budget is left.

use serde_json::Value;

use super::dashboard::{dashboard as made, variable};
use super::panel::{EACH_SECOND, Panel};
use super::rules::{Alert, threshold};

/// The processes and routes that the variables select.
const SELECTED: &str = "instance=~\"$instance\", http_route=~\"$route\"";
const DURATION: &str = "http_server_request_duration_seconds";

pub(super) fn dashboard(alerts: &[Alert]) -> Value {
    let about = "How many calls, how fast, how many in vain, and how much of the error budget of POST /orders is left?";
    let count = format!("{DURATION}_count");
    let variables = vec![variable("instance", &count, "instance"), variable("route", &count, "http_route")];
    let panels = [budget(alerts), calls(), failures(), log()];
    made("api", "API", about, variables, panels.into_iter().flatten().collect())
}

fn budget(alerts: &[Alert]) -> Vec<Panel> {
    let burn = threshold(alerts, "ApiErrorBudgetBurn");
    let ratio = |window: &str| format!("logistics:place_errors:ratio_rate{window}");
    let stat = |window: &str| {
        Panel::stat(
            &format!("POST /orders that fail, {window}"),
            "Share of 5xx. The objective is 0.1 % in 30 days.",
        )
        .now(&ratio(window), "")
        .unit("percentunit")
        .steps(&[("green", None), ("orange", Some(0.001)), ("red", Some(burn))])
    };
    let windows = ["5m", "30m", "1h", "6h"];
    let lines = Panel::lines(
        "POST /orders that fail",
        "The red line is the threshold of the fast alert in both of its windows.",
    )
    .query(&ratio("5m"), "5 minutes")
    .query(&ratio("1h"), "1 hour")
    .unit("percentunit")
    .zero_based()
    .red_from(burn)
    .size(24, 7);
    let row = Panel::row("Error budget of placements");
    std::iter::once(row).chain(windows.map(stat)).chain(std::iter::once(lines)).collect()
}

fn calls() -> Vec<Panel> {
    let rate = format!(
        "sum by (http_request_method, http_route, status_class) (rate({DURATION}_count{{{SELECTED}}}[$__rate_interval]))"
    );
    let quantile = |q: f64| {
        format!(
            "histogram_quantile({q}, sum by (le, http_request_method, http_route) (rate({DURATION}_bucket{{{SELECTED}}}[$__rate_interval])))"
        )
    };
    let call = "{{http_request_method}} {{http_route}}";
    vec![
        Panel::row("Calls"),
        Panel::lines("Calls per second", "By method, route and class of status.")
            .query(&rate, &format!("{call} {{{{status_class}}}}"))
            .unit("reqps")
            .zero_based(),
        Panel::lines("Calls in flight", "")
            .query(&format!("sum by (http_request_method, http_route) (http_server_active_requests{{{SELECTED}}})"), call)
            .unit("short")
            .zero_based(),
        Panel::lines("Duration, 99 % within", "A point is one call: it leads to its trace.")
            .query_with_exemplars(&quantile(0.99), call)
            .unit("s")
            .zero_based(),
        Panel::lines("Duration, half within", "A point is one call: it leads to its trace.")
            .query_with_exemplars(&quantile(0.5), call)
            .unit("s")
            .zero_based(),
        Panel::lines("Bytes in", "Bodies of requests.")
            .query(&format!("sum by (http_request_method, http_route) (rate(http_server_request_body_bytes_total{{{SELECTED}}}[$__rate_interval]))"), call)
            .unit("Bps")
            .zero_based(),
        Panel::lines("Bytes out", "Bodies of replies, without streams.")
            .query(&format!("sum by (http_request_method, http_route) (rate(http_server_response_body_bytes_total{{{SELECTED}}}[$__rate_interval]))"), call)
            .unit("Bps")
            .zero_based(),
    ]
}

fn failures() -> Vec<Panel> {
    vec![
        Panel::row("Failures"),
        Panel::lines(
            "Failures per second, by code",
            "`rate_limited`, `overloaded` and `behind` are rejections by limits.",
        )
        .query(
            &format!("sum by (code) (rate(http_server_errors_total{{{SELECTED}}}[$__rate_interval]))"),
            "{{code}}",
        )
        .unit("reqps")
        .zero_based()
        .size(24, 8),
    ]
}

fn log() -> Vec<Panel> {
    let appends = |rest: &str| format!("rate(logistics_append_duration_seconds_{rest}[$__rate_interval])");
    vec![
        Panel::row("Appends to the log"),
        Panel::lines("Duration of appends", "Until every replica in sync has the request.")
            .query_with_exemplars(
                &format!(
                    "histogram_quantile(0.5, sum by (le) ({}))",
                    appends("bucket{instance=~\"$instance\"}")
                ),
                "half within",
            )
            .query_with_exemplars(
                &format!(
                    "histogram_quantile(0.99, sum by (le) ({}))",
                    appends("bucket{instance=~\"$instance\"}")
                ),
                "99 % within",
            )
            .unit("s")
            .zero_based(),
        Panel::lines("Appends per second, by outcome", "`ok`, or the kind of the failure.")
            .query(
                &format!("sum by (outcome) ({})", appends("count{instance=~\"$instance\"}")),
                "{{outcome}}",
            )
            .unit(EACH_SECOND)
            .zero_based(),
    ]
}
