//! One order, from its placement to its end, over HTTP.

use std::sync::Arc;
use std::time::Duration;

use logistics_core::{Actor, Order, OrderId, Status, Version};

use super::cast::Role;
use super::script::Beat;
use super::stage::Stage;
use crate::client::api::{Answer, Api, Step};
use logistics_cli_kit::BaseUrl;
use logistics_cli_kit::Failure;

/// An order that was played to its end.
pub(super) struct Played {
    pub(super) role: &'static Role,
    /// As the API has it in the end.
    pub(super) order: Order,
}

/// Plays a role: each beat once the one before was seen to happen, after a pause where people ask.
///
/// # Errors
/// What did not happen as the script has it.
pub(super) async fn play(
    role: &'static Role,
    base: BaseUrl,
    stage: Arc<Stage>,
    pause: Duration,
) -> Result<Played, Failure> {
    let mut api = Api::new(base);
    let order_id = api.place(&role.placement(), None).await?.order_id;
    let mut version = Version(1);
    stage.reached(&order_id, version).await;
    for beat in role.script {
        match *beat {
            Beat::Comes(_) => version = version.next(),
            Beat::Asks { actor, to, reason } => {
                tokio::time::sleep(pause).await;
                if let Answer::Refused(refusal) = api.ask(&order_id, &step(actor, to, reason)).await? {
                    let (title, error) = (role.title, refusal.error);
                    return Err(Failure::refused(format!("{title}: {to} was refused: {error}")));
                }
                version = version.next();
            }
            Beat::AsksInVain { actor, to } => match api.ask(&order_id, &step(actor, to, None)).await? {
                Answer::Refused(refusal) => stage.refused(&order_id, actor, to, &refusal),
                Answer::Done(_) => return Err(not_refused(role, &order_id)),
            },
        }
        stage.reached(&order_id, version).await;
    }
    Ok(Played { role, order: api.order(&order_id).await? })
}

fn step(actor: Actor, to: Status, reason: Option<&str>) -> Step {
    Step { to, actor: Some(actor), reason: reason.map(str::to_owned), if_version: None }
}

fn not_refused(role: &Role, order_id: &OrderId) -> Failure {
    Failure::refused(format!("{}: a request that must be refused was not (order {order_id})", role.title))
}
