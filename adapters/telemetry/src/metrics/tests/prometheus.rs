//! A real Prometheus scrapes the text. Where none is installed, the test says so and checks nothing.

#![allow(clippy::print_stderr, reason = "says that nothing was checked")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use logistics_core::observe::Exposition;

use super::busy::busy;

const PATIENCE: Duration = Duration::from_secs(60);

/// Ends the process and removes its folder, also when the test fails.
struct Prometheus {
    process: Child,
    addr: SocketAddr,
    folder: PathBuf,
}

impl Prometheus {
    /// Scrapes this address. `None` if Prometheus is not installed.
    fn start(target: SocketAddr) -> Option<Self> {
        let folder = std::env::temp_dir().join(format!("logistics-prometheus-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let config = folder.join("prometheus.yml");
        let jobs = format!(
            "scrape_configs: [{{job_name: logistics, scrape_interval: 100ms, scrape_timeout: 100ms, \
             static_configs: [{{targets: ['{target}']}}]}}]\n"
        );
        std::fs::write(&config, jobs).expect("a configuration");
        let process = Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
            .arg("--web.listen-address=127.0.0.1:0")
            .arg("--enable-feature=exemplar-storage")
            .stderr(Stdio::piped())
            .spawn();
        let mut process = process.map_err(|error| eprintln!("not checked: no prometheus: {error}")).ok()?;
        let log = process.stderr.take().expect("a pipe");
        let addr = listening(log);
        Some(Self { process, addr, folder })
    }

    /// The answer of a query of the API; empty if there is none yet.
    fn query(&self, path: &str) -> String {
        let Ok(mut stream) = TcpStream::connect(self.addr) else { return String::new() };
        let request = format!("GET /api/v1/{path} HTTP/1.0\r\nHost: localhost\r\n\r\n");
        let mut answer = String::new();
        let answered = stream.write_all(request.as_bytes()).and_then(|()| stream.read_to_string(&mut answer));
        answered.map(|_| answer).unwrap_or_default()
    }

    /// Waits until the answer has all of these texts.
    fn wait_for(&self, path: &str, texts: &[&str]) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            let answer = self.query(path);
            if texts.iter().all(|text| answer.contains(text)) {
                return answer;
            }
            assert!(Instant::now() < end, "{path} has no {texts:?}: {answer}\n{}", self.query("targets"));
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // The process may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The address that Prometheus logs. Its later lines are read too, because it would wait at a full pipe.
fn listening(log: impl Read + Send + 'static) -> SocketAddr {
    let mut lines = BufReader::new(log).lines().map_while(Result::ok);
    let address = |line: String| line.split_once("\"Listening on\" address=")?.1.trim().parse().ok();
    let addr = lines.find_map(address).expect("prometheus listens");
    std::thread::spawn(move || lines.for_each(drop));
    addr
}

/// Answers every request with the text of a scrape, until the test ends.
fn serve(metrics: impl Exposition + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let addr = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let mut lines = BufReader::new(&stream).lines();
            while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
            let (kind, text) = (metrics.content_type(), metrics.text());
            let head =
                format!("HTTP/1.0 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n", text.len());
            // The client may have disconnected.
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(text.as_bytes()));
        }
    });
    addr
}

#[test]
fn a_real_prometheus_stores_series_and_exemplars() {
    let Some(prometheus) = Prometheus::start(serve(busy())) else { return };
    prometheus.wait_for("targets", &[r#""health":"up""#]);
    let value = |name: &str, text: &str| {
        prometheus.wait_for(&format!("query?query={name}"), &[r#""status":"success""#, text]);
    };
    value("logistics_build_info", r#""name":"one""#);
    value("logistics_rejections_total", r#""code":"illegal_transition""#);
    value("logistics_order_placed_to_delivered_seconds_count", r#","1"]"#);
    value("logistics_order_placed_to_delivered_seconds_bucket", r#""le":"600.0""#);
    value("process_cpu_seconds_total", r#""instance""#);
    prometheus.wait_for("metadata?metric=logistics_facts", &[r#""type":"counter""#]);
    let exemplars =
        "query_exemplars?query=logistics_order_placed_to_delivered_seconds_bucket&start=1&end=9999999999";
    prometheus.wait_for(exemplars, &[r#""trace_id":"00000000000000000000000000000def""#]);
    let requests = "query_exemplars?query=http_server_request_duration_seconds_bucket&start=1&end=9999999999";
    prometheus.wait_for(requests, &[r#""trace_id":"00000000000000000000000000000abc""#]);
}
