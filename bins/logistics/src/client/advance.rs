//! `logistics advance`

use std::iter::successors;

use clap::Args;
use logistics_core::{Order, OrderId, Status, Timer};

use super::ClientArgs;
use super::cancel::{AskArgs, done};
use crate::names;
use logistics_cli_kit::Failure;

/// Flags of `advance`.
#[derive(Args, Debug)]
pub(crate) struct AdvanceArgs {
    /// The order
    #[arg(value_name = "ORDER_ID")]
    order_id: OrderId,
    /// The status to ask for; the next one on the way to DELIVERED, unless said otherwise
    #[arg(value_name = "STATUS", value_parser = names::status(), ignore_case = true)]
    to: Option<Status>,
    #[command(flatten)]
    asking: AskArgs,
    #[command(flatten)]
    client: ClientArgs,
}

/// Asks for a step of an order.
pub(crate) async fn run(args: AdvanceArgs) -> Result<(), Failure> {
    let mut api = args.client.api();
    let to = match args.to {
        Some(to) => to,
        None => next(&api.order(&args.order_id).await?)?,
    };
    done(&args.client, &args.asking.ask(&mut api, &args.order_id, to).await?)
}

/// The step on the way to DELIVERED that the order may take.
fn next(order: &Order) -> Result<Status, Failure> {
    let on_the_way = |status: &Status| happy_path().any(|step| step == *status);
    order.allowed_transitions.iter().copied().find(on_the_way).ok_or_else(|| {
        let allowed = super::api::names(&order.allowed_transitions);
        let (id, status) = (&order.order_id, order.status);
        Failure::refused(format!(
            "order {id} is {status}, from where nothing leads to DELIVERED; allowed now: {allowed}"
        ))
    })
}

/// The way that an order takes where nothing happens but time: the table's.
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
    fn the_next_step_leads_to_delivered() {
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
    fn from_an_end_nothing_leads_on() {
        for status in logistics_core::lifecycle::STATUSES.into_iter().filter(|status| status.is_terminal()) {
            assert_eq!(next_of(status), None, "{status}");
        }
    }
}
