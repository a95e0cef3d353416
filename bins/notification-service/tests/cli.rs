//! The service as a process: what it explains, what it refuses, and that it waits for what is missing.

use logistics_test_support::Service;

const SERVICE: Service = Service::new("notification-service", env!("CARGO_BIN_EXE_notification-service"));

/// Every flag, and its default, where it has one.
const FLAGS: &[(&str, &str)] = &[
    ("--listen", "127.0.0.1:8002"),
    ("--health-details", ""),
    ("--notify-from", ""),
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
];

#[test]
fn its_help_names_every_flag() {
    SERVICE.explains(FLAGS);
}

#[test]
fn what_it_cannot_start_with_is_one_sentence() {
    SERVICE.refuses_what_is_no_setting();
    SERVICE.refuses(&["--redis-url", "redis://there"], &[], &["--redis-url"]);
}

#[test]
fn with_nobody_there_it_is_live_and_not_ready_and_ends_when_it_is_told_to() {
    SERVICE.waits_for(&["log"]);
}
