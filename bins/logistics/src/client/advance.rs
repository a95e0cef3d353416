//! `logistics advance`

use std::iter::successors;

use clap::Args;
use logistics_core::{Order, OrderId, Status, Timer};

use super::ClientArgs;
use super::cancel::{TransitionArgs, done};
use crate::names;
use logistics_cli_kit::Failure;

/// Flags of `advance`.
#[derive(Args, Debug)]
pub(crate) struct AdvanceArgs {
    /// The order
    #[arg(value_name = "ORDER_ID")]
    order_id: OrderId,
    /// The status to request [default: the next one towards DELIVERED]
    #[arg(value_name = "STATUS", value_parser = names::status(), ignore_case = true)]
    to: Option<Status>,
    #[command(flatten)]
    transition: TransitionArgs,
    #[command(flatten)]
    client: ClientArgs,
}

/// Requests a transition of an order.
pub(crate) async fn run(args: AdvanceArgs) -> Result<(), Failure> {
    let mut api = args.client.api()?;
    let to = match args.to {
        Some(to) => to,
        None => next(&api.order(&args.order_id).await?)?,
    };
    done(&args.client, &args.transition.request(&mut api, &args.order_id, to).await?)
}

/// The allowed transition that leads towards DELIVERED.
fn next(order: &Order) -> Result<Status, Failure> {
    let leads_to_delivered = |status: &Status| happy_path().any(|on_path| on_path == *status);
    order.allowed_transitions.iter().copied().find(leads_to_delivered).ok_or_else(|| {
        let allowed = super::api::names(&order.allowed_transitions);
        let (id, status) = (&order.order_id, order.status);
        Failure::refused(format!(
            "order {id} is {status}; no allowed transition leads to DELIVERED; allowed now: {allowed}"
        ))
    })
}

/// The path that the clock alone moves an order along, from the transition table.
fn happy_path() -> impl Iterator<Item = Status> {
    successors(Some(Status::Placed), |status| status.moved_by(Timer::Dwell))
}

#[cfg(test)]
mod tests {
    use logistics_testkit::{sample, sample::order_id};

    use super::*;

    fn next_of(status: Status) -> Option<Status> {
        let order = Order::from_document(&sample::document(&order_id(1), status)).expect("a document");
        next(&order).ok()
    }

    #[test]
    fn the_next_transition_leads_to_delivered() {
        let mut walk = vec![Status::Placed];
        while let Some(next) = next_of(walk[walk.len() - 1]) {
            walk.push(next);
        }
        assert_eq!(walk, happy_path().collect::<Vec<_>>());
        assert_eq!(walk.last(), Some(&Status::Delivered));
        assert_eq!(next_of(Status::ReadyForPickup), Some(Status::OutForDelivery));
        assert_eq!(next_of(Status::DeliveryFailed), Some(Status::OutForDelivery));
    }

    #[test]
    fn a_terminal_status_has_no_next_transition() {
        for status in logistics_core::lifecycle::STATUSES.into_iter().filter(|status| status.is_terminal()) {
            assert_eq!(next_of(status), None, "{status}");
        }
    }
}
