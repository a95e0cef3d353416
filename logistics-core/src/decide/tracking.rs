//! Decisions on requests to revoke an order's tracking links.

use super::{is_by, trace};
use crate::decide::Decision;
use crate::fact::{Cause, Change, Fact};
use crate::ids::Timestamp;
use crate::lifecycle::Actor;
use crate::order::Order;
use crate::rejection::Rejection;
use crate::request::Request;

/// Decides a request that reaches the order: its tracking links up to now are invalid from here on.
///
/// Every party may revoke, whatever the status is, up to the order's end: a terminal status is the last fact of an order, and its
/// links end by themselves.
pub(super) fn revoke(order: &Order, request: &Request, cause: Cause, now: Timestamp) -> Decision {
    // Repetition is checked before staleness, as for transitions.
    if let Some(entry) = order.caused_by(&request.id) {
        let same = (entry.tracking_revoked, entry.actor, &entry.reason)
            == (true, request.actor, &request.reason)
            && is_by(entry, request);
        return if same { Decision::Unchanged } else { Decision::Rejected(Rejection::IdConflict) };
    }
    if let Some(expected) = request.expected_version.filter(|expected| *expected != order.version) {
        return Decision::Rejected(Rejection::StaleVersion { current: order.version, expected });
    }
    if order.status.is_terminal() || request.actor == Actor::System {
        return Decision::Rejected(Rejection::TrackingNotRevocable { current: order.status });
    }
    Decision::Fact(Box::new(Fact {
        order_id: order.order_id.clone(),
        version: order.version.next(),
        status: order.status,
        change: Change::TrackingRevoked,
        at: now.max(order.updated_at),
        actor: request.actor,
        by: request.by.clone(),
        reason: request.reason.clone(),
        cause,
        // Links have no effect on time: the order keeps its deadline, and its timer.
        deadline: order.deadline,
        attempts_left: order.attempts_left,
        trace: trace::of_request(Some(order), request),
    }))
}

#[cfg(test)]
mod tests {
    use crate::ids::{Offset, OrderId, PartyId, RequestId, Version};
    use crate::lifecycle::{ACTORS, Status};
    use crate::order::evolve;
    use crate::policy::Policy;
    use crate::request::{Command, Placement};
    use crate::{decide, notify::Notification};

    use super::*;

    fn request(id: &str, actor: Actor, command: Command) -> Request {
        let order = OrderId::parse("o-1").unwrap();
        Request::new(RequestId::parse(id).unwrap(), order, actor, command, Timestamp::default())
    }

    fn decided(order: Option<&Order>, request: &Request) -> Decision {
        decide(order, request, Offset(7), Timestamp::from_millis(9000), &Policy::manual())
    }

    fn after(order: Option<&Order>, request: &Request) -> Order {
        let Decision::Fact(fact) = decided(order, request) else { panic!("{request:?}") };
        evolve(order.cloned(), &fact).unwrap()
    }

    fn placed() -> Order {
        let placement = Placement::new().with_customer(PartyId::parse("c-1").unwrap());
        after(None, &request("p", Actor::Customer, Command::Place(placement)))
    }

    #[test]
    fn a_revocation_changes_the_epoch_and_nothing_else() {
        for actor in ACTORS.into_iter().filter(|actor| *actor != Actor::System) {
            let order = placed();
            let revoked = after(Some(&order), &request("r", actor, Command::RevokeTracking));
            assert_eq!((order.tracking_epoch, revoked.tracking_epoch), (None, Some(Version(2))));
            assert_eq!(
                (revoked.status, revoked.deadline, revoked.late),
                (order.status, order.deadline, false)
            );
            assert_eq!(revoked.entered(), order.entered());
            let again = after(Some(&revoked), &request("s", actor, Command::RevokeTracking));
            assert_eq!(again.tracking_epoch, Some(Version(3)));
            assert_eq!(Order::from_document(&again.to_document()).unwrap(), again);
        }
    }

    #[test]
    fn it_notifies_no_party() {
        let order = placed();
        let request = request("r", Actor::Customer, Command::RevokeTracking);
        let Decision::Fact(fact) = decided(Some(&order), &request) else { panic!() };
        let notification = Notification::of(&fact, &order);
        assert!(notification.tracking_revoked && notification.recipients.is_empty());
    }

    #[test]
    fn a_repetition_changes_nothing_and_the_id_of_another_request_conflicts() {
        let revoke = request("r", Actor::Customer, Command::RevokeTracking);
        let order = after(Some(&placed()), &revoke);
        assert_eq!(decided(Some(&order), &revoke), Decision::Unchanged);
        let cancel = request("r", Actor::Customer, Command::Cancel);
        assert_eq!(decided(Some(&order), &cancel), Decision::Rejected(Rejection::IdConflict));
        let revoke = request("p", Actor::Customer, Command::RevokeTracking);
        assert_eq!(decided(Some(&order), &revoke), Decision::Rejected(Rejection::IdConflict));
    }

    #[test]
    fn the_links_of_an_order_that_has_ended_and_of_a_foreign_order_are_not_revoked() {
        let mut foreign = request("r", Actor::Customer, Command::RevokeTracking);
        foreign.party = Some(PartyId::parse("c-2").unwrap());
        assert_eq!(decided(Some(&placed()), &foreign), Decision::Rejected(Rejection::NotFound));
        let mut stale = request("r", Actor::Customer, Command::RevokeTracking);
        stale.expected_version = Some(Version(7));
        assert!(matches!(
            decided(Some(&placed()), &stale),
            Decision::Rejected(Rejection::StaleVersion { .. })
        ));
        let ended = after(Some(&placed()), &request("c", Actor::Customer, Command::Cancel));
        let refused = Rejection::TrackingNotRevocable { current: Status::Cancelled };
        let revoke = request("r", Actor::Customer, Command::RevokeTracking);
        assert_eq!(decided(Some(&ended), &revoke), Decision::Rejected(refused));
        let system = request("r", Actor::System, Command::RevokeTracking);
        assert!(matches!(decided(Some(&placed()), &system), Decision::Rejected(_)));
    }
}
