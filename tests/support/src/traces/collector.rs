//! The OpenTelemetry Collector as a process, if there is one.

#![allow(clippy::print_stdout, reason = "says which part of a test did not run")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::Span;
use crate::{free_port, until};

/// The variable with the path of a collector that has the receiver `otlp` and the exporter `file`. The services of a test inherit it and
/// reject an unknown `LOGISTICS_` variable, so its name begins otherwise.
const VARIABLE: &str = "TEST_OTEL_COLLECTOR";
/// How long a collector takes to start.
const START: Duration = Duration::from_secs(60);

/// A running collector that writes what it receives to a file. Dropping this value kills it.
pub struct Collector {
    child: Child,
    ports: [u16; 2],
    file: PathBuf,
}

impl Collector {
    /// Starts the collector of `TEST_OTEL_COLLECTOR`, with its files in `directory`. `None`: the variable is not set, and
    /// the reason is printed.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn start(directory: &Path) -> Option<Self> {
        let Some(program) = std::env::var_os(VARIABLE) else {
            println!("no OpenTelemetry Collector: {VARIABLE} is not set");
            return None;
        };
        let (ports, file) = ([free_port(), free_port()], directory.join("spans.json"));
        let config = directory.join("collector.yaml");
        std::fs::write(&config, configuration(ports, &file)).expect("its configuration");
        let log = std::fs::File::create(directory.join("collector.log")).expect("its log");
        let mut command = Command::new(program);
        command.arg("--config").arg(format!("file:{}", config.display()));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let child = command.spawn().expect("the collector starts");
        let collector = Self { child, ports, file };
        until("the collector listens", START, || {
            let connect = |port| std::net::TcpStream::connect(("127.0.0.1", port));
            ports.into_iter().try_for_each(|port| connect(port).map(drop)).map_err(|error| error.to_string())
        });
        Some(collector)
    }

    /// The endpoint for exporters over HTTP.
    #[must_use]
    pub fn http(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports[0])
    }

    /// The endpoint for exporters over gRPC.
    #[must_use]
    pub fn grpc(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports[1])
    }

    /// All spans that it has written so far.
    #[must_use]
    pub fn spans(&self) -> Vec<Span> {
        let text = std::fs::read_to_string(&self.file).unwrap_or_default();
        // The last line may be incomplete.
        text.lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .flat_map(|line| Span::of_json(&line))
            .collect()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn configuration([http, grpc]: [u16; 2], file: &Path) -> String {
    let file = file.display();
    format!(
        "receivers:
  otlp:
    protocols:
      http: {{ endpoint: 127.0.0.1:{http} }}
      grpc: {{ endpoint: 127.0.0.1:{grpc} }}
exporters:
  file: {{ path: {file}, flush_interval: 100ms }}
service:
  telemetry: {{ metrics: {{ level: none }} }}
  pipelines:
    traces: {{ receivers: [otlp], exporters: [file] }}
"
    )
}
