//! `logistics watch`

use std::time::Duration;

use clap::Args;
use logistics_core::text::escaped_json;
use logistics_core::{HistoryEntry, OrderId};
use serde::Deserialize;

use crate::client::event_source::EventSource;
use crate::client::{ClientArgs, api, show};
use logistics_cli_kit::output::{self, Lines};
use logistics_cli_kit::{EndsAtOnce, Failure, Span};

/// The default of `--reconnect`, in milliseconds.
const RECONNECT_MS: u64 = 60_000;

/// Flags of `watch`.
#[derive(Args, Debug)]
pub(crate) struct WatchArgs {
    /// The order [default: all orders, from now on]
    #[arg(value_name = "ORDER_ID")]
    order_id: Option<OrderId>,
    /// How long to try again when the server is gone. What happens meanwhile is shown afterwards
    #[arg(long, value_name = "TIME", default_value_t = Span { ms: RECONNECT_MS })]
    reconnect: Span,
    #[command(flatten)]
    client: ClientArgs,
}

/// The data of a fact.
#[derive(Deserialize)]
struct Fact {
    order_id: OrderId,
    #[serde(flatten)]
    entry: HistoryEntry,
}

/// The data of the last event of a stream.
#[derive(Deserialize)]
struct End<'a> {
    reason: &'a str,
}

/// Prints the facts of one order until it is terminal, or those of all orders until Ctrl-C.
pub(crate) async fn run(args: WatchArgs) -> Result<(), Failure> {
    let ends = EndsAtOnce::listen()?;
    ends.goes_on_until_then();
    let WatchArgs { order_id, reconnect, client } = &args;
    // From version 0 on, a stream has the whole history.
    let (path, last_id) = match order_id {
        Some(order_id) => (format!("/orders/{order_id}/events"), Some("0".to_owned())),
        None => ("/events".to_owned(), None),
    };
    let patience = Duration::from_millis(reconnect.ms);
    let mut events = EventSource::open(client.api()?, path, last_id, patience).await?;
    if order_id.is_none() && !client.json {
        output::line("Following all orders until Ctrl-C:");
    }
    let mut lines = Lines::stdout();
    while let Some(event) = events.next().await? {
        match event.name.as_str() {
            "fact" => {
                let Fact { order_id: of, entry } = api::parsed(event.data.as_bytes())?;
                lines.write(&match order_id {
                    _ if client.json => escaped_json(&event.data).into_owned(),
                    Some(_) => show::entry(&entry),
                    None => show::fact(&of, &entry),
                })?;
                let is_last = order_id.is_some() && entry.status.is_terminal();
                if !lines.flush()? || is_last {
                    return Ok(());
                }
            }
            "resume" => events.resume(),
            "end" => {
                let End { reason } = api::parsed(event.data.as_bytes())?;
                if let "not_visible" | "unknown_version" = reason {
                    return Err(Failure::refused(format!("the server ended the stream: {reason}")));
                }
            }
            // Of a later server.
            _ => {}
        }
    }
    Ok(())
}
