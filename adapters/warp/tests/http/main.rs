//! The HTTP contract, against a real server on a real port.

mod backend;
mod bad_input;
mod client;
mod embedding;
mod faults;
mod health_alone;
mod limits;
mod log;
mod lookups;
mod openapi;
mod placing;
mod rate_limits;
mod reading;
mod serving;
mod sites;
mod test_server;
mod transitions;
