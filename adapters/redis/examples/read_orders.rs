//! Reads one order, and the first page of the placed orders.
//!
//! `cargo run -p logistics-redis --example read_orders -- redis://127.0.0.1:6379 order-1`
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;

use logistics_core::port::{DocumentLookup, ListQuery, OrderReader};
use logistics_core::{Order, OrderId, Status};
use logistics_redis::{Config, RedisStore};

/// The number of partitions of the topic `orders`.
const PARTITIONS: u32 = 12;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let url = args.next().unwrap_or_else(|| "redis://127.0.0.1:6379".to_owned());
    let order_id = OrderId::parse(&args.next().unwrap_or_else(|| "order-1".to_owned()))?;
    let store = RedisStore::new(Config::new(url, PARTITIONS))?;
    store.check().await?;

    match store.document(&order_id).await? {
        DocumentLookup::Found(json) => println!("{}", String::from_utf8_lossy(&json)),
        DocumentLookup::Absent { answered } => {
            println!("{order_id} is not in the log before offset {answered}")
        }
        DocumentLookup::Missing => println!("the document of {order_id} is lost; its owner rebuilds it"),
        DocumentLookup::Unknown => println!("the partition of {order_id} is not built yet"),
    }

    let query = ListQuery { status: Some(Status::Placed), limit: 10, ..ListQuery::default() };
    let page = store.list(&query).await?;
    for document in &page.documents {
        let order = Order::from_document(document)?;
        println!("{} has version {}", order.order_id, order.version);
    }
    match page.next {
        Some(cursor) => println!("the next page begins after {}", cursor.order_id),
        None => println!("there is no further page"),
    }
    Ok(())
}
