//! Takes one order from its placement to its delivery, without a log, a store or a runtime.
//!
//! ```sh
//! cargo run -p logistics-core --example order_by_hand
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;

use logistics_core::{
    Actor, Command, Decision, Offset, Order, Placement, Policy, Request, Status, Timestamp, decide,
    decide_due, evolve,
};

fn main() -> Result<(), Box<dyn Error>> {
    let policy = Policy::manual();
    let mut now = Timestamp::from_millis(1_790_000_000_000);
    let mut order: Option<Order> = None;
    let place = Placement::new().with_customer("customer-1".parse()?).with_merchant("merchant-7".parse()?);
    let requests = [
        (Actor::Customer, Command::Place(place)),
        (Actor::Merchant, Command::Transition { to: Status::Confirmed }),
        (Actor::Customer, Command::Transition { to: Status::Preparing }), // rejected: only the merchant may
        (Actor::Merchant, Command::Transition { to: Status::Preparing }),
        (Actor::Merchant, Command::Transition { to: Status::ReadyForPickup }),
        (Actor::Customer, Command::Cancel), // rejected: too late
    ];
    for (offset, (actor, command)) in (0..).map(Offset).zip(requests) {
        now = now.after_millis(60_000);
        let request =
            Request::new(format!("request-{offset}").parse()?, "order-1".parse()?, actor, command, now);
        match decide(order.as_ref(), &request, offset, now, &policy) {
            Decision::Fact(fact) => {
                println!("{actor}: {} (version {})", fact.status, fact.version);
                order = Some(evolve(order, &fact)?);
            }
            Decision::Unchanged => println!("{actor}: nothing to do"),
            Decision::Rejected(rejection) => println!("{actor}: {} ({rejection})", rejection.code()),
        }
    }

    // No courier comes. The deadline of READY_FOR_PICKUP makes the order late.
    let order = order.ok_or("no order was placed")?;
    let due = order.due().ok_or("the order has no deadline")?;
    let late = decide_due(&order, Offset(6), due, &policy).ok_or("the deadline is not due")?;
    let order = evolve(Some(order), &late)?;
    println!("{due}: {} is late: {}", order.order_id, order.late);
    println!("{}", String::from_utf8(order.to_document())?);
    Ok(())
}
