//! The service as a process: its help, its rejection of invalid settings, and its wait for missing dependencies.

use logistics_test_support::Service;

const SERVICE: Service = Service::new("order-processor", env!("CARGO_BIN_EXE_order-processor"));

/// Every flag with its default.
const FLAGS: &[(&str, &str)] = &[
    ("--listen", "127.0.0.1:8001"),
    ("--health-details", ""),
    ("--instance", "the machine's name"),
    ("--partitions", "12"),
    ("--log-order-events", "all"),
    ("--otlp-endpoint", "no traces"),
    ("--otlp-protocol", "http"),
    ("--otlp-headers-file", ""),
    ("--trace-sample-ratio", "0.1"),
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
    ("--log-producer-roles", "customer"),
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
fn help_names_every_flag() {
    SERVICE.explains(FLAGS);
}

#[test]
fn an_invalid_setting_is_one_sentence() {
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

/// The warning that the clock moves orders.
const SIMULATING: &str = "SIMULATING: the clock moves every order to DELIVERED";

fn simulating(args: &[&str], environment: &[(&str, &str)]) -> usize {
    let lines = SERVICE.lines_at_start(args, environment);
    lines.iter().filter(|line| line.contains(SIMULATING) && line.contains("WARN")).count()
}

#[test]
fn the_clock_moves_orders_only_by_a_setting_and_one_line_warns_of_it() {
    assert_eq!(simulating(&[], &[]), 0);
    assert_eq!(simulating(&["--mode", "simulate"], &[]), 1);
    assert_eq!(simulating(&[], &[("LOGISTICS_MODE", "simulate")]), 1);
}

#[test]
fn without_its_dependencies_it_is_live_and_not_ready_until_a_signal_ends_it() {
    SERVICE.waits_for(&["log", "store"]);
}
