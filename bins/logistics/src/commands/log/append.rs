//! `logistics log append`

use std::io;

use bytes::Bytes;
use clap::Args;
use logistics_cli_kit::{Failure, output};
use logistics_core::port::{Clock, LogRecord};
use logistics_core::wire::{LogKeys, Record};
use logistics_core::{Offset, OrderId, Partition, Request, RequestId, Subject, partition_of, wire};
use logistics_tokio::SystemClock;
use logistics_wiring::LogKeyArgs;
use serde_json::Value;

use crate::engine::{Engine, EngineArgs, Needs};

/// Flags of `log append`.
#[derive(Args, Debug)]
pub(crate) struct AppendArgs {
    #[command(flatten)]
    engine: EngineArgs,
    #[command(flatten)]
    log_key: LogKeyArgs,
    /// The key of every record [default: the order id in each record]
    #[arg(long, value_name = "ORDER_ID")]
    key: Option<OrderId>,
    /// Append facts and outcomes too, which only the owner of a partition should write. A processor may accept them
    #[arg(long)]
    unchecked: bool,
    /// The record [default: `-`, one record per line of standard input]
    #[arg(value_name = "JSON")]
    record: Option<String>,
}

pub(crate) async fn run(args: AppendArgs) -> Result<(), Failure> {
    logistics_cli_kit::start_for_problems();
    let keys = args.log_key.keys()?;
    let engine = args.engine.existing_checked(Needs::Log).await?;
    let appended = append(&engine, &args, keys.as_ref()).await;
    appended.and(engine.close())
}

async fn append(engine: &Engine, args: &AppendArgs, keys: Option<&LogKeys>) -> Result<(), Failure> {
    if let Some(record) = args.record.as_deref().filter(|record| *record != "-") {
        return append_one(engine, args, keys, record).await;
    }
    // One at a time, so that the records of an order keep the order of the input.
    for (number, line) in (1..).zip(io::stdin().lines()) {
        let line = line.map_err(|error| Failure::usage(format!("cannot read line {number}: {error}")))?;
        if !line.trim().is_empty() {
            let appended = append_one(engine, args, keys, &line).await;
            appended.map_err(|failure| failure.at(&format!("line {number}")))?;
        }
    }
    Ok(())
}

async fn append_one(
    engine: &Engine,
    args: &AppendArgs,
    keys: Option<&LogKeys>,
    record: &str,
) -> Result<(), Failure> {
    let parsed = serde_json::from_str(record);
    if !args.unchecked && is_owners(record, parsed.as_ref().ok()) {
        return Err(Failure::refused(
            "only the owner of a partition writes facts and outcomes; to import a log, use `logistics log import`; to append \
             the record anyway, add --unchecked",
        ));
    }
    let signed = keys
        .zip(parsed.as_ref().ok())
        .and_then(|(keys, parsed)| signed(keys, record, parsed, engine.partitions()));
    let order_id = args.key.clone().map_or_else(|| order_id_in(parsed), Ok)?;
    let payload = signed.unwrap_or_else(|| Bytes::copy_from_slice(record.as_bytes()));
    let offset = engine.bus().append(&order_id, payload).await;
    let offset = offset.map_err(|error| Failure::of_port("cannot append", &error))?;
    let partition = partition_of(&order_id, engine.partitions());
    output::line(format!("{partition}:{offset}  {order_id}"));
    Ok(())
}

/// The record as a signed request; `None` if it is no request.
fn signed(keys: &LogKeys, record: &str, parsed: &Value, partitions: u32) -> Option<Bytes> {
    let at = SystemClock.now();
    let payload = Bytes::copy_from_slice(record.as_bytes());
    let record = LogRecord { offset: Offset(0), key: None, payload, headers: Vec::new(), at };
    let Ok(Record::Input(mut request)) = wire::decode(&record, Partition(0)) else { return None };
    if parsed["specversion"].is_null() {
        // The request id of a bare record is its position, which is not known yet.
        request.id = RequestId::generate(at, rand::random());
    }
    let request = by_this_user(request);
    let home = partition_of(&request.order_id, partitions);
    Some(keys.sign_input(home, &wire::encode_request(&request)))
}

/// The request in the name of the user of this command.
fn by_this_user(mut request: Request) -> Request {
    let user = ["USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok());
    request.by = user.and_then(|user| Subject::parse(&format!("cli:{user}")).ok());
    request
}

/// The prefix of the types of this system's records.
const TYPE_PREFIX: &str = "logistics.order.";
/// The suffix of the types of inputs.
const INPUT_SUFFIX: &str = ".requested";

/// Whether the record claims an owner as its source, or has a type that only owners write.
fn is_owners(record: &str, parsed: Option<&Value>) -> bool {
    if wire::is_surely_from_processor(record.as_bytes()) {
        return true;
    }
    let Some(value) = parsed else { return false };
    let kind = value["type"].as_str().unwrap_or_default();
    value["source"] == wire::PROCESSOR_SOURCE
        || kind.starts_with(TYPE_PREFIX) && !kind.ends_with(INPUT_SUFFIX)
}

/// The order id in a record: of an event or of a bare object.
fn order_id_in(parsed: serde_json::Result<Value>) -> Result<OrderId, Failure> {
    let value = parsed.map_err(|error| {
        Failure::usage(format!("the record is not JSON ({error}); to append it anyway, set --key"))
    })?;
    let mut places = ["/data/order_id", "/order_id", "/subject"].into_iter();
    let text = places.find_map(|place| value.pointer(place)?.as_str());
    let text = text.ok_or_else(|| {
        Failure::usage("the record has no order id in data.order_id, order_id or subject; to append it anyway, set --key")
    })?;
    OrderId::parse(text).map_err(|error| Failure::usage(error.to_string()))
}

#[cfg(test)]
mod tests {
    use logistics_core::Status;
    use logistics_testkit::sample;

    use super::*;

    #[test]
    fn records_of_owners_are_recognised() {
        let text = |bytes: Bytes| String::from_utf8(bytes.to_vec()).expect("text");
        let is_owners = |record: &str| is_owners(record, serde_json::from_str(record).ok().as_ref());
        for fact in sample::facts_to(Status::Delivered) {
            let fact = text(wire::encode_fact(&fact));
            assert!(is_owners(&fact), "{fact}");
            assert!(is_owners(&fact.replace("/logistics/processor", "/elsewhere")), "by its type: {fact}");
            assert!(is_owners(&format!(" {fact}")), "other whitespace: {fact}");
        }
        let broken = r#"{"specversion":"1.0","source":"/logistics/processor","type":1"#;
        assert!(is_owners(broken));
        let result = logistics_core::OutcomeKind::Forwarded { to: Partition(1) };
        let outcome = logistics_core::Outcome::new(logistics_core::Offset(7), result);
        assert!(is_owners(&text(wire::encode_outcome(
            &outcome,
            Partition(0),
            logistics_core::Timestamp::default()
        ))));
        assert!(!is_owners(&text(wire::encode_request(&sample::place()))));
        for other in [
            r#"{"order_id":"o-1","status":"PLACED"}"#,
            "not JSON",
            r#"{"source":"/shop","type":"shop.sold"}"#,
        ] {
            assert!(!is_owners(other), "{other}");
        }
    }

    #[test]
    fn with_a_key_requests_and_bare_records_are_signed_and_nothing_else_is() {
        let keys = LogKeys::new(&[[1; 32]]).expect("a key");
        let signed = |record: &str| signed(&keys, record, &serde_json::from_str(record).ok()?, 4);
        let request = by_this_user(sample::place());
        let event = String::from_utf8(wire::encode_request(&request).to_vec()).expect("text");
        let home = partition_of(&request.order_id, 4);
        assert_eq!(signed(&event), Some(keys.sign_input(home, &wire::encode_request(&request))));
        let bare = r#"{"order_id":"o-1","status":"PLACED","guests":4}"#;
        let (one, two) = (signed(bare).expect("it is signed"), signed(bare).expect("it is signed"));
        assert!(keys.verifies_input(partition_of(&OrderId::parse("o-1").expect("an id"), 4), &one));
        let text = String::from_utf8_lossy(&one);
        assert!(one != two && text.contains(r#""details":{"guests":4}"#), "each has its own id: {text}");
        let fact = wire::encode_fact(&sample::facts_to(Status::Placed)[0]);
        for other in [&*String::from_utf8_lossy(&fact), "not JSON", r#"{"order_id":"o-1","status":"x"}"#] {
            assert_eq!(signed(other), None, "{other}");
        }
    }

    #[test]
    fn the_order_is_found_in_events_and_in_bare_objects() {
        let found = |record| {
            let found = order_id_in(serde_json::from_str(record));
            found.map(|id| id.to_string()).map_err(|failure| failure.message)
        };
        let bare = r#"{"order_id":"o-1","status":"PLACED"}"#;
        for record in
            [bare, r#"{"subject":"o-2","data":{"order_id":"o-1"}}"#, r#"{"subject":"o-1","data":{}}"#]
        {
            assert_eq!(found(record).as_deref(), Ok("o-1"), "{record}");
        }
        for (record, part) in
            [("{", "not JSON"), ("{}", "has no order id"), (r#"{"order_id":"a b"}"#, "may only hold")]
        {
            let error = found(record).expect_err(record);
            assert!(error.contains(part), "{record}: {error}");
        }
    }
}
