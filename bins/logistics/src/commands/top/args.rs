//! The command line of `logistics top`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use hyper::Uri;
use logistics_cli_kit::{BaseUrl, Failure, Span};

use crate::client::ServerArgs;

/// Smallest interval of scrapes: a scrape costs the process more than nothing.
const INTERVAL_MIN: Duration = Duration::from_millis(100);

/// Flags of `top`.
#[derive(Args, Debug)]
pub(crate) struct TopArgs {
    #[command(flatten)]
    pub(super) server: ServerArgs,
    /// The metrics of a process, as http://HOST:PORT or http://HOST:PORT/PATH. Repeat it for each process. The token goes only
    /// to the server of --url [default: /metrics of --url]
    #[arg(long, value_name = "URL")]
    pub(super) metrics: Vec<MetricsUrl>,
    /// The time between two scrapes of a process, at least 100ms
    #[arg(long, value_name = "SPAN", default_value = "1s")]
    interval: Span,
    /// How long a request may stay unanswered, a timer overdue or a partition without a live processor until the view reports it
    #[arg(long, value_name = "SPAN", default_value = "30s")]
    stuck_after: Span,
    /// Print one view of two scrapes and end: exit code 0 if every order is moving, 1 if not, 3 if no process answers
    #[arg(long)]
    pub(super) once: bool,
    /// With --once: print one JSON document
    #[arg(long, requires = "once")]
    pub(super) json: bool,
}

impl TopArgs {
    /// The time between two scrapes.
    ///
    /// # Errors
    /// If it is too short.
    pub(super) fn interval(&self) -> Result<Duration, Failure> {
        let interval = Duration::from_millis(self.interval.ms);
        if interval < INTERVAL_MIN {
            return Err(Failure::usage("--interval must be at least 100ms"));
        }
        Ok(interval)
    }

    /// How long work may wait until it counts as stuck.
    pub(super) fn stuck_after(&self) -> Duration {
        Duration::from_millis(self.stuck_after.ms)
    }

    /// The URLs to scrape, each once.
    pub(super) fn sources(&self) -> Vec<MetricsUrl> {
        let mut sources: Vec<MetricsUrl> = Vec::new();
        for url in &self.metrics {
            if !sources.contains(url) {
                sources.push(url.clone());
            }
        }
        if sources.is_empty() {
            sources.push(MetricsUrl { base: self.server.url.clone(), path: MetricsUrl::PATH.to_owned() });
        }
        sources
    }
}

/// Where a process serves its metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MetricsUrl {
    pub(super) base: BaseUrl,
    /// The path and the query.
    pub(super) path: String,
}

impl MetricsUrl {
    const PATH: &str = "/metrics";
}

impl FromStr for MetricsUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no URL such as http://127.0.0.1:8000/metrics");
        let uri: Uri = text.parse().map_err(|_| wrong())?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(wrong());
        };
        // A password in a URL would be shown on the screen.
        if authority.as_str().contains('@') {
            return Err("a metrics URL contains no user or password".to_owned());
        }
        let base = format!("{scheme}://{authority}").parse().map_err(|_| wrong())?;
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let path = if path == "/" { Self::PATH } else { path };
        Ok(Self { base, path: path.to_owned() })
    }
}

impl fmt::Display for MetricsUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.base, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metrics_url_has_a_default_path_and_no_password() {
        let url = |text: &str| text.parse::<MetricsUrl>().map(|url| url.to_string());
        for (text, shown) in [
            ("http://a", "http://a:80/metrics"),
            ("http://a:9100/", "http://a:9100/metrics"),
            ("https://[::1]:9100/m?x=1", "https://[::1]:9100/m?x=1"),
        ] {
            assert_eq!(url(text).as_deref(), Ok(shown));
        }
        for wrong in ["a:9100", "ftp://a", "/metrics", "", "http://u:p@a"] {
            let error = url(wrong).expect_err(wrong);
            assert!(!error.contains("u:p"), "{error}");
        }
    }
}
