//! A server as a separate process, so that its memory and processor time are its own.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use logistics_cli_kit::Failure;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use super::load::HttpConnection;

const TIMEOUT: Duration = Duration::from_secs(20);

/// A ready server. Dropping it kills the process.
pub(super) struct ServerProcess {
    pub(super) addr: SocketAddr,
    /// Its id in `/proc`.
    pub(super) process: String,
    /// From the start until it is ready.
    pub(super) started: Duration,
    _child: Child,
    /// Open, so that the server can write its lines.
    _lines: Lines<BufReader<ChildStdout>>,
}

impl ServerProcess {
    /// Starts this program as a server on a free port.
    ///
    /// # Errors
    /// If it does not become ready.
    pub(super) async fn start(data_dir: &Path, arguments: &[String]) -> Result<Self, Failure> {
        let failed = |what: &str| Failure::refused(format!("cannot measure a server: {what}"));
        let program = std::env::current_exe().map_err(|error| failed(&error.to_string()))?;
        let begun = Instant::now();
        let mut child = Command::new(program)
            .args(["serve", "--listen", "127.0.0.1:0", "--log-level", "warn", "--data-dir"])
            .arg(data_dir)
            .args(arguments)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| failed(&error.to_string()))?;
        let process = child.id().ok_or_else(|| failed("it ended"))?.to_string();
        let stdout = child.stdout.take().ok_or_else(|| failed("it has no output"))?;
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
        Ok(Self { addr, process, started: begun.elapsed(), _child: child, _lines: lines })
    }
}
