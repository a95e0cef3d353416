//! `logistics topics`: creates and checks the topics.

use clap::{Args, Subcommand};
use logistics_cli_kit::{Failure, output};
#[cfg(feature = "cluster")]
use logistics_core::port::Topic;

use crate::engine::{Engine, EngineArgs, Needs};

/// Flags of `topics`.
#[derive(Args, Debug)]
pub(crate) struct TopicsCommand {
    #[command(subcommand)]
    command: TopicsSubcommand,
}

#[derive(Subcommand, Debug)]
enum TopicsSubcommand {
    /// Create the missing topics with unlimited retention, and check the existing ones without changing them
    Create(Box<CreateArgs>),
    /// Check that all topics exist with the configured partition count and with unlimited retention
    Check(Box<CheckArgs>),
}

#[derive(Args, Debug)]
struct CreateArgs {
    #[command(flatten)]
    engine: EngineArgs,
    /// The replication factor in Kafka [default: the brokers' default]
    #[arg(long, value_parser = clap::value_parser!(i32).range(1..=i64::from(i16::MAX)))]
    replication: Option<i32>,
}

#[derive(Args, Debug)]
struct CheckArgs {
    #[command(flatten)]
    engine: EngineArgs,
}

pub(crate) async fn run(command: TopicsCommand) -> Result<(), Failure> {
    logistics_cli_kit::start_for_problems();
    match command.command {
        TopicsSubcommand::Create(args) => create(&args).await,
        TopicsSubcommand::Check(args) => check(&args.engine).await,
    }
}

async fn create(args: &CreateArgs) -> Result<(), Failure> {
    match args.engine.existing().await? {
        engine @ Engine::Embedded { .. } => print_embedded(&engine),
        #[cfg(feature = "cluster")]
        engine @ Engine::Cluster { .. } => create_in_kafka(&engine, args.replication).await,
    }
}

#[cfg(feature = "cluster")]
async fn create_in_kafka(engine: &Engine, replication: Option<i32>) -> Result<(), Failure> {
    let Engine::Cluster { log, .. } = engine else { return Ok(()) };
    let created = log.kafka().create_topics(replication).await;
    let created = created.map_err(|error| Failure::of_port("cannot create the topics", &error))?;
    for topic in Topic::ALL {
        let what = if created.contains(&topic) { "created" } else { "exists" };
        output::line(format!("{}: {what}", topic.name()));
    }
    engine.check(Needs::Log).await?;
    output::line(format!("All topics have {} partitions and are suitable.", engine.partitions()));
    Ok(())
}

async fn check(args: &EngineArgs) -> Result<(), Failure> {
    match args.existing_checked(Needs::Log).await? {
        engine @ Engine::Embedded { .. } => print_embedded(&engine),
        #[cfg(feature = "cluster")]
        engine @ Engine::Cluster { .. } => {
            for topic in Topic::ALL {
                output::line(format!("{}: {} partitions", topic.name(), engine.partitions()));
            }
            Ok(())
        }
    }
}

/// The embedded engine creates its topics with the data directory.
fn print_embedded(engine: &Engine) -> Result<(), Failure> {
    output::line(format!(
        "The embedded engine creates its topics itself; {} has {} partitions.",
        engine.location(),
        engine.partitions()
    ));
    engine.close()
}
