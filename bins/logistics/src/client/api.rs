//! The API client of the commands and the demo.

use std::fmt;

use bytes::Bytes;
use hyper::{Method, StatusCode};
use logistics_core::lifecycle::KnownStatuses;
use logistics_core::{Actor, Order, OrderId, Status, TraceParent, Version};
use serde::{Deserialize, Serialize};
use serde_json::json;

use logistics_cli_kit::Failure;
use logistics_cli_kit::{Access, BaseUrl, Client, Reply, ReplyStream};

/// How long the server may wait for a decision: longer than it should ever take.
const PREFER: (&str, &str) = ("prefer", "wait=30");

/// A client of the API.
pub(crate) struct Api {
    client: Client,
    /// Sent with each request.
    trace: Option<TraceParent>,
}

/// A placement that the log has stored.
pub(crate) struct Placed {
    pub(crate) order_id: OrderId,
    /// The body of the reply.
    pub(crate) json: Bytes,
}

/// A requested transition.
#[derive(Debug, Clone)]
pub(crate) struct TransitionRequest {
    pub(crate) to: Status,
    /// `None`: the server's default.
    pub(crate) actor: Option<Actor>,
    pub(crate) reason: Option<String>,
    /// The version that the order must have. `None`: any.
    pub(crate) if_version: Option<Version>,
}

/// The answer to a requested transition.
pub(crate) enum TransitionReply {
    /// The order has the requested status: its document.
    Done(Bytes),
    /// The request is rejected; nothing changed.
    Rejected(Rejection),
}

impl TransitionReply {
    /// The order's document.
    pub(crate) fn done(self) -> Result<Bytes, Failure> {
        match self {
            TransitionReply::Done(json) => Ok(json),
            TransitionReply::Rejected(rejection) => Err(rejection.into()),
        }
    }
}

/// The body of a request with these fields.
pub(crate) fn body(actor: Option<Actor>, reason: Option<&str>) -> serde_json::Value {
    let mut body = json!({});
    if let Some(actor) = actor {
        body["actor"] = actor.name().into();
    }
    if let Some(reason) = reason {
        body["reason"] = reason.into();
    }
    body
}

/// The body of a rejection.
#[derive(Debug, Deserialize)]
pub(crate) struct Rejection {
    pub(crate) error: String,
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    hint: Option<String>,
    /// The transitions that the order's status allows, if the status is the reason.
    #[serde(default)]
    pub(crate) allowed_transitions: Option<KnownStatuses>,
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.error)?;
        if let Some(allowed) = &self.allowed_transitions {
            write!(f, "; allowed now: {}", names(&allowed.0))?;
        }
        match self.code.as_deref() {
            Some("unauthenticated") => f.write_str(" (set --token-file FILE or LOGISTICS_TOKEN)"),
            Some("invalid_credential") => {
                f.write_str(" (it is wrong, expired or revoked; the server's log has the reason)")
            }
            _ => self.hint.as_ref().map_or(Ok(()), |hint| write!(f, " ({hint})")),
        }
    }
}

impl From<Rejection> for Failure {
    fn from(rejection: Rejection) -> Self {
        Failure::refused(rejection.to_string())
    }
}

/// The statuses as a list for messages.
pub(crate) fn names(statuses: &[Status]) -> String {
    match statuses {
        [] => "nothing".to_owned(),
        statuses => statuses.iter().map(|status| status.name()).collect::<Vec<_>>().join(", "),
    }
}

impl Api {
    pub(crate) fn new(base: BaseUrl, access: Access) -> Self {
        Self { client: Client::with_access(base, access), trace: None }
    }

    /// The same, with this context in each request.
    pub(crate) fn with_trace(self, trace: TraceParent) -> Self {
        Self { trace: Some(trace), ..self }
    }

    async fn send(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Reply, Failure> {
        let mut headers = headers.to_vec();
        headers.extend(self.trace.as_ref().map(|trace| ("traceparent", trace.as_str())));
        self.client.send(method, path, &headers, body).await
    }

    /// Places an order. With the key of an earlier placement, the server returns that order.
    pub(crate) async fn place(
        &mut self,
        placement: &impl Serialize,
        key: Option<&str>,
    ) -> Result<Placed, Failure> {
        #[derive(Deserialize)]
        struct Created {
            order_id: OrderId,
        }
        let mut headers = vec![PREFER];
        headers.extend(key.map(|key| ("idempotency-key", key)));
        let body = serde_json::to_vec(placement).map_err(|error| unreadable(&error))?;
        let json = done(self.send(Method::POST, "/orders", &headers, Bytes::from(body)).await?)?;
        let Created { order_id } = parsed(&json)?;
        Ok(Placed { order_id, json })
    }

    /// Requests a transition.
    pub(crate) async fn request_transition(
        &mut self,
        order_id: &OrderId,
        request: &TransitionRequest,
    ) -> Result<TransitionReply, Failure> {
        let mut body = body(request.actor, request.reason.as_deref());
        let path = match request.to {
            Status::Cancelled => format!("/orders/{order_id}/cancel"),
            to => {
                body["to"] = to.name().into();
                format!("/orders/{order_id}/transitions")
            }
        };
        self.request_change(&path, &body, request.if_version).await
    }

    /// Requests a change of an order that must have this version. `None`: any.
    pub(crate) async fn request_change(
        &mut self,
        path: &str,
        body: &serde_json::Value,
        if_version: Option<Version>,
    ) -> Result<TransitionReply, Failure> {
        let version = if_version.map(|version| format!("\"{version}\""));
        let mut headers = vec![PREFER];
        headers.extend(version.as_deref().map(|version| ("if-match", version)));
        let reply = self.send(Method::POST, path, &headers, Bytes::from(body.to_string())).await?;
        match reply.status {
            StatusCode::CONFLICT => parsed(&reply.body).map(TransitionReply::Rejected),
            _ => done(reply).map(TransitionReply::Done),
        }
    }

    /// A new tracking link of the order.
    pub(crate) async fn tracking_link(
        &mut self,
        order_id: &OrderId,
        body: &serde_json::Value,
    ) -> Result<Bytes, Failure> {
        let path = format!("/orders/{order_id}/tracking-link");
        done(self.send(Method::POST, &path, &[], Bytes::from(body.to_string())).await?)
    }

    /// Revokes the tracking links of the order, which must have this version. `None`: any.
    pub(crate) async fn revoke_tracking(
        &mut self,
        order_id: &OrderId,
        if_version: Option<Version>,
    ) -> Result<Bytes, Failure> {
        let version = if_version.map(|version| format!("\"{version}\""));
        let mut headers = vec![PREFER];
        headers.extend(version.as_deref().map(|version| ("if-match", version)));
        let path = format!("/orders/{order_id}/tracking-link");
        done(self.send(Method::DELETE, &path, &headers, Bytes::new()).await?)
    }

    /// The current state of the order.
    pub(crate) async fn order(&mut self, order_id: &OrderId) -> Result<Order, Failure> {
        self.document(order_id).await.and_then(|json| order(&json))
    }

    /// The current document of the order.
    pub(crate) async fn document(&mut self, order_id: &OrderId) -> Result<Bytes, Failure> {
        self.get(&format!("/orders/{order_id}")).await
    }

    /// Opens a path whose reply may not end.
    pub(crate) async fn open(
        &mut self,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<ReplyStream, Failure> {
        let mut headers = headers.to_vec();
        headers.extend(self.trace.as_ref().map(|trace| ("traceparent", trace.as_str())));
        self.client.open(path, &headers).await
    }

    /// Reads a path.
    pub(crate) async fn get(&mut self, path: &str) -> Result<Bytes, Failure> {
        done(self.send(Method::GET, path, &[], Bytes::new()).await?)
    }

    /// Calls a path, and returns the body of a successful reply.
    pub(crate) async fn call(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Bytes, Failure> {
        done(self.send(method, path, headers, body).await?)
    }

    /// Reads a path. The server may wait this long for a record.
    pub(crate) async fn get_within(&mut self, path: &str, seconds: u64) -> Result<Bytes, Failure> {
        let prefer = format!("wait={seconds}");
        done(self.send(Method::GET, path, &[("prefer", &prefer)], Bytes::new()).await?)
    }
}

/// Parses a document of the API.
pub(crate) fn order(json: &[u8]) -> Result<Order, Failure> {
    Order::from_document(json).map_err(|error| unreadable(&error))
}

/// Parses a body of the API.
pub(crate) fn parsed<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, Failure> {
    serde_json::from_slice(json).map_err(|error| unreadable(&error))
}

fn unreadable(error: &serde_json::Error) -> Failure {
    Failure::refused(format!("cannot parse the reply of the API: {error}"))
}

/// The body of a successful reply.
fn done(reply: Reply) -> Result<Bytes, Failure> {
    if [StatusCode::OK, StatusCode::CREATED, StatusCode::NO_CONTENT].contains(&reply.status) {
        Ok(reply.body)
    } else {
        Err(refused(&reply))
    }
}

/// The failure of a reply that is none of success.
pub(crate) fn refused(reply: &Reply) -> Failure {
    let sentence = match reply.status {
        StatusCode::ACCEPTED => {
            "the log has stored the request, but no processor has decided it yet; read the order again later"
                .into()
        }
        status => match serde_json::from_slice::<Rejection>(&reply.body) {
            Ok(rejection) => rejection.to_string(),
            Err(_) => format!("the server answered {status}: {}", String::from_utf8_lossy(&reply.body)),
        },
    };
    match reply.status {
        StatusCode::SERVICE_UNAVAILABLE => Failure::unreachable(sentence),
        _ => Failure::refused(sentence),
    }
}

#[cfg(test)]
mod tests {
    use hyper::HeaderMap;

    use super::*;

    fn sentence(status: StatusCode, body: &'static str) -> String {
        let reply = Reply { status, headers: HeaderMap::new(), body: Bytes::from_static(body.as_bytes()) };
        done(reply).expect_err("an error").message
    }

    #[test]
    fn a_rejection_is_one_sentence_with_the_hint_and_the_allowed_transitions() {
        let body = r#"{"error":"It cannot","code":"c","hint":"Do this","allowed_transitions":["CONFIRMED","CANCELLED"]}"#;
        let expected = "It cannot; allowed now: CONFIRMED, CANCELLED (Do this)";
        assert_eq!(sentence(StatusCode::CONFLICT, body), expected);
        let newer = r#"{"error":"It cannot","code":"c","allowed_transitions":["SHREDDED","CANCELLED"]}"#;
        assert_eq!(sentence(StatusCode::CONFLICT, newer), "It cannot; allowed now: CANCELLED");
        let terminal = r#"{"error":"It cannot","code":"c","allowed_transitions":[]}"#;
        assert_eq!(sentence(StatusCode::CONFLICT, terminal), "It cannot; allowed now: nothing");
        assert_eq!(sentence(StatusCode::NOT_FOUND, r#"{"error":"Order not found"}"#), "Order not found");
    }

    #[test]
    fn an_unknown_reply_is_quoted() {
        let answer = sentence(StatusCode::BAD_GATEWAY, "<html>");
        assert_eq!(answer, "the server answered 502 Bad Gateway: <html>");
    }
}
