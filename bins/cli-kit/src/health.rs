//! `health`: how a process of this machine is, for probes that can only run a command.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use hyper::{Method, StatusCode};
use logistics_core::health::PartHealth;
use logistics_core::text::Escaped;
use serde_json::Value;

use crate::exit::Failure;
use crate::http::{BaseUrl, Client};
use crate::output;

/// A process that does not answer within this is not well.
const PATIENCE: Duration = Duration::from_secs(5);

/// Flags of `health`.
#[derive(Args, Debug, Clone)]
pub struct HealthArgs {
    /// The process to ask [default: where this program listens, by --listen or LOGISTICS_LISTEN]
    #[arg(long)]
    url: Option<BaseUrl>,
    /// Whether it runs at all, not whether every part is there
    #[arg(long)]
    live: bool,
}

impl HealthArgs {
    /// Asks, and prints what is missing. `listen`: where this program listens.
    ///
    /// # Errors
    /// Exit code 1, where it is not well or does not answer.
    pub async fn run(&self, listen: SocketAddr) -> Result<(), Failure> {
        let base = self.url.clone().unwrap_or_else(|| own(listen));
        let path = if self.live { "/health/live" } else { "/health/ready" };
        let mut client = Client::new(base.clone());
        let asked = client.send(Method::GET, path, &[], Bytes::new());
        let reply = match tokio::time::timeout(PATIENCE, asked).await {
            Ok(reply) => reply.map_err(|failure| Failure::refused(failure.message))?,
            Err(_) => {
                return Err(Failure::refused(format!(
                    "{base} did not answer within {} s",
                    PATIENCE.as_secs()
                )));
            }
        };
        if reply.status == StatusCode::OK {
            output::line(if self.live { "live" } else { "ready" });
            return Ok(());
        }
        let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        for part in missing(&body) {
            output::line(line(&part));
        }
        let said = body["error"].as_str().map(|said| Escaped(said).to_string());
        let said = said.unwrap_or_else(|| reply.status.to_string());
        Err(Failure::refused(format!("{base}: {said}")))
    }
}

fn missing(body: &Value) -> Vec<PartHealth> {
    let parts: Vec<PartHealth> = serde_json::from_value(body["parts"].clone()).unwrap_or_default();
    parts.into_iter().filter(|part| !part.ready).collect()
}

/// A part that is missing; what it waits for where the process shows that. What answers may be anything.
fn line(part: &PartHealth) -> String {
    let PartHealth { name, detail, .. } = part;
    let detail = if detail.is_empty() { "not ready" } else { detail };
    format!("{}: {}", Escaped(name), Escaped(detail))
}

/// A process that listens everywhere is asked here.
fn own(mut listen: SocketAddr) -> BaseUrl {
    if listen.ip().is_unspecified() {
        listen.set_ip(match listen.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    BaseUrl::of(listen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_process_says_is_printed_on_one_line_and_moves_no_cursor() {
        let body = serde_json::json!({"parts": [
            {"name": "log\u{1b}[2J", "ready": false, "detail": "down\nready"},
            {"name": "store", "ready": false},
            {"name": "group", "ready": true},
        ]});
        let lines: Vec<String> = missing(&body).iter().map(line).collect();
        assert_eq!(lines, [r"log\u{1b}[2J: down\u{a}ready", "store: not ready"]);
    }

    #[test]
    fn a_process_that_listens_everywhere_is_probed_on_loopback() {
        let own = |listen: &str| own(listen.parse().expect("an address")).to_string();
        assert_eq!(own("127.0.0.1:8001"), "http://127.0.0.1:8001");
        assert_eq!(own("0.0.0.0:8001"), "http://127.0.0.1:8001");
        assert_eq!(own("[::]:8001"), "http://[::1]:8001");
        assert_eq!(own("192.0.2.7:80"), "http://192.0.2.7:80");
    }
}
