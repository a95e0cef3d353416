//! Tracking links: a link lets its holder follow one order, without an account and for a limited time.
//!
//! A link is a signed token, so no process stores it. It names the order's *epoch*: the version of the latest fact that revoked
//! the order's links. A revocation is such a fact, so it is durable in the log, survives the loss of every store, and holds at
//! every process that reads the order's document.

mod claims;
mod document;
mod keys;
mod links;
mod options;
mod validity;

pub use claims::LinkId;
pub use keys::{NoTrackingKey, TRACKING_KEY_BYTES, TrackingKeys};
pub use links::{RevokeTracking, TrackingLink};
pub use options::{TRACKING_TTL_MS_MIN, TrackingOptions};

pub(crate) use claims::Claims;
pub(crate) use document::reduced;
