//! `logistics events`

use clap::Args;
use logistics_core::{HistoryEntry, OrderId};
use serde::Deserialize;

use super::{ClientArgs, api, show};
use logistics_cli_kit::Failure;
use logistics_cli_kit::output;

/// Flags of `events`.
#[derive(Args, Debug)]
pub(crate) struct EventsArgs {
    /// The order
    #[arg(value_name = "ORDER_ID")]
    order_id: OrderId,
    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Deserialize)]
struct History {
    events: Vec<HistoryEntry>,
}

/// Prints the history of one order.
pub(crate) async fn run(args: EventsArgs) -> Result<(), Failure> {
    let json = args.client.api()?.get(&format!("/orders/{}/events", args.order_id)).await?;
    if args.client.json {
        output::json(&json);
    } else {
        let History { events } = api::parsed(&json)?;
        output::line(show::history(&events));
    }
    Ok(())
}
