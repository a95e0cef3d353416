#![doc = include_str!("../README.md")]

mod console;
mod language;
mod template;
mod templates;

pub use console::Console;
pub use language::{InvalidLanguage, LANGUAGE_BYTES_MAX, Language};
pub use template::{InvalidTemplate, TEMPLATE_BYTES_MAX};
pub use templates::{TemplateSet, Templates};
