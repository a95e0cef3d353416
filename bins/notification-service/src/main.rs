//! `notification-service`: sends notifications about orders, from the log in Kafka. Wiring only.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Parser, Subcommand};
use logistics_cli_kit::{Failure, HealthArgs, LogArgs, Signals, block_on, end};
use logistics_notify::Console;
use logistics_wiring::cluster::{self, KafkaArgs, Log, PartitionsArgs, ProcessRole};
use logistics_wiring::{
    EmailArgs, HealthDetailsArgs, HttpServer, InstanceArgs, LogKeyArgs, LogSystem, NotifyArgs, Services,
    TelemetryArgs, WebhookArgs, WebhookDeliveryArgs, parse, run,
};

/// One thread frees what another allocated, for each record. The system's allocator would take a sixth of the time for that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const PROGRAM: &str = "notification-service";
const ROLE: ProcessRole = ProcessRole::READER;

/// Sends notifications about orders, from Kafka. Up to one process per partition shares the work. Without a subcommand, it runs.
///
/// Exit codes: 0 success, also after SIGTERM; 1 not ready, or stopped before the drain ended; 2 an invalid flag, setting or
/// environment, or Kafka is unsuitable.
#[derive(Parser, Debug)]
#[command(name = PROGRAM, version, max_term_width = 120, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: RunArgs,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Check whether the process at this address is ready, and what it waits for: exit code 0 or 1
    Health(HealthArgs),
}

#[derive(Args, Debug)]
struct RunArgs {
    /// The address for /health/live, /health/ready and /metrics
    #[arg(long, env = "LOGISTICS_LISTEN", default_value = "127.0.0.1:8002")]
    listen: SocketAddr,
    #[command(flatten)]
    health: HealthDetailsArgs,
    #[command(flatten)]
    instance: InstanceArgs,
    #[command(flatten)]
    partitions: PartitionsArgs,
    #[command(flatten)]
    kafka: KafkaArgs,
    #[command(flatten)]
    notify: NotifyArgs,
    #[command(flatten)]
    email: EmailArgs,
    #[command(flatten)]
    webhooks: WebhookDeliveryArgs,
    #[command(flatten)]
    endpoints: WebhookArgs,
    #[command(flatten)]
    log_key: LogKeyArgs,
    #[command(flatten)]
    log: LogArgs,
    #[command(flatten)]
    telemetry: TelemetryArgs,
}

fn main() -> ExitCode {
    match parse::<Cli>(PROGRAM) {
        Ok(Cli { command: None, run }) => end(PROGRAM, block_on(start(run))),
        Ok(Cli { command: Some(Command::Health(health)), run }) => {
            end(PROGRAM, block_on(health.run(Ok(run.listen))))
        }
        Err(code) => code,
    }
}

async fn start(args: RunArgs) -> Result<(), Failure> {
    args.log.start();
    let instance = args.instance.name(PROGRAM);
    let telemetry = args.telemetry.start(PROGRAM, &instance, LogSystem::Kafka)?;
    let log = Log::connect(&args.kafka, args.partitions.partitions, &instance)?;
    let email = args.email.delivery()?;
    let delivery = args.webhooks.delivery(&args.endpoints, args.log_key.keys()?)?;
    let signals = Signals::listen()?;
    let server = HttpServer::health(args.listen, &args.health, &telemetry).await?;
    tracing::info!(instance, "starting");
    let begin = || {
        let services = Services::new(&telemetry).watched(cluster::watch(&log, None, ROLE, &telemetry));
        let services = services.notifying(log.bus(), Arc::new(Console::stdout()), args.notify.from());
        let services = services.mailing(log.bus(), email, args.notify.from());
        services.delivering(log.bus(), delivery)
    };
    run(signals, server, vec![log.startup_check(ROLE)], begin).await
}
