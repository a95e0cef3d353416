//! Batches compressed by other producers, topics or brokers.

use logistics_core::port::{EventBus, PartitionLog, Topic};
use logistics_core::{Offset, OrderId};

use crate::system::{LIMIT, P0, System, TIMEOUT, read};

const CODECS: [&str; 5] = ["none", "gzip", "snappy", "lz4", "zstd"];

fn payload(codec: &str) -> Vec<u8> {
    format!(r#"{{"codec":"{codec}","text":"{}"}}"#, "again ".repeat(2000)).into_bytes()
}

async fn assert_read(system: &System, expected: &[Vec<u8>]) {
    let membership = system.join().await;
    let log = membership.log(P0);
    let records = read(&*log as &dyn PartitionLog, Offset(0), expected.len()).await;
    assert!(records.iter().map(|record| &record.payload[..]).eq(expected.iter().map(|payload| &payload[..])));

    let mut tail = system.bus.tail(Topic::Orders, P0, Offset(0)).await.expect("a reader");
    let mut tailed = Vec::new();
    while tailed.len() < expected.len() {
        let batch =
            tokio::time::timeout(TIMEOUT, tail.next(LIMIT)).await.expect("in time").expect("it is read");
        tailed.extend(batch.records);
    }
    assert_eq!(tailed, records);
    membership.leave().await.expect("it leaves");
}

pub(crate) async fn all_are_read() {
    let system = System::start(1).await;
    let expected = CODECS.map(payload);
    for (codec, payload) in CODECS.iter().zip(&expected) {
        system.produce(&system.producer(&[("compression.type", codec)]), payload, None);
    }
    assert_read(&system, &expected).await;
}

pub(crate) async fn a_topic_compresses() {
    let system = System::start(1).await;
    system.set(Topic::Orders, "compression.type", "zstd").await;
    let expected = [payload("their own"), payload("ours")];
    system.produce(&system.producer(&[]), &expected[0], None);
    let order_id = OrderId::parse("order").expect("an order id");
    system.bus.append(&order_id, expected[1].clone().into()).await.expect("it is appended");
    assert_read(&system, &expected).await;
}
