//! `logistics verify`

use clap::Args;
use comfy_table::Table;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use logistics_cli_kit::{Failure, output};
use logistics_core::audit::{self, AuditError, Expect, Invariant, Report, Violation};
use logistics_core::text::Escaped;
use logistics_core::text::escaped_json;
use serde_json::json;

use crate::engine::{Engine, EngineArgs, Needs};

/// Flags of `verify`.
#[derive(Args, Debug)]
pub(crate) struct VerifyArgs {
    #[command(flatten)]
    engine: EngineArgs,
    /// Fail also if an input is unanswered or the store is behind the log
    #[arg(long)]
    at_rest: bool,
    /// Print the counts, or the violation, as one line of JSON
    #[arg(long)]
    json: bool,
}

/// The result of an audit without a violation.
struct Verified {
    report: Report,
    /// Why log and store are not at rest, if they are not.
    not_at_rest: Option<Violation>,
}

/// Checks the invariants of the log and the store, and prints the counts. The process of a data directory must be
/// stopped. Services on Kafka and Redis may run.
pub(crate) async fn run(args: Box<VerifyArgs>) -> Result<(), Failure> {
    logistics_cli_kit::start_for_problems();
    let engine = args.engine.existing_checked(Needs::LogAndStore).await?;
    let verified = verify(&engine).await;
    let closed = engine.close();
    let verified = match verified {
        Ok(verified) => verified,
        Err(AuditError::Violation(violation)) => return Err(violated(&args, &violation)),
        Err(AuditError::Port(error)) => {
            return Err(Failure::of_port("cannot read the log and the store", &error));
        }
        Err(error) => return Err(Failure::refused(error.to_string())),
    };
    closed?;
    match verified.not_at_rest {
        Some(violation) if args.at_rest => Err(violated(&args, &violation)),
        _ => {
            print(&args, &verified);
            Ok(())
        }
    }
}

/// Checks the invariants of a drained system. If they fail, checks those of a running one.
async fn verify(engine: &Engine) -> Result<Verified, AuditError> {
    let (bus, store) = (engine.bus(), engine.store());
    let not_at_rest = match audit::run(bus.as_ref(), store.as_ref(), Expect::Drained).await {
        Ok(report) => return Ok(Verified { report, not_at_rest: None }),
        Err(AuditError::Violation(violation)) => Some(violation),
        Err(error) => return Err(error),
    };
    let report = audit::run(bus.as_ref(), store.as_ref(), Expect::InMotion).await?;
    Ok(Verified { report, not_at_rest })
}

/// A violation as a sentence, and with --json as JSON too.
fn violated(args: &VerifyArgs, violation: &Violation) -> Failure {
    if args.json {
        let line = json!({
            "holds": false,
            "invariant": violation.invariant.code(),
            "order_id": violation.order,
            "partition": violation.partition,
            "offset": violation.offset,
            "violation": violation.to_string(),
        });
        output::line(escaped_json(&line.to_string()));
    }
    Failure::refused(violation.to_string())
}

fn print(args: &VerifyArgs, verified: &Verified) {
    let invariants = Invariant::ALL.map(Invariant::code);
    let note =
        verified.not_at_rest.as_ref().map(|found| format!("not at rest: {found}; the next start catches up"));
    if args.json {
        let line = json!({
            "holds": true,
            "at_rest": note.is_none(),
            "note": note,
            "invariants": invariants,
            "report": verified.report,
        });
        output::line(escaped_json(&line.to_string()));
        return;
    }
    output::line(table(&verified.report));
    output::line(format!("Every invariant holds: {}.", invariants.join(", ")));
    output::line(match note {
        None => "At rest: every input is answered, and the store matches the log.".to_owned(),
        Some(note) => format!("Note: {}.", Escaped(&note)),
    });
}

fn table(report: &Report) -> String {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_header(["what", "count"]);
    for (what, count) in counts(report) {
        table.add_row([what, count.to_string()]);
    }
    table.to_string()
}

fn counts(report: &Report) -> Vec<(String, u64)> {
    let outcomes = &report.outcomes;
    let mut counts = vec![("orders".to_owned(), report.orders)];
    counts.extend(report.orders_by_status.iter().map(|(status, count)| (format!("orders {status}"), *count)));
    let rest = [
        ("facts", report.facts),
        ("facts of lateness", report.late_facts),
        ("facts of couriers", report.assignment_facts),
        ("facts of tracking links", report.tracking_facts),
        ("notifications", report.notifications),
        ("inputs", report.inputs),
        ("inputs that caused a fact", outcomes.happened),
        ("inputs that changed nothing", outcomes.unchanged),
        ("inputs rejected", outcomes.rejected),
        ("inputs forwarded to their partition", outcomes.forwarded),
        ("inputs dead-lettered", outcomes.dead_lettered),
        ("inputs unanswered", report.unanswered),
        ("documents", report.documents),
        ("timers", report.timers),
    ];
    counts.extend(rest.map(|(what, count)| (what.to_owned(), count)));
    counts
}
