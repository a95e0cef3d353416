//! `logistics bench`: measures the figures of the README on this machine.

#[cfg(feature = "cluster")]
mod cluster;
mod fixture;
mod idle;
mod load;
mod progress;
mod requests;
mod server_process;
mod stats;
mod steady;
mod streams;
mod throughput;
mod timers;

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

/// The defaults of `--orders`, by engine.
const ORDERS_EMBEDDED: u64 = 200_000;
const ORDERS_CLUSTER: u64 = 300_000;

/// Flags of `bench`.
#[derive(Args, Debug, Clone)]
pub(crate) struct BenchArgs {
    /// The scenarios to measure [default: all]
    #[arg(value_enum)]
    scenarios: Vec<Scenario>,
    /// Orders of drain, http, post and get, and of recovery [default: 200000; 300000 with --engine cluster]
    #[arg(long, env = "LOGISTICS_ORDERS", value_parser = clap::value_parser!(u64).range(1..))]
    orders: Option<u64>,
    /// Connections of http, post and get
    #[arg(long, env = "LOGISTICS_CONNECTIONS", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=4096))]
    connections: u16,
    /// Live streams of the scenario streams
    #[arg(long, env = "LOGISTICS_STREAMS", default_value_t = 5_000)]
    streams: usize,
    /// Seconds of steady, timers, takeover, idle and streams
    #[arg(long, env = "LOGISTICS_SECONDS", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// Orders that wait on timers in the scenario timers
    #[arg(long, env = "LOGISTICS_LIVE_ORDERS", default_value_t = 1_000_000)]
    live_orders: u64,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// The embedded engine in temporary directories, or the services beside this program on Kafka and Redis. Kafka gets
    /// temporary topics. The Redis database must be empty and is wiped
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
    /// The number of orders of the scenarios that have one.
    fn orders(&self) -> u64 {
        self.orders.unwrap_or(match self.engine {
            EngineKind::Embedded => ORDERS_EMBEDDED,
            EngineKind::Cluster => ORDERS_CLUSTER,
        })
    }

    /// The selected scenarios, or all of the engine.
    fn scenarios(&self) -> Vec<Scenario> {
        // Streams need a limit of open files that fits them.
        let has = |scenario: &Scenario| {
            *scenario != Scenario::Streams
                && (self.engine == EngineKind::Cluster || !scenario.needs_cluster())
        };
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
    /// Orders that arrive over HTTP while they are drained
    Http,
    /// Whole orders at a steady 100 per second, dwell 0
    Steady,
    /// `POST /orders`, durable, without a processor
    Post,
    /// `GET /orders/{id}`
    Get,
    /// Live orders waiting on timers; 5,000 become due per second
    Timers,
    /// The start of a server, and its idle use of memory and processor
    Idle,
    /// Idle live streams: memory, processor time, latency of facts, and a reconnect of all at once. Only if named
    Streams,
    /// With --engine cluster: the longest pause of an order after one of two processors is killed
    Takeover,
    /// With --engine cluster: a processor rebuilds an empty Redis from the log
    Recovery,
}

impl Scenario {
    /// In one process, there is no second processor and no store apart from the log.
    fn needs_cluster(self) -> bool {
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
    if scenarios.iter().any(|scenario| scenario.needs_cluster()) {
        return Err(cluster_required());
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
            Scenario::Streams => streams::streams(args).await,
            Scenario::Takeover | Scenario::Recovery => Err(cluster_required()),
        };
        figures.extend(measured?);
    }
    Ok(figures)
}

fn cluster_required() -> Failure {
    Failure::usage("takeover and recovery need --engine cluster")
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

/// A number with separators: 22,000.
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
    tempfile::tempdir()
        .map_err(|error| Failure::usage(format!("cannot create a temporary directory: {error}")))
}
