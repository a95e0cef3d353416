//! The custom resources of the Prometheus operator and of KEDA, as far as the manifests use them.

use std::collections::BTreeMap;

use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscalerBehavior;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use serde::{Deserialize, Serialize};

/// Writes a struct that knows only the fields of the manifests, in camel case, and rejects any other.
macro_rules! resource {
    ($name:ident { $($field:ident: $type:ty),+ $(,)? }) => {
        #[derive(Serialize, Deserialize)]
        #[serde(rename_all = "camelCase", deny_unknown_fields)]
        pub(crate) struct $name {
            $($field: $type,)+
        }
    };
}

resource!(PodMonitor { api_version: String, kind: String, metadata: ObjectMeta, spec: PodMonitorSpec });
resource!(PodMonitorSpec {
    job_label: String,
    selector: LabelSelector,
    pod_metrics_endpoints: Vec<Endpoint>,
});
resource!(Endpoint {
    port: String,
    path: String,
    interval: String,
    scrape_timeout: String,
    relabelings: Vec<Relabeling>,
});
resource!(Relabeling { source_labels: Vec<String>, target_label: String });

resource!(PrometheusRule { api_version: String, kind: String, metadata: ObjectMeta, spec: RuleSpec });
resource!(RuleSpec { groups: Vec<Group> });
resource!(Group { name: String, rules: Vec<Rule> });

/// `keep_firing_for` is written like this there.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    #[serde(skip_serializing_if = "Option::is_none")]
    alert: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<String>,
    expr: String,
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    wait: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    keep_firing_for: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    labels: Option<BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    annotations: Option<BTreeMap<String, String>>,
}

resource!(ScaledObject { api_version: String, kind: String, metadata: ObjectMeta, spec: ScaledSpec });
resource!(ScaledSpec {
    scale_target_ref: Target,
    polling_interval: u32,
    min_replica_count: u32,
    max_replica_count: u32,
    advanced: Advanced,
    triggers: Vec<Trigger>,
});
resource!(Target { api_version: String, kind: String, name: String });
resource!(Advanced { horizontal_pod_autoscaler_config: AutoscalerConfig });
resource!(AutoscalerConfig { behavior: HorizontalPodAutoscalerBehavior });

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Trigger {
    #[serde(rename = "type")]
    kind: String,
    metric_type: String,
    metadata: BTreeMap<String, String>,
}
