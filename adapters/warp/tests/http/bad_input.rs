//! Invalid requests: the reply is 4xx and JSON, and names the invalid part.

use logistics_core::limits::DETAILS_BYTES_MAX;

use crate::client::{Reply, request, send};
use crate::test_server::TestServer;

const JSON: &str = "Content-Type: application/json";

#[tokio::test]
async fn a_body_that_is_no_json_object_is_rejected() {
    let server = TestServer::start().await;
    let deep = "[".repeat(100_000);
    let deep_object = "{\"a\":".repeat(20_000);
    let broken: &[&[u8]] = &[
        b"{",
        b"nothing",
        b"[]",
        b"null",
        b"17",
        b"\"text\"",
        b"{} {}",
        b"{\"details\":}",
        b"{\"details\":1,}",
        b"{'details':1}",
        b"{\"details\":\"\xff\xfe\"}",
        b"{\"details\":\"\n\"}",
        b"\xef\xbb\xbf{}",
        b"\0",
        deep.as_bytes(),
        deep_object.as_bytes(),
    ];
    for path in ["/orders", "/orders/a/cancel", "/orders/a/transitions"] {
        for body in broken {
            server.post(path, body).await.error(400, "invalid_json");
        }
    }
    assert!(server.requests().is_empty(), "no request was appended");
}

#[tokio::test]
async fn an_invalid_field_is_named() {
    let server = TestServer::start().await;
    let too_long = format!(r#"{{"customer_id":"{}"}}"#, "x".repeat(129));
    let deep = format!(r#"{{"details":{}1{}}}"#, "[".repeat(65), "]".repeat(65));
    let cases: &[(&str, &str, &str)] = &[
        ("/orders", r#"{"customer_id":5}"#, "customer_id"),
        ("/orders", r#"{"customer_id":{"a":[1]}}"#, "customer_id"),
        ("/orders", r#"{"merchant_id":""}"#, "merchant_id"),
        ("/orders", r#"{"courier_id":"a\u0000b"}"#, "courier_id"),
        ("/orders", r#"{"customer_id":"\ud800"}"#, "customer_id"),
        ("/orders", &too_long, "customer_id"),
        ("/orders", &deep, "details"),
        ("/orders", r#"{"details":1,"colour":"red"}"#, "colour"),
        ("/orders", r#"{"contacts":"ann@example.com"}"#, "contacts"),
        ("/orders", r#"{"contacts":{"courier":{"email":"ann@example.com"}}}"#, "contacts"),
        ("/orders", r#"{"contacts":{"customer":["ann@example.com"]}}"#, "contacts.customer"),
        ("/orders", r#"{"contacts":{"customer":{"ann@example.com":1}}}"#, "contacts.customer"),
        ("/orders", r#"{"contacts":{"customer":{}}}"#, "contacts.customer.email"),
        ("/orders", r#"{"contacts":{"merchant":{"email":7}}}"#, "contacts.merchant.email"),
        (
            "/orders",
            r#"{"contacts":{"merchant":{"email":"Ann <ann@example.com>"}}}"#,
            "contacts.merchant.email",
        ),
        (
            "/orders",
            r#"{"contacts":{"customer":{"email":"a@b.example","language":"x"}}}"#,
            "contacts.customer.language",
        ),
        ("/orders", r#"{"order_id":"mine"}"#, "order_id"),
        ("/orders", r#"{"details":1,"details":2}"#, "details"),
        ("/orders/a/transitions", "", "to"),
        ("/orders/a/transitions", "{}", "to"),
        ("/orders/a/transitions", r#"{"to":null}"#, "to"),
        ("/orders/a/transitions", r#"{"to":7}"#, "to"),
        ("/orders/a/transitions", r#"{"to":"CONFIRMED","actor":"me"}"#, "actor"),
        ("/orders/a/transitions", r#"{"to":"CONFIRMED","reason":[]}"#, "reason"),
        ("/orders/a/transitions", r#"{"to":"CONFIRMED","when":"now"}"#, "when"),
        ("/orders/a/cancel", r#"{"to":"CANCELLED"}"#, "to"),
        ("/orders/a/cancel", r#"{"reason":""}"#, "reason"),
    ];
    for (path, body, field) in cases {
        server.post(path, body).await.error_of(400, "invalid_request", field);
    }
    assert!(server.requests().is_empty(), "no request was appended");
}

#[tokio::test]
async fn an_unknown_status_or_actor_is_answered_with_the_known_ones() {
    let server = TestServer::start().await;
    let status = server.post("/orders/a/transitions", r#"{"to":"SHIPPED"}"#).await;
    let status = status.error_of(400, "invalid_request", "to")["error"].to_string();
    assert!(
        logistics_core::lifecycle::STATUSES.iter().all(|known| status.contains(known.name())),
        "{status}"
    );
    let actor = server.post("/orders/a/cancel", r#"{"actor":"visitor"}"#).await;
    let actor = actor.error_of(400, "invalid_request", "actor")["error"].to_string();
    assert!(logistics_core::lifecycle::ACTORS.iter().all(|known| actor.contains(known.name())), "{actor}");
}

#[tokio::test]
async fn a_body_must_have_the_content_type_of_json() {
    let server = TestServer::start().await;
    for headers in [&[][..], &["Content-Type: text/plain"], &["Content-Type: application/jsonp"]] {
        let reply = server.call("POST /orders", headers, "{}").await;
        reply.error_of(415, "unsupported_media_type", "Content-Type");
    }
    let packed = server.call("POST /orders", &[JSON, "Content-Encoding: gzip"], "{}").await;
    packed.error_of(415, "unsupported_media_type", "Content-Encoding");
    let usual = server.call("POST /orders", &["Content-Type: Application/JSON ; charset=utf-8"], "{}").await;
    assert_eq!(usual.status, 200);
    // An empty body needs no content type.
    assert_eq!(server.call("POST /orders", &["Content-Type: text/plain"], "").await.status, 200);
}

#[tokio::test]
async fn limits_hold_to_the_byte() {
    let server = TestServer::start().await;
    let details = |bytes: usize| format!(r#"{{"details":"{}"}}"#, "x".repeat(bytes - 2));
    assert_eq!(server.post("/orders", details(DETAILS_BYTES_MAX)).await.status, 200);
    server.post("/orders", details(DETAILS_BYTES_MAX + 1)).await.error_of(413, "too_large", "details");
    let padded = |bytes: usize| format!("{{}}{}", " ".repeat(bytes - 2));
    assert_eq!(server.post("/orders", padded(128 * 1024)).await.status, 200);
    server.post("/orders", padded(128 * 1024 + 1)).await.error(413, "too_large");
    server.post("/orders", padded(1024 * 1024)).await.error(413, "too_large");
    // A client that expects 100-continue receives the error before it sends the body.
    let head = "POST /orders HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 200000\r\n\
                Expect: 100-continue\r\n\r\n";
    Reply::parse(&send(server.address, head.as_bytes()).await).error(413, "too_large");
    let head = "POST /orders HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 999999999999\r\n\r\n";
    Reply::parse(&send(server.address, head.as_bytes()).await).error(413, "too_large");
}

#[tokio::test]
async fn an_unknown_path_is_404_and_an_unknown_method_405() {
    let server = TestServer::start().await;
    for path in ["/", "/order", "/orders/a/b", "/orders/a/cancel/x", "/health", "/docs/nothing.js", "*"] {
        server.get(path).await.error(404, "unknown_path");
    }
    let cases = [
        ("DELETE", "/orders", "GET, HEAD, POST"),
        ("PUT", "/orders/a", "GET, HEAD"),
        ("POST", "/orders/a", "GET, HEAD"),
        ("GET", "/orders/a/cancel", "POST"),
        ("OPTIONS", "/orders/a/transitions", "POST"),
        ("PATCH", "/orders/a/events", "GET, HEAD"),
        ("POST", "/health/ready", "GET, HEAD"),
        ("BREW", "/openapi.json", "GET, HEAD"),
    ];
    for (method, path, allow) in cases {
        let reply = server.call(&format!("{method} {path}"), &[], "").await;
        reply.error(405, "method_not_allowed");
        assert_eq!(reply.header("allow"), allow, "{method} {path}");
    }
}

#[tokio::test]
async fn ids_outside_the_alphabet_are_rejected() {
    let server = TestServer::start().await;
    let too_long = "a".repeat(65);
    for id in ["a.b", "a%20b", "a%2Fb", "a:b", "%C3%A4", "", &too_long] {
        server.get(&format!("/orders/{id}")).await.error_of(400, "invalid_request", "order_id");
        server.get(&format!("/orders/{id}/events")).await.error_of(400, "invalid_request", "order_id");
        server.post(&format!("/orders/{id}/cancel"), "").await.error_of(400, "invalid_request", "order_id");
        let to = r#"{"to":"CONFIRMED"}"#;
        let reply = server.post(&format!("/orders/{id}/transitions"), to).await;
        reply.error_of(400, "invalid_request", "order_id");
    }
}

#[tokio::test]
async fn header_values_that_are_no_text_are_rejected_or_ignored() {
    let server = TestServer::start().await;
    let id = server.placed().await;
    let raw = |line: &str, header: &[u8]| {
        let mut bytes = request(line, &["X-Filler: x"], b"");
        bytes.truncate(bytes.len() - 2);
        bytes.extend_from_slice(header);
        bytes.extend_from_slice(b"\r\n\r\n");
        bytes
    };
    let call =
        async |line: &str, header: &[u8]| Reply::parse(&send(server.address, &raw(line, header)).await);
    let key = call("POST /orders", b"Idempotency-Key: \xff\xfe").await;
    key.error_of(400, "invalid_request", "Idempotency-Key");
    let cancel = format!("POST /orders/{id}/cancel");
    call(&cancel, b"If-Match: \xff").await.error_of(400, "invalid_request", "If-Match");
    assert_eq!(call(&cancel, b"Prefer: wait=\xff").await.status, 200);
    assert_eq!(call(&format!("GET /orders/{id}"), b"If-None-Match: \xff").await.status, 200);
    assert_eq!(call("POST /orders", b"traceparent: \xff").await.status, 200);
}

#[tokio::test]
async fn bytes_that_are_no_http_are_rejected_and_the_server_serves_on() {
    let server = TestServer::start().await;
    let huge = format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "a".repeat(100_000));
    let malformed: &[&[u8]] = &[
        b"\xff\xfe\xfd\r\n\r\n",
        b"GET /orders/\xff\xfe HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /orders HTTP/1.1\r\nHost: localhost\r\nContent-Length: many\r\n\r\n",
        b"POST /orders HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
        huge.as_bytes(),
    ];
    for bytes in malformed {
        let reply = send(server.address, bytes).await;
        let status = if reply.is_empty() { 400 } else { Reply::parse(&reply).status };
        assert!((400..500).contains(&status), "{status}: {:?}", String::from_utf8_lossy(bytes));
    }
    let chunk = b"POST /orders HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n";
    Reply::parse(&send(server.address, chunk).await).error(400, "invalid_body");
    assert_eq!(server.post("/orders", "").await.status, 200);
}
