//! The use cases over in-memory ports: deterministic, with paused time and without a processor.

mod admission;
mod assigning;
mod finding;
mod fixture;
mod following;
mod following_all;
mod listing;
mod live_log;
mod ownership;
mod placing;
mod reading_the_log;
mod reporting;
mod signing;
mod transitions;
mod webhooks;
