//! Single rules, as given, when and then.

use super::super::{
    AttemptOutcome, DeliveryEvent, DeliveryKey, DeliveryOutcome, DeliveryRecord, EndpointStatus, Input,
    Problem, Redrive, ReportEvent, Settings, Settled,
};
use super::world::{P, World, failed};
use super::{at, endpoint, notification};
use crate::ids::{ChannelName, Offset};

use AttemptOutcome::Delivered;

fn settings() -> Settings {
    Settings { jitter_percent: 0, ..Settings::default() }
}

fn rejected() -> AttemptOutcome {
    AttemptOutcome::Rejected { problem: Problem::new("no_mailbox", None) }
}

/// What the log says: the kind, the reason or the outcome, and the attempts.
fn logged(world: &World) -> Vec<(&'static str, u32)> {
    let kind = |record: &DeliveryRecord| match &record.event {
        DeliveryEvent::Waiting(waiting) => (waiting.reason.code(), waiting.attempts),
        DeliveryEvent::Settled(settled) => (settled.outcome.code(), settled.attempts),
        DeliveryEvent::Redrive(_) => ("redrive", 0),
        DeliveryEvent::Stats(_) => ("stats", 0),
        DeliveryEvent::Checkpoint => ("checkpoint", 0),
    };
    let records = world.log.iter().filter(|record| record.channel.is_webhooks()).map(kind);
    records.filter(|(kind, _)| *kind != "stats").collect()
}

#[test]
fn what_is_accepted_at_once_leaves_no_record() {
    let mut world = World::new(settings(), &["a", "b"]);
    world.notify("o1", 1);
    assert_eq!(world.flights.len(), 2);
    world.answer_of("a", Delivered);
    world.acknowledge();
    assert_eq!(world.position, Offset(0), "b has not answered");
    world.answer_of("b", Delivered);
    world.acknowledge();
    assert_eq!((world.position, logged(&world), world.publishes.len()), (Offset(1), vec![], 0));
}

#[test]
fn an_endpoint_without_an_answer_holds_the_position_for_a_second_and_its_attempt_goes_on() {
    let mut world = World::new(settings(), &["a", "b"]);
    world.notify("o1", 1);
    world.answer_of("a", Delivered);
    world.wait(999);
    assert!(world.publishes.is_empty());
    world.wait(1);
    world.store_all();
    world.acknowledge();
    assert_eq!((world.position, logged(&world)), (Offset(1), vec![("slow", 0)]));
    assert_eq!(world.flights.len(), 1, "the attempt goes on");
    world.answer_of("b", Delivered);
    world.store_all();
    assert_eq!(logged(&world), [("slow", 0), ("delivered", 0)]);
}

#[test]
fn a_slow_endpoint_costs_the_next_notifications_no_wait() {
    let mut world = World::new(settings(), &["a", "b"]);
    world.notify("o1", 1);
    world.answer_of("a", Delivered);
    world.wait(1000);
    world.store_all();
    world.notify("o2", 1);
    world.answer_of("a", Delivered);
    world.store_all();
    world.acknowledge();
    assert_eq!((world.position, logged(&world)), (Offset(2), vec![("slow", 0), ("busy", 0)]));
    assert_eq!(world.under_way()["b"], [1, 1], "it is attempted nevertheless");
}

#[test]
fn a_failed_attempt_is_repeated_by_the_schedule_until_it_is_dead() {
    let mut world = World::new(Settings { breaker_failures: 99, ..settings() }, &["a"]);
    world.notify("o1", 1);
    world.answer_of("a", failed(500));
    for (delay_ms, number) in world.settings.retry_delays_ms.clone().into_iter().zip(2..) {
        world.store_all();
        world.acknowledge();
        assert_eq!(world.position, Offset(1));
        world.wait(delay_ms - 1);
        assert!(world.flights.is_empty(), "attempt {number} is early");
        world.wait(1);
        assert_eq!(world.flights[0].number, number);
        world.answer_of("a", failed(500));
    }
    world.store_all();
    assert_eq!(logged(&world).last(), Some(&("dead", 10)));
    let dead = world.log.iter().rev().find_map(|record| match &record.event {
        DeliveryEvent::Settled(settled) => Some(settled),
        _ => None,
    });
    assert_eq!(dead.unwrap().notification.as_ref(), Some(&world.notifications[0]), "a redrive needs it");
    world.wait(u64::from(u32::MAX));
    assert!(world.flights.is_empty());
}

#[test]
fn a_requested_wait_is_obeyed_and_pauses_the_endpoint() {
    let mut world = World::new(settings(), &["a"]);
    let limited = |status| AttemptOutcome::Failed {
        problem: Problem::new("status", Some(status)),
        retry_after_ms: Some(60_000),
    };
    world.notify("o1", 1);
    world.answer_of("a", limited(429));
    world.notify("o2", 1);
    world.store_all();
    assert_eq!(logged(&world), [("failed", 1), ("paused", 0)]);
    world.wait(59_999);
    assert!(world.flights.is_empty());
    world.wait(1);
    assert_eq!(world.flights.len(), 2);
}

#[test]
fn versions_of_an_order_follow_one_another() {
    let mut world = World::new(settings(), &["a"]);
    (1..=3).for_each(|version| world.notify("o1", version));
    world.notify("o2", 1);
    assert_eq!(world.under_way()["a"], [1, 1]);
    world.answer(0, failed(500));
    world.store_all();
    world.acknowledge();
    assert_eq!(logged(&world), [("failed", 1), ("behind", 0), ("behind", 0)]);
    assert_eq!(world.position, Offset(3), "o2 is under way");
    world.notify("o1", 4);
    world.store_all();
    assert_eq!(logged(&world).last(), Some(&("behind", 0)));
    world.wait(5000);
    let index = world.flights.iter().position(|flight| flight.number == 2).expect("the retry");
    world.answer(index, Delivered);
    for version in 2..=4 {
        // The next one starts once the log has the end of the one before.
        assert_eq!(world.flights.len(), 1);
        world.store_all();
        let index = world.flights.iter().position(|flight| flight.key.2.0 == version).expect("the next one");
        world.answer(index, Delivered);
    }
    let versions: Vec<u64> = world.accepted.iter().map(|key| key.2.0).collect();
    assert_eq!(versions, [1, 2, 3, 4]);
}

#[test]
fn an_endpoint_has_a_bounded_number_of_attempts_and_so_has_the_process() {
    let bounds = Settings { in_flight_endpoint_max: 2, in_flight_max: 3, ..settings() };
    let mut world = World::new(bounds, &["a", "b"]);
    (1..=4).for_each(|n| world.notify(&format!("o{n}"), 1));
    assert_eq!(world.under_way(), [("a", vec![1, 1]), ("b", vec![1])].into_iter().collect());
    world.answer_of("a", Delivered);
    assert_eq!(world.flights.len(), 3);
    while !world.flights.is_empty() {
        world.answer(0, Delivered);
    }
    world.acknowledge();
    assert_eq!((world.accepted.len(), world.position), (8, Offset(4)));
}

#[test]
fn an_open_breaker_admits_one_probe_and_a_success_brings_the_rest_forward() {
    let mut world = World::new(Settings { retry_delays_ms: vec![60_000; 5], ..settings() }, &["a"]);
    (1..=5).for_each(|n| world.notify(&format!("o{n}"), 1));
    (0..5).for_each(|_| world.answer(0, failed(503)));
    world.notify("o6", 1);
    world.store_all();
    assert_eq!(logged(&world).last(), Some(&("paused", 0)));
    world.wait(4_999);
    assert!(world.flights.is_empty());
    world.wait(1);
    assert_eq!(world.flights.len(), 1, "one probe");
    world.answer(0, failed(503));
    world.store_all();
    world.wait(9_999);
    assert!(world.flights.is_empty());
    world.wait(1);
    assert_eq!(world.flights.len(), 1, "a probe precedes the schedule");
    world.answer(0, Delivered);
    world.store_all();
    assert_eq!(world.flights.len(), 5, "the others do not wait for their time");
    world.answer(0, failed(500));
    assert!(
        world.publishes.is_empty(),
        "an early attempt is extra: its delivery keeps its place in the schedule"
    );
}

#[test]
fn gone_disables_the_endpoint_and_what_waits_is_dead_until_a_redrive() {
    let mut world = World::new(settings(), &["a"]);
    world.notify("o1", 1);
    world.notify("o1", 2);
    world.answer_of("a", AttemptOutcome::Gone);
    world.store_all();
    assert_eq!(world.disabled, [(endpoint("a"), None)]);
    let status = |status| Input::Endpoint { endpoint: endpoint("a"), status };
    world.handle(status(EndpointStatus::Disabled));
    if !world.flights.is_empty() {
        world.answer(0, failed(410));
    }
    world.store_all();
    world.acknowledge();
    let dead = logged(&world).iter().filter(|(kind, _)| *kind == "dead").count();
    assert_eq!((dead, world.position), (2, Offset(2)));
    world.handle(status(EndpointStatus::Enabled));
    let event = DeliveryEvent::Redrive(Redrive::new(endpoint("a"), notification("o1", 1)));
    world.log.push(DeliveryRecord::new(ChannelName::webhooks(), world.now, event));
    while world.follow() {}
    world.answer_of("a", Delivered);
    world.store_all();
    assert_eq!(logged(&world).last(), Some(&("delivered", 0)));
}

#[test]
fn a_rejected_message_is_dead_at_once_and_its_endpoint_works() {
    let mut world = World::new(Settings { breaker_failures: 2, ..settings() }, &["a"]);
    world.notify("o1", 1);
    world.notify("o1", 2);
    world.answer_of("a", rejected());
    world.store_all();
    assert_eq!(logged(&world), [("dead", 1)]);
    let problem = Some(Problem::new("no_mailbox", None));
    assert_eq!(world.reports.last().unwrap().event, ReportEvent::Dead { problem });
    // The next version of the order follows, and rejections open no breaker.
    world.answer_of("a", rejected());
    world.store_all();
    world.notify("o1", 3);
    world.answer_of("a", Delivered);
    world.acknowledge();
    assert_eq!((logged(&world), world.position), (vec![("dead", 1), ("dead", 1)], Offset(3)));
    // A redrive delivers it again.
    let event = DeliveryEvent::Redrive(Redrive::new(endpoint("a"), notification("o1", 1)));
    world.log.push(DeliveryRecord::new(ChannelName::webhooks(), world.now, event));
    while world.follow() {}
    world.answer_of("a", Delivered);
    world.store_all();
    assert_eq!(logged(&world).last(), Some(&("delivered", 0)));
}

#[test]
fn a_rejected_retry_closes_the_breaker_and_brings_the_rest_forward() {
    let mut world = World::new(Settings { breaker_failures: 2, ..settings() }, &["a"]);
    world.notify("o1", 1);
    world.notify("o2", 1);
    world.answer(0, failed(500));
    world.answer(0, failed(500));
    world.store_all();
    world.wait(5_000);
    assert_eq!(world.flights.len(), 1, "a probe");
    world.answer_of("a", rejected());
    assert_eq!(world.flights.len(), 1, "the endpoint answered");
    world.store_all();
    assert_eq!(logged(&world).last(), Some(&("dead", 2)));
}

#[test]
fn a_deferred_message_is_repeated_by_the_schedule_and_its_endpoint_works() {
    let mut world = World::new(Settings { breaker_failures: 2, ..settings() }, &["a"]);
    let deferred =
        || AttemptOutcome::Deferred { problem: Problem::new("deferred", None), retry_after_ms: None };
    for order in ["o1", "o2", "o3"] {
        world.notify(order, 1);
        world.answer_of("a", deferred());
    }
    world.store_all();
    assert_eq!(logged(&world), [("failed", 1); 3]);
    // Three in a row, and another order is delivered at once.
    world.notify("o4", 1);
    world.answer_of("a", Delivered);
    world.wait(6_000);
    assert_eq!(world.flights.len(), 3, "the retries after 5 s");
}

#[test]
fn what_waits_for_days_is_stored_again_each_day() {
    let mut world = World::new(Settings { breaker_failures: 1, ..settings() }, &["a"]);
    world.notify("o1", 1);
    world.notify("o1", 2);
    let day_ms = 24 * 60 * 60 * 1_000;
    world.answer_of("a", AttemptOutcome::Postponed { after_ms: day_ms });
    world.store_all();
    assert_eq!(logged(&world), [("postponed", 0), ("behind", 0)]);
    world.wait(day_ms - 1);
    world.store_all();
    assert_eq!(logged(&world).len(), 2, "not before");
    world.recover();
    world.wait(60 * 60 * 1_000);
    world.store_all();
    let records = logged(&world);
    assert!(records[2..].contains(&("behind", 0)), "{records:?}");
}

#[test]
fn a_postponed_message_waits_as_long_as_it_wants_and_counts_no_attempt() {
    let mut world = World::new(Settings { breaker_failures: 1, ..settings() }, &["a"]);
    let postponed = || AttemptOutcome::Postponed { after_ms: 60_000 };
    world.notify("o1", 1);
    world.notify("o1", 2);
    world.answer_of("a", postponed());
    world.store_all();
    world.acknowledge();
    assert_eq!((world.position, logged(&world)), (Offset(2), vec![("postponed", 0), ("behind", 0)]));
    for _ in 0..20 {
        world.wait(59_999);
        assert!(world.flights.is_empty());
        world.wait(1);
        assert_eq!(world.flights[0].number, 1);
        world.answer_of("a", postponed());
    }
    world.store_all();
    assert_eq!(logged(&world).len(), 2, "one record is enough");
    // A new owner calls at once, and the rest of the order follows.
    world.recover();
    world.answer_of("a", Delivered);
    world.store_all();
    world.answer_of("a", Delivered);
    world.store_all();
    assert_eq!(logged(&world)[2..], [("delivered", 0), ("delivered", 0)]);
}

#[test]
fn records_of_other_channels_change_nothing() {
    let mut world = World::new(settings(), &["a"]);
    world.notify("o1", 1);
    world.answer_of("a", failed(500));
    world.store_all();
    let key = notification("o1", 1);
    let foreign = |event| DeliveryRecord::new("email".parse().unwrap(), at(0), event);
    // Another channel's endpoint has the same id, and its delivery of the same fact has ended.
    let settled = Settled::new(
        DeliveryKey::new(endpoint("a"), key.order_id.clone(), key.version),
        DeliveryOutcome::Delivered,
        0,
        None,
        None,
    );
    world.log.push(foreign(DeliveryEvent::Settled(settled)));
    world.log.push(foreign(DeliveryEvent::Redrive(Redrive::new(endpoint("a"), notification("o9", 1)))));
    while world.follow() {}
    assert_eq!((world.deliveries.reading().waiting, world.flights.len()), (1, 0));
    world.recover();
    assert_eq!((world.deliveries.reading().waiting, world.flights.len()), (1, 0));
    world.wait(5_000);
    world.answer_of("a", Delivered);
}

#[test]
fn a_quiet_channel_writes_a_checkpoint_behind_the_records_of_the_others() {
    let mut world = World::new(Settings { checkpoint_records: 10, ..settings() }, &["a"]);
    world.notify("o1", 1);
    world.answer_of("a", failed(500));
    world.store_all();
    for _ in 0..10 {
        world.store_foreign();
    }
    while world.follow() {}
    assert!(world.publishes.is_empty(), "the own record is near enough");
    world.store_foreign();
    while world.follow() {}
    world.store_all();
    assert_eq!(logged(&world).last(), Some(&("checkpoint", 0)));
    let oldest = world.log.last().unwrap().written.unwrap().oldest;
    assert_eq!(oldest, Offset(0), "the delivery that waits is still needed");
    world.recover();
    assert_eq!(world.deliveries.reading().waiting, 1);
}

#[test]
fn a_full_endpoint_gets_dead_letters_and_the_others_their_messages() {
    let mut world = World::new(Settings { waiting_endpoint_max: 2, ..settings() }, &["a", "b"]);
    for order in ["o1", "o2", "o3"] {
        world.notify(order, 1);
        world.answer_of("b", Delivered);
    }
    world.wait(1_000);
    world.store_all();
    world.acknowledge();
    assert_eq!(world.position, Offset(3), "no endpoint holds the position");
    assert_eq!(logged(&world).iter().filter(|(kind, _)| *kind == "dead").count(), 1);
    let Some(DeliveryEvent::Settled(dead)) = world.log.iter().map(|record| &record.event).find(
        |event| matches!(event, DeliveryEvent::Settled(settled) if settled.outcome == DeliveryOutcome::Dead),
    ) else {
        panic!("{:?}", world.log)
    };
    assert_eq!((dead.problem.clone(), dead.key.endpoint.as_str()), (Some(Problem::new("full", None)), "a"));
    assert_eq!(dead.notification.as_ref(), Some(&notification("o3", 1)), "a redrive delivers it");
    // Room again.
    world.answer_of("a", Delivered);
    world.answer_of("a", Delivered);
    world.store_all();
    world.notify("o4", 1);
    assert_eq!(world.flights.len(), 2);
}

#[test]
fn days_of_failures_only_disable_the_endpoint() {
    let mut world = World::new(Settings { disable_after_ms: 60_000, ..settings() }, &["a"]);
    world.notify("o1", 1);
    world.answer_of("a", failed(500));
    world.store_all();
    world.wait(59_999);
    world.answer_of("a", failed(500));
    assert!(world.disabled.is_empty());
    // Another owner knows it from the log.
    world.store_all();
    world.recover();
    world.wait(300_000);
    world.answer_of("a", failed(500));
    assert_eq!(world.disabled, [(endpoint("a"), Some(at(0)))]);
}

#[test]
fn what_waits_for_a_deleted_endpoint_is_dropped() {
    let mut world = World::new(settings(), &["a"]);
    world.notify("o1", 1);
    world.answer_of("a", failed(500));
    world.store_all();
    world.handle(Input::Endpoint { endpoint: endpoint("a"), status: EndpointStatus::Deleted });
    world.store_all();
    assert_eq!(logged(&world).last(), Some(&("dropped", 1)));
    assert_eq!(world.reports.last().unwrap().event, ReportEvent::Dropped);
}

#[test]
fn a_revoked_partition_stores_at_once_what_holds_its_position() {
    let mut world = World::new(settings(), &["a"]);
    world.notify("o1", 1);
    world.notify("o1", 2);
    world.handle(Input::Revoked(P));
    assert!(!world.deliveries.reads(P) && !world.deliveries.is_settled(P));
    world.store_all();
    world.acknowledge();
    assert!(world.deliveries.is_settled(P));
    assert_eq!((world.position, logged(&world)), (Offset(2), vec![("moving", 0), ("moving", 0)]));
    world.handle(Input::Lost(P));
    assert!(world.flights.is_empty(), "the attempt is abandoned");
    world.recover();
    assert_eq!(world.under_way()["a"], [1]);
}

#[test]
fn a_drain_waits_for_answers_and_starts_nothing() {
    let mut world = World::new(settings(), &["a"]);
    world.notify("o1", 1);
    world.notify("o1", 2);
    world.handle(Input::Draining);
    world.store_all();
    assert_eq!(logged(&world), [], "version 2 is not stored before version 1");
    world.answer_of("a", Delivered);
    world.store_all();
    world.acknowledge();
    assert_eq!(logged(&world), [("moving", 0)]);
    assert!(world.flights.is_empty() && world.deliveries.is_idle());
    assert_eq!(world.position, Offset(2));
}

#[test]
fn a_failed_store_is_repeated_and_holds_the_position() {
    let mut world = World::new(settings(), &["a"]);
    world.notify("o1", 1);
    world.answer_of("a", failed(500));
    for wait_ms in [100, 200, 400] {
        let (publish, _) = world.publishes.remove(0);
        world.handle(Input::Published { publish, offset: None });
        world.acknowledge();
        assert_eq!(world.position, Offset(0));
        world.wait(wait_ms);
        assert_eq!(world.publishes.len(), 1);
    }
    world.store_all();
    world.acknowledge();
    assert_eq!(world.position, Offset(1));
}

#[test]
fn recovery_reads_no_further_back_than_needed() {
    let mut world = World::new(settings(), &["a"]);
    for n in 0..50 {
        world.notify(&format!("o{n}"), 1);
        world.answer_of("a", failed(500));
        world.store_all();
        world.wait(6000);
        while !world.flights.is_empty() {
            world.answer(0, Delivered);
            world.store_all();
        }
        world.acknowledge();
        while world.follow() {}
    }
    let oldest = world.log.iter().rev().find_map(|record| record.written).unwrap().oldest.0;
    assert!(oldest + 5 > world.log.len() as u64, "{oldest} of {}", world.log.len());
}

#[test]
fn statistics_are_published_at_intervals_and_only_if_something_changed() {
    let mut world = World::new(settings(), &["a"]);
    world.notify("o1", 1);
    world.answer_of("a", Delivered);
    world.wait(10_000);
    world.notify("o2", 1);
    world.answer_of("a", Delivered);
    assert_eq!(world.publishes.len(), 1);
    let DeliveryEvent::Stats(stats) = &world.publishes[0].1.event else { panic!("no statistics") };
    assert_eq!((stats.delivered, stats.failed, stats.last_success_at), (1, 0, Some(at(0))));
    world.store_all();
    world.wait(10_000);
    assert_eq!(world.publishes.len(), 1);
    world.store_all();
    world.wait(10_000);
    assert!(world.publishes.is_empty());
}
