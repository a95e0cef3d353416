use std::sync::Arc;
use std::time::Duration;

use logistics_core::RequestId;
use logistics_core::port::{DocumentLookup, OrderReader, PortErrorKind};
use logistics_layers::{Layer, TimeLimit};
use tokio::time::Instant;

use super::order_id;
use super::slow::Slow;

#[tokio::test(start_paused = true)]
async fn a_call_beyond_the_limit_is_unavailable_and_the_error_names_it() {
    let store = TimeLimit::new(300).over(Arc::new(Slow));
    let began = Instant::now();
    let error = store.document(&order_id()).await.unwrap_err();
    assert_eq!(error.kind(), PortErrorKind::Unavailable);
    assert_eq!(error.to_string(), "no answer to order_reader.document within 300 ms");
    assert_eq!(began.elapsed(), Duration::from_millis(300));
}

#[tokio::test(start_paused = true)]
async fn a_call_within_the_limit_is_answered() {
    let store = TimeLimit::new(1500).over(Arc::new(Slow));
    assert_eq!(store.document(&order_id()).await.unwrap(), DocumentLookup::Unknown);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waits_by_design_has_no_limit() {
    let store = TimeLimit::new(300).over(Arc::new(Slow));
    store.outcome(&order_id(), &RequestId::parse("r").unwrap()).await.expect("it waits for the outcome");
}
