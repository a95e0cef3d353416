//! The use cases over in-memory ports: deterministic, with paused time and without a processor.

mod assigning;
mod finding;
mod fixture;
mod listing;
mod placing;
mod reading_the_log;
mod transitions;
