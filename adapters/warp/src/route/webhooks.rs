//! The paths of webhook endpoints.

use hyper::http::Method;

/// A path below `/webhooks/endpoints`, with the id in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WebhookPath<'a> {
    Endpoints,
    Endpoint(&'a str),
    Rotate(&'a str),
    Test(&'a str),
    Enable(&'a str),
    Disable(&'a str),
    Statistics(&'a str),
    DeadLetters(&'a str),
    Redrive(&'a str),
}

impl<'a> WebhookPath<'a> {
    /// `rest`: what follows `webhooks/endpoints`.
    pub(super) fn of(rest: &'a str) -> Option<Self> {
        if rest.is_empty() {
            return Some(WebhookPath::Endpoints);
        }
        let rest = rest.strip_prefix('/')?;
        match rest.split_once('/') {
            None => Some(WebhookPath::Endpoint(rest)),
            Some((id, "rotate")) => Some(WebhookPath::Rotate(id)),
            Some((id, "test")) => Some(WebhookPath::Test(id)),
            Some((id, "enable")) => Some(WebhookPath::Enable(id)),
            Some((id, "disable")) => Some(WebhookPath::Disable(id)),
            Some((id, "statistics")) => Some(WebhookPath::Statistics(id)),
            Some((id, "dead-letters")) => Some(WebhookPath::DeadLetters(id)),
            Some((id, "redrive")) => Some(WebhookPath::Redrive(id)),
            Some(_) => None,
        }
    }

    pub(super) fn template(self) -> &'static str {
        match self {
            WebhookPath::Endpoints => "/webhooks/endpoints",
            WebhookPath::Endpoint(_) => "/webhooks/endpoints/{id}",
            WebhookPath::Rotate(_) => "/webhooks/endpoints/{id}/rotate",
            WebhookPath::Test(_) => "/webhooks/endpoints/{id}/test",
            WebhookPath::Enable(_) => "/webhooks/endpoints/{id}/enable",
            WebhookPath::Disable(_) => "/webhooks/endpoints/{id}/disable",
            WebhookPath::Statistics(_) => "/webhooks/endpoints/{id}/statistics",
            WebhookPath::DeadLetters(_) => "/webhooks/endpoints/{id}/dead-letters",
            WebhookPath::Redrive(_) => "/webhooks/endpoints/{id}/redrive",
        }
    }

    pub(crate) fn allow(self) -> &'static str {
        match self {
            WebhookPath::Endpoints => "GET, HEAD, POST",
            WebhookPath::Endpoint(_) => "DELETE, GET, HEAD, PATCH",
            WebhookPath::Rotate(_)
            | WebhookPath::Test(_)
            | WebhookPath::Enable(_)
            | WebhookPath::Disable(_)
            | WebhookPath::Redrive(_) => "POST",
            WebhookPath::Statistics(_) | WebhookPath::DeadLetters(_) => "GET, HEAD",
        }
    }

    /// The path has this method.
    pub(crate) fn has(self, method: &Method) -> bool {
        self.allow().split(", ").any(|allowed| allowed == method.as_str())
    }
}
