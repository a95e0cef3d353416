//! What the manifests in `deploy/k8s` say, as `kubectl` renders them. No cluster is asked. With `REQUIRE_KUBERNETES=1` it may not
//! be missing.

mod custom;
mod schema;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use logistics_deployment_tests::command::{run, run_with_input};
use logistics_deployment_tests::{Suite, project, required};
use serde_json::{Value, json};

const LIMIT: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    Suite::new(!required("REQUIRE_KUBERNETES") && !kubectl_is_there())
        .test("are_what_the_api_of_kubernetes_knows", are_what_the_api_of_kubernetes_knows)
        .test("run_nothing_with_more_rights_than_it_needs", run_nothing_with_more_rights_than_it_needs)
        .test("ask_every_service_how_it_is", ask_every_service_how_it_is)
        .test("hang_together", hang_together)
        .test("move_orders_by_the_clock_only_for_trying_out", move_orders_by_the_clock_only_for_trying_out)
        .test("let_prometheus_reach_every_listener_that_it_scrapes", let_prometheus_reach_every_listener)
        .test("hold_no_secret_and_no_unknown_setting", hold_no_secret_and_no_unknown_setting)
        .run()
}

fn kubectl_is_there() -> bool {
    let found = Command::new("kubectl").args(["version", "--client"]).output();
    found.is_ok_and(|output| output.status.success())
}

/// What a folder comes to.
fn render(folder: &Path) -> Vec<Value> {
    let yaml = run(Command::new("kubectl").arg("kustomize").arg(folder), LIMIT).expect();
    // The one way of kubectl to read YAML and print JSON that asks no server.
    let mut convert = Command::new("kubectl");
    convert.args(["patch", "--local", "-f", "-", "--type", "merge", "-p", "{}", "-o", "json"]);
    let json = run_with_input(&mut convert, &yaml, LIMIT).expect();
    let objects: Result<Vec<_>, _> = serde_json::Deserializer::from_str(&json).into_iter().collect();
    objects.expect("JSON")
}

fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().expect("a name")
}

const SERVICES: [&str; 3] = ["order-api", "order-processor", "notification-service"];

/// Everything there is to apply.
fn all() -> Vec<(PathBuf, Vec<Value>)> {
    let folder = project().join("deploy/k8s");
    let overlays = ["own", "protected", "observability"].map(|overlay| folder.join("overlays").join(overlay));
    let all = std::iter::once(folder).chain(overlays);
    all.map(|folder| (folder.clone(), render(&folder))).collect()
}

fn kind(object: &Value) -> &str {
    object["kind"].as_str().expect("a kind")
}

/// The template of the pods of an object that has pods.
fn template(object: &Value) -> Option<&Value> {
    let spec = &object["spec"];
    match kind(object) {
        "CronJob" => Some(&spec["jobTemplate"]["spec"]["template"]),
        "Deployment" | "StatefulSet" | "Job" => Some(&spec["template"]),
        _ => None,
    }
}

fn containers(pod: &Value) -> impl Iterator<Item = &Value> {
    ["initContainers", "containers"].into_iter().filter_map(|list| pod[list].as_array()).flatten()
}

/// Read as what they say they are and written again, nothing of them is missing: no field is unknown or at a wrong place.
fn are_what_the_api_of_kubernetes_knows() {
    for (folder, objects) in all() {
        assert!(objects.len() > 10, "{} renders to {} objects", folder.display(), objects.len());
        for object in objects {
            let what = format!("{}: {} {}", folder.display(), kind(&object), name(&object));
            let known = schema::known(&object).unwrap_or_else(|error| panic!("{what}: {error}"));
            let lost = lost(&object, &known, String::new());
            assert!(lost.is_none(), "{what}: Kubernetes knows no {}", lost.unwrap_or_default());
        }
    }
}

/// Where there is something in one that is not the same in the other.
fn lost(in_one: &Value, in_the_other: &Value, at: String) -> Option<String> {
    match (in_one, in_the_other) {
        (Value::Object(one), Value::Object(other)) => one.iter().find_map(|(key, value)| {
            lost(value, other.get(key).unwrap_or(&Value::Null), format!("{at}/{key}"))
        }),
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            one.iter().zip(other).find_map(|(one, other)| lost(one, other, format!("{at}/*")))
        }
        (one, other) => (one != other).then_some(at),
    }
}

fn run_nothing_with_more_rights_than_it_needs() {
    for (_, objects) in all() {
        for object in &objects {
            let Some(template) = template(object) else { continue };
            let (pod, what) = (&template["spec"], format!("{} {}", kind(object), name(object)));
            assert_eq!(pod["automountServiceAccountToken"], false, "{what}");
            // Variables with the names of services would be settings: of ours, and of the broker.
            assert_eq!(pod["enableServiceLinks"], false, "{what}");
            let rights = &pod["securityContext"];
            assert_eq!(rights["runAsNonRoot"], true, "{what}");
            assert!(rights["runAsUser"].as_u64().is_some_and(|user| user > 0), "{what}: {rights}");
            assert_eq!(rights["seccompProfile"], json!({"type": "RuntimeDefault"}), "{what}");
            for container in containers(pod) {
                let what = format!("{what}: {}", container["name"]);
                let expected = json!({
                    "allowPrivilegeEscalation": false,
                    "readOnlyRootFilesystem": true,
                    "capabilities": {"drop": ["ALL"]},
                });
                assert_eq!(container["securityContext"], expected, "{what}");
                for amount in ["/requests/cpu", "/requests/memory", "/limits/memory"] {
                    assert!(container["resources"].pointer(amount).is_some(), "{what} has no {amount}");
                }
                let image = container["image"].as_str().expect("an image");
                assert!(image.rsplit_once(':').is_some_and(|(_, tag)| tag != "latest"), "{what}: {image}");
            }
        }
    }
}

fn ask_every_service_how_it_is() {
    for (_, objects) in all() {
        for service in SERVICES {
            let object = objects.iter().find(|object| template(object).is_some() && name(object) == service);
            let object = object.unwrap_or_else(|| panic!("{service} is missing"));
            let pod = &template(object).expect("it has pods")["spec"];
            let container = &pod["containers"][0];
            let path =
                |probe: &str| container[probe]["httpGet"]["path"].as_str().unwrap_or_default().to_owned();
            // Only whether it may be called depends on anything else.
            let paths = ["startupProbe", "livenessProbe", "readinessProbe"].map(path);
            assert_eq!(paths, ["/health/live", "/health/live", "/health/ready"], "{service}");
            // The API takes calls, so its health has a listener of its own. The others listen for their health alone.
            if service == "order-api" {
                let ports = container["ports"].as_array().map(Vec::as_slice).unwrap_or_default();
                let port =
                    ports.iter().find(|port| port["name"] == "health").expect("a port for health alone");
                let listen = format!("0.0.0.0:{}", port["containerPort"]);
                let variables = container["env"].as_array().map(Vec::as_slice).unwrap_or_default();
                let listens = json!({"name": "LOGISTICS_HEALTH_LISTEN", "value": listen});
                assert!(variables.contains(&listens), "{service} listens there: {variables:?}");
                for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
                    assert_eq!(container[probe]["httpGet"]["port"], "health", "{service}: {probe}");
                }
            }
            let pause = container["lifecycle"]["preStop"]["sleep"]["seconds"].as_u64().unwrap_or_default();
            let grace = pod["terminationGracePeriodSeconds"].as_u64().expect("a time");
            assert!(
                grace > pause + 10,
                "{service} has {grace} s for a pause of {pause} s and a drain of 10 s"
            );
            assert_eq!(container["terminationMessagePolicy"], "FallbackToLogsOnError", "{service}");
            if kind(object) == "Deployment" {
                assert_eq!(object["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"], 0, "{service}");
            }
        }
    }
}

/// What is selected is there, and what is named too.
fn hang_together() {
    for (_, objects) in all() {
        let labels: Vec<_> =
            objects.iter().filter_map(template).map(|template| &template["metadata"]["labels"]).collect();
        let of_kind = |wanted| objects.iter().filter(move |object| kind(object) == wanted);
        let selects = |selector: &Value| {
            let wanted = selector.as_object().expect("labels");
            labels.iter().any(|labels| wanted.iter().all(|(label, value)| labels[label] == *value))
        };
        for service in of_kind("Service") {
            assert!(selects(&service["spec"]["selector"]), "{}", name(service));
        }
        for budget in of_kind("PodDisruptionBudget") {
            assert!(selects(&budget["spec"]["selector"]["matchLabels"]), "{}", name(budget));
        }
        let budgets: BTreeSet<_> = of_kind("PodDisruptionBudget").map(name).collect();
        assert_eq!(budgets, BTreeSet::from(SERVICES));
        for policy in of_kind("NetworkPolicy") {
            let selector = &policy["spec"]["podSelector"]["matchLabels"];
            assert!(selector.is_null() || selects(selector), "{}", name(policy));
        }
        let settings: BTreeSet<_> = of_kind("ConfigMap").map(name).collect();
        for pod in objects.iter().filter_map(template).map(|template| &template["spec"]) {
            for container in containers(pod) {
                let from = container["envFrom"].as_array().map(Vec::as_slice).unwrap_or_default();
                let named = from.iter().filter_map(|from| from["configMapRef"]["name"].as_str());
                assert!(named.into_iter().all(|name| settings.contains(name)), "{from:?}");
            }
        }
        let api = of_kind("Service").find(|service| name(service) == "order-api").expect("the API");
        let port = &api["spec"]["ports"][0];
        assert_eq!(
            (&api["spec"]["type"], &port["port"], &port["nodePort"]),
            (&json!("NodePort"), &json!(8000), &json!(30007))
        );
        let processors =
            of_kind("StatefulSet").find(|set| name(set) == "order-processor").expect("processors");
        assert_eq!(processors["spec"]["podManagementPolicy"], "Parallel");
        assert!(processors["spec"]["replicas"].is_null(), "to apply again must not undo `kubectl scale`");
    }
}

/// A monitor selects a port that the pods have, and a policy lets Prometheus in there. The job is the name of the application.
fn let_prometheus_reach_every_listener() {
    let objects = render(&project().join("deploy/k8s/overlays/observability"));
    let of_kind = |wanted| objects.iter().filter(move |object| kind(object) == wanted);
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let policy = of_kind("NetworkPolicy").find(|policy| name(policy) == "prometheus-scrapes-the-services");
    let open = list(&policy.expect("a policy")["spec"]["ingress"][0]["ports"]);
    let monitors: BTreeSet<_> = of_kind("PodMonitor").map(name).collect();
    assert_eq!(monitors, BTreeSet::from(SERVICES));
    for monitor in of_kind("PodMonitor") {
        let service = name(monitor);
        assert_eq!(monitor["spec"]["jobLabel"], "app.kubernetes.io/name", "{service}");
        let selected = &monitor["spec"]["selector"]["matchLabels"];
        assert_eq!(*selected, json!({"app.kubernetes.io/name": service}));
        let pods = objects.iter().filter(|object| name(object) == service).find_map(template);
        let ports = list(&pods.expect("pods")["spec"]["containers"][0]["ports"]);
        let endpoint = &monitor["spec"]["podMetricsEndpoints"][0];
        let port = ports.iter().find(|port| port["name"] == endpoint["port"]);
        let port =
            &port.unwrap_or_else(|| panic!("{service} has no port {}", endpoint["port"]))["containerPort"];
        assert!(open.iter().any(|open| open["port"] == *port), "no policy opens {port} of {service}");
        assert_eq!(endpoint["path"], "/metrics", "{service}");
    }
    let scaled = of_kind("ScaledObject").next().expect("a scaled object");
    assert!(of_kind("StatefulSet").any(|set| name(set) == scaled["spec"]["scaleTargetRef"]["name"]));
}

/// Real orders are on brokers of one's own: what merchants and couriers did not do did not happen.
fn move_orders_by_the_clock_only_for_trying_out() {
    let modes = |objects: &[Value]| -> BTreeSet<String> {
        let maps = objects.iter().filter(|object| kind(object) == "ConfigMap");
        let modes = maps.filter_map(|map| map["data"]["LOGISTICS_MODE"].as_str().map(str::to_owned));
        modes.collect()
    };
    for (folder, objects) in all() {
        let is_trial = folder.ends_with("k8s") || folder.ends_with("observability");
        let mode = if is_trial { "simulate" } else { "manual" };
        assert_eq!(modes(&objects), BTreeSet::from([mode.to_owned()]), "{}", folder.display());
    }
}

fn hold_no_secret_and_no_unknown_setting() {
    let reference =
        std::fs::read_to_string(project().join("deploy/CONFIGURATION.md")).expect("the reference");
    for (folder, objects) in all() {
        for object in &objects {
            assert_ne!(kind(object), "Secret", "{}", folder.display());
            let Some(settings) = object["data"].as_object() else { continue };
            for (setting, value) in settings.iter().filter(|(setting, _)| setting.starts_with("LOGISTICS_")) {
                let row = reference.lines().find(|line| line.contains(&format!("| `{setting}` |")));
                let row = row.unwrap_or_else(|| panic!("{setting} is no setting"));
                // An address may hold a password, and so counts as a secret; these do not.
                let is_address = setting == "LOGISTICS_REDIS_URL" && !value.to_string().contains('@');
                assert!(is_address || !row.contains("**Secret.**"), "{setting} is a secret");
            }
        }
    }
}
