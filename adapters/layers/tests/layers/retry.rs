use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use logistics_core::Partition;
use logistics_core::port::{
    EventBus, Loaded, MockEventBus, MockNotifier, MockOwnerStore, Notifier, NotifyError, NotifyErrorKind,
    OwnerStore, PortErrorKind, Token,
};
use logistics_layers::{Layer, Retry};
use tokio::time::Instant;

use super::{error, order_id};

const RETRY: Retry = Retry { attempts_max: 4, delay_ms_min: 100, delay_ms_max: 150 };

#[tokio::test(start_paused = true)]
async fn a_read_is_repeated_with_growing_bounded_delays_until_it_succeeds() {
    let mut store = MockOwnerStore::new();
    let mut failures = 3;
    store.expect_load().times(4).returning(move |_, _| {
        if failures == 0 {
            return Ok(Loaded::default());
        }
        failures -= 1;
        Err(error(PortErrorKind::Unavailable))
    });
    let began = Instant::now();
    RETRY.over(Arc::new(store)).load(Partition(0), &[]).await.unwrap();
    // 100, 150 and 150 ms, each shortened by up to half.
    let range = Duration::from_millis(200)..=Duration::from_millis(400);
    assert!(range.contains(&began.elapsed()), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn the_error_of_the_last_attempt_is_returned() {
    let mut store = MockOwnerStore::new();
    store.expect_recover().times(4).returning(|_| Err(error(PortErrorKind::Unavailable)));
    let failed = RETRY.over(Arc::new(store)).recover(Partition(0)).await.unwrap_err();
    assert_eq!(failed.kind(), PortErrorKind::Unavailable);
}

#[tokio::test(start_paused = true)]
async fn an_error_that_is_not_retryable_is_returned_at_once() {
    for kind in [PortErrorKind::Refused, PortErrorKind::Corrupt, PortErrorKind::Truncated] {
        let mut store = MockOwnerStore::new();
        store.expect_recover().times(1).returning(move |_| Err(error(kind)));
        assert_eq!(RETRY.over(Arc::new(store)).recover(Partition(0)).await.unwrap_err().kind(), kind);
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_may_change_something_is_made_once() {
    let mut bus = MockEventBus::new();
    bus.expect_append().times(1).returning(|_, _| Err(error(PortErrorKind::Unavailable)));
    bus.expect_join().times(1).returning(|| Err(error(PortErrorKind::Unavailable)));
    let bus = RETRY.over(Arc::new(bus));
    bus.append(&order_id(), Bytes::new()).await.unwrap_err();
    assert!(bus.join().await.is_err());

    let mut store = MockOwnerStore::new();
    store.expect_clear().times(1).returning(|_, _| Err(error(PortErrorKind::Unavailable)));
    let token = Token { acquisition: 1, sequence: 1 };
    RETRY.over(Arc::new(store)).clear(Partition(0), token).await.unwrap_err();

    let mut notifier = MockNotifier::new();
    let failed = || Err(NotifyError::new(NotifyErrorKind::Unavailable, "on purpose"));
    notifier.expect_notify().times(1).returning(move |_| failed());
    let notification = logistics_testkit::sample::notification(logistics_core::Status::Placed);
    let error = RETRY.over(Arc::new(notifier)).notify(&notification).await.expect_err("every attempt fails");
    assert_eq!((error.kind(), error.to_string()), (NotifyErrorKind::Unavailable, "on purpose".to_owned()));
}
