//! The service as a process: its help, its rejection of invalid settings, and its wait for missing dependencies.

use logistics_test_support::Service;

const SERVICE: Service = Service::new("order-api", env!("CARGO_BIN_EXE_order-api"));

/// Every flag with its default.
const FLAGS: &[(&str, &str)] = &[
    ("--listen", "127.0.0.1:8000"),
    ("--health-listen", ""),
    ("--http-idle-timeout", "\"1m 15s\""),
    ("--http-connections-max", "4096"),
    ("--live-heartbeat", "15s"),
    ("--live-streams-max", "2000"),
    ("--live-caller-streams-max", "200"),
    ("--health-details", ""),
    ("--cors-origin", "the server's own"),
    ("--allowed-host", "loopback names on a loopback address, else any"),
    ("--auth", ""),
    ("--api-keys-file", ""),
    ("--jwt-issuer", ""),
    ("--jwt-audience", ""),
    ("--jwt-algorithm", ""),
    ("--jwt-key-file", ""),
    ("--jwt-jwks-url", ""),
    ("--jwt-jwks-allow-http", ""),
    ("--jwt-leeway", ""),
    ("--jwt-claim-roles", ""),
    ("--jwt-claim-scope", ""),
    ("--jwt-claim-customer-id", ""),
    ("--jwt-claim-merchant-id", ""),
    ("--jwt-claim-courier-id", ""),
    ("--tls-cert", ""),
    ("--tls-key", ""),
    ("--tls-client-ca", ""),
    ("--hsts-max-age", ""),
    ("--rate-limit", ""),
    ("--rate-limit-shared", ""),
    ("--rate-limit-processes", ""),
    ("--trusted-proxy", ""),
    ("--trusted-proxy-header", ""),
    ("--admission-lag-max", ""),
    ("--tracking-key-file", "a random key, whose links end with the process"),
    ("--tracking-ttl", "24h"),
    ("--tracking-ttl-max", "168h"),
    ("--tracking-ended", "4h"),
    ("--tracking-url", "links are relative to the server"),
    ("--tracking-style-file", ""),
    ("--webhook-allow-http", ""),
    ("--webhook-allow-private", ""),
    ("--webhook-key-file", "not encrypted"),
    ("--log-key-file", ""),
    ("--audit-log", ""),
    ("--instance", "the machine's name"),
    ("--memory-mb", "256"),
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
    ("--redis-url", "redis://127.0.0.1:6379"),
    ("--redis-mode", "single"),
    ("--redis-sentinel-master", ""),
    ("--redis-key-prefix", ""),
    ("--redis-username", ""),
    ("--redis-password", ""),
    ("--redis-password-file", ""),
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
    SERVICE.refuses(&["--auth", "jwt"], &[], &["--jwt-issuer"]);
    SERVICE.refuses(&["--jwt-issuer", "x"], &[], &["--jwt-issuer has no effect without --auth"]);
    SERVICE.refuses(&["--tls-cert", "x"], &[], &["--tls-key"]);
}

#[test]
fn without_its_dependencies_it_is_live_and_not_ready_until_a_signal_ends_it() {
    // The API accepts placements without the store.
    SERVICE.waits_for(&["log"]);
}
