//! The trace context of a fact: that of its own span.

use crate::ids::{TraceParent, Version};
use crate::order::Order;
use crate::request::Request;

/// The context of the fact that the request causes, below the request's span. `None`: the request has no valid context.
pub(super) fn of_request(order: Option<&Order>, request: &Request) -> Option<TraceParent> {
    let parent = request.trace.as_ref()?.context()?;
    let version = order.map_or(Version(0), |order| order.version).next();
    let sampled = parent.is_sampled() || order.is_some_and(was_late);
    Some(parent.with_sampled(sampled).of_fact(&request.order_id, version).to_traceparent())
}

/// The context of the fact that the order's timer causes, below the order's latest fact. `late`: the fact marks the order as
/// late.
pub(super) fn of_timer(order: &Order, late: bool) -> Option<TraceParent> {
    let parent = order.trace.as_ref()?.context()?;
    let sampled = parent.is_sampled() || late || was_late(order);
    Some(parent.with_sampled(sampled).of_fact(&order.order_id, order.version.next()).to_traceparent())
}

/// The order was late once. Slow orders are traced from then on, whatever their sampling.
fn was_late(order: &Order) -> bool {
    order.history.iter().any(|entry| entry.late)
}
