//! Setting and clearing the courier.

use logistics_core::{Actor, Order, PartyId, Rejection, Status, Subject};
use logistics_service::{Assign, Principal, Role, ServiceError, Transitioned};

use crate::fixture::{CALLER, Fixture};

async fn decided(fixture: &Fixture, caller: &Principal, command: Assign) -> Result<Order, ServiceError> {
    let (assigned, ()) = tokio::join!(fixture.service.assign(caller, command), async { fixture.decide() });
    match assigned? {
        Transitioned::Done(document) => Ok(Order::from_document(&document.json).expect("a document")),
        Transitioned::Pending { .. } => panic!("it was decided"),
    }
}

fn party(id: &str) -> PartyId {
    PartyId::parse(id).expect("a party id")
}

fn courier(id: &str) -> Principal {
    let subject = Subject::parse(&format!("jwt:{id}")).expect("a subject");
    Principal::new(subject).with_role(Role::Courier).with_party(Role::Courier, party(id))
}

#[tokio::test(start_paused = true)]
async fn an_operator_sets_and_clears_the_courier() {
    let fixture = Fixture::new();
    let id = fixture.placed().await;
    let order = decided(&fixture, &CALLER, Assign::new(id.clone(), None)).await.expect("permitted");
    assert_eq!((order.courier_id, order.status), (None, Status::Placed));
    let set = Assign::new(id.clone(), Some(party("c-7")));
    let order = decided(&fixture, &CALLER, set.clone()).await.expect("permitted");
    assert_eq!(order.courier_id, Some(party("c-7")));
    let again = decided(&fixture, &CALLER, set).await.expect("unchanged");
    assert_eq!(again.version, order.version);
    let mut customer = Assign::new(id, None);
    customer.actor = Some(Actor::Customer);
    let rejected = decided(&fixture, &CALLER, customer).await.expect_err("no customer assigns");
    assert!(
        matches!(rejected, ServiceError::Rejected(Rejection::AssignmentNotPermitted { .. })),
        "{rejected:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_courier_claims_and_releases_and_sees_the_reply_of_its_release() {
    let fixture = Fixture::new();
    let id = fixture.placed().await;
    let _open = decided(&fixture, &CALLER, Assign::new(id.clone(), None)).await.expect("permitted");
    let (ann, bob) = (courier("ann"), courier("bob"));
    let claim = Assign::new(id.clone(), Some(party("ann")));
    let order = decided(&fixture, &ann, claim).await.expect("an order without a courier");
    let latest = order.history.last().expect("a fact");
    assert_eq!((latest.actor, &latest.by), (Actor::Courier, &None), "only operators see subjects");
    let seen = fixture.service.find(&CALLER, &id).await.expect("an order");
    let seen = Order::from_document(&seen.json).expect("a document");
    assert_eq!(seen.history.last().expect("a fact").by.as_ref(), ann.authenticated());
    for wanted in [Some(party("bob")), None] {
        let foreign = decided(&fixture, &bob, Assign::new(id.clone(), wanted)).await;
        assert_eq!(foreign.expect_err("another courier's order"), Rejection::NotFound.into());
    }
    let released = decided(&fixture, &ann, Assign::new(id, None)).await.expect("its own order");
    assert_eq!(released.courier_id, None);
}

#[tokio::test(start_paused = true)]
async fn an_actor_that_the_principal_may_not_be_is_forbidden() {
    let fixture = Fixture::new();
    let id = fixture.placed().await;
    for (actor, expected) in
        [(Actor::Operator, ServiceError::Forbidden), (Actor::System, ServiceError::ReservedActor)]
    {
        let mut assign = Assign::new(id.clone(), Some(party("ann")));
        assign.actor = Some(actor);
        assert_eq!(fixture.service.assign(&courier("ann"), assign).await, Err(expected));
    }
}
