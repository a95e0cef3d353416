#![doc = include_str!("../README.md")]

mod console;
mod template;
mod templates;

pub use console::Console;
pub use logistics_core::limits::LANGUAGE_BYTES_MAX;
pub use logistics_core::{InvalidLanguage, Language};
pub use template::{InvalidTemplate, TEMPLATE_BYTES_MAX};
pub use templates::{TemplateSet, Templates};
