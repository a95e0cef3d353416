//! A log or a store that fails: the reply is 503 and contains no internal text.

use logistics_core::port::PortErrorKind;

use crate::test_server::TestServer;

#[tokio::test]
async fn a_full_log_rejects_placements_until_there_is_room() {
    let server = TestServer::start().await;
    server.fail(Some(PortErrorKind::StorageFull));
    let full = server.post("/orders", "").await;
    full.error(503, "storage_full");
    assert_eq!(full.header("retry-after"), "1");
    server.fail(None);
    assert_eq!(server.post("/orders", "").await.status, 200);
}

#[tokio::test]
async fn replies_contain_no_internal_error_text() {
    let server = TestServer::start().await;
    let id = server.placed().await;
    let kinds = [
        (PortErrorKind::Unavailable, 503, "unavailable"),
        (PortErrorKind::Closed, 503, "unavailable"),
        (PortErrorKind::Refused, 503, "unavailable"),
        (PortErrorKind::Corrupt, 503, "unavailable"),
        (PortErrorKind::TooLarge, 413, "too_large"),
    ];
    for (kind, status, code) in kinds {
        server.fail(Some(kind));
        let lines = [
            "POST /orders",
            "GET /orders",
            &format!("GET /orders/{id}"),
            "GET /log/orders/0",
            &format!("POST /orders/{id}/cancel"),
        ];
        for line in lines {
            let error = server.call(line, &[], "").await.error(status, code);
            assert!(!error.to_string().contains("internal"), "{error}");
        }
    }
}

#[tokio::test]
async fn a_store_that_fails_while_an_outcome_is_awaited_is_read_again() {
    let server = std::sync::Arc::new(TestServer::start().await);
    let id = server.placed().await;
    server.pause();
    let waiting = {
        let (server, id) = (server.clone(), id.clone());
        tokio::spawn(async move { server.post(&format!("/orders/{id}/cancel"), "").await })
    };
    server.until_appended(2).await;
    server.fail(Some(PortErrorKind::Unavailable));
    server.resume();
    server.fail(None);
    assert_eq!(waiting.await.expect("an answer").status, 200);
}

#[tokio::test]
async fn readiness_names_the_missing_parts() {
    let server = TestServer::start().await;
    let ready = server.get("/health/ready").await;
    assert_eq!((ready.status, ready.json()["status"].as_str()), (200, Some("ready")));
    server.miss(&["partition 3", "notifier"]);
    let not_ready = server.get("/health/ready").await.error(503, "not_ready");
    assert_eq!(not_ready["missing"], serde_json::json!(["partition 3", "notifier"]));
    assert_eq!(not_ready["error"], "Not ready: partition 3, notifier");
    assert_eq!(not_ready["parts"].as_array().map(Vec::len), Some(3));
    assert_eq!(server.get("/health/live").await.status, 200);
}
