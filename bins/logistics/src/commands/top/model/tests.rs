//! Given scrapes of processes, then the snapshot.

use std::time::{Duration, Instant};

use logistics_core::Timestamp;

use super::super::late::{LateOrder, LateOrders};
use super::super::parse::parse;
use super::super::process::{Process, Scrape};
use super::*;

const NOW: f64 = 1_700_000_100.0;

/// A process and its scrapes, a second apart. `Err`: it did not answer.
fn process(url: &str, scrapes: &[Result<&str, &str>]) -> Process {
    let (mut process, mut at) = (Process::new(url.to_owned()), Instant::now());
    for scrape in scrapes {
        let result = scrape.map(|text| parse(text, false).expect("valid")).map_err(str::to_owned);
        process.scraped(Scrape { at, result });
        at += Duration::from_secs(1);
    }
    process
}

fn snapshot(processes: &[Process]) -> Snapshot {
    snapshot_with(processes, LateOrders::default())
}

fn snapshot_with(processes: &[Process], late: LateOrders) -> Snapshot {
    Snapshot::of(processes, late, Duration::from_secs(30), Timestamp::from_millis((NOW * 1000.0) as i64))
}

fn codes(findings: &[Finding]) -> Vec<(&str, &str)> {
    findings.iter().map(|finding| (finding.code, &*finding.subject)).collect()
}

/// An order-processor with partitions in these phases for ten seconds.
fn processor(name: &str, phases: &[(u32, &str)]) -> String {
    let mut text =
        format!("logistics_build_info{{program=\"order-processor\",version=\"1\",name=\"{name}\"}} 1\n");
    for (partition, phase) in phases {
        let start = NOW - 10.0;
        text += &format!(
            "logistics_processor_phase{{partition=\"{partition}\",phase=\"{phase}\"}} 1\n\
             logistics_processor_phase_start_timestamp_seconds{{partition=\"{partition}\"}} {start}\n\
             logistics_processor_lag_seconds{{partition=\"{partition}\"}} 0\n"
        );
    }
    text
}

/// What an order-api shows of the log.
fn log(partition: u32, end: u32, answered: u32, lag_seconds: f64) -> String {
    format!(
        "logistics_log_end_offset{{partition=\"{partition}\"}} {end}\n\
         logistics_log_answered_offset{{partition=\"{partition}\"}} {answered}\n\
         logistics_log_lag_records{{partition=\"{partition}\"}} {}\n\
         logistics_log_lag_seconds{{partition=\"{partition}\"}} {lag_seconds}\n",
        end - answered
    )
}

#[test]
fn rates_and_quantiles_are_sums_over_processes() {
    let api = |placed: u32, fast: u32, slow: u32, failed: u32| {
        let labels = "http_request_method=\"POST\",http_route=\"/orders\",status_class";
        let family = "http_server_request_duration_seconds";
        let all = fast + slow;
        format!(
            "logistics_facts_total{{status=\"PLACED\",change=\"placed\"}} {placed}\n\
             logistics_facts_total{{status=\"CONFIRMED\",change=\"moved\"}} {placed}\n\
             {family}_bucket{{{labels}=\"2xx\",le=\"0.01\"}} {fast}\n\
             {family}_bucket{{{labels}=\"2xx\",le=\"0.1\"}} {all}\n\
             {family}_bucket{{{labels}=\"2xx\",le=\"+Inf\"}} {all}\n\
             {family}_count{{{labels}=\"2xx\"}} {all}\n\
             {family}_count{{{labels}=\"5xx\"}} {failed}\n\
             {family}_bucket{{http_request_method=\"GET\",http_route=\"/orders\",le=\"+Inf\"}} 5000\n"
        )
    };
    let one = process("a", &[Ok(&api(10, 100, 0, 1)), Ok(&api(20, 150, 0, 1))]);
    let other = process("b", &[Ok(&api(0, 0, 0, 0)), Ok(&api(5, 40, 10, 2))]);
    let totals = snapshot(&[one, other]).totals;
    // -0 would be shown as such.
    let quiet = snapshot(&[process("c", &[Ok(&api(1, 1, 1, 1)), Ok(&api(1, 1, 1, 1))])]).totals;
    assert!(quiet.errors_per_second.is_some_and(|rate| rate == 0.0 && rate.is_sign_positive()));
    assert_eq!(totals.interval_seconds, Some(1.0));
    assert_eq!((totals.placed_per_second, totals.facts_per_second), (Some(15.0), Some(30.0)));
    assert_eq!((totals.requests_per_second, totals.errors_per_second), (Some(102.0), Some(2.0)));
    // 90 of 100 requests took up to 10 ms.
    let ms = |seconds: Option<f64>| seconds.map(|seconds| (seconds * 1e5).round() / 100.0);
    assert_eq!((ms(totals.place_p50_seconds), ms(totals.place_p99_seconds)), (Some(5.56), Some(91.0)));
}

#[test]
fn rates_need_two_scrapes_of_a_process_that_answers() {
    let text = "logistics_facts_total{change=\"placed\"} 10\n";
    let once = process("a", &[Ok(text)]);
    let down = process("b", &[Ok(text), Err("refused")]);
    let totals = snapshot(&[once, down]).totals;
    assert_eq!((totals.placed_per_second, totals.place_p50_seconds), (None, None));
    // After an outage, the rate covers it.
    let back = process("c", &[Ok(text), Err("refused"), Ok("logistics_facts_total{change=\"placed\"} 14\n")]);
    assert_eq!(snapshot(&[back]).totals.placed_per_second, Some(2.0));
}

#[test]
fn live_partitions_without_lag_move() {
    let text = processor("p", &[(0, "live"), (1, "live")]) + &log(0, 9, 9, 0.0) + &log(1, 7, 6, 0.1);
    let snapshot = snapshot(&[process("a", &[Ok(&text), Ok(&text)])]);
    assert_eq!(snapshot.moving, Some(true), "{:?}", snapshot.reasons);
    assert!(snapshot.warnings.is_empty(), "{:?}", snapshot.warnings);
    let row = &snapshot.partitions[1];
    assert_eq!((row.partition, row.owner.as_deref(), row.trouble), (1, Some("p"), None));
    assert_eq!((row.lag_records, row.lag_seconds, row.phase_seconds), (Some(1.0), Some(0.1), Some(10.0)));
}

#[test]
fn the_owner_of_a_moved_partition_is_the_new_one() {
    for (old, new) in [
        (&[(0, "stopping")][..], "live"),
        (&[(0, "dropped")], "live"),
        (&[], "live"),
        (&[(0, "dropped")], "acquiring"),
        (&[(0, "stopping")], "replaying"),
    ] {
        let old_now = processor("old", old);
        let old = process("a", &[Ok(&processor("old", &[(0, "live")])), Ok(&old_now)]);
        let new_now = processor("new", &[(0, new)]);
        let new = process("b", &[Ok(&processor("new", &[])), Ok(&new_now)]);
        let snapshot = snapshot(&[old, new]);
        assert_eq!(snapshot.partitions.len(), 1);
        let row = &snapshot.partitions[0];
        assert_eq!(row.owner.as_deref(), Some("new"), "{old_now}");
        assert_eq!(snapshot.moving, Some(true), "{:?}", snapshot.reasons);
        assert_eq!(row.trouble.is_some(), row.phase.as_deref() != Some("live"));
    }
    let both = [
        process("a", &[Ok(&processor("a", &[(0, "live")]))]),
        process("b", &[Ok(&processor("b", &[(0, "live")]))]),
    ];
    assert_eq!(codes(&snapshot(&both).warnings), [("partition_two_owners", "0")]);
}

#[test]
fn a_partition_that_no_processor_has_is_unowned() {
    let api = log(0, 5, 5, 0.0) + &log(1, 5, 5, 0.0);
    let api = || process("api", &[Ok(&api)]);
    let seen = snapshot(&[api(), process("p", &[Ok(&processor("p", &[(0, "live")]))])]);
    assert_eq!((seen.moving, codes(&seen.reasons)), (Some(false), vec![("partition_unowned", "1")]));
    assert_eq!(seen.reasons[0].message, "partition 1 is owned by no scraped process");
    // The owner of before has ended, and no log shows the partition.
    let (before, now) = (processor("p", &[(3, "live")]), processor("p", &[]));
    let ended = snapshot(&[process("p", &[Ok(&before), Ok(&now)])]);
    assert_eq!(codes(&ended.reasons), [("partition_unowned", "3")]);
    // Without a processor among the processes, the log alone shows whether orders move.
    let unseen = snapshot(&[api()]);
    assert_eq!((unseen.moving, codes(&unseen.warnings)), (Some(true), vec![("no_processor", "processes")]));
}

#[test]
fn what_waits_too_long_is_stuck_and_named() {
    let live = processor("p", &[(0, "live")]);
    let stuck = |text: String| {
        let snapshot = snapshot(&[process("a", &[Ok(&text)])]);
        let reason = snapshot.reasons.first().cloned().expect("a reason");
        assert_eq!(snapshot.moving, Some(false));
        (reason.code, reason.message)
    };
    for (text, code, message) in [
        (
            live.clone() + &log(0, 9, 2, 31.0),
            "request_unanswered",
            "partition 0 (p) has left a request unanswered for 31 s",
        ),
        (
            live.clone() + "logistics_timer_overdue_seconds{partition=\"0\"} 61\n",
            "timer_overdue",
            "partition 0 (p) has a timer that is 1m 1s overdue",
        ),
        (
            live.clone()
                + &log(0, 9, 2, 40.0)
                + "logistics_log_open_transaction_seconds{partition=\"0\"} 40\n",
            "open_transaction",
            "partition 0 has an open transaction of another producer since 40 s",
        ),
        (processor("p", &[(0, "halted")]), "partition_halted", "partition 0 is halted on p since 10 s"),
        (
            processor("p", &[(0, "waiting")]).replace(&format!("{}", NOW - 10.0), &format!("{}", NOW - 90.0)),
            "partition_not_live",
            "partition 0 is waiting on p since 1m 30s",
        ),
    ] {
        assert_eq!(stuck(text), (code, message.to_owned()));
    }
    let within = live + &log(0, 9, 2, 29.0);
    assert_eq!(snapshot(&[process("a", &[Ok(&within)])]).moving, Some(true));
}

#[test]
fn the_worst_partition_is_the_first_reason() {
    let text = processor("p", &[(0, "live"), (1, "live"), (2, "halted"), (3, "live")])
        + &log(0, 9, 2, 40.0)
        + &log(1, 9, 2, 50.0)
        + &log(3, 9, 9, 0.0);
    let snapshot = snapshot(&[process("a", &[Ok(&text)])]);
    let subjects: Vec<&str> = snapshot.reasons.iter().map(|reason| &*reason.subject).collect();
    assert_eq!(subjects, ["2", "1", "0"]);
}

#[test]
fn a_process_that_is_down_hides_no_other() {
    let text = processor("p", &[(0, "live")]);
    let up = process("a", &[Ok(&text)]);
    let down = process("b", &[Ok(&processor("q", &[(1, "live")])), Err("no answer within 3 s")]);
    let snapshot = snapshot(&[up, down]);
    assert_eq!(codes(&snapshot.reasons), [("partition_unowned", "1"), ("process_down", "q")]);
    assert_eq!(snapshot.reasons[1].message, "q is down: no answer within 3 s");
    assert_eq!(snapshot.partitions[0].owner.as_deref(), Some("p"));
    assert_eq!(snapshot.processes.iter().map(|row| row.up).collect::<Vec<_>>(), [true, false]);
}

#[test]
fn without_data_the_answer_is_unknown() {
    let empty = snapshot(&[process("a", &[Ok("logistics_ready 1\n")])]);
    assert_eq!((empty.moving, codes(&empty.reasons)), (None, vec![("no_data", "partitions")]));
    assert!(empty.has_answer());
    let pending = snapshot(&[Process::new("a".to_owned())]);
    assert_eq!((pending.moving, pending.has_answer()), (None, false));
}

#[test]
fn two_processes_with_one_name_are_two() {
    let text = processor("p", &[]);
    let named = [
        process("http://a", &[Ok(&text)]),
        process("http://b", &[Ok(&text)]),
        process("http://c", &[Err("x")]),
    ];
    let names: Vec<String> = snapshot(&named).processes.into_iter().map(|row| row.name).collect();
    assert_eq!(names, ["p (http://a)", "p (http://b)", "http://c"]);
}

#[test]
fn an_index_that_two_processes_read_is_counted_once() {
    let orders = |count: u32, oldest: u32| {
        format!(
            "logistics_orders{{status=\"DELIVERED\"}} 7\nlogistics_orders{{status=\"PLACED\"}} {count}\n\
             logistics_orders{{status=\"SHREDDED\"}} 1\nlogistics_oldest_order_seconds{{status=\"PLACED\"}} {oldest}\n"
        )
    };
    let both = [process("a", &[Ok(&orders(3, 50))]), process("b", &[Ok(&orders(2, 60))])];
    let rows = snapshot(&both).orders;
    let rows: Vec<_> = rows.iter().map(|row| (&*row.status, row.count, row.oldest_seconds)).collect();
    assert_eq!(
        rows,
        [("PLACED", Some(3.0), Some(60.0)), ("DELIVERED", Some(7.0), None), ("SHREDDED", Some(1.0), None)]
    );
}

#[test]
fn the_freshest_view_of_the_log_counts() {
    let both = [process("a", &[Ok(&log(0, 20, 20, 0.0))]), process("b", &[Ok(&log(0, 15, 10, 99.0))])];
    let row = snapshot(&both).partitions.remove(0);
    assert_eq!((row.end_offset, row.lag_records, row.lag_seconds), (Some(20.0), Some(0.0), Some(0.0)));
}

#[test]
fn failures_channels_dependencies_and_stores_are_rows() {
    let text = |count: u32| {
        format!(
            "logistics_dead_letters_total{{reason=\"undecodable\"}} {count}\n\
             logistics_rejections_total{{code=\"invalid_transition\"}} 4\n\
             logistics_rejections_total{{code=\"unused\"}} 0\n\
             http_server_errors_total{{http_route=\"/orders\",code=\"rate_limited\"}} 2\n\
             http_server_errors_total{{http_route=\"/orders/{{id}}\",code=\"rate_limited\"}} 3\n\
             logistics_notifications_total{{channel=\"webhook\",outcome=\"delivered\"}} {count}\n\
             logistics_notifications_total{{channel=\"webhook\",outcome=\"gone\"}} 1\n\
             logistics_notification_retries_total{{channel=\"webhook\",kind=\"timeout\"}} 5\n\
             logistics_notification_oldest_seconds{{channel=\"webhook\"}} 45\n\
             logistics_notification_halted_partitions{{channel=\"webhook\"}} 1\n\
             logistics_dependency_up{{dependency=\"log\"}} 1\n\
             logistics_dependency_up{{dependency=\"store\"}} 0\n\
             logistics_dependency_down_since_timestamp_seconds{{dependency=\"store\"}} {}\n\
             logistics_store_used_bytes{{store=\"redis\"}} 95\nlogistics_store_limit_bytes{{store=\"redis\"}} 100\n\
             logistics_store_eviction_policy{{store=\"redis\",policy=\"allkeys-lru\"}} 1\n",
            NOW - 20.0
        )
    };
    let text = |count| text(count) + &processor("p", &[(0, "live")]) + "logistics_ready 0\n";
    let snapshot = snapshot(&[process("a", &[Ok(&text(1)), Ok(&text(3))])]);
    let failures: Vec<_> =
        snapshot.failures.iter().map(|row| (row.kind, &*row.reason, row.total, row.per_second)).collect();
    assert_eq!(
        failures,
        [
            ("dead_letter", "undecodable", 3.0, Some(2.0)),
            ("rejection", "invalid_transition", 4.0, Some(0.0)),
            ("http_error", "rate_limited", 5.0, Some(0.0)),
        ]
    );
    let channel = &snapshot.notifications[0];
    assert_eq!((channel.delivered_total, channel.delivered_per_second), (Some(3.0), Some(2.0)));
    assert_eq!((channel.failed_total, channel.retries_total), (Some(1.0), Some(5.0)));
    let down = &snapshot.dependencies[0];
    assert_eq!((&*down.dependency, down.up, down.down_seconds), ("store", false, Some(20.0)));
    assert_eq!(
        codes(&snapshot.reasons),
        [
            ("dependency_down", "store"),
            ("notifications_halted", "webhook"),
            ("notifications_behind", "webhook")
        ]
    );
    assert_eq!(
        codes(&snapshot.warnings),
        [
            ("store_nearly_full", "redis"),
            ("store_evicts", "redis"),
            ("dead_letters", "undecodable"),
            ("process_not_ready", "p")
        ]
    );
}

#[test]
fn a_late_order_is_a_warning() {
    let order =
        LateOrder { order_id: "o-1".into(), status: "PLACED".into(), updated_at: Timestamp::from_millis(0) };
    let late = LateOrders { error: None, orders: vec![order] };
    let text = processor("p", &[(0, "live")]);
    let snapshot = snapshot_with(&[process("a", &[Ok(&text)])], late);
    assert_eq!((snapshot.moving, codes(&snapshot.warnings)), (Some(true), vec![("orders_late", "o-1")]));
}
