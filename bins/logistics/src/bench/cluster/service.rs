//! A service as a separate process.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use logistics_cli_kit::Failure;
use logistics_core::health::PartHealth;
use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::fixture::Fixture;
use crate::bench::load::HttpConnection;

/// Settings with which the clock moves orders at once.
pub(super) const NO_DWELL: &[(&str, &str)] = &[("LOGISTICS_MODE", "simulate"), ("LOGISTICS_DWELL", "0")];
const API: &str = "order-api";
const PROCESSOR: &str = "order-processor";
/// The prefix of the settings. A service does not inherit those of this process, because some apply only to `bench`.
const PREFIX: &str = "LOGISTICS_";
const READY_POLL: Duration = Duration::from_millis(2);
/// A processor that rebuilds the store becomes ready only afterwards.
const READY_MAX: Duration = Duration::from_secs(900);
const STOP_MAX: Duration = Duration::from_secs(20);

/// Checks that the services are beside this program.
///
/// # Errors
/// One sentence that says how to build them.
pub(super) fn check_installed() -> Result<(), Failure> {
    for name in [API, PROCESSOR] {
        if !program(name)?.is_file() {
            return Err(Failure::usage(format!(
                "{name} is not beside this program; build it with `cargo build --release --workspace`"
            )));
        }
    }
    Ok(())
}

fn program(name: &str) -> Result<PathBuf, Failure> {
    let own = std::env::current_exe();
    let own =
        own.map_err(|error| Failure::usage(format!("cannot find the path of this program: {error}")))?;
    Ok(own.with_file_name(name).with_extension(std::env::consts::EXE_EXTENSION))
}

/// The used part of `/health/ready`.
#[derive(Deserialize, Default)]
struct Health {
    parts: Vec<PartHealth>,
}

/// A process that is killed on drop.
pub(super) struct Service {
    name: &'static str,
    child: Child,
    process: u32,
    addr: SocketAddr,
    begun: Instant,
}

impl Service {
    /// Starts `order-api`, and waits until it is ready.
    ///
    /// # Errors
    /// One sentence, if it does not become ready.
    pub(super) async fn api(fixture: &Fixture) -> Result<Self, Failure> {
        let mut api = Self::start(API, fixture, &[])?;
        api.ready(0).await?;
        Ok(api)
    }

    /// Starts `order-processor` with these settings, without waiting for it.
    ///
    /// # Errors
    /// One sentence, if it cannot be started.
    pub(super) fn processor(fixture: &Fixture, settings: &[(&str, &str)]) -> Result<Self, Failure> {
        Self::start(PROCESSOR, fixture, settings)
    }

    fn start(name: &'static str, fixture: &Fixture, settings: &[(&str, &str)]) -> Result<Self, Failure> {
        let failed = |error: &dyn std::fmt::Display| Failure::usage(format!("cannot start {name}: {error}"));
        let addr = free_addr().map_err(|error| failed(&error))?;
        let mut command = Command::new(program(name)?);
        for (variable, _) in std::env::vars_os() {
            if variable.to_str().is_some_and(|variable| variable.starts_with(PREFIX)) {
                command.env_remove(variable);
            }
        }
        let begun = Instant::now();
        let child = command
            .envs(fixture.settings())
            .env("LOGISTICS_LISTEN", addr.to_string())
            .env("LOGISTICS_LOG_LEVEL", "warn")
            .envs(settings.iter().copied())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| failed(&error))?;
        let process = child.id().ok_or_else(|| failed(&"it has ended"))?;
        Ok(Self { name, child, process, addr, begun })
    }

    /// The address on which it listens.
    pub(super) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The time of its start.
    pub(super) fn begun(&self) -> Instant {
        self.begun
    }

    /// Its process id, as `/proc` names it.
    pub(super) fn process(&self) -> String {
        self.process.to_string()
    }

    /// Waits until it is ready with this many live partitions, and returns the time since its start. A processor is ready
    /// before the group has assigned it any partition.
    ///
    /// # Errors
    /// One sentence, if it ended, or is not ready within 15 minutes.
    pub(super) async fn ready(&mut self, partitions: u32) -> Result<Duration, Failure> {
        while self.live_partitions().await?.is_none_or(|live| live < partitions) {
            if self.begun.elapsed() > READY_MAX {
                return Err(Failure::refused(format!(
                    "{} did not become ready within 15 minutes",
                    self.name
                )));
            }
            tokio::time::sleep(READY_POLL).await;
        }
        Ok(self.begun.elapsed())
    }

    /// The number of its live partitions; `None` while it is not ready.
    ///
    /// # Errors
    /// One sentence, if it ended.
    pub(super) async fn live_partitions(&mut self) -> Result<Option<u32>, Failure> {
        if let Ok(Some(status)) = self.child.try_wait() {
            return Err(Failure::refused(format!("{} ended: {status}", self.name)));
        }
        let Ok(mut connection) = HttpConnection::open(self.addr).await else { return Ok(None) };
        let request = b"GET /health/ready HTTP/1.1\r\nhost: localhost\r\n\r\n";
        let Ok(reply) = connection.exchange(request).await else { return Ok(None) };
        let health: Health = serde_json::from_slice(reply.body).unwrap_or_default();
        let partitions = health.parts.iter().filter(|part| part.name.starts_with("partition ")).count();
        Ok((reply.status == 200).then_some(u32::try_from(partitions).unwrap_or(u32::MAX)))
    }

    /// Sends SIGTERM and waits for the drain.
    ///
    /// # Errors
    /// One sentence, if it had ended before, or does not end in time.
    pub(super) async fn stop(mut self) -> Result<(), Failure> {
        let failed = |what: &str| Failure::refused(format!("{} {what}", self.name));
        let pid = self.child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        kill_process(pid.ok_or_else(|| failed("ended before it was stopped"))?, Signal::TERM)
            .map_err(|error| failed(&format!("cannot be stopped: {error}")))?;
        match timeout(STOP_MAX, self.child.wait()).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(status)) => Err(failed(&format!("failed to drain: {status}"))),
            Ok(Err(error)) => Err(failed(&format!("cannot be awaited: {error}"))),
            Err(_) => Err(failed("did not end within 20 s of SIGTERM")),
        }
    }

    /// Sends SIGKILL.
    ///
    /// # Errors
    /// One sentence, if it cannot be killed.
    pub(super) fn kill(&mut self) -> Result<(), Failure> {
        let killed = self.child.start_kill();
        killed.map_err(|error| Failure::refused(format!("{} cannot be killed: {error}", self.name)))
    }
}

/// A port that was free just now. The service cannot choose one, because its log level hides the address.
fn free_addr() -> std::io::Result<SocketAddr> {
    TcpListener::bind(("127.0.0.1", 0))?.local_addr()
}
