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
    /// The key of every record [default: the order id that stands in each]
    #[arg(long, value_name = "ORDER_ID")]
    key: Option<OrderId>,
    /// Append also what only an owner of the partition writes: facts and outcomes. Processors take them for true
    #[arg(long)]
    unchecked: bool,
    /// The record; without, or as `-`, each line of standard input is one
    #[arg(value_name = "JSON")]
    record: Option<String>,
}

pub(crate) async fn run(args: AppendArgs) -> Result<(), Failure> {
    logistics_cli_kit::start_for_problems();
    let engine = args.engine.there(Needs::Log).await?;
    let appended = append(&engine, &args).await;
    appended.and(engine.close())
}

async fn append(engine: &Engine, args: &AppendArgs) -> Result<(), Failure> {
    if let Some(record) = args.record.as_deref().filter(|record| *record != "-") {
        return append_one(engine, args, record).await;
    }
    // One after the other, so that the records of an order stand in the log as they stand in the input.
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
            "only the owner of a partition writes facts and outcomes; to take a log in use `logistics log import`, to append \
             the record anyway give --unchecked",
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

/// Types of this system's records, and how those of inputs end.
const TYPES: &str = "logistics.order.";
const OF_INPUTS: &str = ".requested";

/// The record says that an owner wrote it, or has a type that owners alone write.
fn is_owners(record: &str, parsed: Option<&Value>) -> bool {
    if wire::is_surely_from_processor(record.as_bytes()) {
        return true;
    }
    let Some(value) = parsed else { return false };
    let kind = value["type"].as_str().unwrap_or_default();
    value["source"] == wire::PROCESSOR_SOURCE || kind.starts_with(TYPES) && !kind.ends_with(OF_INPUTS)
}

/// The order that a record is about: of an event or of a bare object.
fn order_id_in(parsed: serde_json::Result<Value>) -> Result<OrderId, Failure> {
    let value = parsed.map_err(|error| {
        Failure::usage(format!("the record is no JSON ({error}); to append it anyway give its --key"))
    })?;
    let mut places = ["/data/order_id", "/order_id", "/subject"].into_iter();
    let text = places.find_map(|place| value.pointer(place)?.as_str());
    let text = text.ok_or_else(|| {
        Failure::usage("the record names no order (data.order_id, order_id or subject); to append it anyway give its --key")
    })?;
    OrderId::parse(text).map_err(|error| Failure::usage(error.to_string()))
}

#[cfg(test)]
mod tests {
    use logistics_core::{Partition, Status};
    use logistics_testkit::sample;

    use super::*;

    #[test]
    fn what_owners_write_is_told_from_what_anybody_may_write() {
        let text = |bytes: Bytes| String::from_utf8(bytes.to_vec()).expect("text");
        let is_owners = |record: &str| is_owners(record, serde_json::from_str(record).ok().as_ref());
        for fact in sample::facts_to(Status::Delivered) {
            let fact = text(wire::encode_fact(&fact));
            assert!(is_owners(&fact), "{fact}");
            assert!(is_owners(&fact.replace("/logistics/processor", "/elsewhere")), "by its type: {fact}");
            assert!(is_owners(&format!(" {fact}")), "laid out differently: {fact}");
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
        for other in
            [r#"{"order_id":"o-1","status":"PLACED"}"#, "no JSON", r#"{"source":"/shop","type":"shop.sold"}"#]
        {
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
            [("{", "no JSON"), ("{}", "names no order"), (r#"{"order_id":"a b"}"#, "may only hold")]
        {
            let said = found(record).expect_err(record);
            assert!(said.contains(part), "{record}: {said}");
        }
    }
}
