//! `logistics assign`

use clap::Args;
use logistics_core::{OrderId, PartyId};

use super::ClientArgs;
use super::cancel::{TransitionArgs, done};
use logistics_cli_kit::Failure;

/// Flags of `assign`.
#[derive(Args, Debug)]
pub(crate) struct AssignArgs {
    /// The order
    #[arg(value_name = "ORDER_ID")]
    order_id: OrderId,
    /// The courier
    #[arg(value_name = "COURIER_ID", required_unless_present = "clear")]
    courier_id: Option<PartyId>,
    /// Clear the courier
    #[arg(long, conflicts_with = "courier_id")]
    clear: bool,
    #[command(flatten)]
    transition: TransitionArgs,
    #[command(flatten)]
    client: ClientArgs,
}

/// Sets or clears the courier of an order.
pub(crate) async fn run(args: AssignArgs) -> Result<(), Failure> {
    let courier = args.courier_id.as_ref();
    let json = args.transition.assign(&mut args.client.api()?, &args.order_id, courier).await?;
    done(&args.client, &json)
}
