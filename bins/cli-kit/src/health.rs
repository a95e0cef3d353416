//! `health`: the health of a process on this machine, for probes that can only run a command.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use hyper::{Method, StatusCode};
use logistics_core::health::PartHealth;
use logistics_core::text::Escaped;
use serde_json::Value;

use crate::access::TrustArgs;
use crate::exit::Failure;
use crate::http::{BaseUrl, Client};
use crate::output;

/// A process that does not answer within this time is unhealthy.
const REPLY_MAX: Duration = Duration::from_secs(5);

/// Flags of `health`.
#[derive(Args, Debug, Clone)]
pub struct HealthArgs {
    /// The URL of the process [default: the address of --listen or LOGISTICS_LISTEN]
    #[arg(long)]
    url: Option<BaseUrl>,
    #[command(flatten)]
    trust: TrustArgs,
    /// Only check that the process runs, not that its parts are ready
    #[arg(long)]
    live: bool,
}

impl HealthArgs {
    /// Requests the health, and prints the parts that are not ready. `listen`: the address of this program's health.
    ///
    /// # Errors
    /// Exit code 1 if the process is not ready or does not answer; the error of `listen` if it is needed.
    pub async fn run(&self, listen: Result<SocketAddr, Failure>) -> Result<(), Failure> {
        let base = match &self.url {
            Some(url) => url.clone(),
            None => own(listen?),
        };
        let path = if self.live { "/health/live" } else { "/health/ready" };
        let access = self.trust.access(base.is_secure())?;
        let mut client = Client::with_access(base.clone(), access);
        let request = client.send(Method::GET, path, &[], Bytes::new());
        let reply = match tokio::time::timeout(REPLY_MAX, request).await {
            Ok(reply) => reply.map_err(|failure| Failure::refused(failure.message))?,
            Err(_) => {
                return Err(Failure::refused(format!(
                    "{base} did not answer within {} s",
                    REPLY_MAX.as_secs()
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
        let error = body["error"].as_str().map(|error| Escaped(error).to_string());
        let error = error.unwrap_or_else(|| reply.status.to_string());
        Err(Failure::refused(format!("{base}: {error}")))
    }
}

fn missing(body: &Value) -> Vec<PartHealth> {
    let parts: Vec<PartHealth> = serde_json::from_value(body["parts"].clone()).unwrap_or_default();
    parts.into_iter().filter(|part| !part.ready).collect()
}

/// A part that is not ready, with its detail if the process shows it. Escaped, because any program may have answered.
fn line(part: &PartHealth) -> String {
    let PartHealth { name, detail, .. } = part;
    let detail = if detail.is_empty() { "not ready" } else { detail };
    format!("{}: {}", Escaped(name), Escaped(detail))
}

/// The URL of this program. An unspecified address is replaced by loopback.
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
    fn a_reply_is_printed_escaped_on_one_line_per_part() {
        let body = serde_json::json!({"parts": [
            {"name": "log\u{1b}[2J", "ready": false, "detail": "down\nready"},
            {"name": "store", "ready": false},
            {"name": "group", "ready": true},
        ]});
        let lines: Vec<String> = missing(&body).iter().map(line).collect();
        assert_eq!(lines, [r"log\u{1b}[2J: down\u{a}ready", "store: not ready"]);
    }

    #[test]
    fn a_process_on_an_unspecified_address_is_probed_on_loopback() {
        let own = |listen: &str| own(listen.parse().expect("an address")).to_string();
        assert_eq!(own("127.0.0.1:8001"), "http://127.0.0.1:8001");
        assert_eq!(own("0.0.0.0:8001"), "http://127.0.0.1:8001");
        assert_eq!(own("[::]:8001"), "http://[::1]:8001");
        assert_eq!(own("192.0.2.7:80"), "http://192.0.2.7:80");
    }
}
