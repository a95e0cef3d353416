//! `kubectl`.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use logistics_deployment_tests::command::{Ran, run_with_input};
use serde_json::Value;

const LIMIT: Duration = Duration::from_secs(120);

/// A namespace of the cluster.
#[derive(Clone)]
pub(crate) struct Namespace {
    kubeconfig: PathBuf,
    pub(crate) name: String,
}

impl Namespace {
    pub(crate) fn of_the_cluster(name: String) -> Self {
        let kubeconfig = std::env::var_os("LOGISTICS_TEST_KUBECONFIG").expect("LOGISTICS_TEST_KUBECONFIG");
        Self { kubeconfig: kubeconfig.into(), name }
    }

    /// Runs `kubectl` to its end, whatever that is.
    pub(crate) fn try_kubectl(&self, arguments: &[&str], input: &str, limit: Duration) -> Ran {
        let mut command = Command::new("kubectl");
        command.arg("--kubeconfig").arg(&self.kubeconfig).args(["--namespace", &self.name]).args(arguments);
        run_with_input(&mut command, input, limit)
    }

    /// What `kubectl` prints.
    pub(crate) fn kubectl(&self, arguments: &[&str]) -> String {
        self.try_kubectl(arguments, "", LIMIT).expect()
    }

    /// What there is, as JSON.
    pub(crate) fn get(&self, arguments: &[&str]) -> Value {
        let printed = self.kubectl(&[&["get", "-o", "json"], arguments].concat());
        serde_json::from_str(&printed).expect("JSON")
    }

    /// The pods of an application, as JSON.
    pub(crate) fn pods(&self, application: &str) -> Vec<Value> {
        let selector = format!("app.kubernetes.io/name={application}");
        let mut pods = self.get(&["pods", "-l", &selector]);
        pods["items"].as_array_mut().map(std::mem::take).unwrap_or_default()
    }

    /// The address of a node.
    pub(crate) fn node(&self) -> String {
        let nodes = self.get(&["nodes"]);
        let addresses = nodes["items"][0]["status"]["addresses"].as_array().expect("addresses");
        let internal = addresses.iter().find(|address| address["type"] == "InternalIP");
        internal.expect("an internal address")["address"].as_str().expect("a text").to_owned()
    }
}

/// A pod that does its work.
pub(crate) fn is_ready(pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
    pod["metadata"]["deletionTimestamp"].is_null()
        && conditions.iter().any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}

/// How often containers of a pod were started again.
pub(crate) fn restarts(pod: &Value) -> u64 {
    let containers = pod["status"]["containerStatuses"].as_array().map(Vec::as_slice).unwrap_or_default();
    containers.iter().filter_map(|container| container["restartCount"].as_u64()).sum()
}

pub(crate) fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().expect("a name")
}
