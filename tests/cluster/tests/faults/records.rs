//! Records of other producers.

use logistics_cluster_tests::PARTITIONS;
use logistics_cluster_tests::services::Services;
use logistics_cluster_tests::system::System;
use logistics_core::{Offset, OrderId, Outcome, OutcomeKind, Partition, Timestamp, partition_of, wire};

/// Larger than every record of this project, but within the broker's limit, in bytes.
const OVERSIZED: usize = 900_000;

fn bare(order_id: &str) -> Vec<u8> {
    format!(r#"{{"order_id":"{order_id}","status":"PLACED"}}"#).into_bytes()
}

fn partition(order_id: &str) -> u32 {
    partition_of(&OrderId::parse(order_id).expect("an id"), PARTITIONS).0
}

pub(crate) async fn garbage_oversized_and_foreign_records_are_dead_lettered(system: System) {
    let services = Services::start(&system, 2).await;
    let records = system.records();
    let oversized = format!(r#"{{"order_id":"large","status":"PLACED","x":"{}"}}"#, "x".repeat(OVERSIZED));
    let garbage: [&[u8]; 7] = [
        b"",
        b"\xff\xfe\x00garbage",
        b"{",
        b"[1,2,3]",
        br#"{"order_id":"no such id!","status":"PLACED"}"#,
        br#"{"specversion":"1.0","type":"com.example.other","source":"x","id":"1","data":{}}"#,
        oversized.as_bytes(),
    ];
    let mut orders = 0;
    for partition in 0..PARTITIONS {
        for record in garbage {
            records.write(Some(partition), Some("key"), record).await;
        }
        let order_id = format!("behind-{partition}");
        records.write(Some(self::partition(&order_id)), Some(&order_id), &bare(&order_id)).await;
        orders += 1;
    }
    // The maximum size, with an additional field: accepted.
    let large = format!(r#"{{"order_id":"large-one","status":"PLACED","x":"{}"}}"#, "x".repeat(60_000));
    records.write(Some(partition("large-one")), Some("large-one"), large.as_bytes()).await;
    orders += 1;
    let load = services.load();
    load.more(50).await;
    let clients = load.end().await;
    let report = system.settled(&clients).await;
    assert_eq!(report.orders, orders + clients.orders.len() as u64);
    assert_eq!(report.outcomes.dead_lettered, u64::from(PARTITIONS) * garbage.len() as u64);
    services.stop().await;
}

pub(crate) async fn records_in_the_wrong_partition_reach_the_right_one(system: System) {
    let services = Services::start(&system, 2).await;
    let records = system.records();
    let orders = 40;
    let mut wrong = 0;
    for n in 0..orders {
        let order_id = format!("stray-{n}");
        let to = n % PARTITIONS;
        wrong += u64::from(to != partition(&order_id));
        // Every third record has no key.
        let key = (n % 3 > 0).then_some(order_id.as_str());
        records.write(Some(to), key, &bare(&order_id)).await;
    }
    let load = services.load();
    load.more(50).await;
    let clients = load.end().await;
    let report = system.settled(&clients).await;
    assert_eq!(report.orders, u64::from(orders) + clients.orders.len() as u64);
    assert_eq!(report.outcomes.forwarded, wrong);
    services.stop().await;
}

pub(crate) async fn duplicated_and_reordered_requests_are_answered_once(system: System) {
    let services = Services::start(&system, 2).await;
    let records = system.records();
    let (orders, copies): (u32, u32) = (30, 4);
    for _ in 0..copies {
        for n in 0..orders {
            let order_id = format!("again-{n}");
            let to = Some(partition(&order_id));
            // The first cancellation precedes the placement. The later ones are too late, or change nothing.
            let cancel = format!(
                r#"{{"specversion":"1.0","type":"logistics.order.cancel.requested","source":"test","id":"cancel-{n}","subject":"{order_id}","time":"2026-01-01T00:00:00Z","data":{{"order_id":"{order_id}","status":"CANCELLED","actor":"customer"}}}}"#
            );
            let cancels = n.is_multiple_of(2);
            if cancels {
                records.write(to, Some(&order_id), cancel.as_bytes()).await;
            }
            records.write(to, Some(&order_id), &bare(&order_id)).await;
        }
    }
    let report = system.settled(&Default::default()).await;
    let inputs = u64::from(orders * copies + orders.div_ceil(2) * copies);
    assert_eq!((report.orders, report.inputs), (u64::from(orders), inputs));
    assert_eq!(report.outcomes.dead_lettered, 0, "all of them are requests");
    services.stop().await;
}

/// An outcome for an input far ahead, and a fact that continues no order.
pub(crate) async fn forged_records_of_an_owner_change_no_order(system: System) {
    let services = Services::start(&system, 2).await;
    let load = services.load();
    load.more(30).await;
    let records = system.records();
    let mut forged = 0;
    for number in 0..PARTITIONS {
        let here = Partition(number);
        let forged_result = OutcomeKind::DeadLettered { reason: "forged".to_owned() };
        let ahead = Outcome::new(Offset(999_999), forged_result);
        let ahead = wire::encode_outcome(&ahead, here, Timestamp::default());
        let broken = br#"{"specversion":"1.0","source":"/logistics/processor","type":"logistics.order.confirmed","id":"x"}"#;
        for record in [&ahead[..], broken] {
            records.write(Some(number), Some("key"), record).await;
            forged += 1;
        }
    }
    // A processor that replays the records decides the same as the one that read them live.
    let mut services = services;
    services.processors.remove(0).kill().await;
    services.processors.push(system.processor());
    load.more(60).await;
    let clients = load.end().await;
    let report = system.settled(&clients).await;
    assert_eq!((report.orders, report.foreign), (clients.orders.len() as u64, forged));
    services.stop().await;
}
