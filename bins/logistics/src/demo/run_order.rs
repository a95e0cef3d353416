//! Runs one order over HTTP, from its placement to a terminal status.

use std::sync::Arc;
use std::time::Duration;

use logistics_core::{Actor, Order, OrderId, Status, Version};

use super::index::Index;
use super::orders::DemoOrder;
use super::recorder::Recorder;
use super::script::Action;
use crate::client::api::{Api, TransitionReply, TransitionRequest, parsed};
use crate::client::tracking_link::Link;
use logistics_cli_kit::Failure;
use logistics_cli_kit::{Access, BaseUrl};

/// An order in a terminal status.
pub(super) struct CompletedOrder {
    pub(super) demo_order: &'static DemoOrder,
    /// The final document of the API.
    pub(super) order: Order,
}

/// Runs the script of an example order. Each action waits for the fact of the previous one; a request also pauses.
///
/// # Errors
/// The first difference from the script.
pub(super) async fn run_order(
    demo_order: &'static DemoOrder,
    base: BaseUrl,
    recorder: Arc<Recorder>,
    index: Option<Arc<Index>>,
    pause: Duration,
) -> Result<CompletedOrder, Failure> {
    let mut api = Api::new(base.clone(), Access::default());
    let order_id = api.place(&demo_order.placement(), None).await?.order_id;
    let mut version = Version(1);
    recorder.reached(&order_id, version).await;
    if let Some(index) = &index {
        let json = api.tracking_link(&order_id, &serde_json::json!({})).await?;
        index.add(demo_order, parsed::<Link>(&json)?.address(&base))?;
    }
    for action in demo_order.script {
        match *action {
            Action::Automatic(_) => version = version.next(),
            Action::Request { actor, to, reason } => {
                tokio::time::sleep(pause).await;
                if let TransitionReply::Rejected(rejection) =
                    api.request_transition(&order_id, &step(actor, to, reason)).await?
                {
                    let (title, error) = (demo_order.title, rejection.error);
                    return Err(Failure::refused(format!("{title}: the API rejected {to}: {error}")));
                }
                version = version.next();
            }
            Action::RequestRejected { actor, to } => match api
                .request_transition(&order_id, &step(actor, to, None))
                .await?
            {
                TransitionReply::Rejected(rejection) => recorder.rejected(&order_id, actor, to, &rejection),
                TransitionReply::Done(_) => return Err(not_rejected(demo_order, &order_id)),
            },
        }
        recorder.reached(&order_id, version).await;
        if let (Some(index), Some(status)) = (&index, action.target()) {
            index.moved(demo_order, status)?;
        }
    }
    Ok(CompletedOrder { demo_order, order: api.order(&order_id).await? })
}

fn step(actor: Actor, to: Status, reason: Option<&str>) -> TransitionRequest {
    TransitionRequest { to, actor: Some(actor), reason: reason.map(str::to_owned), if_version: None }
}

fn not_rejected(demo_order: &DemoOrder, order_id: &OrderId) -> Failure {
    Failure::refused(format!(
        "{}: the API accepted a request that it must reject (order {order_id})",
        demo_order.title
    ))
}
