//! Transactions and the maximum batch size of a topic.

use logistics_core::port::{CommitOutcome, EventBus, NewRecord, PortErrorKind, Topic, Transaction};
use logistics_core::{Offset, OrderId};
use logistics_kafka::limits::TOPIC_MESSAGE_BYTES_MIN;

use crate::system::{LIMIT, P0, System, TIMEOUT};

/// Sixty records of 9 KB that do not compress.
fn sixty() -> Transaction {
    let mut state = 1_u64;
    let record = |_| {
        let bytes = (0..9_000).map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        });
        NewRecord { topic: Topic::Orders, partition: P0, key: None, payload: bytes.collect() }
    };
    Transaction { records: (0..60).map(record).collect(), next: Offset(0) }
}

pub(crate) async fn is_named() {
    let system = System::start(1).await;
    let membership = system.join().await;
    let log = membership.log(P0);
    log.acquire().await.expect("it is taken");
    // After the check in `join`.
    system.set(Topic::Orders, "max.message.bytes", "20000").await;
    let refused = log.commit(sixty()).await.expect_err("the topic refuses it");
    assert_eq!(refused.kind(), PortErrorKind::TooLarge, "{refused}");
    assert!(refused.to_string().contains("`max.message.bytes`"), "{refused}");

    // The aborted transaction hides no later records.
    let order_id = OrderId::parse("order").expect("an order id");
    let appended = system.bus.append(&order_id, "{}".into()).await.expect("it is appended");
    let mut tail = system.bus.tail(Topic::Orders, P0, Offset(0)).await.expect("a reader");
    let read = async {
        loop {
            let batch = tail.next(LIMIT).await.expect("it is read");
            if let Some(record) = batch.records.first() {
                return record.offset;
            }
        }
    };
    assert_eq!(tokio::time::timeout(TIMEOUT / 4, read).await.expect("at once"), appended);

    log.acquire().await.expect("it is taken again");
    let mut less = sixty();
    less.records.truncate(1);
    assert_eq!(log.commit(less).await.expect("it fits"), CommitOutcome::Committed);
    membership.leave().await.expect("it leaves");
}

pub(crate) async fn fits() {
    let system = System::start(1).await;
    system.set(Topic::Orders, "max.message.bytes", &TOPIC_MESSAGE_BYTES_MIN.to_string()).await;
    let membership = system.join().await;
    let log = membership.log(P0);
    log.acquire().await.expect("it is taken");
    assert_eq!(log.commit(sixty()).await.expect("in several batches"), CommitOutcome::Committed);
    membership.leave().await.expect("it leaves");
}
