//! A service as a separate process.

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

/// The time limit from SIGTERM to the end of a process.
const DRAIN: Duration = Duration::from_secs(10);

/// A running process. Dropping this value kills it.
pub struct Process {
    name: String,
    child: Child,
    address: SocketAddr,
    log: PathBuf,
}

impl Process {
    /// Starts a service with these settings. Its output goes to a file in `directory`.
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn start(service: &str, settings: &[(String, String)], directory: &Path) -> Self {
        Self::start_at(service, ([127, 0, 0, 1], free_port()).into(), settings, directory)
    }

    /// Starts a service that listens at this address.
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn start_at(
        service: &str,
        address: SocketAddr,
        settings: &[(String, String)],
        directory: &Path,
    ) -> Self {
        Self::launch(service, address, settings, directory, None)
    }

    /// Starts a service whose standard output goes here, and not to its file.
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn start_into(service: &str, settings: &[(String, String)], directory: &Path, output: Stdio) -> Self {
        let address = ([127, 0, 0, 1], free_port()).into();
        Self::launch(service, address, settings, directory, Some(output))
    }

    fn launch(
        service: &str,
        address: SocketAddr,
        settings: &[(String, String)],
        directory: &Path,
        output: Option<Stdio>,
    ) -> Self {
        let log = directory.join(format!("{service}-{}.log", address.port()));
        let file = File::options().create(true).append(true).open(&log).expect("its log file can be created");
        let output = output.unwrap_or_else(|| file.try_clone().expect("the handle can be cloned").into());
        let child = Command::new(program(service))
            .env("LOGISTICS_LISTEN", address.to_string())
            .envs(settings.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(file)
            .kill_on_drop(true)
            .spawn()
            .expect("the service starts");
        Self { name: service.to_owned(), child, address, log }
    }

    /// The address at which it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its output so far.
    ///
    /// # Panics
    /// If its log file cannot be read.
    #[must_use]
    pub fn output(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).expect("its log")).into_owned()
    }

    /// Waits until its output contains this text.
    ///
    /// # Panics
    /// If the text does not appear in time.
    pub async fn until_printed(&self, text: &str) {
        until(&format!("{} prints {text:?}", self.name), async || self.output().contains(text)).await;
    }

    /// Waits until its health check reports ready.
    ///
    /// # Panics
    /// If it is not ready in time.
    pub async fn until_ready(&self) {
        until(&format!("{} at {} is ready", self.name, self.address), async || self.is_ready().await).await;
    }

    /// Whether its health check reports ready.
    pub async fn is_ready(&self) -> bool {
        api::get(self.address, "/health/ready").await.is_ok_and(|reply| reply.status == 200)
    }

    /// Whether it is still running.
    ///
    /// # Panics
    /// If its status cannot be read.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("its status").is_none()
    }

    /// Sends SIGKILL and waits until it has ended.
    ///
    /// # Panics
    /// If it cannot be killed.
    pub async fn kill(&mut self) {
        self.child.kill().await.expect("it can be killed");
    }

    /// Sends SIGTERM and waits until it has ended with exit code 0.
    ///
    /// # Panics
    /// If it does not end in time, or ends with another exit code.
    pub async fn stop(mut self) {
        self.terminate().await;
    }

    /// Like [`Self::stop`], but keeps this value.
    ///
    /// # Panics
    /// If it does not end in time, or ends with another exit code.
    pub async fn terminate(&mut self) {
        self.signal(Signal::TERM);
        let ended = tokio::time::timeout(DRAIN, self.child.wait()).await;
        let status =
            ended.unwrap_or_else(|_| panic!("{} did not end in time", self.name)).expect("its status");
        assert!(status.success(), "{} ended with {status}: {}", self.name, self.output());
    }

    /// Waits until it ends by itself.
    ///
    /// # Panics
    /// If it does not end in time.
    pub async fn ended(&mut self) -> ExitStatus {
        let ended = tokio::time::timeout(Duration::from_secs(60), self.child.wait()).await;
        ended.unwrap_or_else(|_| panic!("{} is still running", self.name)).expect("its status")
    }

    /// Suspends it (SIGSTOP).
    ///
    /// # Panics
    /// If the signal cannot be sent.
    pub fn suspend(&self) {
        self.signal(Signal::STOP);
    }

    /// Resumes it (SIGCONT).
    ///
    /// # Panics
    /// If the signal cannot be sent.
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let pid = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        kill_process(pid.expect("it runs"), signal).expect("the signal is sent");
    }
}
