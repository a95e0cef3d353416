//! Any record of the log is decoded or refused; a fact or an outcome that is decoded is written again with the same meaning.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use logistics_core::port::{Header, LogRecord};
use logistics_core::wire::{self, Record};
use logistics_core::{Offset, Partition, Timestamp};

fuzz_target!(|input: (Option<Vec<u8>>, Vec<(String, Vec<u8>)>, Vec<u8>)| {
    let (key, headers, payload) = input;
    let header = |(name, value): (String, Vec<u8>)| Header { name, value: value.into() };
    let record = |payload: Bytes, headers| LogRecord {
        offset: Offset(7),
        key: key.clone().map(Bytes::from),
        payload,
        headers,
        at: Timestamp::default(),
    };
    let here = Partition(0);
    let read = record(payload.into(), headers.into_iter().map(header).collect());
    match wire::decode(&read, here) {
        Ok(Record::Fact(fact)) => {
            let again = wire::decode(&record(wire::encode_fact(&fact), Vec::new()), here);
            assert!(matches!(again, Ok(Record::Fact(same)) if same == fact));
        }
        Ok(Record::Outcome(outcome)) => {
            let written = wire::encode_outcome(&outcome, here, Timestamp::default());
            let again = wire::decode(&record(written, Vec::new()), here);
            assert!(matches!(again, Ok(Record::Outcome(same)) if same == outcome));
        }
        Ok(Record::Input(request)) => {
            let again = wire::decode(&record(wire::encode_request(&request), Vec::new()), here);
            assert!(matches!(again, Ok(Record::Input(same)) if same.order_id == request.order_id));
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
