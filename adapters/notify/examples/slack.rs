//! A notifier for an incoming webhook of Slack: `SLACK_URL=https://hooks.slack.com/... cargo run -p logistics-notify --example slack`
use std::time::Duration;

use async_trait::async_trait;
use logistics_core::notify::Notification;
use logistics_core::port::{Notifier, NotifyError, NotifyErrorKind};
use logistics_notify::{Language, Templates};
use ureq::tls::{RootCerts, TlsConfig};

/// Posts to one incoming webhook.
pub struct Slack {
    /// A secret, because it is all that a post needs. So no error contains it.
    url: String,
    agent: ureq::Agent,
}

impl Slack {
    /// `limit`: the time limit of a post.
    pub fn new(url: &str, limit: Duration) -> Self {
        let tls = TlsConfig::builder()
            .unversioned_rustls_crypto_provider(rustls::crypto::ring::default_provider().into())
            .root_certs(RootCerts::PlatformVerifier);
        let config = ureq::Agent::config_builder().timeout_global(Some(limit)).tls_config(tls.build());
        let agent = config.max_redirects(0).http_status_as_error(false).build().new_agent();
        Self { url: url.to_owned(), agent }
    }
}

#[async_trait]
impl Notifier for Slack {
    async fn notify(&self, notification: &Notification) -> Result<(), NotifyError> {
        let text = Templates::english().render(&Language::english(), notification);
        // Slack reads these three as markup, such as `<!channel>`. JSON escapes the rest.
        let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let body = serde_json::json!({ "text": text }).to_string();
        let request = self.agent.post(&self.url).content_type("application/json");
        let Ok(Ok(reply)) = tokio::task::spawn_blocking(move || request.send(body)).await else {
            return Err(NotifyError::new(NotifyErrorKind::Unavailable, "Slack does not answer"));
        };
        let kind = match reply.status().as_u16() {
            200..=299 => return Ok(()),
            429 => NotifyErrorKind::RateLimited,
            // The webhook was revoked, or its channel archived: an operator has to set another URL.
            401 | 403 | 404 | 410 => NotifyErrorKind::Unauthorized,
            400 | 413 => NotifyErrorKind::Rejected,
            _ => NotifyErrorKind::Unavailable,
        };
        let error = NotifyError::new(kind, format!("Slack answers with the status {}", reply.status()));
        let wait =
            reply.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse::<u32>().ok());
        Err(wait.map_or(error.clone(), |seconds| error.with_retry_after_ms(u64::from(seconds) * 1000)))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let slack = Slack::new(&std::env::var("SLACK_URL")?, Duration::from_secs(5));
    Ok(slack.notify(&logistics_testkit::sample::notification(logistics_core::Status::Confirmed)).await?)
}
