//! Panels of dashboards.

use serde_json::{Value, json};

/// The data source that the dashboard's variable names.
pub(super) fn source() -> Value {
    json!({"type": "prometheus", "uid": "${datasource}"})
}

/// The unit of what is counted each second and is no call.
pub(super) const EACH_SECOND: &str = "suffix: /s";

/// A panel, or the head of a row of panels.
pub(super) struct Panel {
    json: Value,
    targets: Vec<Value>,
}

impl Panel {
    fn new(kind: &str, title: &str, about: &str) -> Self {
        let json = json!({
            "type": kind,
            "title": title,
            "description": about,
            "datasource": source(),
            "fieldConfig": {"defaults": {}, "overrides": []},
            "options": {},
            "gridPos": {"w": 12, "h": 8, "x": 0, "y": 0},
        });
        Self { json, targets: Vec::new() }
    }

    /// The head of a row.
    pub(super) fn row(title: &str) -> Self {
        let position = json!({"w": 24, "h": 1, "x": 0, "y": 0});
        let json =
            json!({"type": "row", "title": title, "collapsed": false, "panels": [], "gridPos": position});
        Self { json, targets: Vec::new() }
    }

    /// One number, or one for each series.
    pub(super) fn stat(title: &str, about: &str) -> Self {
        let panel = Self::new("stat", title, about).size(6, 5);
        panel.options(json!({
            "colorMode": "background",
            "graphMode": "none",
            "justifyMode": "auto",
            "orientation": "auto",
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": false},
            "textMode": "auto",
            "wideLayout": true,
            "showPercentChange": false,
            "percentChangeColorMode": "standard",
        }))
    }

    /// Lines over time.
    pub(super) fn lines(title: &str, about: &str) -> Self {
        let mut panel = Self::new("timeseries", title, about);
        panel.json["fieldConfig"]["defaults"] = json!({
            "color": {"mode": "palette-classic"},
            "custom": {"drawStyle": "line", "lineWidth": 1, "fillOpacity": 8, "showPoints": "never", "spanNulls": false},
        });
        panel.options(json!({
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": true, "calcs": []},
            "tooltip": {"mode": "multi", "sort": "desc"},
        }))
    }

    /// States over time, one row for each series.
    pub(super) fn states(title: &str, about: &str) -> Self {
        let mut panel = Self::new("state-timeline", title, about);
        panel.json["fieldConfig"]["defaults"] = json!({"custom": {"fillOpacity": 70, "lineWidth": 0}});
        panel.options(json!({
            "mergeValues": true,
            "showValue": "never",
            "alignValue": "left",
            "rowHeight": 0.9,
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": true, "calcs": []},
            "tooltip": {"mode": "single", "sort": "none"},
        }))
    }

    /// A table of the present values.
    pub(super) fn table(title: &str, about: &str) -> Self {
        let panel = Self::new("table", title, about).size(24, 6);
        panel.options(json!({"frameIndex": 0, "showHeader": true, "cellHeight": "sm", "sortBy": []}))
    }

    fn options(mut self, options: Value) -> Self {
        self.json["options"] = options;
        self
    }

    /// The width in 24ths of the page, and the height in lines of 30 pixels.
    pub(super) fn size(mut self, width: u64, height: u64) -> Self {
        self.json["gridPos"]["w"] = width.into();
        self.json["gridPos"]["h"] = height.into();
        self
    }

    /// A query over the time of the page. `legend` names each series.
    pub(super) fn query(self, expr: &str, legend: &str) -> Self {
        self.target(json!({"expr": expr, "legendFormat": legend, "range": true, "exemplar": false}))
    }

    /// The same, with the exemplars of its histogram: each leads to its trace.
    pub(super) fn query_with_exemplars(self, expr: &str, legend: &str) -> Self {
        self.target(json!({"expr": expr, "legendFormat": legend, "range": true, "exemplar": true}))
    }

    /// A query of the present values.
    pub(super) fn now(self, expr: &str, legend: &str) -> Self {
        self.target(json!({"expr": expr, "legendFormat": legend, "instant": true, "range": false}))
    }

    /// A query of the present values for a table.
    pub(super) fn rows(self, expr: &str) -> Self {
        self.target(json!({"expr": expr, "format": "table", "instant": true, "range": false}))
    }

    fn target(mut self, mut target: Value) -> Self {
        let letter = char::from(b'A' + u8::try_from(self.targets.len()).expect("few queries"));
        target["refId"] = letter.to_string().into();
        target["datasource"] = source();
        self.targets.push(target);
        self
    }

    /// The unit of the values.
    pub(super) fn unit(mut self, unit: &str) -> Self {
        self.json["fieldConfig"]["defaults"]["unit"] = unit.into();
        self
    }

    /// The least value of the axis is 0.
    pub(super) fn zero_based(mut self) -> Self {
        self.json["fieldConfig"]["defaults"]["min"] = 0.into();
        self
    }

    /// Red from this value, which is the threshold of an alert.
    pub(super) fn red_from(self, value: f64) -> Self {
        self.steps(&[("green", None), ("red", Some(value))])
    }

    /// Colours by value. Lines show the thresholds as dashed lines.
    pub(super) fn steps(mut self, steps: &[(&str, Option<f64>)]) -> Self {
        let steps: Vec<_> =
            steps.iter().map(|(color, value)| json!({"color": color, "value": value})).collect();
        let defaults = &mut self.json["fieldConfig"]["defaults"];
        defaults["thresholds"] = json!({"mode": "absolute", "steps": steps});
        if self.json["type"] == "timeseries" {
            self.json["fieldConfig"]["defaults"]["custom"]["thresholdsStyle"] = json!({"mode": "dashed"});
        } else {
            self.json["fieldConfig"]["defaults"]["color"] = json!({"mode": "thresholds"});
        }
        self
    }

    /// Text and colour in place of values.
    pub(super) fn mapped(mut self, mappings: &[(&str, &str, &str)]) -> Self {
        let options: serde_json::Map<_, _> = mappings
            .iter()
            .enumerate()
            .map(|(index, (value, text, color))| {
                ((*value).to_owned(), json!({"text": text, "color": color, "index": index}))
            })
            .collect();
        let mappings = json!([{"type": "value", "options": options}]);
        self.json["fieldConfig"]["defaults"]["mappings"] = mappings;
        self
    }

    /// The text where there is no series.
    pub(super) fn without_data(mut self, text: &str) -> Self {
        self.json["fieldConfig"]["defaults"]["noValue"] = text.into();
        self
    }

    /// Shows the names of the series, without their values.
    pub(super) fn names_only(mut self) -> Self {
        self.json["options"]["textMode"] = "name".into();
        self
    }

    /// Changes the results before they are shown.
    pub(super) fn transform(mut self, transformations: Value) -> Self {
        self.json["transformations"] = transformations;
        self
    }

    /// Sorts a table by a column.
    pub(super) fn sorted_by(mut self, column: &str, descending: bool) -> Self {
        self.json["options"]["sortBy"] = json!([{"displayName": column, "desc": descending}]);
        self
    }

    /// Properties of one column or series.
    pub(super) fn column(mut self, name: &str, properties: Value) -> Self {
        let properties: Vec<_> = properties
            .as_object()
            .expect("properties")
            .iter()
            .map(|(id, value)| json!({"id": id, "value": value}))
            .collect();
        let matcher = json!({"id": "byName", "options": name});
        let overrides = self.json["fieldConfig"]["overrides"].as_array_mut().expect("a list");
        overrides.push(json!({"matcher": matcher, "properties": properties}));
        self
    }

    /// The JSON, with this number and position.
    pub(super) fn at(mut self, id: usize, x: u64, y: u64) -> Value {
        self.json["id"] = id.into();
        self.json["gridPos"]["x"] = x.into();
        self.json["gridPos"]["y"] = y.into();
        if !self.targets.is_empty() {
            self.json["targets"] = self.targets.into();
        }
        self.json
    }

    /// The width and the height.
    pub(super) fn extent(&self) -> (u64, u64) {
        let of = |side: &str| self.json["gridPos"][side].as_u64().expect("a size");
        (of("w"), of("h"))
    }
}
