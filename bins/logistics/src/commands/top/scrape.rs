//! One scrape of one process.

use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::header::CONTENT_TYPE;
use hyper::{Method, StatusCode};
use logistics_cli_kit::{Client, Failure, Reply};
use serde_json::Value;

use super::args::MetricsUrl;
use super::parse::parse;
use super::process::Scrape;
use super::samples::Samples;
use crate::client::ServerArgs;

/// Maximum size of a reply. The metrics of 100 partitions have a tenth of it.
pub(super) const REPLY_BYTES_MAX: usize = 8 << 20;
/// A process that does not answer within this time is down.
pub(super) const REPLY_MAX: Duration = Duration::from_secs(3);

/// Scrapes a process.
pub(super) struct Scraper {
    client: Client,
    path: String,
}

impl Scraper {
    /// With the credential of `server` only if the URL is on that server: any other process could be anything.
    ///
    /// # Errors
    /// If the token or the authorities cannot be read.
    pub(super) fn new(url: &MetricsUrl, server: &ServerArgs) -> Result<Self, Failure> {
        let access = if url.base == server.url {
            server.access()?
        } else {
            server.access.without_credential(url.base.is_secure())?
        };
        let client = Client::with_access(url.base.clone(), access).limited(REPLY_BYTES_MAX);
        Ok(Self { client, path: url.path.clone() })
    }

    /// The metrics now.
    pub(super) async fn scrape(&mut self, within: Duration) -> Scrape {
        let accept = [("accept", "application/openmetrics-text; version=1.0.0, text/plain; q=0.5")];
        let request = self.client.send(Method::GET, &self.path, &accept, Bytes::new());
        let result = match tokio::time::timeout(within, request).await {
            Ok(Ok(reply)) => read(&reply),
            Ok(Err(failure)) => Err(failure.message),
            Err(_) => Err(silence(within)),
        };
        Scrape { at: Instant::now(), result }
    }
}

fn read(reply: &Reply) -> Result<Samples, String> {
    if reply.status != StatusCode::OK {
        return Err(refusal(reply));
    }
    let kind = reply.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let text = std::str::from_utf8(&reply.body).map_err(|_| "the reply is no text of metrics".to_owned())?;
    parse(text, kind.starts_with("application/openmetrics-text"))
}

/// Why a server did not answer as requested.
pub(super) fn refusal(reply: &Reply) -> String {
    let error = serde_json::from_slice::<Value>(&reply.body).ok();
    let error = error.as_ref().and_then(|body| body["error"].as_str());
    let hint = match reply.status {
        StatusCode::UNAUTHORIZED => " (set --token-file FILE or LOGISTICS_TOKEN)",
        StatusCode::NOT_FOUND => " (check the path of the URL)",
        _ => "",
    };
    match error {
        Some(error) => format!("{error}{hint}"),
        None => format!("it answered {}{hint}", reply.status),
    }
}

/// Why a server counts as down that did not answer in time.
pub(super) fn silence(within: Duration) -> String {
    format!("no answer within {} s", within.as_secs_f64())
}
