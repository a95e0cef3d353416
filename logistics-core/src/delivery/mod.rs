//! Deliveries of notifications to the endpoints of a channel, without I/O: what happened in, effects out.
//!
//! ```text
//! notification -> matching endpoints -> attempt at once --accepted------------------------------> position advances
//!                                          |  no answer in time, failed, busy, paused, behind        ^
//!                                          +--> Waiting in `webhook_deliveries` ----stored-----------+
//!                                                   |  due
//!                                                   +--> attempt --accepted--> Settled
//!                                                           +------failed----> Waiting again, or Settled: dead
//! ```
//!
//! A driver executes the effects of [`Deliveries::poll_effect`] and passes the results to [`Deliveries::handle`]. The deliveries of
//! all partitions and endpoints of a channel in a process are one value, so they share the bounds of attempts and the breakers. Time
//! comes in as `now`, randomness as a seed.
//!
//! A channel has a name, a group of its own, and [`Receivers`]: webhook endpoints (the channel `webhooks`), or one fixed endpoint
//! such as a mail server or a reactor. All channels share the topic `webhook_deliveries`. Each record names its channel, and the
//! owners of other channels ignore it.
//!
//! These guarantees hold even if the process ends between any two effects:
//!
//! - At least once: the position of the notifications advances only behind deliveries that were accepted or are stored as waiting.
//! - In order: of one order and one endpoint, one message is under way at a time, and the lowest version is first. A message is
//!   repeated after a crash if its acceptance was not stored, and only then.
//! - No delivery holds up another endpoint: the position waits at most [`Settings::hold_ms`] for an answer, and then stores that the
//!   delivery waits. The attempt goes on.
//! - The state is a fold of the partition's records. Each record of an owner says from which offset reading restores all of it. So a
//!   new owner reads the end of the log, and then what it needs. It needs no position of a group and no second store.
//!
//! A previous owner that has not yet detected the loss of its partition breaks no guarantee. Its late records are read like the others, and
//! at worst a message is repeated.

mod attempts;
mod breaker;
mod changes;
mod deliveries;
mod dispatch;
mod effect;
mod endpoint;
mod item;
mod partition;
mod publish;
mod queue;
mod receivers;
mod record;
mod replay;
mod schedule;
mod settings;

#[cfg(test)]
mod tests;

pub use deliveries::{Deliveries, DeliveriesReading};
pub use effect::{AttemptId, AttemptOutcome, Effect, EndpointStatus, Input, PublishId, Report, ReportEvent};
pub use receivers::{Attempt, ReceiverChange, Receivers};
pub use record::{
    DeliveryEvent, DeliveryKey, DeliveryOutcome, DeliveryRecord, EndpointStats, Problem, Redrive, Settled,
    WaitReason, Waiting, Written,
};
pub use settings::{RETRY_DELAYS_MS, Settings};
