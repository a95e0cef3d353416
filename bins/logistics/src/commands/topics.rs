//! `logistics topics`: whether the topics are there, and making them.

use clap::{Args, Subcommand};
use logistics_cli_kit::{Failure, output};
#[cfg(feature = "cluster")]
use logistics_core::port::Topic;

use crate::engine::{Engine, EngineArgs, Needs};

/// Flags of `topics`.
#[derive(Args, Debug)]
pub(crate) struct TopicsCommand {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand, Debug)]
enum What {
    /// Make those that are missing, with unlimited retention; those that are there are left as they are, and checked
    Create(Box<CreateArgs>),
    /// Whether all are there, with the partitions that are configured and with unlimited retention
    Check(Box<CheckArgs>),
}

#[derive(Args, Debug)]
struct CreateArgs {
    #[command(flatten)]
    engine: EngineArgs,
    /// Copies of every record, in Kafka [default: the brokers' own]
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
    match command.what {
        What::Create(args) => create(&args).await,
        What::Check(args) => check(&args.engine).await,
    }
}

async fn create(args: &CreateArgs) -> Result<(), Failure> {
    match args.engine.existing().await? {
        engine @ Engine::Embedded { .. } => say_own(&engine),
        #[cfg(feature = "cluster")]
        engine @ Engine::Cluster { .. } => create_in_kafka(&engine, args.replication).await,
    }
}

#[cfg(feature = "cluster")]
async fn create_in_kafka(engine: &Engine, replication: Option<i32>) -> Result<(), Failure> {
    let Engine::Cluster { log, .. } = engine else { return Ok(()) };
    let created = log.kafka().create_topics(replication).await;
    let created = created.map_err(|error| Failure::of_port("cannot make the topics", &error))?;
    for topic in Topic::ALL {
        let what = if created.contains(&topic) { "made" } else { "was there" };
        output::line(format!("{}: {what}", topic.name()));
    }
    engine.check(Needs::Log).await?;
    output::line(format!("All have {} partitions and fit.", engine.partitions()));
    Ok(())
}

async fn check(args: &EngineArgs) -> Result<(), Failure> {
    match args.there(Needs::Log).await? {
        engine @ Engine::Embedded { .. } => say_own(&engine),
        #[cfg(feature = "cluster")]
        engine @ Engine::Cluster { .. } => {
            for topic in Topic::ALL {
                output::line(format!("{}: {} partitions", topic.name(), engine.partitions()));
            }
            Ok(())
        }
    }
}

/// The embedded engine has them from its start.
fn say_own(engine: &Engine) -> Result<(), Failure> {
    output::line(format!(
        "The embedded engine makes its topics itself; {} has {} partitions.",
        engine.place(),
        engine.partitions()
    ));
    engine.close()
}
