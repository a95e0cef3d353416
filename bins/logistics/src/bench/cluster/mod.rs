//! The services as they are deployed: processes of their own, on Kafka and Redis.

mod deliveries;
mod drain;
mod lasting;
mod requests;
mod service;
mod takeover;
mod world;

use logistics_cli_kit::{Failure, Signals};

use super::stats::Figure;
use super::{BenchArgs, Scenario};
use world::World;

/// Measures, each scenario in a world of its own. Whatever comes of it, and also where a signal ends it, nothing is left
/// behind.
///
/// # Errors
/// One sentence, where the services are not there, Redis is not empty, or a measurement failed.
pub(super) async fn run(args: &BenchArgs) -> Result<Vec<Figure>, Failure> {
    service::are_there()?;
    logistics_cli_kit::start_for_problems();
    let mut signals = Signals::listen()?;
    let mut figures = Vec::new();
    for scenario in args.scenarios() {
        let world = World::make(args).await?;
        let measured = tokio::select! {
            measured = measure(scenario, &world, args) => measured,
            () = signals.stop() => Err(Failure::refused("stopped before everything was measured")),
        };
        let ended = world.end().await;
        figures.extend(measured?);
        ended?;
    }
    Ok(figures)
}

async fn measure(scenario: Scenario, world: &World, args: &BenchArgs) -> Result<Vec<Figure>, Failure> {
    match scenario {
        Scenario::Drain => drain::drain(world, args).await,
        Scenario::Http => requests::http(world, args).await,
        Scenario::Steady => requests::steady(world, args).await,
        Scenario::Post => requests::post(world, args).await,
        Scenario::Get => requests::get(world, args).await,
        Scenario::Timers => lasting::timers(world, args).await,
        Scenario::Idle => lasting::idle(world, args).await,
        Scenario::Takeover => takeover::takeover(world, args).await,
        Scenario::Recovery => drain::recovery(world, args).await,
    }
}
