//! Requests of clients.

use bytes::Bytes;
use logistics_core::port::LogRecord;
use logistics_core::wire::{LogKeys, Record};
use logistics_core::{
    Actor, Cause, Change, Command, DeadlineKind, Fact, Offset, OrderId, Outcome, OutcomeKind, Partition,
    PartyId, Placement, Request, RequestId, Status, Timestamp, Version, partition_of, wire,
};

use crate::world::Input;

/// The `n`th order id of `partition`.
///
/// # Panics
/// Never: there are enough names.
#[must_use]
pub fn order_in(partition: Partition, partitions: u32, n: usize) -> OrderId {
    let names = (0_u32..).map(|name| OrderId::parse(&format!("o{name}")).expect("a valid name"));
    names.filter(|id| partition_of(id, partitions) == partition).nth(n).expect("endless")
}

/// A request about an order, appended to the order's partition or to another.
///
/// # Panics
/// Never: the name is valid.
#[must_use]
pub fn ask(order_id: &OrderId, command: Command, partition: Partition, name: &str) -> Input {
    let actor = if matches!(command, Command::Place(_)) { Actor::Customer } else { Actor::Operator };
    let request = Request::new(
        RequestId::parse(name).expect("a valid name"),
        order_id.clone(),
        actor,
        command,
        Timestamp::default(),
    );
    Input { partition, payload: wire::encode_request(&request) }
}

/// A placement.
#[must_use]
pub fn place(order_id: &OrderId, partition: Partition, name: &str) -> Input {
    ask(order_id, Command::Place(Placement::default()), partition, name)
}

/// A placement with parties, which depend on the order alone. One in four orders has none.
///
/// # Panics
/// Never: the ids are valid.
#[must_use]
pub fn place_for_parties(order_id: &OrderId, partition: Partition, name: &str) -> Input {
    let n = order_id.as_str().bytes().fold(0_u8, u8::wrapping_add);
    let mut placement = Placement::default();
    if !n.is_multiple_of(4) {
        placement.customer_id = PartyId::parse(&format!("customer-{}", n % 3)).ok();
        placement.merchant_id = PartyId::parse("merchant").ok();
        placement.courier_id = (n % 2 == 0).then(|| PartyId::parse("courier").expect("a valid id"));
    }
    ask(order_id, Command::Place(placement), partition, name)
}

/// An assignment of one of three couriers, or of none.
///
/// # Panics
/// Never: the names are valid.
#[must_use]
pub fn assign(order_id: &OrderId, courier: u64, partition: Partition, name: &str) -> Input {
    let courier_id =
        (!courier.is_multiple_of(4)).then(|| format!("c{}", courier % 4).parse().expect("a valid name"));
    ask(order_id, Command::Assign { courier_id }, partition, name)
}

/// A transition.
#[must_use]
pub fn step(order_id: &OrderId, to: Status, partition: Partition, name: &str) -> Input {
    ask(order_id, Command::Transition { to }, partition, name)
}

/// The names of requests of a producer without the log key begin with this.
pub const UNSIGNED: &str = "unsigned-";

/// The client's input with its signature, if it is a request.
#[must_use]
pub fn signed(input: Input, keys: &LogKeys, partitions: u32) -> Input {
    match request_of(&input) {
        Some(request) => {
            let home = partition_of(&request.order_id, partitions);
            Input { payload: keys.sign_input(home, &input.payload), ..input }
        }
        None => input,
    }
}

/// What a producer without the log key makes of a client's request: an operator's transition of the same order.
#[must_use]
pub fn unsigned(input: &Input, to: Status, n: usize) -> Option<Input> {
    let request = request_of(input)?;
    Some(step(&request.order_id, to, input.partition, &format!("{UNSIGNED}{n}")))
}

fn request_of(input: &Input) -> Option<Request> {
    let record = LogRecord {
        offset: Offset(0),
        key: None,
        payload: input.payload.clone(),
        headers: Vec::new(),
        at: Timestamp::default(),
    };
    match wire::decode(&record, input.partition) {
        Ok(Record::Input(request)) => Some(request),
        _ => None,
    }
}

/// A forged outcome of an input that is far ahead or may be answered already.
///
/// # Panics
/// Never: the name is valid.
#[must_use]
pub fn forged_outcome(order_id: &OrderId, answers: u64, partition: Partition) -> Input {
    let result = OutcomeKind::Unchanged { version: Version(1), status: Status::Placed };
    let mut outcome = Outcome::new(Offset(answers), result);
    outcome.order_id = Some(order_id.clone());
    outcome.request = Some(RequestId::parse("forged").expect("a valid name"));
    Input { partition, payload: wire::encode_outcome(&outcome, partition, Timestamp::default()) }
}

/// A forged fact of a version that the order does not reach.
#[must_use]
pub fn forged_fact(order_id: &OrderId, partition: Partition) -> Input {
    let cause = Cause::Timer { timer: DeadlineKind::Advance, offset: Offset(0) };
    let fact = Fact::new(
        order_id.clone(),
        Version(90),
        Status::Delivered,
        Change::Moved,
        Timestamp::default(),
        Actor::System,
        cause,
    );
    Input { partition, payload: wire::encode_fact(&fact) }
}

/// A record that is not a valid input.
#[must_use]
pub fn garbage(partition: Partition) -> Input {
    Input { partition, payload: Bytes::from_static(b"{\"not\": \"ours\"}") }
}
