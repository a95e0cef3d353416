//! `logistics webhooks` against a server.

use std::io::{BufReader, Write};
use std::net::{TcpListener, TcpStream};

use super::support::{read_request, until};
use super::{TestServer, documents, run, text};

const URL: &str = "https://shop.example/hooks";
const MOVED: &str = "https://moved.example/hooks";

fn id_of(json: &str) -> String {
    documents(json)[0]["id"].as_str().expect("an id").to_owned()
}

#[test]
fn an_endpoint_is_created_changed_rotated_and_deleted() {
    let server = TestServer::start();
    assert_eq!(server.run(&["webhooks", "list"]).done(), "No webhook endpoints found.\n");
    let created = server.run(&["webhooks", "create", URL, "--event", "late", "--event", "DELIVERED"]).done();
    for part in [URL, "operator", "delivered, late", "enabled", "Secret, shown this once: whsec_"] {
        assert!(created.contains(part), "{part:?} is missing:\n{created}");
    }
    let listed = documents(&server.run(&["webhooks", "list", "--json"]).done());
    let id = listed[0]["id"].as_str().expect("an id").to_owned();
    assert_eq!(listed[0].get("secret"), None);
    let shown = server.run(&["webhooks", "show", &id]).done();
    assert!(shown.contains(URL) && !shown.contains("whsec_"), "{shown}");
    let change = [
        "webhooks",
        "change",
        &id,
        "--all-events",
        "--description",
        "the till",
        "--to",
        MOVED,
        "--if-version",
        "1",
    ];
    let changed = server.run(&change).done();
    assert!(changed.contains("the till") && changed.contains(MOVED), "{changed}");
    let stale = server.run(&change);
    assert!(stale.failed(1).contains("has version 2, the request expected 1"), "{stale:?}");
    let disabled = server.run(&["webhooks", "disable", &id]).done();
    assert!(disabled.contains("disabled (owner) since "), "{disabled}");
    assert!(server.run(&["webhooks", "enable", &id]).done().contains("enabled"));
    let rotated =
        server.run(&["webhooks", "rotate", &id, "--overlap", "1h", "--signature", "ed25519"]).done();
    assert!(rotated.contains("whpk_") && rotated.contains("hmac-sha256, until "), "{rotated}");
    assert!(server.run(&["webhooks", "statistics", &id]).done().contains("Delivered"));
    assert_eq!(server.run(&["webhooks", "dead-letters", &id]).done(), "No dead letters found.\n");
    let redriven = server.run(&["webhooks", "redrive", &id, "--since", "2026-01-31T18:00:00Z"]).done();
    assert_eq!(redriven, "0 messages will be delivered again\n");
    let unknown = server.run(&["webhooks", "redrive", &id, "--order", "o-1", "--order-version", "2"]);
    assert_eq!(unknown.failed(1), "Webhook endpoint or dead letter not found");
    assert_eq!(server.run(&["webhooks", "delete", &id]).done(), format!("{id} is deleted\n"));
    let gone = server.run(&["webhooks", "show", &id]);
    assert_eq!(gone.failed(1), "Webhook endpoint or dead letter not found");
}

#[test]
fn an_endpoint_survives_a_restart_and_a_key_names_it() {
    let data = tempfile::tempdir().expect("a temporary directory");
    let file = data.path().join("secret");
    std::fs::write(&file, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n").expect("a file");
    let server = TestServer::start();
    let flags = ["webhooks", "create", URL, "--owner", "merchant:m-1", "--json"];
    let key = ["--secret-file", text(&file), "--idempotency-key", "k-1"];
    let created = server.run(&[&flags[..], &key].concat()).done();
    let document = &documents(&created)[0];
    assert_eq!(document["secret"], "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    assert_eq!(document["owner"]["party"], "m-1");
    assert_eq!(server.run(&[&flags[..], &key].concat()).done(), created, "the key names the endpoint");
    let server = TestServer::serve(server.stop());
    let shown = server.run(&["webhooks", "show", &id_of(&created), "--json"]).done();
    let mut expected = document.clone();
    expected.as_object_mut().expect("an object").remove("secret");
    assert_eq!(documents(&shown)[0], expected);
}

/// Answers every message with this JSON.
fn answering(json: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/in", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let _ = answer(stream, json);
        }
    });
    url
}

fn answer(mut stream: TcpStream, json: &str) -> std::io::Result<()> {
    read_request(&mut BufReader::new(stream.try_clone()?));
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", json.len());
    stream.write_all(format!("{head}{json}").as_bytes())
}

#[test]
fn the_reply_of_an_endpoint_is_a_request_of_its_owner() {
    let url = answering(r#"{"requests":[{"type":"transition","status":"CONFIRMED","reason":"paid"}]}"#);
    let data = tempfile::tempdir().expect("a temporary directory");
    let flags = ["--webhooks", "on", "--webhook-allow-http", "--webhook-allow-private"];
    let server = TestServer::serve_with(data, "127.0.0.1:0", &flags);
    let create = ["webhooks", "create", &url, "--event", "placed", "--reply", "requests"];
    assert!(server.run(&create).done().contains("requests"));
    // The deliveries may read the endpoint later than the API, so one order may be too early.
    let (mut orders, mut looks) = (Vec::new(), 0);
    let shown = until("a reply is decided", || {
        if looks % 40 == 0 {
            orders.push(server.placed(&format!("k-{looks}")));
        }
        looks += 1;
        let shown = |order: &String| documents(&server.run(&["get", order, "--json"]).done()).pop();
        orders.iter().filter_map(shown).find(|order| order["status"] == "CONFIRMED")
    });
    // The order was decided by the rights of an operator, and its history names the endpoint.
    let entry = &shown["history"][1];
    assert_eq!((&entry["actor"], &entry["reason"]), (&"operator".into(), &"paid".into()));
    assert!(entry["by"].as_str().is_some_and(|by| by.starts_with("webhook:we_")), "{entry}");
}

#[test]
fn wrong_arguments_are_one_sentence() {
    for (args, part) in [
        (&["webhooks", "create", "https://a@shop.example/"][..], "must have no user"),
        (&["webhooks", "create", URL, "--event", "shredded"], "possible values: placed"),
        (&["webhooks", "create", URL, "--owner", "shop"], "must be operator, merchant:ID or courier:ID"),
        (&["webhooks", "create", URL, "--reply", "printed"], "possible values: ignored, requests"),
        (&["webhooks", "rotate", "we_1", "--overlap", "soon"], "no span of time"),
        (&["webhooks", "create", URL, "--secret-file", "/none"], "cannot read the secret in /none"),
    ] {
        let refused = run(args);
        assert!(refused.failed(2).contains(part), "{refused:?}");
    }
    let server = TestServer::start();
    let insecure = server.run(&["webhooks", "create", "http://shop.example/"]);
    assert!(insecure.failed(1).contains("must begin with https://"), "{insecure:?}");
}
