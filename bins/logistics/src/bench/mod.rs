//! `logistics bench`: the figures of the README, measured on this machine.

mod idle;
mod load;
mod progress;
mod requests;
mod stats;
mod steady;
mod throughput;
mod timers;
mod world;

use clap::{Args, ValueEnum};
use comfy_table::Table;
use comfy_table::presets::UTF8_FULL_CONDENSED;

use logistics_wiring::Failure;
use logistics_wiring::output;
use stats::Figure;

/// Flags of `bench`.
#[derive(Args, Debug, Clone)]
pub(crate) struct BenchArgs {
    /// What to measure; all of it where nothing is named
    #[arg(value_enum)]
    scenarios: Vec<Scenario>,
    /// Orders of drain, http, post and get
    #[arg(long, env = "LOGISTICS_ORDERS", default_value_t = 200_000, value_parser = clap::value_parser!(u64).range(1..))]
    orders: u64,
    /// Connections of http, post and get
    #[arg(long, env = "LOGISTICS_CONNECTIONS", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=4096))]
    connections: u16,
    /// Seconds of steady, timers and idle
    #[arg(long, env = "LOGISTICS_SECONDS", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// Orders that wait on timers meanwhile, in timers
    #[arg(long, env = "LOGISTICS_LIVE_ORDERS", default_value_t = 1_000_000)]
    live_orders: u64,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// A measurement.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
enum Scenario {
    /// Orders accepted, then drained from PLACED to DELIVERED, dwell 0
    Drain,
    /// The same, arriving over HTTP while they are drained
    Http,
    /// A whole order at a steady 100 a second, dwell 0
    Steady,
    /// `POST /orders`, durable, the processor paused
    Post,
    /// `GET /orders/{id}`
    Get,
    /// Live orders waiting on timers; 5,000 a second fall due
    Timers,
    /// A server that has nothing to do, and its start
    Idle,
}

pub(crate) async fn run(args: BenchArgs) -> Result<(), Failure> {
    let scenarios = match args.scenarios.is_empty() {
        true => Scenario::value_variants(),
        false => &args.scenarios,
    };
    let mut figures = Vec::new();
    for scenario in scenarios {
        let measured = match scenario {
            Scenario::Drain => throughput::drain(&args).await,
            Scenario::Http => throughput::http(&args).await,
            Scenario::Steady => steady::steady(&args).await,
            Scenario::Post => requests::post(&args).await,
            Scenario::Get => requests::get(&args).await,
            Scenario::Timers => timers::timers(&args).await,
            Scenario::Idle => idle::idle(&args).await,
        };
        figures.extend(measured?);
    }
    if args.json {
        output::line(serde_json::to_string_pretty(&figures).unwrap_or_default());
    } else {
        output::line(table(&figures));
    }
    Ok(())
}

fn table(figures: &[Figure]) -> String {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_header(["measurement", "what", "figure"]);
    for figure in figures {
        let value = if figure.value >= 100.0 { group(figure.value) } else { format!("{:.2}", figure.value) };
        table.add_row([figure.scenario, &figure.what, &format!("{value} {}", figure.unit)]);
    }
    table.to_string()
}

/// A number as people read it: 22,000.
fn group(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut grouped = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

fn scratch() -> Result<tempfile::TempDir, Failure> {
    tempfile::tempdir().map_err(|error| Failure::usage(format!("cannot make a temporary directory: {error}")))
}
