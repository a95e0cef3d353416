//! What a transaction decided, for observers. Built while it is decided, and passed on once it is committed.

use super::batch::Plan;
use super::dead_letter::DeadLetterCode;
use crate::decide::entered_at;
use crate::fact::{Cause, Change, Fact};
use crate::ids::{Offset, TraceParent};
use crate::observe::{DeadLetterReport, FactReport, RejectionReport, TransactionReport};
use crate::order::Order;
use crate::rejection::Rejection;
use crate::request::Request;

/// An empty report of a plan. The usual plan decides one fact for each input and timer, which is the allocation here.
pub(super) fn of_plan(plan: &Plan) -> Box<TransactionReport> {
    Box::new(TransactionReport {
        inputs: plan.inputs.len(),
        next: plan.next,
        facts: Vec::with_capacity(plan.inputs.len() + plan.due.len()),
        ..TransactionReport::default()
    })
}

/// `parent`: the context of the request, or for a timer that of the order's previous fact.
pub(super) fn of_fact(
    before: Option<&Order>,
    after: &Order,
    fact: &Fact,
    parent: Option<&TraceParent>,
) -> FactReport {
    let timer = match fact.cause {
        Cause::Timer { timer, .. } => before.and_then(Order::due).map(|due| (timer, due)),
        Cause::Request { .. } => None,
    };
    let left = match fact.change {
        Change::Moved => before.map(|before| (before.status, entered_at(before))),
        Change::Placed(_) | Change::Late | Change::Assigned { .. } | Change::TrackingRevoked => None,
    };
    FactReport {
        order_id: fact.order_id.clone(),
        version: fact.version,
        status: fact.status,
        change: FactReport::code_of(&fact.change),
        at: fact.at,
        left,
        placed_at: after.created_at,
        timer,
        span: fact.trace.as_ref().and_then(TraceParent::context),
        parent: parent.and_then(TraceParent::context),
    }
}

pub(super) fn of_rejection(request: &Request, rejection: &Rejection) -> RejectionReport {
    RejectionReport {
        order_id: request.order_id.clone(),
        code: rejection.code(),
        parent: request.trace.as_ref().and_then(TraceParent::context),
    }
}

pub(super) fn of_dead_letter(offset: Offset, code: DeadLetterCode) -> DeadLetterReport {
    DeadLetterReport { offset, code: code.code() }
}
