//! The report of a committed transaction.

use super::*;
use crate::ids::TraceParent;
use crate::observe::{DeadLetterReport, FactReport, RejectionReport, TransactionReport};
use crate::policy::DeadlineKind;
use crate::trace::TraceContext;

fn reporting(policy: Policy) -> Settings {
    let mut settings = Settings::new(1, policy);
    settings.report_transactions = true;
    settings
}

fn start(partition: &mut TestPartition, settings: Settings) -> Processor {
    let mut processor = Processor::new(HERE, settings, partition.now);
    partition.settle(&mut processor);
    assert_eq!(processor.phase(), &Phase::Live);
    processor
}

/// A partition at second 1000, and its processor.
fn observed(policy: Policy) -> (TestPartition, Processor) {
    let now = Now { wall: Timestamp::from_millis(1_000_000), elapsed_ms: 0 };
    let mut partition = TestPartition { now, ..TestPartition::default() };
    let processor = start(&mut partition, reporting(policy));
    assert_eq!(partition.reports, [], "nothing was decided");
    (partition, processor)
}

fn context(span: u64) -> TraceContext {
    TraceContext::new(7, span, true).unwrap()
}

/// Appends a request with this span.
fn ask_traced(partition: &mut TestPartition, name: &str, command: Command, span: u64) {
    partition.ask(name, command);
    let record = partition.log.last_mut().unwrap();
    let Ok(Record::Input(mut request)) = wire::decode(record, HERE) else { panic!("an input") };
    request.trace = Some(context(span).to_traceparent());
    record.payload = wire::encode_request(&request);
}

/// The one report of the transactions so far.
fn only(partition: &mut TestPartition) -> TransactionReport {
    let reports = std::mem::take(&mut partition.reports);
    let [report] = <[_; 1]>::try_from(reports).expect("one report");
    report
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(1_000_000 + ms)
}

/// The context that the log has for the order's latest fact.
fn span_in_log(partition: &TestPartition) -> Option<TraceContext> {
    let fact = |record: &LogRecord| match wire::decode(record, HERE) {
        Ok(Record::Fact(fact)) => Some(fact.trace.as_ref().and_then(TraceParent::context)),
        _ => None,
    };
    partition.log.iter().rev().find_map(fact).expect("a fact")
}

#[test]
fn a_placement_is_reported_with_its_contexts_once_it_is_committed() {
    let (mut partition, mut processor) = observed(Policy::manual());
    ask_traced(&mut partition, "a", Command::Place(Placement::default()), 1);
    partition.pass(20);
    partition.settle(&mut processor);
    let expected = FactReport {
        order_id: OrderId::parse("a").unwrap(),
        version: Version(1),
        status: Status::Placed,
        change: "placed",
        at: at(20),
        left: None,
        placed_at: at(20),
        timer: None,
        span: span_in_log(&partition),
        parent: Some(context(1)),
    };
    assert!(expected.span.is_some());
    let report = only(&mut partition);
    assert_eq!((report.inputs, report.next, report.began), (1, Offset(1), at(20)));
    assert_eq!((report.facts, report.rejections, report.dead_letters), (vec![expected], vec![], vec![]));
}

#[test]
fn a_transition_reports_the_status_that_the_order_left_and_when_it_had_entered_it() {
    let (mut partition, mut processor) = observed(Policy::manual());
    partition.place("a");
    partition.settle(&mut processor);
    partition.reports.clear();
    partition.pass(300);
    let courier_id = Some("c-1".parse().unwrap());
    partition.ask("a", Command::Assign { courier_id });
    partition.settle(&mut processor);
    let assigned = only(&mut partition).facts.remove(0);
    assert_eq!((assigned.change, assigned.status, assigned.left), ("assigned", Status::Placed, None));
    partition.pass(700);
    ask_traced(&mut partition, "a", Command::Transition { to: Status::Confirmed }, 2);
    partition.settle(&mut processor);
    let moved = only(&mut partition).facts.remove(0);
    // The assignment did not restart the time in the status.
    assert_eq!((moved.change, moved.left), ("moved", Some((Status::Placed, at(0)))));
    assert_eq!((moved.at, moved.placed_at, moved.timer), (at(1000), at(0), None));
    assert_eq!(moved.parent, Some(context(2)));
}

#[test]
fn a_timer_reports_when_it_was_due_and_the_fact_that_set_it() {
    let (mut partition, mut processor) = observed(Policy::simulate(100));
    ask_traced(&mut partition, "a", Command::Place(Placement::default()), 1);
    partition.settle(&mut processor);
    let placed = only(&mut partition).facts.remove(0);
    partition.pass(150);
    partition.settle(&mut processor);
    let report = only(&mut partition);
    assert_eq!(report.inputs, 0);
    let moved = &report.facts[0];
    assert_eq!((moved.status, moved.left), (Status::Confirmed, Some((Status::Placed, at(0)))));
    assert_eq!((moved.timer, moved.at), (Some((DeadlineKind::Advance, at(100))), at(150)));
    assert_eq!((moved.parent, moved.span), (placed.span, span_in_log(&partition)));
}

#[test]
fn a_late_order_is_reported_and_leaves_no_status() {
    let (mut partition, mut processor) = observed(Policy::manual());
    partition.place("a");
    partition.settle(&mut processor);
    partition.ask("a", Command::Transition { to: Status::Confirmed });
    partition.settle(&mut processor);
    partition.reports.clear();
    let due = partition.order("a").due().expect("a deadline");
    partition.pass(due.millis_since(partition.now.wall) + 25);
    partition.settle(&mut processor);
    let late = only(&mut partition).facts.remove(0);
    assert_eq!((late.change, late.left, late.timer), ("late", None, Some((DeadlineKind::Late, due))));
    assert_eq!(late.at.millis_since(due), 25);
}

#[test]
fn rejections_and_dead_letters_are_reported_in_the_transaction_that_answers_them() {
    let (mut partition, mut processor) = observed(Policy::manual());
    ask_traced(&mut partition, "unknown", Command::Cancel, 3);
    partition.append(Bytes::from_static(b"no JSON"));
    partition.place("a");
    partition.settle(&mut processor);
    let report = only(&mut partition);
    let order_id = OrderId::parse("unknown").unwrap();
    let rejection = RejectionReport { order_id, code: "not_found", parent: Some(context(3)) };
    assert_eq!((report.inputs, report.facts.len()), (3, 1));
    assert_eq!(report.rejections, [rejection]);
    assert_eq!(report.dead_letters, [DeadLetterReport { offset: Offset(1), code: "not_json" }]);
}

#[test]
fn a_transaction_that_is_not_committed_reports_nothing() {
    for outcome in [CommitOutcome::Unknown, CommitOutcome::Fenced] {
        let (mut partition, mut processor) = observed(Policy::manual());
        partition.commits.push_back(outcome);
        partition.place("a");
        partition.settle(&mut processor);
        assert_eq!((processor.phase().code(), &*partition.reports), ("waiting", &[][..]));
        partition.pass(processor.wake_in_ms(partition.now).unwrap());
        partition.settle(&mut processor);
        assert_eq!(only(&mut partition).facts.len(), 1);
    }
}

#[test]
fn without_the_setting_nothing_is_reported_and_the_processor_decides_alike() {
    let run = |settings: Settings| {
        let mut partition = TestPartition::default();
        let mut processor = start(&mut partition, settings);
        partition.place("a");
        partition.append(Bytes::from_static(b"no JSON"));
        partition.ask("a", Command::Cancel);
        partition.settle(&mut processor);
        let log: Vec<_> = partition.log.iter().map(|record| record.payload.clone()).collect();
        (log, partition.reports.len())
    };
    let (silent, reports) = run(Settings::new(1, Policy::manual()));
    assert_eq!(reports, 0);
    assert_eq!(run(reporting(Policy::manual())), (silent, 1));
}

#[test]
fn an_idle_commit_of_the_position_alone_is_not_reported() {
    let (mut partition, mut processor) = observed(Policy::manual());
    partition.place("a");
    partition.settle(&mut processor);
    partition.reports.clear();
    let mut commits = 0;
    partition.pass(2000);
    partition.settle_with(&mut processor, |_, effect| {
        commits += usize::from(matches!(effect, Effect::Commit(_)));
    });
    assert_eq!((commits, &*partition.reports), (1, &[][..]));
}
