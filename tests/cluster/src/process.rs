//! A service as a process of its own.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use logistics_containers::{free_port, until};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use crate::api;
use crate::paths::program;

/// Nothing takes longer to end after SIGTERM.
const DRAIN: Duration = Duration::from_secs(10);

/// One process. It is killed with this value.
pub struct Process {
    name: String,
    child: Child,
    address: SocketAddr,
    log: PathBuf,
}

impl Process {
    /// Starts a service with these settings. What it prints goes to a file in `directory`.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start(service: &str, settings: &[(String, String)], directory: &Path) -> Self {
        Self::start_at(service, ([127, 0, 0, 1], free_port()).into(), settings, directory)
    }

    /// The same, listening at an address.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start_at(
        service: &str,
        address: SocketAddr,
        settings: &[(String, String)],
        directory: &Path,
    ) -> Self {
        let log = directory.join(format!("{service}-{}.log", address.port()));
        let file = File::options().create(true).append(true).open(&log).expect("a file for its log");
        let child = Command::new(program(service))
            .env("LOGISTICS_LISTEN", address.to_string())
            .envs(settings.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("the same file"))
            .stderr(file)
            .kill_on_drop(true)
            .spawn()
            .expect("the service starts");
        Self { name: service.to_owned(), child, address, log }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it has printed.
    ///
    /// # Panics
    /// When that cannot be read.
    #[must_use]
    pub fn printed(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).expect("its log")).into_owned()
    }

    /// Waits until it has printed this.
    ///
    /// # Panics
    /// When it never does.
    pub async fn until_printed(&self, text: &str) {
        until(&format!("{} prints {text:?}", self.name), async || self.printed().contains(text)).await;
    }

    /// Waits until it says that it is ready.
    ///
    /// # Panics
    /// When it never does.
    pub async fn until_ready(&self) {
        until(&format!("{} at {} is ready", self.name, self.address), async || self.is_ready().await).await;
    }

    /// It says that it is ready.
    pub async fn is_ready(&self) -> bool {
        api::get(self.address, "/health/ready").await.is_ok_and(|reply| reply.status == 200)
    }

    /// It has not ended.
    ///
    /// # Panics
    /// When the system does not tell.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("its status").is_none()
    }

    /// SIGKILL, and waits until it is gone.
    ///
    /// # Panics
    /// When it cannot be killed.
    pub async fn kill(&mut self) {
        self.child.kill().await.expect("it can be killed");
    }

    /// SIGTERM, and waits until it has ended in order.
    ///
    /// # Panics
    /// When it does not end in time, or not in order.
    pub async fn stop(mut self) {
        self.end_in_order().await;
    }

    /// The same, where its name is still needed.
    ///
    /// # Panics
    /// When it does not end in time, or not in order.
    pub async fn end_in_order(&mut self) {
        self.signal(Signal::TERM);
        let ended = tokio::time::timeout(DRAIN, self.child.wait()).await;
        let status =
            ended.unwrap_or_else(|_| panic!("{} did not end in time", self.name)).expect("its status");
        assert!(status.success(), "{} ended with {status}: {}", self.name, self.printed());
    }

    /// Waits until it ends by itself.
    ///
    /// # Panics
    /// When it never does.
    pub async fn ended(&mut self) -> ExitStatus {
        let ended = tokio::time::timeout(Duration::from_secs(60), self.child.wait()).await;
        ended.unwrap_or_else(|_| panic!("{} goes on", self.name)).expect("its status")
    }

    /// Stops it where it stands (SIGSTOP).
    ///
    /// # Panics
    /// When the system does not do so.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on (SIGCONT).
    ///
    /// # Panics
    /// When the system does not do so.
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let pid = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        kill_process(pid.expect("it runs"), signal).expect("the signal is sent");
    }
}
