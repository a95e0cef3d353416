//! `logistics log import`: an export becomes the log of another place, with any number of partitions.
//!
//! Facts and outcomes name offsets of the log that they were written in, so none of them can be copied as it is. Each
//! partition of the new log begins with its inputs: first those that are answered, then those that are not. Once the log
//! has given them their offsets, the facts and the other outcomes follow in their order and name these. An order's
//! records keep their order; those of different orders need not.
//!
//! What claims to be an owner's record and was answered with a dead letter is left out: in the new log it could be taken for
//! one. A forwarded input is left out with its outcome: its copy is there. Notifications and dead letters are written anew,
//! and the notification group is put behind them, so that no notification is sent a second time.

mod export;
mod plan;
mod rewrite;
mod target;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use logistics_cli_kit::{Failure, output};
use logistics_core::Partition;
use logistics_core::port::{EventBus, GroupEvent, Membership, OrderStore, PortError, Topic};
use logistics_core::wire::LogKeys;
use logistics_wiring::LogKeyArgs;
use tokio::time::{Instant, sleep, timeout};

use crate::engine::{Engine, EngineArgs, Needs};
use export::Export;
use plan::Plan;
use target::Target;

/// How long the group may take to give this member every partition.
const ASSIGNED_MAX: Duration = Duration::from_secs(60);
/// How long topics and groups that are only just made may take, and the pause between two attempts.
const READY_MAX: Duration = Duration::from_secs(60);
const READY_PAUSE: Duration = Duration::from_millis(200);
/// What to do about an import that did not end well.
const BEGIN_ANEW: &str = "the log may hold a part of the import: begin again with an empty one";

/// Flags of `log import`.
#[derive(Args, Debug)]
pub(crate) struct ImportArgs {
    #[command(flatten)]
    engine: EngineArgs,
    #[command(flatten)]
    log_key: LogKeyArgs,
    /// What `log export` wrote; `-` is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub(crate) async fn run(args: ImportArgs) -> Result<(), Failure> {
    logistics_cli_kit::start_for_problems();
    let mut export = Export::open(&args.file)?;
    // Everything that is wrong with the export is said before anything is written.
    let plan = Plan::of(&mut export)?;
    let keys = args.log_key.keys()?;
    let engine = args.engine.open().await?;
    let imported = import(&engine, &mut export, &plan, keys).await;
    imported.and(engine.close())
}

async fn import(
    engine: &Engine,
    export: &mut Export,
    plan: &Plan,
    keys: Option<LogKeys>,
) -> Result<(), Failure> {
    engine.check(Needs::LogAndStore).await?;
    let (bus, store) = (engine.bus(), engine.store());
    require_empty(bus.as_ref(), store.as_ref(), &engine.place()).await?;
    let membership = until_ready("cannot join the group of processors", || bus.join()).await?;
    let imported = async {
        all_assigned(membership.as_ref(), bus.partitions()).await?;
        let write = async {
            let mut target = Target::acquire(&bus, membership.as_ref(), keys).await?;
            rewrite::inputs(export, plan, &mut target).await?;
            target.read_inputs().await?;
            rewrite::outcomes(export, plan, &mut target).await?;
            target.pass_notifications().await
        };
        tokio::select! {
            written = write => written.map_err(|failure| failure.at(BEGIN_ANEW)),
            disturbed = disturbed(membership.as_ref()) => Err(disturbed.at(BEGIN_ANEW)),
        }
    };
    let imported = imported.await;
    // Another member takes over at once; where that fails, after the session.
    let _ = membership.leave().await;
    imported?;
    let Plan { inputs, unanswered, outcomes, facts, forwarded, foreign_records, .. } = plan;
    output::line(format!(
        "{inputs} inputs, {unanswered} of them not yet answered, {facts} facts and {outcomes} other outcomes in {} \
         partitions; {} forwarded inputs left out, their copies are there; {foreign_records} records that no owner wrote left \
         out, with their dead letters.",
        engine.partitions(),
        forwarded.len()
    ));
    Ok(())
}

/// Makes a call that changes no record, again and again until the other side is ready for it: topics and groups that are
/// only just made are not.
async fn until_ready<T, C>(what: &str, mut call: impl FnMut() -> C) -> Result<T, Failure>
where
    C: Future<Output = Result<T, PortError>>,
{
    let until = Instant::now() + READY_MAX;
    loop {
        match call().await {
            Ok(done) => return Ok(done),
            Err(error) if error.kind().is_retryable() && Instant::now() < until => sleep(READY_PAUSE).await,
            Err(error) => return Err(Failure::of_port(what, &error)),
        }
    }
}

/// Nothing of another log is in the topics or the store.
async fn require_empty(bus: &dyn EventBus, store: &dyn OrderStore, place: &str) -> Result<(), Failure> {
    let partitions = || (0..bus.partitions()).map(Partition);
    for (topic, partition) in
        Topic::ALL.into_iter().flat_map(|topic| partitions().map(move |partition| (topic, partition)))
    {
        let bounds = until_ready("cannot read the log", || bus.bounds(topic, partition)).await?;
        if bounds.end.0 > 0 {
            let name = topic.name();
            return Err(Failure::refused(format!(
                "{place}: {name} is not empty; an import needs new topics (--kafka-topic-prefix) or a new --data-dir"
            )));
        }
    }
    for partition in partitions() {
        let recovery = until_ready("cannot read the store", || store.recover(partition)).await?;
        if recovery.checkpoint.is_some() {
            return Err(Failure::refused(format!(
                "{place}: the store holds another log's orders; empty it first"
            )));
        }
    }
    Ok(())
}

/// Waits until this member has every partition.
async fn all_assigned(membership: &dyn Membership, partitions: u32) -> Result<(), Failure> {
    let shared = || Failure::refused("other processors are in the group; stop them for the import");
    let mut missing = partitions as usize;
    while missing > 0 {
        let event = timeout(ASSIGNED_MAX, membership.next()).await.map_err(|_| shared())?;
        match event.map_err(|error| Failure::of_port("cannot join the group of processors", &error))? {
            GroupEvent::Assigned(some) => missing = missing.saturating_sub(some.len()),
            GroupEvent::Revoked(_) | GroupEvent::Lost(_) => return Err(shared()),
        }
    }
    Ok(())
}

/// Ends when another member joins, or the group is lost.
async fn disturbed(membership: &dyn Membership) -> Failure {
    loop {
        match membership.next().await {
            Ok(GroupEvent::Assigned(_)) => {}
            Ok(GroupEvent::Revoked(_) | GroupEvent::Lost(_)) => {
                return Failure::refused("another processor joined the group");
            }
            Err(error) if error.kind().is_retryable() => {}
            Err(error) => return Failure::of_port("the group of processors", &error),
        }
    }
}
