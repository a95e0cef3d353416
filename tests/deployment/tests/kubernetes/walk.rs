//! What a real cluster makes of the manifests. Each test ends with every order at its end and every invariant at rest.

use logistics_deployment_tests::load::ClientReport;
use logistics_deployment_tests::{http, until};
use serde_json::{Value, json};

use crate::cluster::{is_ready, name, restarts};
use crate::system::{PATIENCE, System, overlay, path};

const SERVICES: [&str; 3] =
    ["deployment/order-api", "statefulset/order-processor", "deployment/notification-service"];

pub(crate) fn the_server_takes_every_manifest(system: &System) {
    for folder in ["deploy/k8s", "deploy/k8s/overlays/own"] {
        let overlay = overlay(&system.namespace.name, folder);
        let apply = ["apply", "--dry-run=server", "--validate=strict", "-k", path(&overlay)];
        let ran = system.namespace.try_kubectl(&apply, "", PATIENCE);
        // A pod that the namespace would not let in is a warning here.
        assert!(ran.succeeded() && !ran.stderr.contains("Warning"), "{}", ran.told());
        assert!(ran.stdout.lines().count() > 10, "{}", ran.told());
    }
}

/// Place, read, the log lines of all services, the 404, and the job that verifies.
pub(crate) fn an_order_goes_its_way_and_every_service_says_so(system: &System) {
    let placed = http::post(system.api, "/orders", &[], "").expect("an answer");
    assert_eq!((placed.status, placed.json()["message"].as_str()), (200, Some("Order created")));
    let order_id = placed.json()["order_id"].as_str().expect("an order id").to_owned();
    until("it is delivered", PATIENCE, || {
        let order = system.order(&order_id);
        if order["status"] == "DELIVERED" { Ok(()) } else { Err(order.to_string()) }
    });
    let missing = http::get(system.api, "/orders/missing").expect("an answer");
    assert_eq!((missing.status, missing.json()["error"].as_str()), (404, Some("Order not found")));
    let mut lines = vec![
        ("statefulset/order-processor", "Order Processor Running...".to_owned()),
        ("statefulset/order-processor", format!("Received order {order_id} with status PLACED")),
        ("deployment/notification-service", "Notification Service Running...".to_owned()),
        ("deployment/notification-service", "🔔 NOTIFICATION:".to_owned()),
    ];
    for status in ["CONFIRMED", "PREPARING", "OUT_FOR_DELIVERY", "DELIVERED"] {
        lines.push(("statefulset/order-processor", format!("Moved order {order_id} → {status}")));
        lines.push(("deployment/notification-service", format!("Order {order_id} is now {status}")));
    }
    for (workload, line) in lines {
        until(&format!("{workload} prints {line:?}"), PATIENCE, || {
            let printed = system.namespace.kubectl(&["logs", "--tail=-1", workload]);
            if printed.contains(&line) { Ok(()) } else { Err(printed) }
        });
    }
    system.settled(&ClientReport::default());
    system.namespace.kubectl(&["create", "job", "verify-now", "--from=cronjob/verify"]);
    system.namespace.kubectl(&["wait", "--for=condition=complete", "job/verify-now", "--timeout=100s"]);
    let printed = system.namespace.kubectl(&["logs", "job/verify-now"]);
    assert!(printed.contains("Every invariant holds"), "{printed}");
    system.namespace.kubectl(&["delete", "job", "verify-now"]);
}

/// 1, 3, 1; each of the three has its share.
pub(crate) fn processors_are_scaled_under_load(system: &System) {
    let load = system.load("scale");
    load.more(100);
    scale(system, "statefulset/order-processor", 3);
    for pod in system.namespace.pods("order-processor") {
        until(&format!("{} moves orders", name(&pod)), PATIENCE, || {
            let printed = system.namespace.kubectl(&["logs", "--tail=-1", name(&pod)]);
            if printed.contains("Moved order") { Ok(()) } else { Err(printed) }
        });
    }
    load.more(100);
    scale(system, "statefulset/order-processor", 1);
    load.more(100);
    settled(system, "scaled", load.end());
}

/// Every call is answered at the second time at the latest.
pub(crate) fn everything_is_rolled_under_load(system: &System) {
    let load = system.load("rolled");
    load.more(100);
    for service in SERVICES {
        system.namespace.kubectl(&["rollout", "restart", service]);
        let status = ["rollout", "status", service, "--timeout=280s"];
        system.namespace.try_kubectl(&status, "", PATIENCE).expect();
        load.more(50);
    }
    system.until_ready();
    let told = load.end();
    assert!(
        told.attempts_max <= 2,
        "one retry was not enough: {} attempts, {:?}",
        told.attempts_max,
        told.failures
    );
    settled(system, "rolled", told);
}

/// In order first, and then the processor without any warning.
pub(crate) fn pods_are_deleted_one_by_one_under_load(system: &System) {
    let load = system.load("deleted");
    load.more(100);
    for service in SERVICES {
        let (_, application) = service.split_once('/').expect("kind/name");
        for pod in system.namespace.pods(application) {
            delete(system, name(&pod), &[]);
            load.more(20);
        }
    }
    delete(system, "order-processor-0", &["--grace-period=0", "--force"]);
    load.more(100);
    settled(system, "deleted", load.end());
}

pub(crate) fn redis_is_deleted_under_load(system: &System) {
    is_deleted_under_load(system, "redis", 1);
}

/// More than once: a broker that is started again in the wrong way does not always lose something by it.
pub(crate) fn kafka_is_deleted_under_load(system: &System) {
    is_deleted_under_load(system, "kafka", 3);
}

fn is_deleted_under_load(system: &System, bundled: &str, times: usize) {
    for time in 0..times {
        let load = system.load(&format!("{bundled}-{time}"));
        load.more(100);
        delete(system, &format!("{bundled}-0"), &[]);
        load.more(100);
        settled(system, &format!("{bundled} deleted"), load.end());
    }
}

/// They are live all the time, which is all that their liveness probes ask, and ready again by themselves.
pub(crate) fn a_lost_broker_makes_pods_unready_and_starts_none_again(system: &System) {
    system.settled(&ClientReport::default());
    let counted = || SERVICES.map(|service| pods(system, service).iter().map(restarts).sum::<u64>());
    let before = counted();
    system.namespace.kubectl(&["scale", "statefulset/kafka", "--replicas=0"]);
    for service in SERVICES {
        until(&format!("no pod of {service} is ready"), PATIENCE, || {
            let ready = pods(system, service).iter().filter(|pod| is_ready(pod)).count();
            if ready == 0 { Ok(()) } else { Err(format!("{ready} are")) }
        });
        for pod in pods(system, service) {
            let (_, program) = service.split_once('/').expect("kind/name");
            let said = system.namespace.kubectl(&["exec", name(&pod), "--", program, "health", "--live"]);
            assert_eq!(said, "live\n", "{}", name(&pod));
        }
    }
    system.namespace.kubectl(&["scale", "statefulset/kafka", "--replicas=1"]);
    system.until_ready();
    assert_eq!(counted(), before, "starting a service again does not bring its broker back");
    let load = system.load("broker");
    load.more(50);
    settled(system, "a broker lost and back", load.end());
}

/// The status of the pod shows why a start failed, and how to correct it.
pub(crate) fn a_partition_count_that_does_not_fit_is_a_sentence_at_the_pod(system: &System) {
    let deployment = system.namespace.get(&["deployment/notification-service"]);
    let template = &deployment["spec"]["template"];
    let mut pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "misconfigured", "labels": {"app.kubernetes.io/part-of": "logistics"}},
        "spec": template["spec"],
    });
    let settings = pod["spec"]["containers"][0]["env"].as_array_mut().expect("settings");
    settings.push(json!({"name": "LOGISTICS_PARTITIONS", "value": "6"}));
    system.namespace.try_kubectl(&["apply", "-f", "-"], &pod.to_string(), PATIENCE).expect();
    let ended = until("the pod says why it does not start", PATIENCE, || {
        let pod = system.namespace.get(&["pod/misconfigured"]);
        let status = &pod["status"]["containerStatuses"][0];
        let ended = ["lastState", "state"].map(|state| &status[state]["terminated"]);
        let ended = ended.into_iter().find(|ended| !ended.is_null());
        ended.cloned().ok_or_else(|| pod["status"].to_string())
    });
    let delete = ["delete", "pod", "misconfigured", "--grace-period=1"];
    system.namespace.kubectl(&delete);
    assert_eq!(ended["exitCode"], 2, "{ended}");
    let sentence = ended["message"].as_str().expect("a sentence").lines().last().unwrap_or_default();
    for part in ["has 12 partitions and the settings say 6", "set the number of partitions to 12"] {
        assert!(sentence.contains(part), "{sentence}");
    }
}

/// Nothing that is asked for is another one then, not even the number of processors.
pub(crate) fn applying_again_changes_nothing(system: &System) {
    scale(system, "statefulset/order-processor", 2);
    let asked_for = || {
        let objects = system.namespace.get(&["deployments,statefulsets,poddisruptionbudgets,cronjobs"]);
        let objects = objects["items"].as_array().expect("objects").iter();
        objects
            .map(|object| (object["spec"].clone(), object["metadata"]["generation"].clone()))
            .collect::<Vec<_>>()
    };
    let before = asked_for();
    assert!(before.len() > 8, "{before:?}");
    system.apply_again();
    assert_eq!(asked_for(), before);
    // The job goes some minutes after it is done; made again, it finds its topics there.
    system.namespace.kubectl(&["wait", "--for=condition=complete", "job/topics", "--timeout=100s"]);
    scale(system, "statefulset/order-processor", 1);
    system.settled(&ClientReport::default());
}

fn scale(system: &System, workload: &str, pods: usize) {
    system.namespace.kubectl(&["scale", workload, &format!("--replicas={pods}")]);
    system.until_ready_are(workload, pods);
}

/// Deletes a pod, and waits until all that are to be there are ready again.
fn delete(system: &System, pod: &str, how: &[&str]) {
    let delete = [&["delete", "pod", pod], how].concat();
    system.namespace.kubectl(&delete);
    system.until_ready();
}

fn pods(system: &System, workload: &str) -> Vec<Value> {
    let (_, application) = workload.split_once('/').expect("kind/name");
    system.namespace.pods(application)
}

fn settled(system: &System, what: &str, told: ClientReport) {
    let report = system.settled(&told);
    let ClientReport { orders, failures, attempts_max, longest, .. } = told;
    let longest = longest.as_millis();
    println!(
        "{what}: {} orders, {attempts_max} attempts at most, {longest} ms at most, {failures:?}; {report}",
        orders.len()
    );
}
