//! The use cases over in-memory ports: deterministic, with paused time and without a processor.

mod admission;
mod assigning;
mod finding;
mod fixture;
mod listing;
mod ownership;
mod placing;
mod reading_the_log;
mod reporting;
mod signing;
mod transitions;
mod webhooks;
