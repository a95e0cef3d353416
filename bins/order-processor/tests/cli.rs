//! The service as a process: what it explains, what it refuses, and that it waits for what is missing.

use logistics_test_support::Service;

const SERVICE: Service = Service::new("order-processor", env!("CARGO_BIN_EXE_order-processor"));

/// Every flag, and its default, where it has one.
const FLAGS: &[(&str, &str)] = &[
    ("--listen", "127.0.0.1:8001"),
    ("--health-details", ""),
    ("--instance", "the machine's name"),
    ("--partitions", "12"),
    ("--log-level", "info"),
    ("--log-format", "human"),
    ("--kafka-brokers", "127.0.0.1:9092"),
    ("--kafka-group", "order-processor"),
    ("--kafka-topic-prefix", ""),
    ("--kafka-session-timeout", "6s"),
    ("--kafka-security-protocol", "plaintext"),
    ("--kafka-sasl-mechanism", "plain"),
    ("--kafka-sasl-username", ""),
    ("--kafka-sasl-password", ""),
    ("--kafka-sasl-password-file", ""),
    ("--kafka-ca-file", "those of the system"),
    ("--kafka-cert-file", ""),
    ("--kafka-key-file", ""),
    ("--redis-url", "redis://127.0.0.1:6379"),
    ("--redis-mode", "single"),
    ("--redis-sentinel-master", ""),
    ("--redis-key-prefix", ""),
    ("--redis-username", ""),
    ("--redis-password", ""),
    ("--redis-password-file", ""),
    ("--mode", "manual"),
    ("--memory-mb", "256"),
    ("--clock-skew-max", "5s"),
    ("--log-key-file", ""),
    ("--dwell", "2s"),
    ("--dwell-status", ""),
    ("--accept-deadline", "10m"),
    ("--return-deadline", "24h"),
    ("--late", ""),
    ("--max-delivery-attempts", "3"),
];

#[test]
fn its_help_names_every_flag() {
    SERVICE.explains(FLAGS);
}

#[test]
fn what_it_cannot_start_with_is_one_sentence() {
    SERVICE.refuses_what_is_no_setting();
    let secret = "http://amir:hunter2@there";
    let said = SERVICE.run(&["--redis-url", secret], &[]);
    assert!(said.code == Some(2) && !said.err.contains("hunter2"), "{said:?}");
    SERVICE.refuses(&["--redis-url", secret], &[], &["--redis-url is no address such as"]);
    SERVICE.refuses(&["--redis-mode", "sentinel"], &[], &["--redis-sentinel-master"]);
    SERVICE.refuses(&["--memory-mb", "0"], &[], &["--memory-mb", "16..=1048576"]);
    SERVICE.refuses(&["--clock-skew-max", "a bit"], &[], &["--clock-skew-max", "no span of time"]);
    SERVICE.refuses(&["--dwell", "soon"], &[], &["--dwell", "soon", "no span of time"]);
}

/// The line that says that the clock moves orders.
const SIMULATING: &str = "SIMULATING: the clock moves every order to DELIVERED";

fn simulating(args: &[&str], environment: &[(&str, &str)]) -> usize {
    let lines = SERVICE.lines_at_start(args, environment);
    lines.iter().filter(|line| line.contains(SIMULATING) && line.contains("WARN")).count()
}

#[test]
fn orders_are_moved_by_the_clock_only_where_a_setting_says_so_and_one_line_warns_of_it() {
    assert_eq!(simulating(&[], &[]), 0);
    assert_eq!(simulating(&["--mode", "simulate"], &[]), 1);
    assert_eq!(simulating(&[], &[("LOGISTICS_MODE", "simulate")]), 1);
}

#[test]
fn with_nobody_there_it_is_live_and_not_ready_and_ends_when_it_is_told_to() {
    SERVICE.waits_for(&["log", "store"]);
}
