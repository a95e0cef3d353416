//! The HTTP API in a warp server, below `/shop` and beside a route of that server.
//!
//! `cargo run -p logistics-warp --example in_warp`, then `curl -X POST http://localhost:8080/shop/orders`

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use logistics_core::{Policy, processor};
use logistics_service::{Options, OrderService};
use logistics_testkit::{MemoryBus, MemoryOrderStore};
use logistics_tokio::{Processors, ProcessorsOptions, SystemClock};
use logistics_warp::{Api, Config};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use warp::Filter;

const PARTITIONS: u32 = 4;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // In memory, for the example: logistics-embedded has the same ports over one durable file.
    let bus = Arc::new(MemoryBus::new(PARTITIONS));
    let store = Arc::new(MemoryOrderStore::new(PARTITIONS));
    let clock = Arc::new(SystemClock);
    let settings = processor::Settings::new(PARTITIONS, Policy::manual());
    let options = ProcessorsOptions::default();
    let processors = Processors::start(bus.clone(), store.clone(), clock.clone(), settings, options);

    let stop = CancellationToken::new();
    let service = OrderService::new(bus, store, clock, Options::default()).with_shutdown(stop.clone());
    let listen = SocketAddr::from(([127, 0, 0, 1], 8080));
    let mut config = Config::new(listen);
    config.base_path = "/shop".to_owned();
    let api = logistics_warp::filter(config, Api::new(service, Arc::new(processors)));
    // The API answers every path below `/shop`, so it comes behind the server's own routes.
    let routes = warp::path::end().map(|| "a shop").or(warp::path("shop").and(api));

    let place = Request::post("/shop/orders").body(Empty::<Bytes>::new())?;
    let placed = warp::service(routes.clone()).oneshot(place).await?.into_body().collect().await?;
    println!("{}", String::from_utf8_lossy(&placed.to_bytes()));

    // Requests that wait for a decision are answered 202 as soon as the server stops.
    let stopped = async move { tokio::signal::ctrl_c().await.map_or((), |()| stop.cancel()) };
    warp::serve(routes).bind(listen).await.graceful(stopped).run().await;
    Ok(())
}
