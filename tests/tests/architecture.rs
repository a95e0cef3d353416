//! Dependencies point inward: bins -> wiring -> adapters -> layers -> core, no adapter knows another and no binary another, the first
//! build of a newcomer has neither Kafka nor Redis in it, and the core's tree holds no runtime, no broker and no HTTP.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

const CORE: &str = "logistics-core";

/// A part of the workspace, by its folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layer {
    Core,
    /// Decorators over the core's ports, for every adapter.
    Decorators,
    Adapter,
    /// What the binaries share.
    Wiring,
    Binary,
    Tests,
}

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("cargo prints UTF-8")
}

fn layer(package: &Value) -> Layer {
    let path = package["manifest_path"].as_str().expect("a path").replace('\\', "/");
    let folders: Vec<&str> = path.rsplit('/').skip(1).collect();
    match (folders[0], folders[1]) {
        (CORE, _) => Layer::Core,
        ("layers", "adapters") => Layer::Decorators,
        (_, "adapters") => Layer::Adapter,
        ("wiring", "bins") => Layer::Wiring,
        (_, "bins") => Layer::Binary,
        ("tests", _) | (_, "tests") => Layer::Tests,
        other => panic!("{path} is in no folder of the layout: {other:?}"),
    }
}

fn may_depend(on: Layer, from: Layer) -> bool {
    match from {
        Layer::Core => false,
        Layer::Decorators => on == Layer::Core,
        Layer::Adapter => matches!(on, Layer::Core | Layer::Decorators),
        Layer::Wiring => matches!(on, Layer::Core | Layer::Decorators | Layer::Adapter),
        Layer::Binary => matches!(on, Layer::Core | Layer::Decorators | Layer::Adapter | Layer::Wiring),
        Layer::Tests => true,
    }
}

#[test]
fn dependencies_point_inward() {
    let metadata: Value =
        serde_json::from_str(&cargo(&["metadata", "--format-version", "1", "--no-deps", "--locked"]))
            .expect("JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let of_name = |name: &str| packages.iter().find(|package| package["name"] == name);
    let mut checked = 0;
    for package in packages {
        // A dev-dependency builds no product: only the core must be free of those too.
        let dependencies = package["dependencies"].as_array().expect("dependencies").iter();
        let shipped = dependencies.filter(|on| on["kind"] != "dev" || layer(package) == Layer::Core);
        for on in shipped.filter_map(|on| of_name(on["name"].as_str().expect("a name"))) {
            checked += 1;
            assert!(
                may_depend(layer(on), layer(package)),
                "{} must not depend on {}",
                package["name"],
                on["name"]
            );
        }
    }
    assert!(checked >= 8, "only {checked} dependencies between crates of the workspace were found");
}

#[test]
fn the_first_build_of_a_newcomer_has_no_kafka_and_no_redis() {
    let tree = cargo(&["tree", "-e", "normal,build", "--prefix", "none", "--locked"]);
    let crates: BTreeSet<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(crates.contains("logistics-embedded"), "the tree was not read: {tree}");
    for name in ["logistics-kafka", "logistics-redis", "rdkafka", "rdkafka-sys", "redis"] {
        assert!(!crates.contains(name), "{name} is in the tree of the default build:\n{tree}");
    }
}

#[test]
fn the_core_has_no_runtime_broker_or_http_in_its_tree() {
    let tree =
        cargo(&["tree", "-p", CORE, "-e", "normal,build", "--all-features", "--prefix", "none", "--locked"]);
    let crates: BTreeSet<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(crates.contains("serde_json"), "the tree was not read: {tree}");
    let banned = [
        "tokio",
        "async-std",
        "smol",
        "mio",
        "socket2",
        "hyper",
        "http",
        "h2",
        "warp",
        "axum",
        "reqwest",
        "rdkafka",
        "redis",
        "deadpool",
        "redb",
        "tracing-subscriber",
        "libc",
        "getrandom",
    ];
    for name in banned {
        assert!(!crates.contains(name), "{name} is in the tree of {CORE}:\n{tree}");
    }
}
