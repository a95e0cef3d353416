//! The driver against mocked ports. Time is paused, so waits pass at once and are measured exactly.

mod channels;
mod faults;
mod lines;
mod membership;
mod notifications;
mod observers;
mod reachability;
mod support;
mod whole;
mod worker;
