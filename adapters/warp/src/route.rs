//! The paths of the API, and their methods.

mod webhooks;

pub(crate) use webhooks::WebhookPath;

/// A path of the API, with its parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Resource<'a> {
    Orders,
    Order(&'a str),
    Cancel(&'a str),
    Transitions(&'a str),
    Assignment(&'a str),
    Events(&'a str),
    TrackingLink(&'a str),
    AllEvents,
    Socket,
    Request {
        order: &'a str,
        request: &'a str,
    },
    Log {
        topic: &'a str,
        partition: &'a str,
    },
    /// The tracking page of an order.
    Track(&'a str),
    /// A file of the tracking page.
    TrackAsset(&'a str),
    Webhooks(WebhookPath<'a>),
    Live,
    Ready,
    Metrics,
    OpenApi,
    #[cfg(feature = "docs-page")]
    Docs(&'a str),
}

impl<'a> Resource<'a> {
    /// The resource at a path, which has no slash at its start.
    pub(crate) fn of(path: &'a str) -> Option<Self> {
        if let Some(rest) = path.strip_prefix("orders") {
            return Self::of_orders(rest);
        }
        if let Some(rest) = path.strip_prefix("webhooks/endpoints") {
            return WebhookPath::of(rest).map(Resource::Webhooks);
        }
        if let Some(rest) = path.strip_prefix("log/") {
            return Self::of_log(rest);
        }
        if let Some(rest) = path.strip_prefix("track/") {
            return Self::of_track(rest);
        }
        match path {
            "health/live" => Some(Resource::Live),
            "health/ready" => Some(Resource::Ready),
            "events" => Some(Resource::AllEvents),
            "live" => Some(Resource::Socket),
            "metrics" => Some(Resource::Metrics),
            "openapi.json" => Some(Resource::OpenApi),
            #[cfg(feature = "docs-page")]
            _ => path
                .strip_prefix("docs")
                .filter(|rest| rest.is_empty() || rest.starts_with('/'))
                .map(Resource::Docs),
            #[cfg(not(feature = "docs-page"))]
            _ => None,
        }
    }

    fn of_orders(rest: &'a str) -> Option<Self> {
        if rest.is_empty() {
            return Some(Resource::Orders);
        }
        let rest = rest.strip_prefix('/')?;
        match rest.split_once('/') {
            None => Some(Resource::Order(rest)),
            Some((id, "cancel")) => Some(Resource::Cancel(id)),
            Some((id, "transitions")) => Some(Resource::Transitions(id)),
            Some((id, "assignment")) => Some(Resource::Assignment(id)),
            Some((id, "events")) => Some(Resource::Events(id)),
            Some((id, "tracking-link")) => Some(Resource::TrackingLink(id)),
            Some((order, rest)) => {
                let request = rest.strip_prefix("requests/")?;
                (!request.is_empty() && !request.contains('/'))
                    .then_some(Resource::Request { order, request })
            }
        }
    }

    fn of_track(rest: &'a str) -> Option<Self> {
        match rest.split_once('/') {
            None => (!rest.is_empty()).then_some(Resource::Track(rest)),
            Some(("assets", file)) => (!file.is_empty()).then_some(Resource::TrackAsset(file)),
            Some(_) => None,
        }
    }

    fn of_log(rest: &'a str) -> Option<Self> {
        let (topic, partition) = rest.split_once('/')?;
        (!partition.contains('/')).then_some(Resource::Log { topic, partition })
    }

    /// The path as a template, without the client's values.
    pub(crate) fn template(self) -> &'static str {
        match self {
            Resource::Orders => "/orders",
            Resource::Order(_) => "/orders/{id}",
            Resource::Cancel(_) => "/orders/{id}/cancel",
            Resource::Transitions(_) => "/orders/{id}/transitions",
            Resource::Assignment(_) => "/orders/{id}/assignment",
            Resource::Events(_) => "/orders/{id}/events",
            Resource::TrackingLink(_) => "/orders/{id}/tracking-link",
            Resource::Track(_) => "/track/{id}",
            Resource::TrackAsset(_) => "/track/assets/{file}",
            Resource::AllEvents => "/events",
            Resource::Socket => "/live",
            Resource::Request { .. } => "/orders/{id}/requests/{request_id}",
            Resource::Log { .. } => "/log/{topic}/{partition}",
            Resource::Webhooks(path) => path.template(),
            Resource::Live => "/health/live",
            Resource::Ready => "/health/ready",
            Resource::Metrics => "/metrics",
            Resource::OpenApi => "/openapi.json",
            #[cfg(feature = "docs-page")]
            Resource::Docs(_) => "/docs",
        }
    }

    /// The order in the path.
    pub(crate) fn order_id(self) -> Option<&'a str> {
        match self {
            Resource::Order(id)
            | Resource::Cancel(id)
            | Resource::Transitions(id)
            | Resource::Assignment(id)
            | Resource::Events(id)
            | Resource::TrackingLink(id)
            | Resource::Track(id)
            | Resource::Request { order: id, .. } => Some(id),
            _ => None,
        }
    }

    /// A caller needs a credential.
    pub(crate) fn is_protected(self) -> bool {
        match self {
            Resource::Live | Resource::Ready | Resource::OpenApi | Resource::TrackAsset(_) => false,
            #[cfg(feature = "docs-page")]
            Resource::Docs(_) => false,
            Resource::Orders
            | Resource::Order(_)
            | Resource::Cancel(_)
            | Resource::Transitions(_)
            | Resource::Assignment(_)
            | Resource::Events(_)
            | Resource::TrackingLink(_)
            | Resource::Track(_)
            | Resource::AllEvents
            | Resource::Socket
            | Resource::Request { .. }
            | Resource::Log { .. }
            | Resource::Webhooks(_)
            | Resource::Metrics => true,
        }
    }

    /// It describes the API, the same for everyone.
    pub(crate) fn is_description(self) -> bool {
        matches!(self, Resource::OpenApi | Resource::TrackAsset(_)) || self.is_page()
    }

    /// The token of a tracking link is a credential for it.
    pub(crate) fn is_trackable(self) -> bool {
        matches!(self, Resource::Track(_) | Resource::Order(_) | Resource::Events(_))
    }

    /// It is the page of the documentation, or a file of it.
    pub(crate) fn is_page(self) -> bool {
        match self {
            #[cfg(feature = "docs-page")]
            Resource::Docs(_) => true,
            _ => false,
        }
    }

    /// Its methods, for the `Allow` header.
    pub(crate) fn allow(self) -> &'static str {
        match self {
            Resource::Orders => "GET, HEAD, POST",
            Resource::TrackingLink(_) => "POST, DELETE",
            Resource::Cancel(_) | Resource::Transitions(_) | Resource::Assignment(_) => "POST",
            Resource::Webhooks(path) => path.allow(),
            Resource::AllEvents | Resource::Socket => "GET",
            _ => "GET, HEAD",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_has_its_resource_and_others_have_none() {
        assert_eq!(Resource::of("orders"), Some(Resource::Orders));
        assert_eq!(Resource::of("orders/a"), Some(Resource::Order("a")));
        assert_eq!(Resource::of("orders/a/cancel"), Some(Resource::Cancel("a")));
        assert_eq!(Resource::of("orders/a/transitions"), Some(Resource::Transitions("a")));
        assert_eq!(Resource::of("orders/a/assignment"), Some(Resource::Assignment("a")));
        assert_eq!(Resource::of("orders/a/events"), Some(Resource::Events("a")));
        assert_eq!(Resource::of("orders/a/tracking-link"), Some(Resource::TrackingLink("a")));
        assert_eq!(Resource::of("track/a"), Some(Resource::Track("a")));
        assert_eq!(Resource::of("track/assets"), Some(Resource::Track("assets")));
        assert_eq!(Resource::of("track/assets/track.css"), Some(Resource::TrackAsset("track.css")));
        assert_eq!(Resource::of("events"), Some(Resource::AllEvents));
        assert_eq!(Resource::of("live"), Some(Resource::Socket));
        let request = Resource::Request { order: "a", request: "r" };
        assert_eq!(Resource::of("orders/a/requests/r"), Some(request));
        let log = Resource::Log { topic: "orders.dlq", partition: "0" };
        assert_eq!(Resource::of("log/orders.dlq/0"), Some(log));
        let webhooks = |path| Some(Resource::Webhooks(path));
        assert_eq!(Resource::of("webhooks/endpoints"), webhooks(WebhookPath::Endpoints));
        assert_eq!(Resource::of("webhooks/endpoints/a"), webhooks(WebhookPath::Endpoint("a")));
        assert_eq!(Resource::of("webhooks/endpoints/a/rotate"), webhooks(WebhookPath::Rotate("a")));
        assert_eq!(Resource::of("webhooks/endpoints/a/disable"), webhooks(WebhookPath::Disable("a")));
        for unknown in [
            "",
            "webhooks",
            "webhooks/endpointsa",
            "webhooks/endpoints/a/b",
            "webhooks/endpoints/a/rotate/b",
            "/",
            "ordersa",
            "orders/a/b",
            "orders/a/events/c",
            "orders/a/requests",
            "orders/a/requests/",
            "orders/a/requests/r/x",
            "track",
            "track/",
            "track/a/b",
            "track/assets/",
            "log",
            "log/orders",
            "log/orders/0/1",
            "health",
            "docsa",
            "openapi",
        ] {
            assert_eq!(Resource::of(unknown), None, "{unknown}");
        }
    }
}
