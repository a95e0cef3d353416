//! `logistics get`

use clap::Args;
use logistics_core::OrderId;

use super::{ClientArgs, api, show};
use logistics_cli_kit::Failure;
use logistics_cli_kit::output;

/// Flags of `get`.
#[derive(Args, Debug)]
pub(crate) struct GetArgs {
    /// The order
    #[arg(value_name = "ORDER_ID")]
    order_id: OrderId,
    #[command(flatten)]
    client: ClientArgs,
}

/// Prints one order.
pub(crate) async fn run(args: GetArgs) -> Result<(), Failure> {
    let json = args.client.api()?.document(&args.order_id).await?;
    if args.client.json {
        output::json(&json);
    } else {
        output::line(show::order(&api::order(&json)?));
    }
    Ok(())
}
