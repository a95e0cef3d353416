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
    /// Fail also where something is still in motion, or was when the process stopped
    #[arg(long)]
    at_rest: bool,
    /// What was counted, or the violation, as one line of JSON
    #[arg(long)]
    json: bool,
}

/// What holds.
struct Verified {
    report: Report,
    /// What was in motion, where something was.
    motion: Option<Violation>,
}

/// Checks the invariants of log and store, and says what was counted. The process of a data directory must be stopped; what
/// is in Kafka and Redis may be in motion.
pub(crate) async fn run(args: Box<VerifyArgs>) -> Result<(), Failure> {
    logistics_cli_kit::start_for_problems();
    let engine = args.engine.there(Needs::LogAndStore).await?;
    let verified = verify(&engine).await;
    let closed = engine.close();
    let verified = match verified {
        Ok(verified) => verified,
        Err(AuditError::Violation(violation)) => return Err(broken(&args, &violation)),
        Err(AuditError::Port(error)) => return Err(Failure::of_port("cannot read log and store", &error)),
        Err(error) => return Err(Failure::refused(error.to_string())),
    };
    closed?;
    match verified.motion {
        Some(violation) if args.at_rest => Err(broken(&args, &violation)),
        _ => {
            say(&args, &verified);
            Ok(())
        }
    }
}

/// Whether all is as a drain leaves it; where it is not, whether what must hold always does.
async fn verify(engine: &Engine) -> Result<Verified, AuditError> {
    let (bus, store) = (engine.bus(), engine.store());
    let motion = match audit::run(bus.as_ref(), store.as_ref(), Expect::Drained).await {
        Ok(report) => return Ok(Verified { report, motion: None }),
        Err(AuditError::Violation(violation)) => Some(violation),
        Err(error) => return Err(error),
    };
    let report = audit::run(bus.as_ref(), store.as_ref(), Expect::InMotion).await?;
    Ok(Verified { report, motion })
}

/// A violation, as a sentence; with --json as JSON too.
fn broken(args: &VerifyArgs, violation: &Violation) -> Failure {
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

fn say(args: &VerifyArgs, verified: &Verified) {
    let invariants = Invariant::ALL.map(Invariant::code);
    let note =
        verified.motion.as_ref().map(|found| format!("not at rest: {found}; the next start catches up"));
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
        None => "At rest: every input is answered, and the store is up to the log.".to_owned(),
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
        ("facts that an order is late", report.late_facts),
        ("notifications", report.notifications),
        ("inputs", report.inputs),
        ("inputs that brought a fact about", outcomes.happened),
        ("inputs that changed nothing", outcomes.unchanged),
        ("inputs refused", outcomes.rejected),
        ("inputs forwarded to their partition", outcomes.forwarded),
        ("inputs dead-lettered", outcomes.dead_lettered),
        ("inputs not yet answered", report.unanswered),
        ("documents", report.documents),
        ("timers", report.timers),
    ];
    counts.extend(rest.map(|(what, count)| (what.to_owned(), count)));
    counts
}
