//! What the dashboards have in common.

use serde_json::{Value, json};

use super::panel::{Panel, source};

/// A dashboard. The panels follow each other from left to right, in rows of 24 columns.
pub(super) fn dashboard(
    name: &str,
    title: &str,
    about: &str,
    variables: Vec<Value>,
    panels: Vec<Panel>,
) -> Value {
    let all = [vec![data_source()], variables].concat();
    json!({
        "uid": format!("logistics-{name}"),
        "title": format!("Logistics: {title}"),
        "description": about,
        "tags": ["logistics"],
        "schemaVersion": 39,
        "editable": true,
        "graphTooltip": 1,
        "refresh": "5s",
        "time": {"from": "now-30m", "to": "now"},
        "timezone": "browser",
        "templating": {"list": all},
        "annotations": {"list": [firing_alerts()]},
        "links": [{
            "type": "dashboards",
            "title": "Logistics",
            "tags": ["logistics"],
            "icon": "external link",
            "tooltip": "",
            "url": "",
            "asDropdown": false,
            "includeVars": true,
            "keepTime": true,
            "targetBlank": false,
        }],
        "panels": placed(panels),
    })
}

fn placed(panels: Vec<Panel>) -> Vec<Value> {
    let (mut x, mut y, mut height) = (0, 0, 0);
    let mut placed = Vec::new();
    for (index, panel) in panels.into_iter().enumerate() {
        let (wide, high) = panel.extent();
        if x + wide > 24 {
            (x, y, height) = (0, y + height, 0);
        }
        placed.push(panel.at(index + 1, x, y));
        (x, height) = (x + wide, height.max(high));
    }
    placed
}

fn data_source() -> Value {
    json!({"type": "datasource", "name": "datasource", "label": "Prometheus", "query": "prometheus", "refresh": 1, "hide": 0})
}

/// A variable of the values of a label. By default, all of them.
pub(super) fn variable(name: &str, metric: &str, label: &str) -> Value {
    json!({
        "type": "query",
        "name": name,
        "label": name,
        "datasource": source(),
        "query": {"query": format!("label_values({metric}, {label})"), "refId": "values"},
        "refresh": 2,
        "sort": 3,
        "hide": 0,
        "multi": true,
        "includeAll": true,
        "allValue": ".*",
        "current": {"text": ["All"], "value": ["$__all"]},
    })
}

/// Each firing alert, on every graph, while it fires.
fn firing_alerts() -> Value {
    json!({
        "name": "Firing alerts",
        "enable": true,
        "hide": false,
        "iconColor": "red",
        "datasource": source(),
        "expr": "ALERTS{alertstate=\"firing\", fault!=\"\"}",
        "step": "5s",
        "titleFormat": "{{alertname}}",
        "textFormat": "{{fault}} {{job}} {{instance}} {{partition}} {{status}} {{channel}}",
        "tagKeys": "severity,fault",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panels_follow_each_other_and_overlap_nowhere() {
        let panels =
            vec![Panel::row("a"), Panel::stat("b", ""), Panel::table("c", ""), Panel::lines("d", "")];
        let at: Vec<_> = placed(panels).iter().map(|panel| panel["gridPos"].clone()).collect();
        let position = |at: &Value| (at["x"].as_u64(), at["y"].as_u64());
        let expected = [(0, 0), (0, 1), (0, 6), (0, 12)].map(|(x, y)| (Some(x), Some(y)));
        assert_eq!(at.iter().map(position).collect::<Vec<_>>(), expected);
    }
}
