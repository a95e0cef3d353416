//! The service as a process: its help, its rejection of invalid settings, and its wait for missing dependencies.

use logistics_test_support::Service;

const SERVICE: Service = Service::new("notification-service", env!("CARGO_BIN_EXE_notification-service"));

/// Every flag with its default.
const FLAGS: &[(&str, &str)] = &[
    ("--listen", "127.0.0.1:8002"),
    ("--health-details", ""),
    ("--notify-from", ""),
    ("--email-smtp-url", "no e-mails"),
    ("--email-from", ""),
    ("--email-credentials-file", "no login"),
    ("--email-ca-file", "those of the system"),
    ("--email-smtp-plaintext", ""),
    ("--email-templates", ""),
    ("--email-language", "en"),
    ("--email-unsubscribe-url", "no header"),
    ("--email-rate-max", "no limit"),
    ("--email-connections-max", "4"),
    ("--webhooks", "off"),
    ("--webhook-public-url", "no links"),
    ("--webhook-allow-http", ""),
    ("--webhook-allow-private", ""),
    ("--webhook-key-file", "not encrypted"),
    ("--log-key-file", ""),
    ("--instance", "the machine's name"),
    ("--partitions", "12"),
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
];

#[test]
fn help_names_every_flag() {
    SERVICE.explains(FLAGS);
}

#[test]
fn an_invalid_setting_is_one_sentence() {
    SERVICE.refuses_what_is_no_setting();
    SERVICE.refuses(&["--redis-url", "redis://there"], &[], &["--redis-url"]);
}

#[test]
fn without_its_dependencies_it_is_live_and_not_ready_until_a_signal_ends_it() {
    SERVICE.waits_for(&["log"]);
}
