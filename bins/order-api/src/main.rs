//! `order-api`: the HTTP API, over the log in Kafka and the store in Redis. Wiring only.

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use logistics_cli_kit::{AuditArgs, Failure, HealthArgs, LogArgs, Signals, block_on, end};
use logistics_wiring::cluster::{self, ClusterArgs, ProcessRole};
use logistics_wiring::{
    AUDIT_TARGET, ApiPorts, HttpArgs, HttpServer, InstanceArgs, LogKeyArgs, LogSystem, MemoryArgs, Services,
    TelemetryArgs, parse, run,
};

/// One thread frees what another allocated, for each record. The system's allocator would take a sixth of the time for that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const PROGRAM: &str = "order-api";
const ROLE: ProcessRole = ProcessRole::API;

/// The HTTP API of the order backend, on Kafka and Redis. Without a subcommand it serves.
///
/// Exit codes: 0 success, also after SIGTERM; 1 not ready, or stopped before the drain ended; 2 an invalid flag, setting or
/// environment, or Kafka or Redis is unsuitable.
#[derive(Parser, Debug)]
#[command(name = PROGRAM, version, max_term_width = 120, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: ServeArgs,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Check whether the process at this address is ready, and what it waits for: exit code 0 or 1
    Health(HealthArgs),
}

#[derive(Args, Debug)]
struct ServeArgs {
    /// Where to listen
    #[arg(long, env = "LOGISTICS_LISTEN", default_value = "127.0.0.1:8000")]
    listen: SocketAddr,
    #[command(flatten)]
    http: HttpArgs,
    #[command(flatten)]
    memory: MemoryArgs,
    #[command(flatten)]
    log_key: LogKeyArgs,
    #[command(flatten)]
    instance: InstanceArgs,
    #[command(flatten)]
    cluster: ClusterArgs,
    #[command(flatten)]
    log: LogArgs,
    #[command(flatten)]
    telemetry: TelemetryArgs,
    #[command(flatten)]
    audit: AuditArgs,
}

fn main() -> ExitCode {
    match parse::<Cli>(PROGRAM) {
        Ok(Cli { command: None, serve }) => end(PROGRAM, block_on(start(serve))),
        Ok(Cli { command: Some(Command::Health(health)), serve }) => {
            end(PROGRAM, block_on(health.run(serve.http.health_at(serve.listen))))
        }
        Err(code) => code,
    }
}

async fn start(args: ServeArgs) -> Result<(), Failure> {
    args.log.start_audited(&args.audit, AUDIT_TARGET)?;
    let keys = args.log_key.keys()?;
    let instance = args.instance.name(PROGRAM);
    let telemetry = args.telemetry.start(PROGRAM, &instance, LogSystem::Kafka)?;
    let (log, store) = args.cluster.connect(&instance)?;
    let signals = Signals::listen()?;
    // The API serves at once, and answers 503 to requests that need a missing part.
    let http = args.http.sharing(store.quotas());
    let server = HttpServer::api(
        args.listen,
        &http,
        args.memory.for_requests(),
        ApiPorts::remote(log.bus(), store.store(), &telemetry),
        keys,
        &telemetry,
    )
    .await?;
    http.announce(args.listen);
    tracing::info!(instance, "Order API Running...");
    let checks = vec![log.startup_check(ROLE), store.startup_check(&log, ROLE)];
    run(signals, server, checks, || {
        cluster::gauge(&telemetry, &log, &store, ROLE);
        Services::new(&telemetry).watched(cluster::watch(&log, Some(&store), ROLE, &telemetry))
    })
    .await
}
