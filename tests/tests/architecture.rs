//! Dependencies point inward: bins -> wiring -> adapters -> layers -> core, wiring and bins -> cli-kit -> core; no adapter knows another
//! and no binary another. The exceptions are the application service, of which interfaces (the HTTP API) are translations, and the
//! feed, which the service depends on. Only tests depend on the test kit. The first build of a newcomer has neither Kafka nor Redis in it, the core's tree holds no runtime, no broker and
//! no HTTP, the service's no HTTP, and the modules of the one binary have no cycle.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

const CORE: &str = "logistics-core";
const TESTKIT: &str = "logistics-testkit";

/// A part of the workspace, by its folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layer {
    Core,
    /// Suites and doubles for tests; no product contains it.
    Testkit,
    /// Decorators over the core's ports, for every adapter.
    Decorators,
    Adapter,
    /// What command-line programs share.
    CliKit,
    /// The live facts of the log, below the use cases.
    Feed,
    /// What interfaces share, without a protocol: the use cases.
    Service,
    /// An adapter that translates a protocol of clients to the use cases, or decides which clients may call them.
    Interface,
    /// What the binaries wire alike.
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
        (TESTKIT, _) => Layer::Testkit,
        ("feed", "adapters") => Layer::Feed,
        ("service", "adapters") => Layer::Service,
        ("warp" | "access", "adapters") => Layer::Interface,
        ("layers", "adapters") => Layer::Decorators,
        (_, "adapters") => Layer::Adapter,
        ("cli-kit", "bins") => Layer::CliKit,
        ("wiring", "bins") => Layer::Wiring,
        (_, "bins") => Layer::Binary,
        ("tests", _) | (_, "tests") => Layer::Tests,
        other => panic!("{path} is in no folder of the layout: {other:?}"),
    }
}

fn may_depend(on: Layer, from: Layer) -> bool {
    match from {
        Layer::Core => false,
        Layer::Decorators | Layer::CliKit | Layer::Testkit => on == Layer::Core,
        Layer::Adapter | Layer::Feed => matches!(on, Layer::Core | Layer::Decorators),
        Layer::Service => matches!(on, Layer::Core | Layer::Decorators | Layer::Feed),
        Layer::Interface => matches!(on, Layer::Core | Layer::Decorators | Layer::Service),
        Layer::Wiring => !matches!(on, Layer::Wiring | Layer::Binary | Layer::Testkit | Layer::Tests),
        Layer::Binary => !matches!(on, Layer::Binary | Layer::Testkit | Layer::Tests),
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

/// The modules of a program, each a file or a folder of `src`, and the modules that each uses by `crate::`.
fn module_arrows(sources: &Path) -> BTreeMap<String, BTreeSet<String>> {
    let mut arrows: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut left = vec![sources.to_owned()];
    while let Some(folder) = left.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder of sources") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                left.push(path);
                continue;
            }
            let below = path.strip_prefix(sources).expect("a path of the sources");
            let first = Path::new(below.iter().next().expect("a name"));
            let module = first.file_stem().expect("a name").to_string_lossy().into_owned();
            let text = std::fs::read_to_string(&path).expect("a source");
            let used = text.split("crate::").skip(1).map(|rest| {
                rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>()
            });
            let used: Vec<_> = used.collect();
            assert!(!used.contains(&String::new()), "`crate::{{` in {path:?}: write one `use` a module");
            arrows.entry(module.clone()).or_default().extend(used.into_iter().filter(|used| *used != module));
        }
    }
    arrows
}

#[test]
fn the_modules_of_the_one_binary_have_no_cycle() {
    let mut arrows = module_arrows(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../bins/logistics/src"));
    assert!(arrows["cli"].contains("commands"), "the sources were not read: {arrows:?}");
    // Repeatedly removes the modules that use none of the remaining ones. The rest has a cycle.
    loop {
        let left: BTreeSet<String> = arrows.keys().cloned().collect();
        arrows.retain(|_, used| used.iter().any(|used| left.contains(used)));
        if arrows.len() == left.len() {
            break;
        }
    }
    assert!(arrows.is_empty(), "these modules are in a cycle or use one: {arrows:?}");
}

#[test]
fn the_service_has_no_http_in_its_tree() {
    let service = ["tree", "-p", "logistics-service", "-e", "normal,build", "--prefix", "none", "--locked"];
    let tree = cargo(&service);
    let crates: BTreeSet<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(crates.contains(CORE), "the tree was not read: {tree}");
    for name in ["hyper", "http", "h2", "warp", "axum", "reqwest"] {
        assert!(!crates.contains(name), "{name} is in the tree of the service:\n{tree}");
    }
}
