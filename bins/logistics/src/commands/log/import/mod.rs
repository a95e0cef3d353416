//! `logistics log import`: writes an export to an empty log with any number of partitions.
//!
//! Facts and outcomes refer to offsets of their log, so the import rewrites them. Each partition of the new log begins
//! with its inputs: first the answered ones, then the unanswered ones. After the log has assigned the offsets of the
//! inputs, the facts and the other outcomes follow and refer to these offsets. The records of one order keep their
//! order; records of different orders may not.
//!
//! The import skips dead-lettered records that claim to be an owner's, because the new log could accept them. It skips a
//! forwarded input and its outcome, because the export has the input's copy. It writes notifications and dead letters
//! again, and moves the notification group behind them, so that no notification is delivered twice.

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

/// How long the group may take to assign every partition to this member.
const ASSIGNED_MAX: Duration = Duration::from_secs(60);
/// How long new topics and groups may take to become usable.
const READY_MAX: Duration = Duration::from_secs(60);
/// The pause between two attempts.
const READY_PAUSE: Duration = Duration::from_millis(200);
/// What to do after a failed import.
const START_OVER: &str = "the log may contain a part of the import; start again with an empty log";

/// Flags of `log import`.
#[derive(Args, Debug)]
pub(crate) struct ImportArgs {
    #[command(flatten)]
    engine: EngineArgs,
    #[command(flatten)]
    log_key: LogKeyArgs,
    /// A file of `log export`; `-` is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub(crate) async fn run(args: ImportArgs) -> Result<(), Failure> {
    logistics_cli_kit::start_for_problems();
    let mut export = Export::open(&args.file)?;
    // Checks the whole export before anything is written.
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
    require_empty(bus.as_ref(), store.as_ref(), &engine.location()).await?;
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
            written = write => written.map_err(|failure| failure.at(START_OVER)),
            interrupted = interrupted(membership.as_ref()) => Err(interrupted.at(START_OVER)),
        }
    };
    let imported = imported.await;
    // Releases the partitions at once. If this fails, the session timeout releases them.
    let _ = membership.leave().await;
    imported?;
    let Plan { inputs, unanswered, outcomes, facts, forwarded, foreign_records, .. } = plan;
    output::line(format!(
        "Imported {inputs} inputs ({unanswered} unanswered), {facts} facts and {outcomes} other outcomes in {} partitions. \
         Skipped {} forwarded inputs, which have copies, and {foreign_records} forged records with their dead letters.",
        engine.partitions(),
        forwarded.len()
    ));
    Ok(())
}

/// Retries a call that changes no record until new topics and groups are ready for it.
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

/// Checks that the topics and the store are empty.
async fn require_empty(bus: &dyn EventBus, store: &dyn OrderStore, place: &str) -> Result<(), Failure> {
    let partitions = || (0..bus.partitions()).map(Partition);
    for (topic, partition) in
        Topic::ALL.into_iter().flat_map(|topic| partitions().map(move |partition| (topic, partition)))
    {
        let bounds = until_ready("cannot read the log", || bus.bounds(topic, partition)).await?;
        if bounds.end.0 > 0 {
            let name = topic.name();
            return Err(Failure::refused(format!(
                "{place}: {name} is not empty; import into new topics (--kafka-topic-prefix) or a new --data-dir"
            )));
        }
    }
    for partition in partitions() {
        let recovery = until_ready("cannot read the store", || store.recover(partition)).await?;
        if recovery.checkpoint.is_some() {
            return Err(Failure::refused(format!(
                "{place}: the store contains orders of another log; empty it first"
            )));
        }
    }
    Ok(())
}

/// Waits until the group has assigned every partition to this member.
async fn all_assigned(membership: &dyn Membership, partitions: u32) -> Result<(), Failure> {
    let shared = || Failure::refused("other processors are in the group; stop them during the import");
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

/// Returns when another member joins, or the membership is lost.
async fn interrupted(membership: &dyn Membership) -> Failure {
    loop {
        match membership.next().await {
            Ok(GroupEvent::Assigned(_)) => {}
            Ok(GroupEvent::Revoked(_) | GroupEvent::Lost(_)) => {
                return Failure::refused("another processor joined the group");
            }
            Err(error) if error.kind().is_retryable() => {}
            Err(error) => return Failure::of_port("lost the membership in the group of processors", &error),
        }
    }
}
