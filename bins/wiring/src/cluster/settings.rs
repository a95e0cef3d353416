//! Settings for another process.

use std::ffi::OsString;

use clap::ValueEnum;

/// Environment variables. They include secrets, so there is no `Debug`.
pub struct Settings(pub(super) Vec<(&'static str, OsString)>);

impl Settings {
    pub(super) fn new() -> Self {
        Self(Vec::new())
    }

    pub(super) fn with(mut self, name: &'static str, value: impl Into<OsString>) -> Self {
        self.0.push((name, value.into()));
        self
    }

    /// Adds the variable if there is a value.
    pub(super) fn maybe(self, name: &'static str, value: Option<impl Into<OsString>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Adds a choice, as the flag spells it.
    pub(super) fn choice(self, name: &'static str, value: &impl ValueEnum) -> Self {
        self.maybe(name, value.to_possible_value().map(|value| value.get_name().to_owned()))
    }
}

impl IntoIterator for Settings {
    type Item = (&'static str, OsString);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}
