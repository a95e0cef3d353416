//! `logistics cancel`, and the parts that it shares with `advance`.

use bytes::Bytes;
use clap::Args;
use logistics_core::{Actor, OrderId, PartyId, Reason, Status, Version};

use super::api::{Api, TransitionReply, TransitionRequest};
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
    transition: TransitionArgs,
    #[command(flatten)]
    client: ClientArgs,
}

/// Flags of a requested transition or assignment.
#[derive(Args, Debug)]
pub(crate) struct TransitionArgs {
    /// The actor that sends the request [default: by the credential; operator without one]
    #[arg(long, value_parser = names::actor(), ignore_case = true)]
    actor: Option<Actor>,
    /// The reason, as a code or a short text
    #[arg(long)]
    reason: Option<Reason>,
    /// Request it only if the order still has this version
    #[arg(long, value_name = "VERSION")]
    if_version: Option<u64>,
}

/// Cancels an order.
pub(crate) async fn run(args: CancelArgs) -> Result<(), Failure> {
    let json = args.transition.request(&mut args.client.api()?, &args.order_id, Status::Cancelled).await?;
    done(&args.client, &json)
}

impl TransitionArgs {
    /// Requests another courier and returns the order's document. `None`: no courier.
    pub(super) async fn assign(
        &self,
        api: &mut Api,
        order_id: &OrderId,
        courier: Option<&PartyId>,
    ) -> Result<Bytes, Failure> {
        let mut body = self.body();
        body["courier_id"] = courier.map(PartyId::as_str).into();
        api.request_change(&format!("/orders/{order_id}/assignment"), &body, self.if_version.map(Version))
            .await
            .and_then(TransitionReply::done)
    }

    /// The fields that every request has.
    fn body(&self) -> serde_json::Value {
        api::body(self.actor, self.reason.as_ref().map(Reason::as_str))
    }

    /// Requests the transition and returns the order's document.
    pub(super) async fn request(
        &self,
        api: &mut Api,
        order_id: &OrderId,
        to: Status,
    ) -> Result<Bytes, Failure> {
        let request = TransitionRequest {
            to,
            actor: self.actor,
            reason: self.reason.as_ref().map(Reason::to_string),
            if_version: self.if_version.map(Version),
        };
        api.request_transition(order_id, &request).await.and_then(TransitionReply::done)
    }
}

/// Prints the order's current status.
pub(super) fn done(client: &ClientArgs, json: &Bytes) -> Result<(), Failure> {
    if client.json {
        output::json(json);
    } else {
        output::line(show::now(&api::order(json)?));
    }
    Ok(())
}
