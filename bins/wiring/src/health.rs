//! `health`: how a process of this machine is, for probes that can only run a command.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use hyper::{Method, StatusCode};
use logistics_core::health::PartHealth;
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
            output::line(format!("{}: {}", part.name, part.detail));
        }
        let said = body["error"].as_str().map_or_else(|| reply.status.to_string(), str::to_owned);
        Err(Failure::refused(format!("{base}: {said}")))
    }
}

fn missing(body: &Value) -> Vec<PartHealth> {
    let parts: Vec<PartHealth> = serde_json::from_value(body["parts"].clone()).unwrap_or_default();
    parts.into_iter().filter(|part| !part.ready).collect()
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
    fn whoever_listens_everywhere_is_asked_here() {
        let own = |listen: &str| own(listen.parse().expect("an address")).to_string();
        assert_eq!(own("127.0.0.1:8001"), "http://127.0.0.1:8001");
        assert_eq!(own("0.0.0.0:8001"), "http://127.0.0.1:8001");
        assert_eq!(own("[::]:8001"), "http://[::1]:8001");
        assert_eq!(own("192.0.2.7:80"), "http://192.0.2.7:80");
    }
}
