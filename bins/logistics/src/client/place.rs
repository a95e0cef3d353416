//! `logistics place`

use std::io;

use clap::Args;
use logistics_core::{Details, PartyId, Placement};

use super::ClientArgs;
use logistics_cli_kit::Failure;
use logistics_cli_kit::output;

/// Flags of `place`.
#[derive(Args, Debug)]
pub(crate) struct PlaceArgs {
    /// The customer's id
    #[arg(long)]
    customer: Option<PartyId>,
    /// The merchant's id
    #[arg(long)]
    merchant: Option<PartyId>,
    /// The courier's id
    #[arg(long)]
    courier: Option<PartyId>,
    /// Further details as JSON; @FILE reads them from a file, - from standard input
    #[arg(long, value_name = "JSON", allow_hyphen_values = true)]
    details: Option<String>,
    /// The Idempotency-Key: with the same key, a repeated command returns the original order
    #[arg(long)]
    key: Option<String>,
    /// How many orders to place
    #[arg(long, default_value_t = 1, conflicts_with = "key", value_parser = clap::value_parser!(u32).range(1..))]
    count: u32,
    #[command(flatten)]
    client: ClientArgs,
}

/// Places the orders, and prints each id after the log has stored the order.
pub(crate) async fn run(args: PlaceArgs) -> Result<(), Failure> {
    let PlaceArgs { customer, merchant, courier, details, key, count, client } = args;
    let details = details.as_deref().map(parsed).transpose()?;
    let mut placement = Placement::new();
    (placement.customer_id, placement.merchant_id, placement.courier_id) = (customer, merchant, courier);
    placement.details = details;
    let mut api = client.api()?;
    for _ in 0..count {
        let placed = api.place(&placement, key.as_deref()).await?;
        if client.json {
            output::json(&placed.json);
        } else {
            output::line(placed.order_id.as_str());
        }
    }
    Ok(())
}

fn parsed(text: &str) -> Result<Details, Failure> {
    let json =
        read(text).map_err(|error| Failure::usage(format!("cannot read --details {text}: {error}")))?;
    Details::parse(json.trim()).map_err(|error| Failure::usage(format!("--details: {error}")))
}

/// The text itself, or the contents of the file or of standard input.
fn read(text: &str) -> io::Result<String> {
    match text.strip_prefix('@') {
        Some(path) => std::fs::read_to_string(path),
        None if text == "-" => io::read_to_string(io::stdin()),
        None => Ok(text.to_owned()),
    }
}
