//! The whole system in a namespace of its own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use logistics_deployment_tests::broker::lost_no_end;
use logistics_deployment_tests::http;
use logistics_deployment_tests::load::{ClientReport, Load, Pace};
use logistics_deployment_tests::{project, until};
use serde_json::{Value, json};

use crate::cluster::{Namespace, is_ready};

/// Every requested change is complete by then.
pub(crate) const PATIENCE: Duration = Duration::from_secs(300);
/// The port of the API at every node.
const PORT: u16 = 30007;
/// What runs, and how many of it there are after `apply`.
pub(crate) const WORKLOADS: [(&str, usize); 5] = [
    ("statefulset/kafka", 1),
    ("statefulset/redis", 1),
    ("deployment/order-api", 2),
    ("statefulset/order-processor", 1),
    ("deployment/notification-service", 1),
];

/// One system for all tests of a run, made by the first and gone with the last.
#[derive(Clone, Default)]
pub(crate) struct Shared(Arc<Mutex<Option<Arc<System>>>>);

impl Shared {
    pub(crate) fn system(&self) -> Arc<System> {
        let mut made = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        made.get_or_insert_with(|| Arc::new(System::apply())).clone()
    }
}

/// The system, as `kubectl apply` makes it, but for the namespace, the images and the pace of orders.
pub(crate) struct System {
    pub(crate) namespace: Namespace,
    pub(crate) api: SocketAddr,
    overlay: PathBuf,
}

impl System {
    fn apply() -> Self {
        let namespace = Namespace::of_the_cluster(format!("logistics-test-{}", std::process::id()));
        let api = format!("{}:{PORT}", namespace.node()).parse().expect("an address");
        let overlay = overlay(&namespace.name, "deploy/k8s");
        let system = Self { namespace, api, overlay };
        let began = Instant::now();
        system.apply_again();
        system.until_ready();
        println!("ready {} s after apply", began.elapsed().as_secs());
        system
    }

    pub(crate) fn apply_again(&self) {
        self.namespace.kubectl(&["apply", "-k", path(&self.overlay)]);
    }

    /// Waits until as many of each workload are ready as `apply` makes, and no others are left.
    pub(crate) fn until_ready(&self) {
        for (workload, pods) in WORKLOADS {
            self.until_ready_are(workload, pods);
        }
    }

    /// Waits until so many pods of a workload are ready, and no others are left.
    pub(crate) fn until_ready_are(&self, workload: &str, wanted: usize) {
        let (_, application) = workload.split_once('/').expect("kind/name");
        until(&format!("{wanted} of {application} are ready"), PATIENCE, || {
            let pods = self.namespace.pods(application);
            let ready = pods.iter().filter(|pod| is_ready(pod)).count();
            if ready == wanted && pods.len() == wanted {
                return Ok(());
            }
            Err(format!("{ready} of {} are", pods.len()))
        });
    }

    /// Orders, from eight clients.
    pub(crate) fn load(&self, name: &str) -> Load {
        Load::start(&format!("{name}-{}", std::process::id()), &[self.api], Pace::default())
    }

    /// Waits until all orders of this namespace have reached their end and every invariant holds at rest, and checks that no
    /// acknowledged order is missing.
    pub(crate) fn settled(&self, told: &ClientReport) -> Value {
        let verify = [
            "exec",
            "deployment/order-api",
            "--",
            "logistics",
            "verify",
            "--engine",
            "cluster",
            "--at-rest",
            "--json",
        ];
        let report = until("everything is at rest, and holds", PATIENCE, || {
            let said = self.namespace.try_kubectl(&verify, "", Duration::from_secs(60)).ok()?;
            let report = serde_json::from_str::<Value>(&said).map_err(|error| format!("{error}: {said}"))?;
            let counts = &report["report"];
            if counts["orders"] == counts["terminal_orders"] { Ok(counts.clone()) } else { Err(said) }
        });
        assert_eq!(report["facts"], report["notifications"], "every fact has one notification");
        lost_no_end(&self.namespace.kubectl(&["logs", "kafka-0", "--container=kafka"]));
        for (key, order_id) in &told.orders {
            let order = self.order(order_id);
            assert_eq!(order["status"], "DELIVERED", "{key} is {order_id}: {order}");
        }
        report
    }

    /// An order, as the API tells.
    pub(crate) fn order(&self, order_id: &str) -> Value {
        until(&format!("{order_id} can be read"), PATIENCE, || {
            let reply =
                http::get(self.api, &format!("/orders/{order_id}")).map_err(|error| error.to_string())?;
            if reply.status == 200 { Ok(reply.json()) } else { Err(reply.body) }
        })
    }
}

impl Drop for System {
    fn drop(&mut self) {
        let name = self.namespace.name.clone();
        // A failure to clean up hides no other one.
        let delete = ["delete", "namespace", &name, "--ignore-not-found"];
        let _ = self.namespace.try_kubectl(&delete, "", PATIENCE);
        let _ = std::fs::remove_dir_all(&self.overlay);
    }
}

/// The folder of these tests' own overlay on another one.
pub(crate) fn overlay(namespace: &str, of: &str) -> PathBuf {
    let own = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{namespace}-{}", of.replace('/', "-")));
    std::fs::create_dir_all(&own).expect("a folder");
    let own = own.canonicalize().expect("a folder");
    // kustomize takes no absolute paths.
    let up = "../".repeat(own.components().count() - 1);
    let base = format!("{up}{}", path(&project().join(of)).trim_start_matches('/'));
    let images = [
        ("logistics", "SERVICES_IMAGE", "logistics:dev"),
        ("apache/kafka", "KAFKA_IMAGE", "apache/kafka:4.3.1"),
        ("redis", "REDIS_IMAGE", "redis:7.0"),
    ];
    let images = images.map(|(name, variable, default)| {
        let image = std::env::var(variable).unwrap_or_else(|_| default.to_owned());
        let (new_name, new_tag) = image.rsplit_once(':').expect("name:tag");
        json!({"name": name, "newName": new_name, "newTag": new_tag})
    });
    let kustomization = json!({
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": namespace,
        "resources": [base],
        "images": images,
        "configMapGenerator": [{"name": "settings", "behavior": "merge", "literals": ["LOGISTICS_MODE=simulate", "LOGISTICS_DWELL=200ms"]}],
    });
    std::fs::write(own.join("kustomization.yaml"), kustomization.to_string()).expect("a file");
    own
}

pub(crate) fn path(path: &Path) -> &str {
    path.to_str().expect("a path of plain letters")
}
