//! The server, `log append` and `log import` with a log key.

use super::support::{Process, send, until};
use super::{FLAGS, documents, run, text};

/// A server with a log key, and its data.
struct KeyedServer {
    key: tempfile::NamedTempFile,
    data: tempfile::TempDir,
}

impl KeyedServer {
    fn new() -> Self {
        let key = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(key.path(), "5".repeat(64)).expect("it can be written");
        Self { key, data: tempfile::tempdir().expect("a temporary directory") }
    }

    fn key_flags(&self) -> [&str; 2] {
        ["--log-key-file", text(self.key.path())]
    }

    fn data_flags(&self) -> [&str; 2] {
        ["--data-dir", text(self.data.path())]
    }

    /// Runs the server, until it has answered everything, around these calls.
    fn serve(&self, calls: impl FnOnce(&str)) {
        let server = Process::serve(self.data.path(), &[&FLAGS[..], &self.key_flags()].concat());
        let addr = server.addr();
        until("it is ready", || {
            let ready = send(addr, "GET", "/health/ready", &[], "").expect("it serves");
            (ready.status == 200).then_some(())
        });
        calls(&format!("http://{addr}"));
        assert!(server.terminate().success());
    }

    fn append(&self, record: &str, flags: &[&str]) {
        run(&[&["log", "append", record], flags, &self.data_flags()].concat()).done();
    }

    /// The reasons of the dead letters, when everything is answered.
    fn dead_letters(&self) -> Vec<String> {
        until("everything is answered", || {
            let verified = run(&[&["verify", "--json"], &self.data_flags()[..]].concat()).done();
            let verified = documents(&verified).remove(0);
            if verified["report"]["unanswered"] == 0 {
                return Some(());
            }
            self.serve(|_| ());
            None
        });
        let flags = self.data_flags();
        let letters = run(&[&["log", "export", "--topic", "orders.dlq"], &flags[..]].concat()).done();
        let reason = |letter: &serde_json::Value| {
            letter["value"]["data"]["reason"].as_str().expect("a reason").to_owned()
        };
        documents(&letters).iter().map(reason).collect()
    }

    fn status(&self, order_id: &str) -> String {
        let mut status = String::new();
        self.serve(|url| {
            let order = documents(&run(&["get", order_id, "--json", "--url", url]).done()).remove(0);
            order["status"].as_str().expect("a status").clone_into(&mut status);
        });
        status
    }
}

const CONFIRM: &str = r#"{"specversion":"1.0","type":"logistics.order.transition.requested","source":"/shop","id":"c-1","data":{"order_id":"table-7","status":"CONFIRMED","actor":"operator"}}"#;
const PLACE: &str = r#"{"order_id":"table-7","status":"PLACED","guests":4}"#;
const REFUSED: &str =
    "the input is not signed with the log key, and --log-producer-roles does not permit operator";

#[test]
fn the_api_signs_and_an_unsigned_step_in_the_log_is_a_dead_letter() {
    let server = KeyedServer::new();
    let mut placed = String::new();
    server.serve(|url| {
        run(&["place", "--url", url, "--key", "1"]).done().trim().clone_into(&mut placed);
        run(&["advance", &placed, "--url", url]).done();
    });
    server.append(PLACE, &[]);
    server.append(CONFIRM, &[]);
    assert_eq!(server.dead_letters(), [REFUSED]);
    assert_eq!((&*server.status(&placed), &*server.status("table-7")), ("CONFIRMED", "PLACED"));
    server.append(CONFIRM, &server.key_flags());
    assert_eq!(server.dead_letters(), [REFUSED]);
    assert_eq!(server.status("table-7"), "CONFIRMED");
}

#[test]
fn an_import_signs_again_what_was_signed_and_trusts_nothing_else() {
    let source = KeyedServer::new();
    source.serve(|_| ());
    source.append(PLACE, &[]);
    source.append(&CONFIRM.replace("CONFIRMED", "REJECTED"), &[]);
    assert_eq!(source.dead_letters(), [REFUSED]);
    // Nothing answers these two before the import.
    source.append(CONFIRM, &source.key_flags());
    source.append(&CONFIRM.replace("CONFIRMED", "PREPARING").replace("c-1", "c-2"), &[]);
    let file = source.data.path().join("export.jsonl");
    let export = ["log", "export", "--topic", "all", "--output", text(&file)];
    run(&[&export[..], &source.data_flags()].concat()).done();
    for partitions in ["1", "5"] {
        let data = tempfile::tempdir().expect("a temporary directory");
        let import =
            ["log", "import", text(&file), "--partitions", partitions, "--data-dir", text(data.path())];
        run(&[&import[..], &source.key_flags()].concat()).done();
        let key = tempfile::NamedTempFile::new().expect("a file");
        std::fs::copy(source.key.path(), key.path()).expect("it can be copied");
        let target = KeyedServer { key, data };
        assert_eq!(target.dead_letters(), [REFUSED, REFUSED], "{partitions} partitions");
        assert_eq!(target.status("table-7"), "CONFIRMED");
    }
}
