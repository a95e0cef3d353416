//! A log or a store that fails: 503 and no word about what is inside.

use logistics_core::port::PortErrorKind;

use crate::world::World;

#[tokio::test]
async fn a_full_log_refuses_until_there_is_room() {
    let world = World::start().await;
    world.fail(Some(PortErrorKind::StorageFull));
    let full = world.post("/orders", "").await;
    full.error(503, "storage_full");
    assert_eq!(full.header("retry-after"), "1");
    world.fail(None);
    assert_eq!(world.post("/orders", "").await.status, 200);
}

#[tokio::test]
async fn what_fails_inside_is_not_told() {
    let world = World::start().await;
    let id = world.placed().await;
    let kinds = [
        (PortErrorKind::Unavailable, 503, "unavailable"),
        (PortErrorKind::Closed, 503, "unavailable"),
        (PortErrorKind::Refused, 503, "unavailable"),
        (PortErrorKind::Corrupt, 503, "unavailable"),
        (PortErrorKind::TooLarge, 413, "too_large"),
    ];
    for (kind, status, code) in kinds {
        world.fail(Some(kind));
        let lines = [
            "POST /orders",
            "GET /orders",
            &format!("GET /orders/{id}"),
            "GET /log/orders/0",
            &format!("POST /orders/{id}/cancel"),
        ];
        for line in lines {
            let error = world.call(line, &[], "").await.error(status, code);
            assert!(!error.to_string().contains("inside"), "{error}");
        }
    }
}

#[tokio::test]
async fn a_store_that_fails_while_an_outcome_is_awaited_is_asked_again() {
    let world = std::sync::Arc::new(World::start().await);
    let id = world.placed().await;
    world.pause();
    let waiting = {
        let (world, id) = (world.clone(), id.clone());
        tokio::spawn(async move { world.post(&format!("/orders/{id}/cancel"), "").await })
    };
    world.until_appended(2).await;
    world.fail(Some(PortErrorKind::Unavailable));
    world.go_on();
    world.fail(None);
    assert_eq!(waiting.await.expect("an answer").status, 200);
}

#[tokio::test]
async fn readiness_names_what_is_missing() {
    let world = World::start().await;
    let ready = world.get("/health/ready").await;
    assert_eq!((ready.status, ready.json()["status"].as_str()), (200, Some("ready")));
    world.miss(&["partition 3", "notifier"]);
    let not_ready = world.get("/health/ready").await.error(503, "not_ready");
    assert_eq!(not_ready["missing"], serde_json::json!(["partition 3", "notifier"]));
    assert_eq!(not_ready["error"], "Not ready: partition 3, notifier");
    assert_eq!(not_ready["parts"].as_array().map(Vec::len), Some(3));
    assert_eq!(world.get("/health/live").await.status, 200);
}
