//! `logistics cancel`, and what it has in common with `advance`.

use bytes::Bytes;
use clap::Args;
use logistics_core::{Actor, OrderId, Reason, Status, Version};

use super::api::{Answer, Api, Step};
use super::{ClientArgs, api, show};
use crate::names;
use logistics_cli_kit::Failure;
use logistics_cli_kit::output;

/// Flags of `cancel`.
#[derive(Args, Debug)]
pub(crate) struct CancelArgs {
    /// The order
    #[arg(value_name = "ORDER_ID")]
    order_id: OrderId,
    #[command(flatten)]
    asking: AskArgs,
    #[command(flatten)]
    client: ClientArgs,
}

/// Flags of asking for a step.
#[derive(Args, Debug)]
pub(crate) struct AskArgs {
    /// Who asks; the operator, unless said otherwise
    #[arg(long, value_parser = names::actor(), ignore_case = true)]
    actor: Option<Actor>,
    /// Why, as a code or a short text
    #[arg(long)]
    reason: Option<Reason>,
    /// Only if the order still has this version
    #[arg(long, value_name = "VERSION")]
    if_version: Option<u64>,
}

/// Calls an order off.
pub(crate) async fn run(args: CancelArgs) -> Result<(), Failure> {
    let json = args.asking.ask(&mut args.client.api(), &args.order_id, Status::Cancelled).await?;
    done(&args.client, &json)
}

impl AskArgs {
    /// Asks for the step; answers the order's document once it is so.
    pub(super) async fn ask(&self, api: &mut Api, order_id: &OrderId, to: Status) -> Result<Bytes, Failure> {
        let step = Step {
            to,
            actor: self.actor,
            reason: self.reason.as_ref().map(Reason::to_string),
            if_version: self.if_version.map(Version),
        };
        match api.ask(order_id, &step).await? {
            Answer::Done(json) => Ok(json),
            Answer::Refused(refusal) => Err(refusal.into()),
        }
    }
}

/// Says what the order is now.
pub(super) fn done(client: &ClientArgs, json: &Bytes) -> Result<(), Failure> {
    if client.json {
        output::json(json);
    } else {
        output::line(show::now(&api::order(json)?));
    }
    Ok(())
}
