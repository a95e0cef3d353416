//! `logistics bench`: the figures of the README, measured on this machine.

#[cfg(feature = "cluster")]
mod cluster;
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

use crate::engine::EngineKind;
#[cfg(not(feature = "cluster"))]
use crate::engine::KAFKA_AND_REDIS;
use logistics_cli_kit::Failure;
use logistics_cli_kit::output;
#[cfg(feature = "cluster")]
use logistics_wiring::cluster::{KafkaArgs, PARTITIONS_DEFAULT, RedisArgs};
use stats::Figure;

/// Orders where `--orders` does not say: with the embedded engine, and with the services on Kafka and Redis.
const ORDERS_EMBEDDED: u64 = 200_000;
const ORDERS_CLUSTER: u64 = 300_000;

/// Flags of `bench`.
#[derive(Args, Debug, Clone)]
pub(crate) struct BenchArgs {
    /// What to measure; all of it where nothing is named
    #[arg(value_enum)]
    scenarios: Vec<Scenario>,
    /// Orders of drain, http, post and get, and of recovery [default: 200000; 300000 with --engine cluster]
    #[arg(long, env = "LOGISTICS_ORDERS", value_parser = clap::value_parser!(u64).range(1..))]
    orders: Option<u64>,
    /// Connections of http, post and get
    #[arg(long, env = "LOGISTICS_CONNECTIONS", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=4096))]
    connections: u16,
    /// Seconds of steady, timers, takeover and idle
    #[arg(long, env = "LOGISTICS_SECONDS", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// Orders that wait on timers meanwhile, in timers
    #[arg(long, env = "LOGISTICS_LIVE_ORDERS", default_value_t = 1_000_000)]
    live_orders: u64,
    /// As JSON
    #[arg(long)]
    json: bool,
    /// What is measured: the embedded engine in temporary directories, or the services beside this program on Kafka, in
    /// topics of their own, and on Redis, whose database must be empty and is wiped
    #[arg(long, env = "LOGISTICS_ENGINE", value_enum, default_value_t = EngineKind::Embedded)]
    engine: EngineKind,
    /// Partitions of every topic, with --engine cluster
    #[cfg(feature = "cluster")]
    #[arg(
        long, env = "LOGISTICS_PARTITIONS", default_value_t = PARTITIONS_DEFAULT,
        value_parser = clap::value_parser!(u32).range(1..=1024)
    )]
    partitions: u32,
    #[cfg(feature = "cluster")]
    #[command(flatten)]
    kafka: KafkaArgs,
    #[cfg(feature = "cluster")]
    #[command(flatten)]
    redis: RedisArgs,
}

impl BenchArgs {
    /// Orders of the scenarios that go by a number of orders.
    fn orders(&self) -> u64 {
        self.orders.unwrap_or(match self.engine {
            EngineKind::Embedded => ORDERS_EMBEDDED,
            EngineKind::Cluster => ORDERS_CLUSTER,
        })
    }

    /// Those that are named, or all that the engine has.
    fn scenarios(&self) -> Vec<Scenario> {
        let has = |scenario: &Scenario| self.engine == EngineKind::Cluster || !scenario.is_of_cluster();
        match self.scenarios.is_empty() {
            true => Scenario::value_variants().iter().copied().filter(has).collect(),
            false => self.scenarios.clone(),
        }
    }
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
    /// With --engine cluster: how long orders stand still when one of two processors is killed
    Takeover,
    /// With --engine cluster: a processor that finds Redis empty derives everything from the log again
    Recovery,
}

impl Scenario {
    /// There is nobody to take over from, and no store apart from the log, in one process.
    fn is_of_cluster(self) -> bool {
        matches!(self, Scenario::Takeover | Scenario::Recovery)
    }
}

pub(crate) async fn run(args: Box<BenchArgs>) -> Result<(), Failure> {
    let figures = match args.engine {
        EngineKind::Embedded => embedded(&args).await?,
        #[cfg(feature = "cluster")]
        EngineKind::Cluster => cluster::run(&args).await?,
        #[cfg(not(feature = "cluster"))]
        EngineKind::Cluster => return Err(Failure::usage(KAFKA_AND_REDIS)),
    };
    if args.json {
        output::line(serde_json::to_string_pretty(&figures).unwrap_or_default());
    } else {
        output::line(table(&figures));
    }
    Ok(())
}

async fn embedded(args: &BenchArgs) -> Result<Vec<Figure>, Failure> {
    let scenarios = args.scenarios();
    if scenarios.iter().any(|scenario| scenario.is_of_cluster()) {
        return Err(only_of_cluster());
    }
    let mut figures = Vec::new();
    for scenario in scenarios {
        let measured = match scenario {
            Scenario::Drain => throughput::drain(args).await,
            Scenario::Http => throughput::http(args).await,
            Scenario::Steady => steady::steady(args).await,
            Scenario::Post => requests::post(args).await,
            Scenario::Get => requests::get(args).await,
            Scenario::Timers => timers::timers(args).await,
            Scenario::Idle => idle::idle(args).await,
            Scenario::Takeover | Scenario::Recovery => Err(only_of_cluster()),
        };
        figures.extend(measured?);
    }
    Ok(figures)
}

fn only_of_cluster() -> Failure {
    Failure::usage("takeover and recovery are measured with --engine cluster alone")
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
