//! The drivers over mocked ports. Time is paused, so waits end at once and are measured exactly.

mod channels;
mod deliveries;
mod dependency_monitor;
mod end_to_end;
mod faults;
mod log_lines;
mod log_monitor;
mod membership;
mod notifications;
mod observers;
mod processor_driver;
mod store_monitor;
mod support;
mod transactions;
