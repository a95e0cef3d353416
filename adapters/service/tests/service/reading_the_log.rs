//! Pages of the log.

use std::time::Duration;

use futures::future::join_all;
use logistics_core::port::Topic;
use logistics_core::{Offset, Partition};
use logistics_service::{LogPage, LogQuery, LogStart, ServiceError};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::world::{CALLER, PARTITIONS, World};

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
    let world = World::new();
    for _ in 0..5 {
        world.put(Topic::Notifications, P);
    }
    let mut query = LogQuery::new(Topic::Notifications, P);
    query.limit = 2;
    let mut read = Vec::new();
    for expected in [2, 2, 1, 0] {
        let page = world.service.log_page(&CALLER, query.clone()).await.expect("the log answers");
        assert_eq!((page.records.len(), page.bounds.end), (expected, Offset(5)));
        read.extend(offsets(&page));
        query.from = LogStart::Offset(page.next);
    }
    assert_eq!(read, [0, 1, 2, 3, 4]);
}

#[tokio::test(start_paused = true)]
async fn what_is_gone_is_passed_over() {
    let world = World::new();
    for _ in 0..3 {
        world.put(Topic::Orders, P);
    }
    world.bus.with_broker(|broker| broker.truncate(Topic::Orders, P, Offset(2)));
    let page = world.service.log_page(&CALLER, LogQuery::new(Topic::Orders, P)).await.expect("an answer");
    assert_eq!((offsets(&page), page.bounds.start), (vec![2], Offset(2)));
}

#[tokio::test(start_paused = true)]
async fn a_record_that_is_about_to_come_is_waited_for() {
    let world = World::new();
    world.put(Topic::DeadLetters, P);
    let reading = world.service.log_page(&CALLER, following(Duration::from_secs(60)));
    let (page, offset) = tokio::join!(reading, async { world.put(Topic::DeadLetters, P) });
    let page = page.expect("the log answers");
    assert_eq!((offsets(&page), page.next, page.bounds.end), (vec![offset.0], Offset(2), Offset(2)));
}

#[tokio::test(start_paused = true)]
async fn without_a_record_the_page_is_empty_once_the_wait_is_over() {
    let world = World::with(|options| options.wait_ms_max = 900);
    for (wait_ms, waited_ms) in [(0, 0), (300, 300), (u64::MAX, 900)] {
        let began = Instant::now();
        let query = following(Duration::from_millis(wait_ms));
        let page = world.service.log_page(&CALLER, query).await.expect("the log answers");
        let waited = began.elapsed().as_millis();
        assert_eq!((offsets(&page), page.next), (vec![], Offset(0)));
        assert!((waited_ms..=waited_ms + 1).contains(&waited), "{wait_ms}: {waited}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_ends_the_wait() {
    let world = World::new();
    let shutdown = CancellationToken::new();
    let service = world.service.with_shutdown(shutdown.clone());
    let began = Instant::now();
    let reading = service.log_page(&CALLER, following(Duration::from_secs(60)));
    let (page, ()) = tokio::join!(reading, async { shutdown.cancel() });
    assert_eq!(page.map(|page| offsets(&page)), Ok(vec![]));
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_page_that_cannot_be_is_refused() {
    let world = World::new();
    let partitions = PARTITIONS;
    let beyond = LogQuery::new(Topic::Orders, Partition(partitions));
    let unknown = world.service.log_page(&CALLER, beyond).await;
    assert_eq!(unknown, Err(ServiceError::UnknownPartition { partitions }));
    let field = async |query| match world.service.log_page(&CALLER, query).await {
        Err(ServiceError::Invalid { field, .. }) => field,
        other => panic!("it is not refused: {other:?}"),
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
async fn beyond_the_readers_of_the_log_a_call_fails_until_one_ends() {
    let world = World::new();
    let read = || world.service.log_page(&CALLER, following(Duration::from_secs(60)));
    let beyond = async {
        let refused = read().await;
        world.put(Topic::DeadLetters, P);
        refused
    };
    let (pages, refused) = tokio::join!(join_all((0..16).map(|_| read())), beyond);
    assert_eq!(refused, Err(ServiceError::TooManyReaders));
    assert!(pages.iter().all(|page| page.as_ref().is_ok_and(|page| offsets(page) == [0])), "{pages:?}");
    assert!(world.service.log_page(&CALLER, LogQuery::new(Topic::Orders, P)).await.is_ok());
}
