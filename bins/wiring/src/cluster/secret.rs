//! Secrets, which are never printed.

use std::convert::Infallible;
use std::fmt;
use std::path::Path;
use std::str::FromStr;

use logistics_cli_kit::Failure;

/// A text that `Debug`, help and errors do not show. Any text is valid.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text, for the adapter.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl FromStr for Secret {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// A secret: inline, or the first line of a file. Empty counts as unset.
///
/// # Errors
/// If both are given, or the file cannot be read or is empty.
pub(super) fn either(
    given: Option<&Secret>,
    file: Option<&Path>,
    flag: &str,
) -> Result<Option<String>, Failure> {
    let given = given.map(Secret::reveal).filter(|text| !text.is_empty());
    let text = match (given, file) {
        (Some(_), Some(_)) => {
            return Err(Failure::usage(format!("give {flag} or {flag}-file, not both")));
        }
        (given, None) => return Ok(given.map(str::to_owned)),
        (None, Some(file)) => std::fs::read_to_string(file).map_err(|error| {
            Failure::usage(format!("cannot read the {flag}-file {}: {error}", file.display()))
        })?,
    };
    match text.lines().next().filter(|line| !line.is_empty()) {
        Some(line) => Ok(Some(line.to_owned())),
        None => Err(Failure::usage(format!(
            "the {flag}-file {} is empty",
            file.unwrap_or(Path::new("")).display()
        ))),
    }
}
