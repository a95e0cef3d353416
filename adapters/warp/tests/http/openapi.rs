//! The OpenAPI document and the server agree.

use std::collections::BTreeMap;

use logistics_core::lifecycle::{ACTORS, Actor, STATUSES, Status};
use logistics_core::port::Topic;
use logistics_core::webhook::EventType;
use logistics_core::{OrderId, partition_of};
use logistics_testkit::sample;
use serde_json::{Value, json};

use crate::backend::PARTITIONS;
use crate::test_server::TestServer;

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

#[tokio::test]
async fn the_server_serves_the_paths_and_methods_of_the_document_and_no_other() {
    let server = TestServer::start().await;
    let document = server.get("/openapi.json").await.json();
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document, serde_json::from_str::<Value>(&logistics_warp::openapi_json()).expect("JSON"));
    let mut served = BTreeMap::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        let id = server.placed().await;
        let placement = server.requests().pop().expect("the placement").id;
        let path_of_order = path
            .replace("{id}", &id)
            .replace("{request_id}", placement.as_str())
            .replace("{topic}", "orders")
            .replace("{partition}", "0");
        for method in METHODS {
            // Each method has an endpoint of its own, because one deletes it.
            let endpoint = match path.starts_with("/webhooks/endpoints/{id}") {
                true => Some(crate::webhooks::created(&server).await),
                false => None,
            };
            let called =
                endpoint.as_ref().map_or_else(|| path_of_order.clone(), |id| path.replace("{id}", id));
            let line = format!("{} {called}", method.to_ascii_uppercase());
            let to = match path.as_str() {
                "/webhooks/endpoints" if method == "post" => r#"{"url":"https://shop.example/"}"#,
                path if path.ends_with("/redrive") => r#"{"since":"2026-01-31T12:00:00Z"}"#,
                path if path.ends_with("/transitions") => r#"{"to":"CONFIRMED"}"#,
                _ => "",
            };
            let reply = server.call(&line, &["Content-Type: application/json"], to).await;
            assert_ne!(reply.status, 404, "{line}");
            assert_eq!(reply.status != 405, item.get(method).is_some(), "{line}: {}", reply.status);
            if reply.status != 405 {
                let responses = &item[method]["responses"];
                assert!(
                    responses[reply.status.to_string()].is_object(),
                    "{line}: the document lacks {}",
                    reply.status
                );
                served.insert((path.clone(), method), ());
            }
            // An owner has few endpoints.
            if let Some(id) = endpoint {
                server.call(&format!("DELETE /webhooks/endpoints/{id}"), &[], "").await;
            }
        }
    }
    let expected = [
        ("/docs", "get"),
        ("/events", "get"),
        ("/health/live", "get"),
        ("/health/ready", "get"),
        ("/live", "get"),
        ("/log/{topic}/{partition}", "get"),
        ("/openapi.json", "get"),
        ("/orders", "get"),
        ("/orders", "post"),
        ("/orders/{id}", "get"),
        ("/orders/{id}/assignment", "post"),
        ("/orders/{id}/cancel", "post"),
        ("/orders/{id}/events", "get"),
        ("/orders/{id}/requests/{request_id}", "get"),
        ("/orders/{id}/tracking-link", "delete"),
        ("/orders/{id}/tracking-link", "post"),
        ("/orders/{id}/transitions", "post"),
        ("/webhooks/endpoints", "get"),
        ("/webhooks/endpoints", "post"),
        ("/webhooks/endpoints/{id}", "delete"),
        ("/webhooks/endpoints/{id}", "get"),
        ("/webhooks/endpoints/{id}", "patch"),
        ("/webhooks/endpoints/{id}/dead-letters", "get"),
        ("/webhooks/endpoints/{id}/disable", "post"),
        ("/webhooks/endpoints/{id}/enable", "post"),
        ("/webhooks/endpoints/{id}/redrive", "post"),
        ("/webhooks/endpoints/{id}/rotate", "post"),
        ("/webhooks/endpoints/{id}/statistics", "get"),
        ("/webhooks/endpoints/{id}/test", "post"),
    ];
    let served: Vec<_> = served.keys().map(|(path, method)| (path.as_str(), *method)).collect();
    assert_eq!(served, expected);
}

#[test]
fn enums_are_derived_from_the_core() {
    let document: Value = serde_json::from_str(&logistics_warp::openapi_json()).expect("JSON");
    let schemas = &document["components"]["schemas"];
    let kinds: Vec<&str> = EventType::all().map(EventType::name).collect();
    assert_eq!(schemas["WebhookEventType"]["enum"], json!(kinds));
    assert_eq!(schemas["Status"]["enum"], json!(STATUSES.map(Status::name)));
    assert_eq!(schemas["Actor"]["enum"], json!(ACTORS.map(Actor::name)));
    assert_eq!(schemas["Topic"]["enum"], json!(Topic::SHOWN.map(Topic::name)));
}

#[test]
fn every_reference_has_a_target() {
    let document: Value = serde_json::from_str(&logistics_warp::openapi_json()).expect("JSON");
    let mut references = Vec::new();
    collect_references(&document, &mut references);
    assert!(references.len() > 30);
    for reference in references {
        let pointer = reference.strip_prefix('#').expect("a local reference");
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

#[tokio::test]
async fn bodies_have_the_fields_of_their_schemas() {
    let server = TestServer::start().await;
    let document: Value = serde_json::from_str(&logistics_warp::openapi_json()).expect("JSON");
    let order = sample::document(&sample::order_id(1), Status::DeliveryFailed);
    check(&document, "Order", &serde_json::from_slice(&order).expect("JSON"));
    let body = r#"{"customer_id":"a","merchant_id":"b","courier_id":"c","details":{},"contacts":{"customer":{"email":"a@b.example"}}}"#;
    let placed = server.post("/orders", body).await.json();
    check(&document, "Placed", &placed);
    let id = placed["order_id"].as_str().expect("an id");
    server.post(&format!("/orders/{id}/assignment"), r#"{"courier_id":"d"}"#).await;
    check(&document, "Order", &server.get(&format!("/orders/{id}")).await.json());
    check(&document, "History", &server.get(&format!("/orders/{id}/events")).await.json());
    check(&document, "Page", &server.get("/orders?limit=1").await.json());
    let link = server.post(&format!("/orders/{id}/tracking-link"), "").await.json();
    check(&document, "TrackingLink", &link);
    let partition = partition_of(&OrderId::parse(id).expect("an id"), PARTITIONS);
    check(&document, "LogPage", &server.get(&format!("/log/orders/{partition}")).await.json());
    check(&document, "Live", &server.get("/health/live").await.json());
    check(&document, "Ready", &server.get("/health/ready").await.json());
    let created = server.post("/webhooks/endpoints", r#"{"url":"https://shop.example/"}"#).await.json();
    check(&document, "WebhookEndpoint", &created);
    check(&document, "WebhookEndpointPage", &server.get("/webhooks/endpoints").await.json());
    let endpoint = format!("/webhooks/endpoints/{}", created["id"].as_str().expect("an id"));
    check(&document, "WebhookTest", &server.post(&format!("{endpoint}/test"), "").await.json());
    check(&document, "WebhookEndpoint", &server.post(&format!("{endpoint}/disable"), "").await.json());
    check(&document, "WebhookStatistics", &server.get(&format!("{endpoint}/statistics")).await.json());
    check(&document, "WebhookDeadLetters", &server.get(&format!("{endpoint}/dead-letters")).await.json());
    let rejected = server.post(&format!("/orders/{id}/transitions"), r#"{"to":"DELIVERED"}"#).await;
    check(&document, "Error", &rejected.json());
    server.miss(&["a part"]);
    check(&document, "Ready", &server.get("/health/ready").await.json());
    server.pause();
    let undecided = server.call(&format!("POST /orders/{id}/cancel"), &["Prefer: wait=0"], "").await;
    check(&document, "Accepted", &undecided.json());
    // The error for an unknown field lists the fields that the schema has.
    for (schema, path) in [
        ("Placement", "/orders"),
        ("Assignment", "/orders/a/assignment"),
        ("Cancellation", "/orders/a/cancel"),
        ("Transition", "/orders/a/transitions"),
        ("TrackingLinkRequest", "/orders/a/tracking-link"),
        ("NewWebhookEndpoint", "/webhooks/endpoints"),
        ("WebhookRotation", "/webhooks/endpoints/a/rotate"),
        ("WebhookRedrive", "/webhooks/endpoints/a/redrive"),
    ] {
        let reply = server.post(path, r#"{"no such field":1}"#).await.error(400, "invalid_request");
        let fields = document["components"]["schemas"][schema]["properties"].as_object().expect("fields");
        let listed = reply["error"].as_str().expect("a sentence");
        let listed = listed.split("there are ").nth(1).expect("the fields").split(", ");
        let mut listed: Vec<&str> = listed.collect();
        listed.sort_unstable();
        assert_eq!(listed, fields.keys().map(String::as_str).collect::<Vec<_>>(), "{schema}");
    }
}

#[cfg(feature = "docs-page")]
#[tokio::test]
async fn the_page_and_its_files_are_served() {
    let server = TestServer::start().await;
    for page in ["/docs", "/docs/", "/docs/index.html"] {
        let reply = server.get(page).await;
        assert_eq!((reply.status, reply.header("content-type")), (200, "text/html"), "{page}");
        let html = String::from_utf8(reply.body).expect("HTML");
        assert_eq!(html.contains("<base href=\"docs/\">"), page == "/docs");
        let mut files = 0;
        for part in html.split(['"', '\'']).filter_map(|text| text.strip_prefix("./")) {
            assert_eq!(server.get(&format!("/docs/{part}")).await.status, 200, "{part}");
            files += 1;
        }
        assert!(files >= 4, "{html}");
        assert!(!html.contains("http://") && !html.contains("https://"), "the page loads no foreign file");
    }
    let setup = server.get("/docs/swagger-initializer.js").await;
    assert!(String::from_utf8_lossy(&setup.body).contains("\"/openapi.json\""));
}

/// Asserts that the schema has every field of the body, and that the body has every required field.
fn check(document: &Value, name: &str, body: &Value) {
    let schema = &document["components"]["schemas"][name];
    let properties = schema["properties"].as_object().unwrap_or_else(|| panic!("{name} has fields"));
    let fields = body.as_object().expect("an object");
    for (field, value) in fields {
        let property = properties.get(field).unwrap_or_else(|| panic!("{name} has no {field}: {body}"));
        let items = property["items"]["$ref"].as_str().and_then(|reference| reference.rsplit('/').next());
        let items = items.filter(|items| document["components"]["schemas"][items]["properties"].is_object());
        for item in value.as_array().into_iter().flatten() {
            items.inspect(|items| check(document, items, item));
        }
    }
    for required in schema["required"].as_array().into_iter().flatten() {
        assert!(fields.contains_key(required.as_str().expect("a name")), "{name} lacks {required}: {body}");
    }
}

fn collect_references<'a>(value: &'a Value, into: &mut Vec<&'a str>) {
    match value {
        Value::Object(fields) => {
            into.extend(fields.get("$ref").and_then(Value::as_str));
            fields.values().for_each(|value| collect_references(value, into));
        }
        Value::Array(items) => items.iter().for_each(|item| collect_references(item, into)),
        _ => {}
    }
}
