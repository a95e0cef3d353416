//! `logistics log append`

use std::io;

use bytes::Bytes;
use clap::Args;
use logistics_cli_kit::{Failure, output};
use logistics_core::{OrderId, partition_of, wire};
use serde_json::Value;

use crate::engine::{Engine, EngineArgs, Needs};

/// Flags of `log append`.
#[derive(Args, Debug)]
pub(crate) struct AppendArgs {
    #[command(flatten)]
    engine: EngineArgs,
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
    let engine = args.engine.existing_checked(Needs::Log).await?;
    let appended = append(&engine, &args).await;
    appended.and(engine.close())
}

async fn append(engine: &Engine, args: &AppendArgs) -> Result<(), Failure> {
    if let Some(record) = args.record.as_deref().filter(|record| *record != "-") {
        return append_one(engine, args, record).await;
    }
    // One at a time, so that the records of an order keep the order of the input.
    for (number, line) in (1..).zip(io::stdin().lines()) {
        let line = line.map_err(|error| Failure::usage(format!("cannot read line {number}: {error}")))?;
        if !line.trim().is_empty() {
            let appended = append_one(engine, args, &line).await;
            appended.map_err(|failure| failure.at(&format!("line {number}")))?;
        }
    }
    Ok(())
}

async fn append_one(engine: &Engine, args: &AppendArgs, record: &str) -> Result<(), Failure> {
    let parsed = serde_json::from_str(record);
    if !args.unchecked && is_owners(record, parsed.as_ref().ok()) {
        return Err(Failure::refused(
            "only the owner of a partition writes facts and outcomes; to import a log, use `logistics log import`; to append \
             the record anyway, add --unchecked",
        ));
    }
    let order_id = args.key.clone().map_or_else(|| order_id_in(parsed), Ok)?;
    let payload = Bytes::copy_from_slice(record.as_bytes());
    let offset = engine.bus().append(&order_id, payload).await;
    let offset = offset.map_err(|error| Failure::of_port("cannot append", &error))?;
    let partition = partition_of(&order_id, engine.partitions());
    output::line(format!("{partition}:{offset}  {order_id}"));
    Ok(())
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
    use logistics_core::{Partition, Status};
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
