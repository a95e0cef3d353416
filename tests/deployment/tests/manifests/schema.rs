//! What the API of Kubernetes knows.

use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Service};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::custom::{PodMonitor, PrometheusRule, ScaledObject};

/// What is left of an object, read as what it says that it is.
///
/// # Errors
/// Where that is nothing that is known here, or a value is of the wrong type.
pub(crate) fn known(object: &Value) -> Result<Value, String> {
    match (object["apiVersion"].as_str(), object["kind"].as_str()) {
        (Some("v1"), Some("Namespace")) => of::<Namespace>(object),
        (Some("v1"), Some("ConfigMap")) => of::<ConfigMap>(object),
        (Some("v1"), Some("Service")) => of::<Service>(object),
        (Some("apps/v1"), Some("Deployment")) => of::<Deployment>(object),
        (Some("apps/v1"), Some("StatefulSet")) => of::<StatefulSet>(object),
        (Some("batch/v1"), Some("Job")) => of::<Job>(object),
        (Some("batch/v1"), Some("CronJob")) => of::<CronJob>(object),
        (Some("policy/v1"), Some("PodDisruptionBudget")) => of::<PodDisruptionBudget>(object),
        (Some("networking.k8s.io/v1"), Some("NetworkPolicy")) => of::<NetworkPolicy>(object),
        (Some("monitoring.coreos.com/v1"), Some("PodMonitor")) => of::<PodMonitor>(object),
        (Some("monitoring.coreos.com/v1"), Some("PrometheusRule")) => of::<PrometheusRule>(object),
        (Some("keda.sh/v1alpha1"), Some("ScaledObject")) => of::<ScaledObject>(object),
        (version, kind) => Err(format!("{version:?} {kind:?} is nothing that is known here")),
    }
}

fn of<T: Serialize + DeserializeOwned>(object: &Value) -> Result<Value, String> {
    let read: T = serde_json::from_value(object.clone()).map_err(|error| error.to_string())?;
    serde_json::to_value(read).map_err(|error| error.to_string())
}
