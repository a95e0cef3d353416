//! `logistics demo`: a few orders on a system of their own, shown as they move.
//!
//! What it shows was seen: steps in the log, notifications by a notifier of its own, the end by the API. Where that is not
//! what was meant to happen, it fails.

mod cast;
mod play;
mod report;
mod script;
mod stage;
mod view;

use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use logistics_cli_kit::{BaseUrl, Failure, Signals, Span, output};
use logistics_core::audit::{self, Expect};
use logistics_core::{Partition, Policy, Status};
use logistics_wiring::Deciding;
use tokio::task::{JoinError, JoinSet};

use crate::all_in_one::{AllInOne, AllInOneConfig};
use crate::engine::Engine;
use cast::CAST;
use play::{Played, play};
use stage::{Announcer, Stage};
use view::View;

/// With fewer there would be no side path.
const ORDERS_MIN: u8 = 2;
/// As many as the cast has.
const ORDERS_MAX: u8 = 8;
/// Between two placements, so that people can follow.
const STAGGER_MS_MAX: u64 = 200;
/// How much later than people a step comes by itself in a status that people end: they are never too late.
const ROOM_MS: u64 = 3000;
/// The longest way that an order of the cast takes.
const STEPS_MAX: u64 = 8;
/// What the demo takes at most beside the dwell.
const PATIENCE_MS: u64 = 8000;
/// Within this the store has caught up with the log, once nothing moves.
const REST_MS_MAX: u64 = 5000;
const REST_POLL_MS: u64 = 50;

/// Flags of `demo`.
#[derive(Args, Debug, Clone)]
pub(crate) struct DemoArgs {
    /// Go on serving when it is over, until Ctrl-C
    #[arg(long)]
    keep: bool,
    /// How many orders to place
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(i64::from(ORDERS_MIN)..=i64::from(ORDERS_MAX)))]
    orders: u8,
    /// Time between the steps of an order
    #[arg(long, default_value = "500ms")]
    dwell: Span,
}

pub(crate) async fn run(args: DemoArgs) -> Result<(), Failure> {
    logistics_cli_kit::start_for_problems();
    let mut signals = Signals::listen()?;
    let scratch = tempfile::tempdir()
        .map_err(|error| Failure::usage(format!("cannot make a temporary directory: {error}")))?;
    let roles = CAST.get(..usize::from(args.orders)).unwrap_or(CAST);
    let stage = Arc::new(Stage::new(roles, View::new(roles)));
    let app = AllInOne::local(logistics_embedded::Config::new(scratch.path()), config(&args, stage.clone()))
        .await?;
    let mut readers = follow(&app, &stage);
    let shown = tokio::select! {
        shown = show(&args, &app, &stage, &mut readers) => shown,
        () = signals.stop() => Err(Failure::refused("the demo was stopped before its end")),
    };
    stage.view.end_progress();
    let (played, verified) = match shown {
        Ok(shown) => shown,
        Err(failure) => {
            // That it did not come about is what to say, also where it cannot be stopped properly.
            let _ = app.stop().await;
            return Err(failure);
        }
    };
    output::line(format!("\n{}\n{verified}", report::table(&played)));
    if args.keep {
        return keep(app, &stage, &played, &mut signals).await;
    }
    app.stop().await?;
    say_what_next();
    Ok(())
}

/// Shows what stands in the log, from now on.
fn follow(app: &AllInOne, stage: &Arc<Stage>) -> JoinSet<Failure> {
    let partitions = (0..app.engine.partitions()).map(Partition);
    partitions.map(|partition| stage.clone().follow(app.engine.bus(), partition)).collect()
}

/// Plays every order, compares what was seen with what was meant, and says what was verified.
async fn show(
    args: &DemoArgs,
    app: &AllInOne,
    stage: &Arc<Stage>,
    readers: &mut JoinSet<Failure>,
) -> Result<(Vec<Played>, String), Failure> {
    let (count, url) = (args.orders, url(app));
    stage.view.title(&format!(
        "{count} orders on {url}: a durable engine in a temporary directory, real HTTP, a step every {}\n",
        args.dwell
    ));
    let patience = Duration::from_millis(PATIENCE_MS + STEPS_MAX * args.dwell.ms);
    tokio::select! {
        played = tokio::time::timeout(patience, play_all(args, &url, stage)) => {
            let late = |_| Failure::refused(format!("not every order reached its end, with everybody told, within {patience:?}"));
            let played = played.map_err(late)??;
            stage.look(|seen| report::check(&played, seen))?;
            stage.view.end_progress();
            Ok((played, verified(&app.engine).await?))
        }
        Some(ended) = readers.join_next() => Err(ended.unwrap_or_else(|error| broken(&error))),
    }
}

async fn play_all(args: &DemoArgs, url: &str, stage: &Arc<Stage>) -> Result<Vec<Played>, Failure> {
    let base: BaseUrl = url.parse().map_err(Failure::usage)?;
    let pause = Duration::from_millis(args.dwell.ms);
    let stagger = Duration::from_millis(args.dwell.ms.min(STAGGER_MS_MAX));
    let mut playing = JoinSet::new();
    for (place, role) in (0..).zip(CAST.iter().take(usize::from(args.orders))) {
        let (base, stage) = (base.clone(), stage.clone());
        playing.spawn(async move {
            tokio::time::sleep(stagger * place).await;
            play(role, base, stage, pause).await.map(|played| (place, played))
        });
    }
    let mut played = Vec::new();
    while let Some(ended) = playing.join_next().await {
        played.push(ended.map_err(|error| broken(&error))??);
    }
    played.sort_by_key(|(place, _)| *place);
    let played: Vec<_> = played.into_iter().map(|(_, played)| played).collect();
    stage.until(|seen| report::all_told(&played, seen)).await;
    Ok(played)
}

async fn keep(app: AllInOne, stage: &Stage, played: &[Played], signals: &mut Signals) -> Result<(), Failure> {
    let url = url(&app);
    stage.view.title(&format!("\nListening on {url} until Ctrl-C. Try:"));
    output::line(format!("  curl -X POST {url}/orders"));
    if let Some(first) = played.first() {
        output::line(format!("  curl {url}/orders/{}", first.order.order_id));
    }
    output::line(format!("  {url}/docs in a browser\n"));
    signals.stop().await;
    output::line("Draining...");
    app.stop().await
}

/// Asserts every invariant on what the demo left behind, once the store has caught up with the log.
async fn verified(engine: &Engine) -> Result<String, Failure> {
    let (bus, store) = (engine.bus(), engine.store());
    let until = Instant::now() + Duration::from_millis(REST_MS_MAX);
    loop {
        match audit::run(bus.as_ref(), store.as_ref(), Expect::AtRest).await {
            Ok(report) => {
                return Ok(format!(
                    "Verified: {} orders, {} facts, {} notifications; every invariant of log and store holds.",
                    report.orders, report.facts, report.notifications
                ));
            }
            Err(error) if Instant::now() >= until => return Err(Failure::refused(error.to_string())),
            Err(_) => tokio::time::sleep(Duration::from_millis(REST_POLL_MS)).await,
        }
    }
}

fn say_what_next() {
    output::line(
        "\nNext:\n  logistics demo --keep   the same, and it stays: place orders of your own with curl\n  \
         logistics serve         serve on port 8000, data in ./data\n  \
         logistics lifecycle     what an order may do\n  \
         logistics --help        everything else",
    );
}

fn config(args: &DemoArgs, stage: Arc<Stage>) -> AllInOneConfig {
    let mut policy = Policy::simulate(args.dwell.ms);
    // Here merchants and couriers act; a step by itself comes only where nobody does.
    for status in [Status::Placed, Status::OutForDelivery] {
        policy.dwell_by_status_ms.insert(status, args.dwell.ms.saturating_add(ROOM_MS));
    }
    AllInOneConfig {
        deciding: Some(Deciding::by(policy)),
        notifier: Some(Box::new(|| Arc::new(Announcer(stage)))),
        notify_from: None,
    }
}

fn url(app: &AllInOne) -> String {
    format!("http://{}", app.addr())
}

fn broken(error: &JoinError) -> Failure {
    Failure::refused(format!("a part of the demo broke: {error}"))
}
