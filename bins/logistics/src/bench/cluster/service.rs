//! A service as a process of its own.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use logistics_cli_kit::Failure;
use logistics_core::health::PartHealth;
use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::world::World;
use crate::bench::load::Wire;

/// Orders move at once.
pub(super) const NO_DWELL: &[(&str, &str)] = &[("LOGISTICS_MODE", "simulate"), ("LOGISTICS_DWELL", "0")];
const API: &str = "order-api";
const PROCESSOR: &str = "order-processor";
/// What the variables of our settings begin with. Those of this process are not handed on: some are settings of `bench` alone.
const PREFIX: &str = "LOGISTICS_";
const READY_POLL: Duration = Duration::from_millis(2);
/// A processor that derives everything from the log again is not ready before it has.
const READY_MAX: Duration = Duration::from_secs(900);
const STOP_MAX: Duration = Duration::from_secs(20);

/// Whether the services are beside this program.
///
/// # Errors
/// One sentence, which says how they get there.
pub(super) fn are_there() -> Result<(), Failure> {
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
    let own = own.map_err(|error| Failure::usage(format!("cannot tell where this program is: {error}")))?;
    Ok(own.with_file_name(name).with_extension(std::env::consts::EXE_EXTENSION))
}

/// What is read of `/health/ready`.
#[derive(Deserialize, Default)]
struct Health {
    parts: Vec<PartHealth>,
}

/// A process, which is killed where it is dropped.
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
    /// One sentence, where it does not get there.
    pub(super) async fn api(world: &World) -> Result<Self, Failure> {
        let mut api = Self::start(API, world, &[])?;
        api.ready(0).await?;
        Ok(api)
    }

    /// Starts `order-processor` with these settings, and does not wait for it.
    ///
    /// # Errors
    /// One sentence, where it cannot be started.
    pub(super) fn processor(world: &World, settings: &[(&str, &str)]) -> Result<Self, Failure> {
        Self::start(PROCESSOR, world, settings)
    }

    fn start(name: &'static str, world: &World, settings: &[(&str, &str)]) -> Result<Self, Failure> {
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
            .envs(world.settings())
            .env("LOGISTICS_LISTEN", addr.to_string())
            .env("LOGISTICS_LOG_LEVEL", "warn")
            .envs(settings.iter().copied())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| failed(&error))?;
        let process = child.id().ok_or_else(|| failed(&"it has ended"))?;
        Ok(Self { name, child, process, addr, begun })
    }

    /// Where it listens.
    pub(super) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// When it was started.
    pub(super) fn begun(&self) -> Instant {
        self.begun
    }

    /// Its number, by which Linux tells about it.
    pub(super) fn process(&self) -> String {
        self.process.to_string()
    }

    /// Waits until it is ready and this many partitions are live in it, and answers how long after its start that was. A
    /// processor is ready before the group has given it any.
    ///
    /// # Errors
    /// One sentence, where it has ended, or does not get there within 15 minutes.
    pub(super) async fn ready(&mut self, partitions: u32) -> Result<Duration, Failure> {
        while self.live_partitions().await?.is_none_or(|live| live < partitions) {
            if self.begun.elapsed() > READY_MAX {
                return Err(Failure::refused(format!("{} is not ready", self.name)));
            }
            tokio::time::sleep(READY_POLL).await;
        }
        Ok(self.begun.elapsed())
    }

    /// The partitions that are live in it; `None` while it is not ready.
    ///
    /// # Errors
    /// One sentence, where it has ended.
    pub(super) async fn live_partitions(&mut self) -> Result<Option<u32>, Failure> {
        if let Ok(Some(status)) = self.child.try_wait() {
            return Err(Failure::refused(format!("{} has ended: {status}", self.name)));
        }
        let Ok(mut wire) = Wire::open(self.addr).await else { return Ok(None) };
        let request = b"GET /health/ready HTTP/1.1\r\nhost: localhost\r\n\r\n";
        let Ok(reply) = wire.exchange(request).await else { return Ok(None) };
        let health: Health = serde_json::from_slice(reply.body).unwrap_or_default();
        let partitions = health.parts.iter().filter(|part| part.name.starts_with("partition ")).count();
        Ok((reply.status == 200).then_some(u32::try_from(partitions).unwrap_or(u32::MAX)))
    }

    /// Stops it in order.
    ///
    /// # Errors
    /// One sentence, where it had ended by itself, or does not end in time.
    pub(super) async fn stop(mut self) -> Result<(), Failure> {
        let failed = |what: &str| Failure::refused(format!("{} {what}", self.name));
        let pid = self.child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        kill_process(pid.ok_or_else(|| failed("has ended by itself"))?, Signal::TERM)
            .map_err(|error| failed(&format!("cannot be stopped: {error}")))?;
        match timeout(STOP_MAX, self.child.wait()).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(status)) => Err(failed(&format!("did not end well: {status}"))),
            Ok(Err(error)) => Err(failed(&format!("is lost: {error}"))),
            Err(_) => Err(failed("does not end")),
        }
    }

    /// Kills it: SIGKILL.
    ///
    /// # Errors
    /// One sentence, where it cannot be.
    pub(super) fn kill(&mut self) -> Result<(), Failure> {
        let killed = self.child.start_kill();
        killed.map_err(|error| Failure::refused(format!("{} cannot be killed: {error}", self.name)))
    }
}

/// A port that was free a moment ago: at this level a service does not log which one it took.
fn free_addr() -> std::io::Result<SocketAddr> {
    TcpListener::bind(("127.0.0.1", 0))?.local_addr()
}
