//! `logistics watch`

use std::time::Duration;

use clap::Args;
use logistics_core::port::{LogRecord, Topic};
use logistics_core::wire::{self, Record};
use logistics_core::{Fact, HistoryEntry, OrderId, Partition, Status, Version};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::log::{Entry, Follower, Reader, Source};
use crate::client::{ClientArgs, api, show};
use logistics_cli_kit::output::{self, Lines};
use logistics_cli_kit::{EndsAtOnce, Failure};
use logistics_core::text::escaped_json;

/// The interval of reads of an order. If nothing changed, the server answers 304 without a body.
const POLL: Duration = Duration::from_millis(250);

/// Flags of `watch`.
#[derive(Args, Debug)]
pub(crate) struct WatchArgs {
    /// The order [default: all orders, from now on]
    #[arg(value_name = "ORDER_ID")]
    order_id: Option<OrderId>,
    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Deserialize)]
struct History<'a> {
    status: Status,
    #[serde(borrow)]
    events: Vec<&'a RawValue>,
}

/// Prints the facts of one order until it is terminal, or those of all orders until Ctrl-C.
pub(crate) async fn run(args: WatchArgs) -> Result<(), Failure> {
    let ends = EndsAtOnce::listen()?;
    ends.goes_on_until_then();
    match &args.order_id {
        Some(order_id) => order(&args.client, order_id).await,
        None => orders(&args.client).await,
    }
}

async fn order(client: &ClientArgs, order_id: &OrderId) -> Result<(), Failure> {
    let (mut api, mut lines) = (client.api()?, Lines::stdout());
    let (mut seen, mut tag) = (Version(0), None);
    loop {
        if let Some((json, now)) = api.events(order_id, tag.as_deref()).await? {
            tag = now;
            let History { status, events } = api::parsed(&json)?;
            for raw in events {
                let entry: HistoryEntry = api::parsed(raw.get().as_bytes())?;
                if entry.version > seen {
                    seen = entry.version;
                    lines.write(&if client.json {
                        escaped_json(raw.get()).into_owned()
                    } else {
                        show::entry(&entry)
                    })?;
                }
            }
            if !lines.flush()? || status.is_terminal() {
                return Ok(());
            }
        }
        tokio::time::sleep(POLL).await;
    }
}

async fn orders(client: &ClientArgs) -> Result<(), Failure> {
    let mut reader = Reader::open(&Source::Served(Box::new(client.server.clone()))).await?;
    let bounds = reader.bounds(Topic::Orders).await?;
    let from = bounds.iter().map(|bounds| bounds.end).collect();
    if !client.json {
        output::line("Following all orders until Ctrl-C:");
    }
    let (mut follower, mut lines) = (Follower::start(&client.server, Topic::Orders, from)?, Lines::stdout());
    loop {
        let (partition, entries) = follower.next().await?;
        for entry in &entries {
            if let Some(fact) = fact(partition, entry) {
                lines.write(&if client.json { entry.json_value() } else { show::fact(&fact) })?;
            }
        }
        if !lines.flush()? {
            return Ok(());
        }
    }
}

/// The record as a fact, if it is one.
fn fact(partition: Partition, entry: &Entry) -> Option<Fact> {
    let payload = entry.json_value().into();
    let record = LogRecord { offset: entry.offset, key: None, headers: Vec::new(), payload, at: entry.at };
    match wire::decode(&record, partition) {
        Ok(Record::Fact(fact)) => Some(fact),
        _ => None,
    }
}
