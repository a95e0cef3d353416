//! `deploy/compose.yaml` and the image, on a real Docker engine: from nothing to a delivered order, scaled, killed, taken
//! down and brought up again, and with settings that do not fit.
//!
//! Ignored where there is no Docker engine, or no compose plugin; with `REQUIRE_CONTAINERS=1`, or `REQUIRE_COMPOSE=1`, that
//! fails instead. The first build of the image takes some minutes.

#![allow(clippy::print_stdout, reason = "prints times and sizes")]

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use logistics_deployment_tests::broker::lost_no_end;
use logistics_deployment_tests::compose::{Container, Image, Project, docker, docker_answers, is_there};
use logistics_deployment_tests::http::Connections;
use logistics_deployment_tests::load::{ClientReport, Load, Pace};
use logistics_deployment_tests::{Suite, http, required, until};
use serde_json::{Value, json};

/// Whatever is waited for is there by then, or never comes.
const PATIENCE: Duration = Duration::from_secs(120);
const SERVICES: [&str; 3] = ["order-api", "order-processor", "notification-service"];
/// Bytes of the image at most. It has 83 MB, 74 of them the four programs.
const SIZE_MAX: u64 = 100_000_000;

fn main() -> ExitCode {
    let image = Arc::new(Image::default());
    let case = |case: fn(&Arc<Image>)| {
        let image = image.clone();
        move || case(&image)
    };
    let suite = Suite::new(is_ignored())
        .test("the_image_holds_the_programs_and_nothing_else", case(image_holds_programs))
        .test("an_order_is_walked_to_its_delivery", case(walk))
        .test("scaled_and_killed_under_load_and_taken_down_nothing_is_lost", case(nothing_is_lost))
        .test("what_does_not_fit_is_refused_with_a_sentence", case(refused))
        .test_on_demand(
            "the_memory_of_each_service",
            "two minutes of load for a figure, not a promise",
            case(memory),
        );
    let code = suite.run();
    drop(image);
    code
}

fn is_ignored() -> bool {
    match (docker_answers(), is_there()) {
        (true, true) => false,
        (true, false) => !required("REQUIRE_COMPOSE"),
        (false, _) => !required("REQUIRE_CONTAINERS") && !required("REQUIRE_COMPOSE"),
    }
}

fn image_holds_programs(image: &Arc<Image>) {
    let name = image.name();
    let printed = docker(&["image", "inspect", name]).expect();
    let about: Value = serde_json::from_str(&printed).expect("JSON");
    let (size, config) = (about[0]["Size"].as_u64().expect("a size"), &about[0]["Config"]);
    println!("the image has {} MB", size / 1_000_000);
    assert!(size < SIZE_MAX, "the image has {size} bytes");
    assert_eq!(config["User"], "10001:10001");
    assert_eq!(config["StopSignal"], "SIGTERM");
    assert_eq!(config["Healthcheck"]["Test"], json!(["CMD", "order-api", "health"]));
    for label in ["title", "description", "source", "licenses", "version", "revision"] {
        let label = format!("org.opencontainers.image.{label}");
        assert!(config["Labels"][&label].as_str().is_some_and(|text| !text.is_empty()), "{label} is missing");
    }

    // Nothing is set in it but what the Dockerfile says, and no layer was made with something secret in its command.
    let names = config["Env"].as_array().expect("its environment").iter().filter_map(Value::as_str);
    let names: Vec<_> = names.filter_map(|variable| variable.split('=').next()).collect();
    assert_eq!(names, ["PATH", "LOGISTICS_LISTEN", "SSL_CERT_FILE"]);
    let history = docker(&["history", "--no-trunc", "--format", "{{.CreatedBy}}", name]).expect();
    assert!(history.contains("HEALTHCHECK"), "{history}");
    for secret in ["PASSWORD", "SECRET", "TOKEN"] {
        assert!(!history.to_uppercase().contains(secret), "{history}");
    }

    let files = files(name);
    let programs: Vec<_> = files.iter().filter_map(|file| file.strip_prefix("usr/local/bin/")).collect();
    assert_eq!(programs, ["logistics", "notification-service", "order-api", "order-processor"]);
    let known = ["dev", "etc", "lib", "lib64", "proc", "sys", "usr", "var", ".dockerenv"];
    for file in &files {
        let top = file.split('/').next().unwrap_or_default();
        assert!(known.contains(&top), "{file} is in the image");
    }
    for program in &programs {
        let version =
            docker(&["run", "--rm", "--read-only", "--network", "none", name, program, "--version"]);
        assert_eq!(version.expect().trim(), format!("{program} {}", env!("CARGO_PKG_VERSION")));
    }
    let shell = docker(&["run", "--rm", "--network", "none", name, "sh", "-c", "true"]);
    assert!(!shell.succeeded() && shell.stderr.contains("not found"), "{}", shell.told());
}

/// The files of an image, in order.
fn files(image: &str) -> Vec<String> {
    let id = docker(&["create", image]).expect();
    let list = format!("docker export {} | tar --list", id.trim());
    let listed = logistics_deployment_tests::command::run(
        std::process::Command::new("sh").args(["-c", &list]),
        PATIENCE,
    );
    docker(&["rm", id.trim()]).expect();
    let listed = listed.expect();
    let mut files: Vec<String> =
        listed.lines().filter(|path| !path.ends_with('/')).map(str::to_owned).collect();
    files.sort();
    files
}

fn walk(image: &Arc<Image>) {
    let mut system = Project::new(image);
    system.set("LOGISTICS_DWELL", "500ms");
    let began = Instant::now();
    // The command of the guide; the layers are there.
    system.compose(&["up", "--build", "--wait"]).expect();
    let ready = began.elapsed();
    let order_id = place(&system);
    until_status(&system, &order_id, "DELIVERED");
    println!("ready after {} s, an order delivered after {} s", ready.as_secs(), began.elapsed().as_secs());

    until_logged(&system, "order-api", &["Order API Running..."]);
    let received = format!("Received order {order_id} with status PLACED");
    let mut lines = vec!["Order Processor Running...".to_owned(), received];
    let steps = ["CONFIRMED", "PREPARING", "OUT_FOR_DELIVERY", "DELIVERED"];
    lines.extend(steps.map(|status| format!("Moved order {order_id} → {status}")));
    until_logged(&system, "order-processor", &lines);
    let mut lines = vec!["Notification Service Running...".to_owned(), "🔔 NOTIFICATION:".to_owned()];
    lines.extend(steps.map(|status| format!("Order {order_id} is now {status}")));
    until_logged(&system, "notification-service", &lines);

    let absent = http::get(system.api(), "/orders/no-such-order").expect("an answer");
    assert_eq!((absent.status, absent.json()["error"].as_str()), (404, Some("Order not found")));

    // Tools on this machine reach the broker at the address that it tells them.
    let brokers = format!("localhost:{}", system.kafka().port());
    let tools = ["run", "--rm", "--network", "host", "--env"];
    let brokers = format!("LOGISTICS_KAFKA_BROKERS={brokers}");
    let check = [image.name(), "logistics", "topics", "check", "--engine", "cluster"];
    let checked = docker(&[&tools[..], &[&brokers], &check].concat()).expect();
    assert!(checked.contains("orders: 12 partitions"), "{checked}");

    for service in SERVICES {
        is_confined(&system.container(service));
    }
    at_rest(&system, 1);
    // Everybody ends in order, within the time for that.
    let ended: Vec<_> = SERVICES.map(|service| system.container(service)).into();
    system.compose(&["stop"]).expect();
    for container in ended {
        assert_eq!(container.inspect()["State"]["ExitCode"], 0, "{}", container.logs());
    }
}

/// It runs as an unprivileged user, cannot write or gain privileges, and has its limits.
fn is_confined(container: &Container) {
    let about = container.inspect();
    let host = &about["HostConfig"];
    assert_eq!(about["Config"]["User"], "10001:10001");
    assert_eq!(host["ReadonlyRootfs"], true);
    assert_eq!(host["CapDrop"], json!(["ALL"]));
    assert_eq!(host["SecurityOpt"], json!(["no-new-privileges:true"]));
    assert_eq!(host["RestartPolicy"]["Name"], "unless-stopped");
    assert!(host["Memory"].as_u64().is_some_and(|bytes| bytes > 0), "{host}");
    assert_eq!(host["LogConfig"]["Config"]["max-size"], "10m");
    assert!(about["Config"]["StopTimeout"].as_u64().is_some_and(|seconds| seconds > 10), "{about}");
}

fn nothing_is_lost(image: &Arc<Image>) {
    let mut system = Project::new(image);
    system.set("LOGISTICS_DWELL", "50ms");
    system.up(1);

    // More processors share the work.
    let load = Load::start("scaled", &[system.api()], Pace::default());
    load.more(200);
    system.up(3);
    let processors = system.containers("order-processor");
    assert_eq!(processors.len(), 3);
    for processor in &processors {
        until("every processor moves orders", PATIENCE, || {
            let logs = processor.logs();
            if logs.contains("Moved order") { Ok(()) } else { Err(logs) }
        });
    }
    let mut told = load.end();

    // One is gone; the others take its partitions over.
    let load = Load::start("gone", &[system.api()], Pace::default());
    load.more(200);
    processors[0].kill();
    load.more(400);
    let gone = load.end();
    println!("a processor was killed: the longest answer took {} ms", gone.longest.as_millis());
    told.add(gone);

    // Whatever dies comes back by itself.
    for service in ["order-api", "order-processor", "notification-service", "redis", "kafka"] {
        let load = Load::start(service, &[system.api()], Pace::default());
        load.more(100);
        let container = system.containers(service).remove(0);
        let restarts = container.restarts();
        container.crash(&redis_image());
        until("it is started again", PATIENCE, || {
            if container.restarts() > restarts {
                Ok(())
            } else {
                Err(container.inspect()["State"].to_string())
            }
        });
        load.more(100);
        until("it is healthy again", PATIENCE, || container.is_healthy());
        let killed = load.end();
        println!("{service} was killed: the longest answer took {} ms", killed.longest.as_millis());
        told.add(killed);
    }

    // A broker that is asked to stop does not give its transactions up either.
    let load = Load::start("restarted", &[system.api()], Pace::default());
    load.more(100);
    system.compose(&["restart", "kafka"]).expect();
    load.more(100);
    let restarted = load.end();
    println!("kafka was restarted: the longest answer took {} ms", restarted.longest.as_millis());
    told.add(restarted);
    let report = at_rest(&system, told.orders.len() as u64);
    are_delivered(&system, &told);
    lost_no_end(&system.logs("kafka"));

    // Taken down and brought up again, with what it had.
    system.down();
    system.up(1);
    are_delivered(&system, &told);
    let after = at_rest(&system, told.orders.len() as u64);
    assert_eq!(report["report"], after["report"]);
    let order_id = place(&system);
    until_status(&system, &order_id, "DELIVERED");
    until_logged(&system, "notification-service", &[format!("Order {order_id} is now DELIVERED")]);
    let notified = system.logs("notification-service");
    let repeated = told.orders.values().find(|order_id| notified.contains(order_id.as_str()));
    assert_eq!(repeated, None, "a notification was repeated after all were delivered");
}

fn refused(image: &Arc<Image>) {
    let mut system = Project::new(image);
    system.up(1);
    let order_id = place(&system);

    // A value that is none: the others go on, this one says why not.
    system.set("LOGISTICS_DWELL", "soon");
    let up = system.compose(&["up", "--no-build", "--wait"]);
    assert!(!up.succeeded() && up.stderr.contains("order-processor"), "{}", up.told());
    let sentence = "order-processor: invalid value 'soon' for '--dwell <DWELL>'";
    until_logged(&system, "order-processor", &[sentence]);
    // It is tried again and again, and shows no exit code while it is.
    until("its exit code is listed", PATIENCE, || {
        let listed = system.compose(&["ps", "--all", "order-processor"]).ok()?;
        if listed.contains("(2)") { Ok(()) } else { Err(listed) }
    });
    assert_eq!(http::get(system.api(), &format!("/orders/{order_id}")).expect("an answer").status, 200);

    // A number of partitions that the topics do not have. Nothing begins with it.
    system.set("LOGISTICS_DWELL", "100ms");
    system.set("LOGISTICS_PARTITIONS", "6");
    let up = system.compose(&["up", "--no-build", "--wait"]);
    assert!(!up.succeeded() && up.stderr.contains("topics"), "{}", up.told());
    until_logged(&system, "topics", &["has 12 partitions and the settings say 6"]);
    let listed = system.compose(&["ps", "--all", "topics"]).expect();
    // What the program says of itself: 1 for what is refused, 2 for a setting that is none.
    assert!(listed.contains("Exited (1)"), "its exit code is not in {listed}");

    // With what fits it goes on where it was.
    system.set("LOGISTICS_PARTITIONS", "12");
    system.up(1);
    until_status(&system, &order_id, "DELIVERED");
    at_rest(&system, 1);
}

/// Prints what each container holds: at rest, and at some 1,000 orders a second.
fn memory(image: &Arc<Image>) {
    let mut system = Project::new(image);
    system.set("LOGISTICS_DWELL", "0ms");
    system.up(1);
    place(&system);
    at_rest(&system, 1);
    println!("at rest:\n{}", held(&system));
    // About 1,000 orders a second, on two cores: what waits together goes into one transaction, so many clients are less work
    // than few that do not pause.
    let pause = Duration::from_millis(100);
    let pace = Pace { clients: 400, pause, connections: Connections::Kept, ..Pace::default() };
    let load = Load::start("memory", &[system.api()], pace);
    load.more(2_000);
    let (began, before) = (Instant::now(), load.placed());
    load.more(40_000);
    let rate = (load.placed() - before) as f64 / began.elapsed().as_secs_f64();
    println!("at {rate:.0} orders/s:\n{}", held(&system));
    let told = load.end();
    println!("the longest answer took {} ms; {:?}", told.longest.as_millis(), told.failures);
    at_rest(&system, told.orders.len() as u64 + 1);
}

fn held(system: &Project) -> String {
    let format = "{{.Service}} {{.ID}}";
    let listed = system.compose(&["ps", "--format", format]).expect();
    let line = |line: &str| {
        let (service, id) = line.split_once(' ').expect("a service and its container");
        let stats = docker(&["stats", "--no-stream", "--format", "{{.MemUsage}}, {{.CPUPerc}}", id]).expect();
        format!("  {service}: {}\n", stats.trim())
    };
    listed.lines().map(line).collect()
}

fn place(system: &Project) -> String {
    let placed = http::post(system.api(), "/orders", &[], "").expect("an answer");
    assert_eq!(placed.status, 200, "{}", placed.body);
    let placed = placed.json();
    assert_eq!(placed["message"], "Order created");
    placed["order_id"].as_str().expect("an order id").to_owned()
}

fn until_status(system: &Project, order_id: &str, status: &str) {
    until(&format!("order {order_id} is {status}"), PATIENCE, || {
        let reply =
            http::get(system.api(), &format!("/orders/{order_id}")).map_err(|error| error.to_string())?;
        if reply.json()["status"] == status { Ok(()) } else { Err(reply.body) }
    });
}

fn until_logged(system: &Project, service: &str, lines: &[impl AsRef<str>]) {
    until(&format!("{service} logs what it does"), PATIENCE, || {
        let logs = system.logs(service);
        match lines.iter().find(|line| !logs.contains(line.as_ref())) {
            None => Ok(()),
            Some(line) => Err(format!("{:?} is not in\n{logs}", line.as_ref())),
        }
    });
}

/// Waits until so many orders, and no others, have reached their end, and sees that every invariant holds then.
fn at_rest(system: &Project, orders: u64) -> Value {
    until("everything is at rest", PATIENCE, || {
        let printed = system.logistics(&["verify", "--at-rest", "--json"]).ok()?;
        let verified: Value =
            serde_json::from_str(&printed).map_err(|error| format!("{error}: {printed}"))?;
        let report = &verified["report"];
        let ended = report["orders"] == orders && report["terminal_orders"] == orders;
        if verified["holds"] == true && ended { Ok(verified) } else { Err(printed) }
    })
}

fn are_delivered(system: &Project, told: &ClientReport) {
    for (key, order_id) in &told.orders {
        let reply = http::get(system.api(), &format!("/orders/{order_id}")).expect("an answer");
        assert_eq!(reply.json()["status"], "DELIVERED", "{key}: {} {}", reply.status, reply.body);
    }
}

/// The image of the store, which has a shell.
fn redis_image() -> String {
    std::env::var("REDIS_IMAGE").unwrap_or_else(|_| "redis:7.0".to_owned())
}
