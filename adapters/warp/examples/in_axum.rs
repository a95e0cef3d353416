//! The HTTP API in an axum server, below `/shop` and beside a route of that server.
//!
//! `cargo run -p logistics-warp --example in_axum`, then `curl -X POST http://localhost:8080/shop/orders`

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use axum::routing::get;
use logistics_core::{Policy, processor};
use logistics_service::{Options, OrderService};
use logistics_testkit::{MemoryBus, MemoryOrderStore};
use logistics_tokio::{Processors, ProcessorsOptions, SystemClock};
use logistics_warp::{Api, Config};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

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
    let api = logistics_warp::service(config, Api::new(service, Arc::new(processors)));
    let app = Router::new().route("/", get(async || "a shop")).nest_service("/shop", api);

    let place = Request::post("/shop/orders").body(Body::empty())?;
    let placed = to_bytes(app.clone().oneshot(place).await?.into_body(), 1024).await?;
    println!("{}", String::from_utf8_lossy(&placed));

    // Requests that wait for a decision are answered 202 as soon as the server stops.
    let stopped = async move { tokio::signal::ctrl_c().await.map_or((), |()| stop.cancel()) };
    axum::serve(TcpListener::bind(listen).await?, app).with_graceful_shutdown(stopped).await?;
    Ok(())
}
