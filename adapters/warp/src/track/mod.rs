//! The tracking page of an order: one document, complete without scripts, and live with them.

mod asset;
mod html;
mod language;
mod look;
mod page;
mod view;
mod way;
mod words;

pub(crate) use asset::asset;
pub(crate) use page::{failed, page};
