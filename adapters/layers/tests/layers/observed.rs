use std::sync::{Arc, Mutex};
use std::time::Duration;

use logistics_core::observe::{Observer, PortCall};
use logistics_core::port::{MockOwnerStore, OrderReader, OwnerStore, PortErrorKind};
use logistics_core::{Partition, RequestId};
use logistics_layers::{Layer, Observed, TimeLimit};

use super::slow::{ANSWER, Slow};
use super::{error, order_id};

#[derive(Default)]
struct Calls(Mutex<Vec<PortCall>>);

impl Observer for Calls {
    fn port_call(&self, call: &PortCall) {
        self.0.lock().unwrap().push(*call);
    }
}

#[tokio::test(start_paused = true)]
async fn each_call_is_reported_with_its_outcome_and_duration() {
    let calls = Arc::new(Calls::default());
    let store = TimeLimit::new(300).over(Arc::new(Slow));
    let store = Observed::new(calls.clone()).over(store);
    store.document(&order_id()).await.unwrap_err();
    store.summary().await.unwrap_err();
    store.outcome(&order_id(), &RequestId::parse("r").unwrap()).await.unwrap();

    let mut owner = MockOwnerStore::new();
    owner.expect_recover().returning(|_| Err(error(PortErrorKind::Corrupt)));
    Observed::new(calls.clone()).over(Arc::new(owner)).recover(Partition(0)).await.unwrap_err();

    let (limit, at_once) = (Duration::from_millis(300), Duration::ZERO);
    let expected = [
        PortCall::new("order_reader", "document", Err(PortErrorKind::Unavailable), limit),
        PortCall::new("order_reader", "summary", Err(PortErrorKind::Unavailable), limit),
        PortCall::new("order_reader", "outcome", Ok(()), ANSWER).waiting(),
        PortCall::new("owner_store", "recover", Err(PortErrorKind::Corrupt), at_once),
    ];
    assert_eq!(*calls.0.lock().unwrap(), expected);
    assert_eq!(expected.map(|call| call.code()), ["unavailable", "unavailable", "ok", "corrupt"]);
}

#[tokio::test(start_paused = true)]
async fn two_layers_are_one() {
    let calls = Arc::new(Calls::default());
    let store = (Observed::new(calls.clone()), TimeLimit::new(300)).over(Arc::new(Slow));
    store.document(&order_id()).await.unwrap_err();
    store.outcome(&order_id(), &RequestId::parse("r").unwrap()).await.unwrap();
    let calls: Vec<_> =
        calls.0.lock().unwrap().iter().map(|call| (call.operation, call.code(), call.waits)).collect();
    assert_eq!(calls, [("document", "unavailable", false), ("outcome", "ok", true)]);
}
