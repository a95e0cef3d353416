//! `order-api`: the HTTP API, over the log in Kafka and the store in Redis. Wiring only.

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use logistics_cli_kit::{Failure, HealthArgs, LogArgs, Signals, block_on, end};
use logistics_wiring::cluster::{self, ClusterArgs, ProcessRole};
use logistics_wiring::{HttpArgs, HttpServer, InstanceArgs, MemoryArgs, Services, parse, run};

/// What one thread allocates another one frees, record by record; the system's allocator spends a sixth of the time on that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const PROGRAM: &str = "order-api";
const ROLE: ProcessRole = ProcessRole::API;

/// The HTTP API of the order backend, on Kafka and Redis. Without a subcommand it serves.
///
/// Exit codes: 0 done, also after SIGTERM; 1 not well, or stopped at once; 2 a wrong flag, setting or environment, or
/// Kafka or Redis refuses.
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
    /// Whether the process that listens here is ready, and what it waits for: exit code 0 or 1
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
    instance: InstanceArgs,
    #[command(flatten)]
    cluster: ClusterArgs,
    #[command(flatten)]
    log: LogArgs,
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
    args.log.start();
    let instance = args.instance.name(PROGRAM);
    let (log, store) = args.cluster.connect(&instance)?;
    let signals = Signals::listen()?;
    // It serves at once: what needs a part that is missing is answered 503.
    let server =
        HttpServer::api(args.listen, &args.http, args.memory.for_requests(), log.bus(), store.store())
            .await?;
    tracing::info!(instance, "Order API Running...");
    let checks = vec![log.startup_check(ROLE), store.startup_check(&log, ROLE)];
    run(signals, server, checks, || Services::default().watched(cluster::watch(&log, Some(&store), ROLE)))
        .await
}
