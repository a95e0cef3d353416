//! The use cases over the ports in memory: deterministic, on paused time, without a processor beside them.

mod finding;
mod listing;
mod placing;
mod reading_the_log;
mod transitions;
mod world;
