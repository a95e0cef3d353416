//! `logistics top --once`, against prepared metrics and a real server.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use super::metrics_server::{MetricsServer, processor};
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
    assert!(seen["totals"]["interval_seconds"].as_f64().is_some_and(|seconds| seconds >= 0.1), "{seen}");
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

/// The metrics of a real server.
#[test]
fn a_server_shows_itself_by_default() {
    let server = TestServer::start();
    let output = server.run(&["top", "--once", "--json", "--interval", "100ms"]);
    let seen = document(&output);
    assert_eq!(
        (&seen["processes"][0]["up"], &seen["processes"][0]["program"]),
        (&true.into(), &"logistics".into())
    );
    assert_eq!(seen["late_orders"]["error"], serde_json::Value::Null, "{seen}");
}
