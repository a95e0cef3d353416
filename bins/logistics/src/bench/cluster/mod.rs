//! The services as separate processes on Kafka and Redis.

mod deliveries;
mod drain;
mod fixture;
mod requests;
mod service;
mod takeover;
mod waiting;

use logistics_cli_kit::{Failure, Signals};

use super::stats::Figure;
use super::{BenchArgs, Scenario};
use fixture::Fixture;

/// Measures each scenario in its own fixture, which it always removes, even after a failure or a signal.
///
/// # Errors
/// One sentence, if the services are missing, Redis is not empty, or a measurement failed.
pub(super) async fn run(args: &BenchArgs) -> Result<Vec<Figure>, Failure> {
    service::check_installed()?;
    logistics_cli_kit::start_for_problems();
    let mut signals = Signals::listen()?;
    let mut figures = Vec::new();
    for scenario in args.scenarios() {
        let fixture = Fixture::create(args).await?;
        let measured = tokio::select! {
            measured = measure(scenario, &fixture, args) => measured,
            () = signals.stop() => Err(Failure::refused("stopped by a signal before the end")),
        };
        let ended = fixture.end().await;
        figures.extend(measured?);
        ended?;
    }
    Ok(figures)
}

async fn measure(scenario: Scenario, fixture: &Fixture, args: &BenchArgs) -> Result<Vec<Figure>, Failure> {
    match scenario {
        Scenario::Drain => drain::drain(fixture, args).await,
        Scenario::Http => requests::http(fixture, args).await,
        Scenario::Steady => requests::steady(fixture, args).await,
        Scenario::Post => requests::post(fixture, args).await,
        Scenario::Get => requests::get(fixture, args).await,
        Scenario::Timers => waiting::timers(fixture, args).await,
        Scenario::Idle => waiting::idle(fixture, args).await,
        Scenario::Takeover => takeover::takeover(fixture, args).await,
        Scenario::Recovery => drain::recovery(fixture, args).await,
        Scenario::Streams => Err(Failure::usage("streams needs --engine embedded")),
    }
}
