//! Real brokers and stores in containers, for tests.
//!
//! Without a Docker engine, such tests are reported as ignored; with `REQUIRE_CONTAINERS=1` they fail instead. `KAFKA_IMAGE`
//! and `REDIS_IMAGE` override the default images `apache/kafka:4.3.1` and `redis:7.0`.

mod image;
mod kafka;
mod redis;
mod suite;

pub use image::{Machine, named};
pub use kafka::Kafka;
pub use logistics_test_support::free_port;
pub use redis::Redis;
pub use suite::{Suite, until};
pub use testcontainers_modules::testcontainers;
