//! The HTTP contract, against a real server on a real port.

mod assignments;
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
mod reading;
mod serving;
mod sites;
mod test_server;
mod transitions;
