//! The HTTP contract, against a real server on a real port.

mod access;
mod assignments;
mod backend;
mod bad_input;
mod certificates;
mod client;
mod embedding;
mod faults;
mod h2c;
mod health_alone;
mod http2;
mod limits;
mod log;
mod lookups;
mod openapi;
mod peer;
mod placing;
mod rate_limits;
mod reading;
mod security;
mod serving;
mod sites;
mod test_server;
mod tls;
mod transitions;
