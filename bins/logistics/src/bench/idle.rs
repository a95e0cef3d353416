//! An idle server as a separate process.

use std::time::{Duration, Instant};

use super::server_process::ServerProcess;
use super::stats::{Figure, processor_time, resident_mb};
use super::{BenchArgs, scratch};
use logistics_cli_kit::Failure;

/// A pause before the measurement, so that the start is not part of it.
const SETTLE: Duration = Duration::from_secs(3);

pub(super) async fn idle(args: &BenchArgs) -> Result<Vec<Figure>, Failure> {
    let dir = scratch()?;
    let server = ServerProcess::start(dir.path(), &[]).await?;
    tokio::time::sleep(SETTLE).await;
    Ok(figures(&server.process, server.started, Duration::from_secs(args.seconds)).await)
}

/// The resources that an idle process uses during this time.
pub(super) async fn figures(process: &str, started: Duration, during: Duration) -> Vec<Figure> {
    let used = || processor_time(process).unwrap_or_default();
    let (before, since) = (used(), Instant::now());
    tokio::time::sleep(during).await;
    let share = (used() - before).as_secs_f64() / since.elapsed().as_secs_f64() * 100.0;
    let resident = resident_mb(process).unwrap_or_default();
    vec![
        Figure::new("idle", "start until ready", started.as_secs_f64() * 1000.0, "ms"),
        Figure::new("idle", "resident", resident, "MB"),
        Figure::new("idle", "of a core", share, "%"),
    ]
}
