//! The stream of one order: from every position, behind every state of the store, without a gap and without a repetition.

use logistics_core::{PartyId, Subject, Version};
use logistics_feed::HubOptions;
use logistics_service::{LiveEnd, Principal, Role, ServiceError};
use logistics_testkit::Rng;

use crate::fixture::Fixture;
use crate::live_log::{LiveLog, Seen, seen};

#[tokio::test(start_paused = true)]
async fn a_new_stream_begins_with_the_order_and_ends_when_it_is_complete() {
    let mut log = LiveLog::new();
    log.happen_to(2).await;
    let mut stream = log.follow(None).await;
    assert_eq!(log.rest(&mut stream).await, [Seen::Snapshot(2)]);
    let last = log.last().0;
    log.happen_to(last).await;
    let expected = [seen(3..=last), vec![Seen::End(LiveEnd::Complete)]].concat();
    assert_eq!(log.rest(&mut stream).await, expected);
    assert_eq!(stream.resumes_from(), log.last());
}

#[tokio::test(start_paused = true)]
async fn a_stream_resumes_from_every_version_of_a_running_and_of_a_complete_order() {
    let mut log = LiveLog::new();
    let last = log.last().0;
    for version in 1..=last {
        log.happen_to(version).await;
        for after in 0..=version {
            let mut stream = log.follow(Some(after)).await;
            let mut expected = seen(after + 1..=version);
            assert_eq!(stream.is_complete(), version == last && after == last, "{after} of {version}");
            expected.extend((version == last).then_some(Seen::End(LiveEnd::Complete)));
            assert_eq!(log.rest(&mut stream).await, expected, "{after} of {version}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_closes_the_gap_of_a_store_that_is_behind_the_log() {
    let mut log = LiveLog::new();
    log.happen_to(1).await;
    log.commit_to(3).await;
    let (mut new, mut resumed) = (log.follow(None).await, log.follow(Some(2)).await);
    assert_eq!(log.rest(&mut new).await, [Seen::Snapshot(1)]);
    assert_eq!(log.rest(&mut resumed).await, []);
    log.write(3);
    assert_eq!(log.rest(&mut new).await, seen(2..=3));
    assert_eq!(log.rest(&mut resumed).await, seen(3..=3));
    // No fact behind the gap was needed to notice it. Later ones follow.
    log.happen_to(5).await;
    assert_eq!(log.rest(&mut new).await, seen(4..=5));
    assert_eq!(log.rest(&mut resumed).await, seen(4..=5));
}

#[tokio::test(start_paused = true)]
async fn the_hub_runs_ahead_of_the_store() {
    let mut log = LiveLog::new();
    log.happen_to(1).await;
    let mut stream = log.follow(None).await;
    assert_eq!(log.rest(&mut stream).await, [Seen::Snapshot(1)]);
    log.commit_to(3).await;
    assert_eq!(log.rest(&mut stream).await, seen(2..=3), "the store has version 1");
    log.commit_to(5).await;
    assert_eq!(log.rest(&mut stream).await, [], "only the store names the courier before an assignment");
    log.write(5);
    assert_eq!(log.rest(&mut stream).await, seen(4..=5));
}

#[tokio::test(start_paused = true)]
async fn a_version_that_the_order_does_not_have_is_refused() {
    let mut log = LiveLog::new();
    log.happen_to(2).await;
    let refused = log.service.follow_order(&Principal::anonymous(), &log.order_id, Some(Version(9))).await;
    assert!(matches!(refused, Err(ServiceError::Invalid { field: "Last-Event-ID", .. })), "{refused:?}");
    // While the store is behind, nothing is known about version 9. The stream ends when it is.
    log.commit_to(3).await;
    let mut stream = log.follow(Some(9)).await;
    assert_eq!(log.rest(&mut stream).await, []);
    log.write(3);
    assert_eq!(log.rest(&mut stream).await, [Seen::End(LiveEnd::UnknownVersion)]);
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_that_falls_behind_resumes_without_a_gap() {
    let options = HubOptions { queue_facts_max: 2, ..HubOptions::default() };
    let mut log = LiveLog::with(options);
    log.happen_to(1).await;
    let mut stream = log.follow(None).await;
    assert_eq!(log.next(&mut stream).await, Some(Seen::Snapshot(1)));
    log.happen_to(6).await;
    // The reader distributes while this task waits.
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    let seen_first = log.rest(&mut stream).await;
    assert_eq!(seen_first, [seen(2..=3), vec![Seen::End(LiveEnd::Lagged)]].concat());
    let mut resumed = log.follow(Some(stream.resumes_from().0)).await;
    let last = log.last().0;
    log.happen_to(last).await;
    let expected = [seen(4..=last), vec![Seen::End(LiveEnd::Complete)]].concat();
    assert_eq!(log.rest(&mut resumed).await, expected);
}

#[tokio::test(start_paused = true)]
async fn a_closed_hub_ends_its_streams() {
    let mut log = LiveLog::new();
    log.happen_to(1).await;
    let mut stream = log.follow(Some(1)).await;
    log.hub.close();
    assert_eq!(log.rest(&mut stream).await, [Seen::End(LiveEnd::ShuttingDown)]);
    let refused = log.service.follow_order(&Principal::anonymous(), &log.order_id, None).await;
    assert_eq!(refused.err(), Some(ServiceError::Unavailable));
}

fn courier(id: &str) -> Principal {
    let principal = Principal::new(Subject::parse("jwt:a").expect("a subject")).with_role(Role::Courier);
    principal.with_party(Role::Courier, PartyId::parse(id).expect("an id"))
}

#[tokio::test(start_paused = true)]
async fn an_order_of_another_party_is_an_absent_one_and_a_courier_that_loses_it_sees_that() {
    let mut log = LiveLog::new();
    log.happen_to(3).await;
    let stranger = log.service.follow_order(&courier("courier-9"), &log.order_id, None).await;
    assert_eq!(stranger.err(), Some(ServiceError::NotFound));
    let mut stream = log.follow_as(&courier("courier-1"), None).await;
    assert_eq!(log.rest(&mut stream).await, [Seen::Snapshot(3)]);
    log.happen_to(5).await;
    assert_eq!(log.rest(&mut stream).await, [Seen::Fact(4), Seen::End(LiveEnd::NotVisible)]);
    let mut stream = log.follow_as(&courier("courier-2"), Some(4)).await;
    assert_eq!(log.rest(&mut stream).await, seen(5..=5));
}

#[tokio::test(start_paused = true)]
async fn a_handle_without_a_feed_has_no_streams() {
    let fixture = Fixture::new();
    let id = fixture.placed().await;
    let refused = fixture.service.follow_order(&Principal::anonymous(), &id, None).await;
    assert_eq!(refused.err(), Some(ServiceError::Unavailable));
    assert!(fixture.service.feed().is_none());
}

/// Streams start, read and resume while facts reach the log and then the store, in a random order.
#[tokio::test(start_paused = true)]
async fn every_interleaving_of_log_store_and_streams_yields_each_fact_once() {
    for seed in 0..300 {
        interleaved(&mut Rng::new(seed), seed).await;
    }
}

async fn interleaved(rng: &mut Rng, seed: u64) {
    let mut log = LiveLog::new();
    log.happen_to(1).await;
    let last = log.last().0;
    let mut stored = 1;
    let mut streams = Vec::new();
    for _ in 0..60 {
        match rng.below(6) {
            0 => log.commit_to((log.version().0 + 1).min(last)).await,
            1 => {
                stored = stored.max(1 + rng.below(log.version().0));
                log.write(stored);
            }
            2 if streams.len() < 4 => {
                let after = rng.chance(500).then(|| rng.below(log.version().0 + 1));
                streams.push((log.follow(after).await, after, Vec::new()));
            }
            3 => log.put_another().await,
            _ if streams.is_empty() => {}
            _ => {
                let at = rng.below(streams.len() as u64) as usize;
                let (stream, _, events) = &mut streams[at];
                events.extend(log.next(stream).await);
            }
        }
    }
    log.happen_to(last).await;
    for (mut stream, after, mut events) in streams {
        events.extend(log.rest(&mut stream).await);
        let first = match (after, events.first()) {
            (Some(after), _) => after,
            (None, Some(Seen::Snapshot(version))) => {
                let version = *version;
                events.remove(0);
                version
            }
            (None, other) => panic!("seed {seed}: a stream without a position began with {other:?}"),
        };
        let expected = [seen(first + 1..=last), vec![Seen::End(LiveEnd::Complete)]].concat();
        assert_eq!(events, expected, "seed {seed}: after {after:?}");
    }
}
