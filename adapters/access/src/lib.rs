#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod limits;

pub use limits::RateLimits;
