//! Any details are taken or refused; those that are taken compare equal to themselves, written again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use logistics_core::Details;

fuzz_target!(|text: &str| {
    if let Ok(details) = Details::parse(text) {
        let again = Details::parse(details.as_str());
        assert!(again.is_ok_and(|same| same.same_value(&details)));
    }
});
