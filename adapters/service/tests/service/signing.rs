//! Requests of a service with a log key.

use bytes::Bytes;
use logistics_core::port::{ReadLimit, Topic};
use logistics_core::wire::LogKeys;
use logistics_core::{Offset, Partition};
use logistics_service::{Options, Place, Transition};

use crate::fixture::{CALLER, Fixture, PARTITIONS};

fn keys(bytes: &[u8]) -> LogKeys {
    LogKeys::new(&bytes.iter().map(|byte| [*byte; 32]).collect::<Vec<_>>()).expect("keys")
}

/// Every payload in the log of the orders, with its partition.
fn payloads(fixture: &Fixture) -> Vec<(Partition, Bytes)> {
    let limit = ReadLimit { records: usize::MAX, bytes: usize::MAX };
    let of = |partition| {
        let batch = fixture.bus.with_broker(|broker| {
            broker.read_committed(Topic::Orders, partition, Offset(0), limit).expect("nothing is truncated")
        });
        let records = batch.map(|batch| batch.records).unwrap_or_default();
        records.into_iter().map(move |record| (partition, record.payload))
    };
    (0..PARTITIONS).map(Partition).flat_map(of).collect()
}

async fn place_and_cancel(log_keys: Option<LogKeys>) -> Vec<(Partition, Bytes)> {
    let fixture = Fixture::with(|options: &mut Options| options.log_keys = log_keys);
    for _ in 0..5 {
        let order_id = fixture.placed().await;
        let cancel = fixture.service.transition(&CALLER, Transition::cancel(order_id));
        let (cancelled, ()) = tokio::join!(cancel, async { fixture.decide() });
        let _cancelled = cancelled.expect("it is cancelled");
    }
    let _placed = fixture.service.place(&CALLER, Place::default()).await.expect("the log accepts it");
    payloads(&fixture)
}

#[tokio::test(start_paused = true)]
async fn the_first_key_signs_every_request_for_the_partition_of_its_order() {
    let signed = place_and_cancel(Some(keys(&[1, 2]))).await;
    assert_eq!(signed.len(), 11);
    for (partition, payload) in signed {
        assert!(keys(&[1]).verifies_input(partition, &payload), "{partition}: {payload:?}");
        assert!(!keys(&[2]).verifies_input(partition, &payload));
        assert!(!keys(&[1]).verifies(partition, &payload), "no owner wrote it");
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_key_no_request_has_a_signature() {
    let unsigned = place_and_cancel(None).await;
    assert_eq!(unsigned.len(), 11);
    assert!(unsigned.iter().all(|(_, payload)| !String::from_utf8_lossy(payload).contains("inputsig")));
}
