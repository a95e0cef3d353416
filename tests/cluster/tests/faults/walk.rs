//! The services without faults.

use logistics_cluster_tests::api;
use logistics_cluster_tests::services::Services;
use logistics_cluster_tests::system::System;
use logistics_containers::until;

/// Place, read, the log lines of all services, and the 404.
pub(crate) async fn an_order_is_delivered_and_every_service_logs_it(system: System) {
    let services = Services::start(&system, 1).await;
    let api = services.api.address();
    let placed = api::post(api, "/orders").await.expect("an answer");
    assert_eq!((placed.status, placed.json()["message"].as_str()), (200, Some("Order created")));
    let order_id = placed.json()["order_id"].as_str().expect("an order id").to_owned();
    until("it is delivered", async || {
        let order = api::get(api, &format!("/orders/{order_id}")).await.expect("an answer");
        order.json()["status"] == "DELIVERED"
    })
    .await;
    // Until the store has caught up with the partition, the answer is 503.
    until("a missing order is not found", async || {
        let missing = api::get(api, "/orders/missing").await.expect("an answer");
        let is_known = missing.status != 503;
        if is_known {
            assert_eq!((missing.status, missing.json()["error"].as_str()), (404, Some("Order not found")));
        }
        is_known
    })
    .await;
    let processor = &services.processors[0];
    processor.until_printed("Order Processor Running...").await;
    processor.until_printed(&format!("Received order {order_id} with status PLACED")).await;
    for status in ["CONFIRMED", "PREPARING", "OUT_FOR_DELIVERY", "DELIVERED"] {
        processor.until_printed(&format!("Moved order {order_id} → {status}")).await;
        services.notifications.until_printed(&format!("Order {order_id} is now {status}")).await;
    }
    services.notifications.until_printed("Notification Service Running...").await;
    services.notifications.until_printed("🔔 NOTIFICATION:").await;
    let report = system.settled(&Default::default()).await;
    assert_eq!((report.orders, report.facts, report.notifications), (1, 5, 5));
    services.stop().await;
}

pub(crate) async fn any_producer_places_an_order_and_any_client_reads_it(system: System) {
    let services = Services::start(&system, 1).await;
    let bare = br#"{"order_id":"from-anywhere","status":"PLACED","table":7}"#;
    // Another partitioner, so probably the wrong partition.
    system.records().write(None, Some("from-anywhere"), bare).await;
    until("it is delivered", async || {
        let document = system.redis().cli(&["GET", "order:from-anywhere"]).await;
        document.contains(r#""status":"DELIVERED""#)
    })
    .await;
    let document = system.redis().cli(&["GET", "order:from-anywhere"]).await;
    assert!(document.contains(r#""table":7"#), "additional fields are its details: {document}");
    system.settled(&Default::default()).await;
    services.stop().await;
}
