//! An idle server as a separate process.

use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use super::load::HttpConnection;
use super::stats::{Figure, processor_time, resident_mb};
use super::{BenchArgs, scratch};
use logistics_cli_kit::Failure;

/// A pause before the measurement, so that the start is not part of it.
const SETTLE: Duration = Duration::from_secs(3);
const TIMEOUT: Duration = Duration::from_secs(20);

pub(super) async fn idle(args: &BenchArgs) -> Result<Vec<Figure>, Failure> {
    let dir = scratch()?;
    let failed = |what: &str| Failure::refused(format!("cannot measure a server: {what}"));
    let program = std::env::current_exe().map_err(|error| failed(&error.to_string()))?;
    let begun = Instant::now();
    let mut server = Command::new(program)
        .args(["serve", "--listen", "127.0.0.1:0", "--log-level", "warn", "--data-dir"])
        .arg(dir.path())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| failed(&error.to_string()))?;
    let process = server.id().ok_or_else(|| failed("it ended"))?.to_string();
    let stdout = server.stdout.take().ok_or_else(|| failed("it has no output"))?;
    let mut lines = BufReader::new(stdout).lines();
    let addr = loop {
        let line = lines.next_line().await.ok().flatten().ok_or_else(|| failed("it ended"))?;
        if let Some(rest) = line.strip_prefix("Listening on http://") {
            let addr = rest.split(',').next().unwrap_or_default();
            break addr.parse().map_err(|_| failed("its output has no address"))?;
        }
    };
    let mut connection = HttpConnection::open(addr).await.map_err(|error| failed(&error.to_string()))?;
    let request = b"GET /health/ready HTTP/1.1\r\nhost: localhost\r\n\r\n";
    while connection.exchange(request).await.map_err(|error| failed(&error.to_string()))?.status != 200 {
        if begun.elapsed() > TIMEOUT {
            return Err(failed("it did not become ready within 20 s"));
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let started = begun.elapsed();
    tokio::time::sleep(SETTLE).await;
    Ok(figures(&process, started, Duration::from_secs(args.seconds)).await)
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
