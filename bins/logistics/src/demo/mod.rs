//! `logistics demo`: runs a few example orders on a temporary system and shows each transition.
//!
//! It shows only what it observes: facts in the log, notifications at its own notifier, and final documents of the API.
//! It fails if these differ from the scripts of the orders.

mod index;
mod orders;
mod recorder;
mod report;
mod run_order;
mod script;
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
use index::Index;
use orders::DEMO_ORDERS;
use recorder::{Recorder, RecordingNotifier};
use run_order::{CompletedOrder, run_order};
use view::View;

/// The smallest demo with a failed delivery.
const ORDERS_MIN: u8 = 2;
/// The number of example orders.
const ORDERS_MAX: u8 = 8;
/// Time between the transitions.
const DWELL_MS: u64 = 500;
/// The same while people look at tracking pages.
const OPEN_DWELL_MS: u64 = 6000;
/// The pause between two placements, so that a reader can follow.
const STAGGER_MS_MAX: u64 = 200;
/// The additional dwell of a status that a request ends, so that the request always comes before the timer.
const DWELL_MARGIN_MS: u64 = 3000;
/// The most transitions of an example order.
const TRANSITIONS_MAX: u64 = 8;
/// The longest duration of the demo in addition to the dwell.
const SETTLE_MS_MAX: u64 = 8000;
/// How long the store may take to catch up with the log after the last transition.
const AT_REST_MS_MAX: u64 = 5000;
const AT_REST_POLL_MS: u64 = 50;

/// Flags of `demo`.
#[derive(Args, Debug, Clone)]
pub(crate) struct DemoArgs {
    /// Keep serving after the last order, until Ctrl-C
    #[arg(long)]
    keep: bool,
    /// Print the address of a page with a tracking link of each order, and keep serving until Ctrl-C
    #[arg(long)]
    open: bool,
    /// How many orders to place
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(i64::from(ORDERS_MIN)..=i64::from(ORDERS_MAX)))]
    orders: u8,
    /// Time between the transitions of an order [default: 500ms, or 6s with --open]
    #[arg(long)]
    dwell: Option<Span>,
}

impl DemoArgs {
    fn dwell(&self) -> Span {
        self.dwell.unwrap_or(Span { ms: if self.open { OPEN_DWELL_MS } else { DWELL_MS } })
    }
}

pub(crate) async fn run(args: DemoArgs) -> Result<(), Failure> {
    logistics_cli_kit::start_for_problems();
    let mut signals = Signals::listen()?;
    let scratch = tempfile::tempdir()
        .map_err(|error| Failure::usage(format!("cannot create a temporary directory: {error}")))?;
    let demo_orders = DEMO_ORDERS.get(..usize::from(args.orders)).unwrap_or(DEMO_ORDERS);
    let recorder = Arc::new(Recorder::new(demo_orders, View::new(demo_orders)));
    let app =
        AllInOne::local(logistics_embedded::Config::new(scratch.path()), config(&args, recorder.clone()))
            .await?;
    let mut readers = follow(&app, &recorder);
    let index = if args.open { Some(Arc::new(Index::new()?)) } else { None };
    let shown = tokio::select! {
        shown = show(&args, &app, &recorder, &mut readers, index.as_ref()) => shown,
        () = signals.stop() => Err(Failure::refused("the demo was stopped by a signal before its end")),
    };
    recorder.view.end_progress();
    let (completed, verified) = match shown {
        Ok(shown) => shown,
        Err(failure) => {
            // The demo's own failure matters more than one of the stop.
            let _ = app.stop().await;
            return Err(failure);
        }
    };
    output::line(format!("\n{}\n{verified}", report::table(&completed)));
    if args.keep || args.open {
        return keep(app, &recorder, &completed, &mut signals).await;
    }
    app.stop().await?;
    print_next_commands();
    Ok(())
}

/// Starts a reader per partition, which shows the facts.
fn follow(app: &AllInOne, recorder: &Arc<Recorder>) -> JoinSet<Failure> {
    let partitions = (0..app.engine.partitions()).map(Partition);
    partitions.map(|partition| recorder.clone().follow(app.engine.bus(), partition)).collect()
}

/// Runs every order, compares the observations with the scripts, and returns the result of the audit.
async fn show(
    args: &DemoArgs,
    app: &AllInOne,
    recorder: &Arc<Recorder>,
    readers: &mut JoinSet<Failure>,
    index: Option<&Arc<Index>>,
) -> Result<(Vec<CompletedOrder>, String), Failure> {
    let (count, url) = (args.orders, url(app));
    recorder.view.title(&format!(
        "{count} orders on {url}: a durable engine in a temporary directory, real HTTP, a transition every {}\n",
        args.dwell()
    ));
    if let Some(index) = index {
        recorder
            .view
            .title(&format!("Open {} in a browser: the tracking pages of the orders\n", index.address()));
    }
    let timeout = Duration::from_millis(SETTLE_MS_MAX + TRANSITIONS_MAX * args.dwell().ms);
    tokio::select! {
        completed = tokio::time::timeout(timeout, run_all(args, &url, recorder, index)) => {
            let late = |_| Failure::refused(format!("not every order was terminal and notified within {timeout:?}"));
            let completed = completed.map_err(late)??;
            recorder.look(|observed| report::check(&completed, observed))?;
            recorder.view.end_progress();
            Ok((completed, verified(&app.engine).await?))
        }
        Some(ended) = readers.join_next() => Err(ended.unwrap_or_else(|error| broken(&error))),
    }
}

async fn run_all(
    args: &DemoArgs,
    url: &str,
    recorder: &Arc<Recorder>,
    index: Option<&Arc<Index>>,
) -> Result<Vec<CompletedOrder>, Failure> {
    let base: BaseUrl = url.parse().map_err(Failure::usage)?;
    let pause = Duration::from_millis(args.dwell().ms);
    let stagger = Duration::from_millis(args.dwell().ms.min(STAGGER_MS_MAX));
    let mut playing = JoinSet::new();
    for (place, demo_order) in (0..).zip(DEMO_ORDERS.iter().take(usize::from(args.orders))) {
        let (base, recorder, index) = (base.clone(), recorder.clone(), index.cloned());
        playing.spawn(async move {
            tokio::time::sleep(stagger * place).await;
            run_order(demo_order, base, recorder, index, pause).await.map(|completed| (place, completed))
        });
    }
    let mut completed = Vec::new();
    while let Some(ended) = playing.join_next().await {
        completed.push(ended.map_err(|error| broken(&error))??);
    }
    completed.sort_by_key(|(place, _)| *place);
    let completed: Vec<_> = completed.into_iter().map(|(_, completed)| completed).collect();
    recorder.until(|observed| report::all_notified(&completed, observed)).await;
    Ok(completed)
}

async fn keep(
    app: AllInOne,
    recorder: &Recorder,
    completed: &[CompletedOrder],
    signals: &mut Signals,
) -> Result<(), Failure> {
    let url = url(&app);
    recorder.view.title(&format!("\nListening on {url} until Ctrl-C. Try:"));
    output::line(format!("  curl -X POST {url}/orders"));
    if let Some(first) = completed.first() {
        output::line(format!("  curl {url}/orders/{}", first.order.order_id));
    }
    output::line(format!("  {url}/docs in a browser\n"));
    signals.stop().await;
    output::line("Draining...");
    app.stop().await
}

/// Checks every invariant after the store has caught up with the log.
async fn verified(engine: &Engine) -> Result<String, Failure> {
    let (bus, store) = (engine.bus(), engine.store());
    let until = Instant::now() + Duration::from_millis(AT_REST_MS_MAX);
    loop {
        match audit::run(bus.as_ref(), store.as_ref(), Expect::AtRest).await {
            Ok(report) => {
                return Ok(format!(
                    "Verified: {} orders, {} facts, {} notifications; every invariant of the log and the store holds.",
                    report.orders, report.facts, report.notifications
                ));
            }
            Err(error) if Instant::now() >= until => return Err(Failure::refused(error.to_string())),
            Err(_) => tokio::time::sleep(Duration::from_millis(AT_REST_POLL_MS)).await,
        }
    }
}

fn print_next_commands() {
    output::line(
        "\nNext:\n  logistics demo --keep   keep serving, to place your own orders with curl\n  \
         logistics demo --open   slower, with a tracking page of each order\n  \
         logistics serve         serve on port 8000, data in ./data\n  \
         logistics lifecycle     the allowed transitions\n  \
         logistics --help        everything else",
    );
}

fn config(args: &DemoArgs, recorder: Arc<Recorder>) -> AllInOneConfig {
    let mut policy = Policy::simulate(args.dwell().ms);
    // Requests end these statuses, so their timers must fire later.
    for status in [Status::Placed, Status::OutForDelivery] {
        policy.dwell_by_status_ms.insert(status, args.dwell().ms.saturating_add(DWELL_MARGIN_MS));
    }
    AllInOneConfig {
        deciding: Some(Deciding::by(policy)),
        notifier: Some(Box::new(|| Arc::new(RecordingNotifier(recorder)))),
        notify_from: None,
        email: None,
        webhooks: None,
    }
}

fn url(app: &AllInOne) -> String {
    format!("http://{}", app.addr())
}

fn broken(error: &JoinError) -> Failure {
    Failure::refused(format!("a task of the demo failed: {error}"))
}
