use clap::{Command, FromArgMatches};
use logistics_testkit::sample;

use super::*;

const SECRET: &str = "hunter2";

fn args(args: &[&str]) -> Result<KafkaArgs, clap::Error> {
    // Without the environment of the test.
    let command = KafkaArgs::augment_args(Command::new("test"));
    let names: Vec<_> = command.get_arguments().map(|arg| arg.get_id().clone()).collect();
    let command =
        names.into_iter().fold(command, |command, name| command.mut_arg(name, |arg| arg.env(None::<&str>)));
    let matches = command.try_get_matches_from([&["test"], args].concat())?;
    KafkaArgs::from_arg_matches(&matches)
}

fn config(flags: &[&str]) -> Result<Config, Failure> {
    args(flags).expect("the flags can be read").config(12, "order-api-1")
}

fn refused(flags: &[&str], part: &str) {
    let message = config(flags).expect_err("it does not fit").message;
    assert!(message.contains(part) && !message.contains(SECRET), "{flags:?}: {message}");
}

#[test]
fn the_defaults_are_a_broker_on_this_machine() {
    let config = config(&[]).expect("the defaults fit");
    assert_eq!(
        (&*config.brokers, config.partitions, &*config.group),
        ("127.0.0.1:9092", 12, "order-processor")
    );
    assert_eq!(
        (&*config.topic_prefix, &*config.client_id, config.session_timeout_ms),
        ("", "order-api-1", 6000)
    );
    assert!(config.security.tls.is_none() && config.security.sasl.is_none());
}

#[test]
fn brokers_are_hosts_with_ports() {
    let config = config(&["--kafka-brokers", "a:1, [::1]:2"]).expect("two brokers");
    assert_eq!(config.brokers, "a:1,[::1]:2");
    for wrong in ["", "a", "a:", ":1", "a:b", "a:0", "a:70000", "a:1,,b:2"] {
        let error = args(&["--kafka-brokers", wrong]).expect_err(wrong).to_string();
        assert!(error.contains("is no broker such as kafka-1:9092"), "{error}");
    }
}

#[test]
fn sasl_needs_a_user_and_a_password_from_one_source() {
    let sasl = ["--kafka-security-protocol", "sasl_plaintext", "--kafka-sasl-username", "amir"];
    let password = ["--kafka-sasl-password", SECRET];
    refused(&sasl[..2], "--kafka-sasl-username");
    refused(&sasl, "--kafka-sasl-password or --kafka-sasl-password-file");
    refused(&password, "--kafka-security-protocol sasl_plaintext or sasl_ssl");
    refused(&sasl[2..], "--kafka-security-protocol sasl_plaintext or sasl_ssl");
    refused(&[&sasl[..], &password, &["--kafka-sasl-password-file", "f"]].concat(), "not both");
    refused(&[&sasl[..], &["--kafka-sasl-password-file", "/missing/f"]].concat(), "/missing/f");
    let given = config(&[&sasl[..], &password, &["--kafka-sasl-mechanism", "SCRAM-SHA-256"]].concat());
    let given = given.expect("it fits").security.sasl.expect("credentials");
    assert_eq!((&*given.username, &*given.password), ("amir", SECRET));
    assert!(matches!(given.mechanism, SaslMechanism::ScramSha256));
    let file = std::env::temp_dir().join(format!("{}-{}", sample::order_id(1), std::process::id()));
    std::fs::write(&file, format!("{SECRET}\n")).expect("it can be written");
    let path = file.to_str().expect("a path of text");
    let read = config(&[&sasl[..], &["--kafka-sasl-password-file", path]].concat());
    std::fs::remove_file(&file).expect("it can be removed");
    assert_eq!(read.expect("it fits").security.sasl.expect("credentials").password, SECRET);
}

#[test]
fn certificate_files_need_tls() {
    refused(&["--kafka-ca-file", "ca.pem"], "--kafka-security-protocol ssl or sasl_ssl");
    let ssl = ["--kafka-security-protocol", "ssl"];
    if cfg!(feature = "tls") {
        refused(&[&ssl[..], &["--kafka-cert-file", "c.pem"]].concat(), "go together");
        assert!(config(&ssl).expect("it fits").security.tls.is_some());
    } else {
        refused(&ssl, "build it with --features tls");
    }
}

#[test]
fn debug_does_not_show_the_password() {
    let given = args(&["--kafka-sasl-password", SECRET]).expect("it can be read");
    assert!(!format!("{given:?}").contains(SECRET));
}
