//! Rate limits: GCRA (generic cell rate algorithm) by caller and class, in this process or shared by several.

mod caller;
mod local;
mod rate_limits;
mod shared;
mod slots;

pub use rate_limits::RateLimits;
