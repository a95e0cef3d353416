//! The service as a process: what it explains, what it refuses, and that it waits for what is missing.

use logistics_test_support::Service;

const SERVICE: Service = Service::new("order-api", env!("CARGO_BIN_EXE_order-api"));

/// Every flag, and its default, where it has one.
const FLAGS: &[(&str, &str)] = &[
    ("--listen", "127.0.0.1:8000"),
    ("--health-listen", ""),
    ("--http-idle-timeout", "\"1m 15s\""),
    ("--health-details", ""),
    ("--cors-origin", "the server's own"),
    ("--allowed-host", "loopback names on a loopback address, else any"),
    ("--instance", "the machine's name"),
    ("--memory-mb", "256"),
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
}

#[test]
fn with_nobody_there_it_is_live_and_not_ready_and_ends_when_it_is_told_to() {
    // Orders can be taken without the store.
    SERVICE.waits_for(&["log"]);
}
