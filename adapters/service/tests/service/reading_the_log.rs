//! Pages of the log.

use std::time::Duration;

use futures::future::join_all;
use logistics_core::port::Topic;
use logistics_core::{Offset, Partition};
use logistics_service::{LogPage, LogQuery, LogStart, ServiceError};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::fixture::{CALLER, Fixture, PARTITIONS};

const P: Partition = Partition(2);

fn offsets(page: &LogPage) -> Vec<u64> {
    page.records.iter().map(|record| record.offset.0).collect()
}

/// Waits for a record behind the last one.
fn following(wait: Duration) -> LogQuery {
    let mut query = LogQuery::new(Topic::DeadLetters, P);
    (query.from, query.wait) = (LogStart::End, wait);
    query
}

#[tokio::test(start_paused = true)]
async fn pages_follow_each_other_to_the_end() {
    let fixture = Fixture::new();
    for _ in 0..5 {
        fixture.put(Topic::Notifications, P);
    }
    let mut query = LogQuery::new(Topic::Notifications, P);
    query.limit = 2;
    let mut read = Vec::new();
    for expected in [2, 2, 1, 0] {
        let page = fixture.service.log_page(&CALLER, query.clone()).await.expect("the log answers");
        assert_eq!((page.records.len(), page.bounds.end), (expected, Offset(5)));
        read.extend(offsets(&page));
        query.from = LogStart::Offset(page.next);
    }
    assert_eq!(read, [0, 1, 2, 3, 4]);
}

#[tokio::test(start_paused = true)]
async fn truncated_records_are_skipped() {
    let fixture = Fixture::new();
    for _ in 0..3 {
        fixture.put(Topic::Orders, P);
    }
    fixture.bus.with_broker(|broker| broker.truncate(Topic::Orders, P, Offset(2)));
    let page = fixture.service.log_page(&CALLER, LogQuery::new(Topic::Orders, P)).await.expect("an answer");
    assert_eq!((offsets(&page), page.bounds.start), (vec![2], Offset(2)));
}

#[tokio::test(start_paused = true)]
async fn a_page_waits_for_the_next_record() {
    let fixture = Fixture::new();
    fixture.put(Topic::DeadLetters, P);
    let reading = fixture.service.log_page(&CALLER, following(Duration::from_secs(60)));
    let (page, offset) = tokio::join!(reading, async { fixture.put(Topic::DeadLetters, P) });
    let page = page.expect("the log answers");
    assert_eq!((offsets(&page), page.next, page.bounds.end), (vec![offset.0], Offset(2), Offset(2)));
}

#[tokio::test(start_paused = true)]
async fn without_a_record_the_page_is_empty_after_the_wait() {
    let fixture = Fixture::with(|options| options.wait_ms_max = 900);
    for (wait_ms, waited_ms) in [(0, 0), (300, 300), (u64::MAX, 900)] {
        let began = Instant::now();
        let query = following(Duration::from_millis(wait_ms));
        let page = fixture.service.log_page(&CALLER, query).await.expect("the log answers");
        let waited = began.elapsed().as_millis();
        assert_eq!((offsets(&page), page.next), (vec![], Offset(0)));
        assert!((waited_ms..=waited_ms + 1).contains(&waited), "{wait_ms}: {waited}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_ends_the_wait() {
    let fixture = Fixture::new();
    let shutdown = CancellationToken::new();
    let service = fixture.service.with_shutdown(shutdown.clone());
    let began = Instant::now();
    let reading = service.log_page(&CALLER, following(Duration::from_secs(60)));
    let (page, ()) = tokio::join!(reading, async { shutdown.cancel() });
    assert_eq!(page.map(|page| offsets(&page)), Ok(vec![]));
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn an_invalid_query_is_rejected() {
    let fixture = Fixture::new();
    let partitions = PARTITIONS;
    let beyond = LogQuery::new(Topic::Orders, Partition(partitions));
    let unknown = fixture.service.log_page(&CALLER, beyond).await;
    assert_eq!(unknown, Err(ServiceError::UnknownPartition { partitions }));
    let field = async |query| match fixture.service.log_page(&CALLER, query).await {
        Err(ServiceError::Invalid { field, .. }) => field,
        other => panic!("it is not rejected: {other:?}"),
    };
    for limit in [0, 1001] {
        let mut query = LogQuery::new(Topic::Orders, P);
        query.limit = limit;
        assert_eq!(field(query).await, "limit");
    }
    let mut query = LogQuery::new(Topic::Orders, P);
    query.from = LogStart::Offset(Offset(1));
    assert_eq!(field(query).await, "from");
}

#[tokio::test(start_paused = true)]
async fn beyond_the_limit_of_readers_a_call_fails_until_another_ends() {
    let fixture = Fixture::new();
    let read = || fixture.service.log_page(&CALLER, following(Duration::from_secs(60)));
    let beyond = async {
        let rejected = read().await;
        fixture.put(Topic::DeadLetters, P);
        rejected
    };
    let (pages, rejected) = tokio::join!(join_all((0..16).map(|_| read())), beyond);
    assert_eq!(rejected, Err(ServiceError::TooManyReaders));
    assert!(pages.iter().all(|page| page.as_ref().is_ok_and(|page| offsets(page) == [0])), "{pages:?}");
    assert!(fixture.service.log_page(&CALLER, LogQuery::new(Topic::Orders, P)).await.is_ok());
}
