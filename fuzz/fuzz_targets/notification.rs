//! Any notification is decoded or refused; one that is decoded is written again with the same meaning.
#![no_main]

use libfuzzer_sys::fuzz_target;
use logistics_core::wire;

fuzz_target!(|payload: &[u8]| {
    if let Ok(notification) = wire::decode_notification(payload) {
        let again = wire::decode_notification(&wire::encode_notification(&notification));
        assert!(again.is_ok_and(|same| same == notification));
    }
});
