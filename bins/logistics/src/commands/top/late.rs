//! The orders that have been late for the longest time, from the API.

use std::time::Duration;

use bytes::Bytes;
use hyper::{Method, StatusCode};
use logistics_cli_kit::{Client, Failure};
use logistics_core::Timestamp;
use serde::{Deserialize, Serialize};

use super::scrape;
use crate::client::ServerArgs;

/// Maximum number of late orders in the view.
const LATE_ORDERS_MAX: usize = 5;

/// The late orders, or why they are unknown.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct LateOrders {
    /// Why the API did not list them.
    pub(super) error: Option<String>,
    /// The longest late first.
    pub(super) orders: Vec<LateOrder>,
}

/// A late order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct LateOrder {
    pub(super) order_id: String,
    pub(super) status: String,
    pub(super) updated_at: Timestamp,
}

#[derive(Deserialize)]
struct Page {
    orders: Vec<LateOrder>,
}

/// Lists late orders. The API has an index of them, so the list costs one small read, however many orders there are.
pub(super) struct LateList(Client);

impl LateList {
    /// Of the server of `--url`.
    ///
    /// # Errors
    /// If the token or the authorities cannot be read.
    pub(super) fn new(server: &ServerArgs) -> Result<Self, Failure> {
        let client = Client::with_access(server.url.clone(), server.access()?);
        Ok(Self(client.limited(scrape::REPLY_BYTES_MAX)))
    }

    /// The orders now.
    pub(super) async fn read(&mut self, within: Duration) -> LateOrders {
        let path = format!("/orders?late=true&limit={LATE_ORDERS_MAX}");
        let request = self.0.send(Method::GET, &path, &[], Bytes::new());
        let result = match tokio::time::timeout(within, request).await {
            Ok(Ok(reply)) if reply.status == StatusCode::OK => serde_json::from_slice::<Page>(&reply.body)
                .map_err(|_| "the reply is no list of orders".to_owned()),
            Ok(Ok(reply)) => Err(scrape::refusal(&reply)),
            Ok(Err(failure)) => Err(failure.message),
            Err(_) => Err(scrape::silence(within)),
        };
        match result {
            Ok(mut page) => {
                page.orders.truncate(LATE_ORDERS_MAX);
                LateOrders { error: None, orders: page.orders }
            }
            Err(error) => LateOrders { error: Some(error), orders: Vec::new() },
        }
    }
}
