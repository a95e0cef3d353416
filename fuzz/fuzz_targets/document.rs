//! Any document of a store is read or refused; one that is read is written again with the same meaning.
#![no_main]

use libfuzzer_sys::fuzz_target;
use logistics_core::Order;

fuzz_target!(|json: &[u8]| {
    if let Ok(order) = Order::from_document(json) {
        let again = Order::from_document(&order.to_document());
        assert!(again.is_ok_and(|same| same == order));
    }
});
