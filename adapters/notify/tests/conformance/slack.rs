//! The example of a notifier for Slack, over a real HTTP server.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use logistics_core::port::{Notifier, NotifyErrorKind};
use logistics_testkit::conformance::{self, NotifierFault, NotifierHarness};
use logistics_testkit::sample;

use super::server::{Answer, Server};
use example::Slack;

#[path = "../../examples/slack.rs"]
#[allow(dead_code, unreachable_pub, reason = "the program of the example is not run here")]
mod example;

/// Longer than a reply takes on a slow machine, and short enough for a case that waits for it.
const LIMIT: Duration = Duration::from_secs(2);

struct Channel {
    server: Server,
    slack: Arc<Slack>,
}

#[async_trait]
impl NotifierHarness for Channel {
    fn notifier(&self) -> Arc<dyn Notifier> {
        self.slack.clone()
    }

    async fn delivered(&self) -> String {
        let texts = self.server.bodies().into_iter().map(|body| {
            let message: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
            format!("{}\n", message["text"].as_str().expect("a text"))
        });
        texts.collect()
    }

    async fn cut(&mut self) {
        self.server.stop();
    }

    fn faults(&self) -> Vec<NotifierFault> {
        vec![
            NotifierFault::Busy,
            NotifierFault::Silent,
            NotifierFault::RateLimited(Some(30)),
            NotifierFault::RateLimited(None),
            NotifierFault::Unauthorized,
            NotifierFault::Rejected,
        ]
    }

    async fn fail(&mut self, fault: Option<NotifierFault>) {
        self.server.answers(match fault {
            None => Answer::status(200),
            Some(NotifierFault::Silent) => Answer::Silence,
            Some(NotifierFault::RateLimited(wait_s)) => Answer::Status(429, wait_s),
            Some(NotifierFault::Unauthorized) => Answer::status(403),
            Some(NotifierFault::Rejected) => Answer::status(400),
            Some(_) => Answer::status(503),
        });
    }

    fn markup(&self) -> Vec<&'static str> {
        vec!["<!channel>", "<@U024BE7LH>", "<https://example.com|here>"]
    }
}

fn channel() -> Channel {
    let server = Server::start();
    let slack = Arc::new(Slack::new(&server.url(), LIMIT));
    Channel { server, slack }
}

#[tokio::test]
async fn the_example_passes_the_suite() {
    let report = conformance::notifier(async || channel()).await;
    assert!(report.skipped.is_empty(), "{report}");
}

#[tokio::test]
async fn each_status_has_a_kind_and_no_error_shows_the_address() {
    let Channel { server, slack } = channel();
    for (status, kind) in [
        (301, NotifyErrorKind::Unavailable),
        (400, NotifyErrorKind::Rejected),
        (401, NotifyErrorKind::Unauthorized),
        (403, NotifyErrorKind::Unauthorized),
        (404, NotifyErrorKind::Unauthorized),
        (410, NotifyErrorKind::Unauthorized),
        (413, NotifyErrorKind::Rejected),
        (429, NotifyErrorKind::RateLimited),
        (500, NotifyErrorKind::Unavailable),
        (502, NotifyErrorKind::Unavailable),
    ] {
        server.answers(Answer::status(status));
        let error = slack.notify(&sample::notification(logistics_core::Status::Placed)).await;
        let error = error.expect_err("an error");
        assert_eq!(error.kind(), kind, "{status}");
        assert!(!format!("{error} {error:?}").contains("hook"), "the address is a secret: {error:?}");
    }
}
