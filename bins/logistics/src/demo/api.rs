//! The requests of the demo.

use bytes::Bytes;
use hyper::{Method, StatusCode};
use logistics_core::{Actor, Order, OrderId, Status};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::exit::Failure;
use crate::http::{BaseUrl, Client, Reply};

/// Somebody with a connection to the API.
pub(super) struct Api(Client);

/// What came of asking for a step.
pub(super) enum Answer {
    /// It happened, or was so already.
    Done,
    /// It is refused, and nothing changed.
    Refused(Refusal),
}

/// What a refusal says.
#[derive(Debug, Deserialize)]
pub(super) struct Refusal {
    pub(super) error: String,
    pub(super) allowed_transitions: Vec<Status>,
}

#[derive(Deserialize)]
struct Created {
    order_id: OrderId,
}

impl Api {
    pub(super) fn new(base: BaseUrl) -> Self {
        Self(Client::new(base))
    }

    /// Places an order.
    pub(super) async fn place(&mut self, placement: &Value) -> Result<OrderId, Failure> {
        let reply = self.post("/orders", placement).await?;
        match reply.status {
            StatusCode::OK => parsed::<Created>(&reply).map(|created| created.order_id),
            _ => Err(unexpected("a placement", &reply)),
        }
    }

    /// Asks for a step.
    pub(super) async fn ask(
        &mut self,
        order_id: &OrderId,
        actor: Actor,
        to: Status,
        reason: Option<&str>,
    ) -> Result<Answer, Failure> {
        let mut body = json!({ "actor": actor });
        if let Some(reason) = reason {
            body["reason"] = reason.into();
        }
        let path = match to {
            Status::Cancelled => format!("/orders/{order_id}/cancel"),
            _ => {
                body["to"] = to.name().into();
                format!("/orders/{order_id}/transitions")
            }
        };
        let reply = self.post(&path, &body).await?;
        match reply.status {
            StatusCode::OK => Ok(Answer::Done),
            StatusCode::CONFLICT => parsed(&reply).map(Answer::Refused),
            _ => Err(unexpected(&format!("a request for {to}"), &reply)),
        }
    }

    /// The order as it is now.
    pub(super) async fn order(&mut self, order_id: &OrderId) -> Result<Order, Failure> {
        let path = format!("/orders/{order_id}");
        let reply = self.0.send(Method::GET, &path, &[], Bytes::new()).await?;
        match reply.status {
            StatusCode::OK => Order::from_document(&reply.body).map_err(|error| unreadable(&error)),
            _ => Err(unexpected("a look at an order", &reply)),
        }
    }

    async fn post(&mut self, path: &str, body: &Value) -> Result<Reply, Failure> {
        self.0.send(Method::POST, path, &[], Bytes::from(body.to_string())).await
    }
}

fn parsed<'a, T: Deserialize<'a>>(reply: &'a Reply) -> Result<T, Failure> {
    serde_json::from_slice(&reply.body).map_err(|error| unreadable(&error))
}

fn unreadable(error: &serde_json::Error) -> Failure {
    Failure::refused(format!("a reply of the API cannot be read: {error}"))
}

fn unexpected(what: &str, reply: &Reply) -> Failure {
    let body = String::from_utf8_lossy(&reply.body);
    Failure::refused(format!("{what} was answered {}: {body}", reply.status))
}
