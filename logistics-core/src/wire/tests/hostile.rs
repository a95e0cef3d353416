//! No bytes make a decoder panic, and only records with an owner as their source are decisions.

use super::*;
use crate::order::Order;

/// A small generator (SplitMix64), so that a seed repeats a failure.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(bound.max(1)).unwrap()).unwrap()
    }
}

/// Input that is hard for JSON parsers.
const TOKENS: &[&str] = &[
    "null",
    "true",
    "-1",
    "18446744073709551616",
    "1e999",
    "-0.0",
    "\"\"",
    "[]",
    "{}",
    "{",
    "}",
    "[",
    "]",
    "\"",
    ",",
    ":",
    "\\u0000",
    "\\ud800",
    "\\",
    "\u{0}",
    "ä",
    "PLACED",
    "DELIVERED",
    "\"order_id\"",
    "\"status\"",
    "\"type\"",
    "\"data\":{}",
    "\"source\":\"/logistics/processor\",",
    "9999-12-31T23:59:59.999Z",
    "-009999-01-01T00:00:00Z",
    "18446744073709551615",
    "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
];

fn mutate(bytes: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    let (from, to) = (random.below(bytes.len() + 1), random.below(bytes.len() + 1));
    let (from, to) = (from.min(to), from.max(to));
    match random.below(7) {
        0 if from < bytes.len() => bytes[from] ^= 1 << random.below(8),
        1 => drop(bytes.drain(from..to.min(from + 12))),
        2 => bytes.truncate(to),
        3 => {
            let again = bytes[from..to].to_vec();
            bytes.splice(to..to, again);
        }
        4 => {
            let begin = random.below(other.len());
            bytes.splice(from..to.min(from + 8), other[begin..].iter().take(40).copied());
        }
        _ => {
            let token = TOKENS[random.below(TOKENS.len())];
            let cut = if random.below(2) == 0 { from } else { to.min(from + token.len()) };
            bytes.splice(from..cut, token.bytes());
        }
    }
}

fn try_all(bytes: &[u8]) {
    let taken = record(bytes.to_vec());
    match decode(&taken, HERE) {
        Ok(Record::Input(request)) => {
            assert!(!is_surely_from_processor(bytes));
            // A record that was read can be written and read again.
            assert_eq!(decode(&record(encode_request(&request)), HERE), Ok(Record::Input(request)));
        }
        Ok(Record::Fact(fact)) => {
            // The fact may not continue its order; `evolve` must not panic.
            let _ = crate::order::evolve(None, &fact);
            assert_eq!(decode(&record(encode_fact(&fact)), HERE), Ok(Record::Fact(fact)));
        }
        Ok(Record::Outcome(outcome)) => {
            let written = encode_outcome(&outcome, HERE, taken.at);
            assert_eq!(decode(&record(written), HERE), Ok(Record::Outcome(outcome)));
        }
        Err(error) => {
            assert!(error.from_processor || !is_surely_from_processor(bytes));
            let letter = DeadLetter { record: &taken, partition: HERE, reason: &error.to_string() };
            assert!(serde_json::from_slice::<serde_json::Value>(&letter.encode(taken.at)).is_ok());
        }
    }
    let _ = decode_notification(bytes);
    let _ = Order::from_document(bytes);
}

#[test]
fn mutated_records_never_make_a_decoder_panic() {
    const ROUNDS: usize = 20_000;
    let mut seeds: Vec<Vec<u8>> = samples::all().into_iter().map(|(_, bytes)| bytes.to_vec()).collect();
    seeds.push(br#"{"order_id":"o1","status":"PLACED","customer_id":7,"x":{"y":[1,2,{"z":null}]}}"#.to_vec());
    for (_, fact) in samples::fact_values() {
        seeds.extend(crate::order::evolve(None, &fact).ok().map(|order| order.to_document()));
    }
    let mut random = Random(0x1061_5715);
    for round in 0..ROUNDS {
        let mut bytes = seeds[random.below(seeds.len())].clone();
        let other = seeds[random.below(seeds.len())].clone();
        for _ in 0..=random.below(4) {
            mutate(&mut bytes, &other, &mut random);
        }
        let tried = std::panic::catch_unwind(|| try_all(&bytes));
        assert!(tried.is_ok(), "round {round}: {:?}", String::from_utf8_lossy(&bytes));
    }
}

#[test]
fn deep_nesting_uses_no_stack() {
    let levels = 100_000;
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let deep = format!("{}1{}", open.repeat(levels / open.len()), close.repeat(levels / open.len()));
        let bare = format!(r#"{{"order_id":"o1","status":"PLACED","x":{deep}}}"#);
        let data = format!(r#"{{"order_id":"o1","details":{deep}}}"#);
        let ignored = format!(r#"{{"order_id":"o1","x":{deep}}}"#);
        let place = "logistics.order.placement.requested";
        try_all(deep.as_bytes());
        try_all(bare.as_bytes());
        assert!(matches!(refusal(event(place, &data)), RecordError::Invalid { field: "details", .. }));
        assert_eq!(input(&event(place, &ignored)).order_id.as_str(), "o1");
        try_all(format!(r#"{{"order_id":{deep},"status":{deep}}}"#).as_bytes());
    }
}
