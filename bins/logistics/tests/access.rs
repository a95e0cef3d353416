//! A protected server as a process: keys, roles and ownership, the audit trail, and the start without `--auth`.

mod support;

use std::fs;
use std::path::Path;

use serde_json::Value;
use support::{Process, Reply, logistics, send, until};

/// A key of the command `keys create`.
fn create(file: &Path, flags: &[&str]) -> String {
    let file = file.to_str().expect("text");
    let output = logistics(&[&["keys", "create", "--file", file], flags].concat()).output().expect("it runs");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("text").trim_end().to_owned()
}

struct Server {
    process: Process,
    addr: std::net::SocketAddr,
}

impl Server {
    fn start(directory: &Path, flags: &[&str]) -> Self {
        let process = Process::serve(directory, &[&["--mode", "manual"], flags].concat());
        let addr = process.addr();
        Self { process, addr }
    }

    fn call(&self, key: &str, line: &str, body: &str) -> Reply {
        let (method, path) = line.split_once(' ').expect("a method and a path");
        let authorization = format!("Bearer {key}");
        let headers = [("authorization", authorization.as_str()), ("prefer", "wait=30")];
        send(self.addr, method, path, &headers, body).expect("it serves")
    }
}

#[test]
fn keys_have_their_permissions_until_they_are_revoked_and_refusals_leave_a_trail() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (keys, trail) = (directory.path().join("keys.json"), directory.path().join("audit.log"));
    let shop = create(&keys, &["--name", "shop", "--role", "merchant", "--merchant-id", "m-1"]);
    let other = create(&keys, &["--name", "other", "--role", "merchant", "--merchant-id", "m-2"]);
    let operator = create(&keys, &["--name", "ops", "--role", "operator"]);
    let (file, audit) = (keys.to_str().expect("text"), trail.to_str().expect("text"));
    let flags = ["--auth", "keys", "--api-keys-file", file, "--audit-log", audit];
    let server = Server::start(&directory.path().join("data"), &flags);

    let anonymous = send(server.addr, "GET", "/orders", &[], "").expect("it serves");
    assert_eq!((anonymous.status, &anonymous.json()["code"]), (401, &"unauthenticated".into()));
    let placed = server.call(&operator, "POST /orders", r#"{"merchant_id":"m-1"}"#);
    assert_eq!(placed.status, 200, "{placed:?}");
    let id = placed.json()["order_id"].as_str().expect("an id").to_owned();
    let confirm = format!("POST /orders/{id}/transitions");
    let foreign = server.call(&other, &confirm, r#"{"to":"CONFIRMED"}"#);
    assert_eq!((foreign.status, &foreign.json()["code"]), (404, &"not_found".into()));
    let confirmed = server.call(&shop, &confirm, r#"{"to":"CONFIRMED"}"#);
    assert_eq!((confirmed.status, &confirmed.json()["status"]), (200, &"CONFIRMED".into()));
    assert_eq!(server.call(&shop, "GET /log/orders/0", "").status, 403);
    let history = server.call(&operator, &format!("GET /orders/{id}/events"), "").json();
    assert_eq!(history["events"][1]["by"], "key:shop", "{history}");

    let revoked = logistics(&["keys", "revoke", "--file", file, "shop"]).status().expect("it runs");
    assert!(revoked.success());
    let begun = std::time::Instant::now();
    until("the revoked key is refused", || {
        (server.call(&shop, "GET /orders", "").status == 401).then_some(())
    });
    assert!(begun.elapsed() < std::time::Duration::from_secs(5), "{:?}", begun.elapsed());

    let lines = fs::read_to_string(&trail).expect("the audit trail");
    let entries: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let has = |kind: &str, subject: Option<&str>, action: &str, outcome: &str| {
        let wanted = |entry: &&Value| {
            entry["kind"] == kind
                && entry["subject"].as_str() == subject
                && entry["action"] == action
                && entry["outcome"] == outcome
                && entry["request_id"].as_str().is_some_and(|id| id.len() == 32)
                && entry["address"] == "127.0.0.1"
        };
        assert!(entries.iter().any(|entry| wanted(&entry)), "{kind} {subject:?} {action} {outcome}: {lines}");
    };
    has("refused", None, "GET /orders", "unauthenticated");
    has("refused", None, "GET /orders", "invalid_credential");
    has("refused", Some("key:other"), "POST /orders/{id}/transitions", "not_found");
    has("refused", Some("key:shop"), "GET /log/{topic}/{partition}", "forbidden");
    has("privileged", Some("key:ops"), "POST /orders", "ok");
    assert!(!lines.contains("lgk_"), "a credential is in the trail: {lines}");
    assert!(server.process.terminate().success());
}

/// The change may happen although its client has left, so the trail must have it.
#[test]
fn a_change_of_a_client_that_disconnects_is_in_the_trail() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (keys, trail) = (directory.path().join("keys.json"), directory.path().join("audit.log"));
    let operator = create(&keys, &["--name", "ops", "--role", "operator"]);
    let (file, audit) = (keys.to_str().expect("text"), trail.to_str().expect("text"));
    let flags = ["--auth", "keys", "--api-keys-file", file, "--audit-log", audit];
    let server = Server::start(&directory.path().join("data"), &flags);
    let mut cancelled = 0;
    // The server may see the end of the connection before the request begins. Then nothing happens.
    for _ in 0..200 {
        let placed = server.call(&operator, "POST /orders", "").json();
        let id = placed["order_id"].as_str().expect("an id");
        let head = format!(
            "POST /orders/{id}/cancel HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {operator}\r\ncontent-length: 0\r\n\r\n",
            server.addr
        );
        let mut stream = std::net::TcpStream::connect(server.addr).expect("it serves");
        std::io::Write::write_all(&mut stream, head.as_bytes()).expect("it reads");
        drop(stream);
        let confirm = format!("POST /orders/{id}/transitions");
        if server.call(&operator, &confirm, r#"{"to":"CONFIRMED"}"#).status == 409 {
            cancelled += 1;
            until("the trail has the cancellation", || {
                let lines = fs::read_to_string(&trail).expect("the audit trail");
                let is_it = |line: &str| line.contains("POST /orders/{id}/cancel") && line.contains(id);
                lines.lines().any(is_it).then_some(())
            });
        }
        if cancelled == 5 {
            break;
        }
    }
    assert!(cancelled > 0, "no request was read before its client left");
    assert!(server.process.terminate().success());
}

#[test]
fn without_auth_a_server_starts_on_a_loopback_address_only_and_says_what_that_means() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let data = directory.path().join("data");
    let data = data.to_str().expect("text");
    let refused =
        logistics(&["serve", "--listen", "0.0.0.0:0", "--data-dir", data]).output().expect("it runs");
    let error = String::from_utf8(refused.stderr).expect("text");
    assert_eq!(refused.status.code(), Some(2), "{error}");
    assert!(error.contains("other machines can reach 0.0.0.0:0") && error.contains("--auth none"), "{error}");
    for listen in [&["--listen", "127.0.0.1:0"][..], &["--listen", "0.0.0.0:0", "--auth", "none"]] {
        let process = Process::spawn_with_log(&[&["--data-dir", data, "--mode", "manual"], listen].concat());
        let lines = process.lines_until("Order Processor Running...");
        let warnings = lines.iter().filter(|line| line.contains("AUTHENTICATION IS OFF"));
        assert_eq!(warnings.count(), 1, "{lines:#?}");
        assert!(process.terminate().success());
    }
}
