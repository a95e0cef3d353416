//! `logistics top --once`, against prepared metrics and a real server.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};

use super::metrics_server::{MetricsServer, processor};
use super::support::until;
use super::{CommandOutput, TestServer, documents, run};

/// One view of these servers. The API is on a port that refuses connections.
fn once(servers: &[&str], flags: &[&str]) -> CommandOutput {
    let mut args = vec!["top", "--once", "--interval", "100ms", "--url", "http://127.0.0.1:9"];
    servers.iter().for_each(|url| args.extend(["--metrics", url]));
    run(&[&args, flags].concat())
}

fn document(output: &CommandOutput) -> serde_json::Value {
    documents(&output.out).pop().unwrap_or_else(|| panic!("no document: {output:?}"))
}

#[test]
fn the_document_has_the_verdict_of_all_processes_and_so_has_the_exit_code() {
    let (one, other) =
        (MetricsServer::start(&processor("a", 2, "live")), MetricsServer::start(&processor("b", 0, "")));
    let moving = once(&[&one.url, &other.url], &["--json"]);
    let seen = document(&moving);
    moving.done();
    assert_eq!((&seen["version"], &seen["moving"]), (&1.into(), &true.into()), "{seen}");
    assert_eq!(seen["partitions"][1]["owner"], "a");
    assert_eq!(seen["partitions"][1]["timers"].to_string(), "7");
    assert_eq!(seen["totals"]["placed_per_second"].to_string(), "0");
    // From answer to answer, which is less than the interval if the first answer came late.
    assert!(seen["totals"]["interval_seconds"].as_f64().is_some_and(|seconds| seconds > 0.0), "{seen}");
    assert!(
        seen["late_orders"]["error"].as_str().is_some_and(|error| error.contains("cannot reach")),
        "{seen}"
    );

    other.set(&processor("b", 3, "halted"));
    let stuck = once(&[&one.url, &other.url], &["--json"]);
    let sentence = stuck.failed(1);
    assert!(sentence.starts_with("not every order is moving: partition 2 is halted on b"), "{sentence}");
    let seen = document(&stuck);
    assert_eq!((&seen["moving"], &seen["reasons"][0]["code"]), (&false.into(), &"partition_halted".into()));
    // The same as lines, without colours.
    let lines = once(&[&one.url, &other.url], &[]);
    assert!(lines.out.contains("\nIs every order moving? NO: partition 2 is halted on b"), "{lines:?}");
    assert!(!lines.out.contains('\u{1b}'), "{lines:?}");
}

#[test]
fn a_process_that_does_not_answer_is_down_and_stops_no_other() {
    // Accepts connections and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let silent_url = format!("http://{}", silent.local_addr().expect("its address"));
    let up = MetricsServer::start(&processor("a", 2, "live"));
    let begun = Instant::now();
    let output = once(&[&silent_url, "http://127.0.0.1:9", &up.url], &["--json"]);
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    output.failed(1);
    let seen = document(&output);
    let errors: Vec<_> = (0..3).map(|at| seen["processes"][at]["error"].as_str().unwrap_or("up")).collect();
    assert!(errors[0].starts_with("no answer within"), "{errors:?}");
    assert!(errors[1].starts_with("cannot reach http://127.0.0.1:9"), "{errors:?}");
    assert_eq!((errors[2], &seen["partitions"][1]["phase"]), ("up", &"live".into()));
    // If none answers, nothing is known.
    let none = once(&["http://127.0.0.1:9"], &["--json"]);
    assert!(none.failed(3).starts_with("no process answers"), "{none:?}");
    assert_eq!(document(&none)["moving"], false);
}

#[test]
fn hostile_metrics_are_errors_or_escaped() {
    let error = |text: &str| {
        let output = once(&[&MetricsServer::start(text).url], &["--json"]);
        output.failed(3);
        assert!(!output.out.trim_end().contains(logistics_core::text::is_active), "{output:?}");
        document(&output)["processes"][0]["error"].as_str().expect("an error").to_owned()
    };
    assert_eq!(error("<html>\u{1b}[2J</html>"), "the reply is no text of metrics: line 1 is invalid");
    assert_eq!(error("logistics_ready 1\n"), "the metrics are cut off: the end marker is missing");
    assert!(error(&"# x\n".repeat(3 << 20)).contains("more than 8388608 bytes"));

    let name = "\u{1b}]0;owned\u{7}\u{202e}";
    let output = once(&[&MetricsServer::start(&processor(name, 1, "halted")).url], &["--json"]);
    assert_eq!(document(&output)["partitions"][0]["owner"], name, "the document has the value itself");
    for text in [&output.out, &output.err] {
        assert!(!text.trim_end().contains(logistics_core::text::is_active), "{text:?}");
    }
    let lines = once(&[&MetricsServer::start(&processor(name, 1, "halted")).url], &[]);
    let is_bare = |line: &str| line.contains(logistics_core::text::is_active);
    assert!(!lines.out.lines().any(is_bare) && lines.out.contains("\\u{1b}]0;owned"), "{lines:?}");
}

#[test]
fn the_token_goes_to_the_server_of_the_api_only() {
    let (api, other) =
        (MetricsServer::start(&processor("a", 1, "live")), MetricsServer::start(&processor("b", 0, "")));
    let args = ["top", "--once", "--interval", "100ms", "--token", "secret", "--url", &api.url];
    run(&[&args[..], &["--metrics", &api.url, "--metrics", &other.url]].concat()).done();
    let has_token = |server: &MetricsServer| {
        let heads = server.heads();
        let scrapes: Vec<_> = heads.iter().filter(|head| head.starts_with("GET /metrics ")).collect();
        assert_eq!(scrapes.len(), 2, "{heads:?}");
        scrapes.iter().all(|head| head.contains("Bearer secret"))
    };
    assert!(has_token(&api));
    assert!(!has_token(&other) && !other.heads().concat().contains("secret"));
}

#[test]
fn without_a_terminal_it_names_the_other_ways() {
    let output = run(&["top"]);
    let sentence = output.failed(2);
    assert!(sentence.contains("--once") && sentence.contains("--once --json"), "{sentence}");
    run(&["top", "--json"]).failed(2);
    let error = run(&["top", "--once", "--interval", "1ms"]);
    assert_eq!(error.failed(2), "--interval must be at least 100ms");
    let error = run(&["top", "--once", "--metrics", "localhost:9100"]);
    assert!(error.failed(2).contains("is no URL such as"), "{error:?}");
}

#[test]
fn a_server_shows_itself_by_default() {
    let server = TestServer::start();
    server.placed("1");
    let seen = until("the order is counted", || {
        let output = server.run(&["top", "--once", "--json", "--interval", "100ms"]);
        let seen = document(&output);
        (output.code == Some(0) && seen["orders"][0]["count"] == 1).then_some(seen)
    });
    assert_eq!((&seen["moving"], &seen["processes"][0]["program"]), (&true.into(), &"logistics".into()));
    assert_eq!(seen["late_orders"]["error"], serde_json::Value::Null, "{seen}");
    let partitions = seen["partitions"].as_array().expect("partitions");
    let timers: u64 = partitions.iter().filter_map(|row| row["timers"].as_u64()).sum();
    assert_eq!(timers, 1, "the deadline of the order: {seen}");
    for row in partitions {
        assert_eq!((&row["phase"], &row["owner"]), (&"live".into(), &seen["processes"][0]["name"]));
        for field in ["phase_seconds", "lag_records", "end_offset", "read_position", "memory_bytes"] {
            assert!(row[field].is_number(), "{field}: {row}");
        }
    }
    assert_eq!(seen["orders"][0]["status"], "PLACED");
    assert!(seen["orders"][0]["oldest_seconds"].is_number(), "{seen}");
    for field in ["placed_per_second", "requests_per_second", "errors_per_second", "active_requests"] {
        assert!(seen["totals"][field].is_number(), "{field}: {seen}");
    }
}

/// A renamed metric would otherwise leave a column empty.
#[test]
fn every_metric_that_it_reads_is_documented() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let documented = std::fs::read_to_string(project.join("../../docs/metrics.md")).expect("the reference");
    let (mut folders, mut names) = (vec![project.join("src/commands/top")], BTreeSet::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder of sources") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if !path.ends_with("tests.rs") {
                let source = std::fs::read_to_string(&path).expect("a source");
                let product = source.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
                names.extend(product.split('"').filter(|text| is_metric(text)).map(str::to_owned));
            }
        }
    }
    assert!(names.len() > 30, "the sources were not read: {names:?}");
    let is_missing = |name: &&String| {
        let family = name.trim_end_matches("_bucket").trim_end_matches("_count");
        !documented.contains(&format!("`{family}`"))
    };
    let missing: Vec<&String> = names.iter().filter(is_missing).collect();
    assert!(missing.is_empty(), "docs/metrics.md lacks {missing:?}");
}

fn is_metric(text: &str) -> bool {
    let is_ours = ["logistics_", "http_server_", "process_cpu_", "process_resident_", "process_start_"]
        .iter()
        .any(|prefix| text.starts_with(prefix));
    is_ours && !text.ends_with('_') && text.chars().all(|c| c.is_ascii_lowercase() || c == '_')
}
