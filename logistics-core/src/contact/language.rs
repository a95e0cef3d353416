//! Language tags.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::limits::LANGUAGE_BYTES_MAX;

/// Maximum characters of a subtag.
const SUBTAG_CHARS_MAX: usize = 8;

/// A BCP 47 language tag, such as `en` or `de-AT`. Case does not matter.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Language(String);

/// A text that is not a language tag.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a BCP 47 language tag; use one such as \"en\" or \"de-AT\"")]
pub struct InvalidLanguage(String);

impl Language {
    /// English, the language of every text without another one.
    #[must_use]
    pub fn english() -> Self {
        Self("en".to_owned())
    }

    /// The language of a well-formed tag of up to [`LANGUAGE_BYTES_MAX`] bytes. Its subtags have 1 to 8 letters and digits; the
    /// first has at least 2 letters and no digit.
    ///
    /// # Errors
    /// [`InvalidLanguage`] for any other text.
    pub fn parse(tag: &str) -> Result<Self, InvalidLanguage> {
        let is_subtag = |subtag: &str| {
            (1..=SUBTAG_CHARS_MAX).contains(&subtag.len())
                && subtag.bytes().all(|byte| byte.is_ascii_alphanumeric())
        };
        let primary = tag.split('-').next().unwrap_or_default();
        let is_language = primary.len() >= 2 && primary.bytes().all(|byte| byte.is_ascii_alphabetic());
        if is_language && tag.len() <= LANGUAGE_BYTES_MAX && tag.split('-').all(is_subtag) {
            Ok(Self(tag.to_ascii_lowercase()))
        } else {
            Err(InvalidLanguage(tag.chars().take(LANGUAGE_BYTES_MAX).collect()))
        }
    }

    /// The tag in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The language without its last subtag: `de` for `de-at`. A subtag of one character is
    /// removed together with the subtag behind it, as in RFC 4647, section 3.4.
    #[must_use]
    pub fn broader(&self) -> Option<Self> {
        let (mut rest, _) = self.0.rsplit_once('-')?;
        if let Some((before, last)) = rest.rsplit_once('-')
            && last.len() == 1
        {
            rest = before;
        }
        Some(Self(rest.to_owned()))
    }
}

impl std::str::FromStr for Language {
    type Err = InvalidLanguage;

    fn from_str(tag: &str) -> Result<Self, Self::Err> {
        Self::parse(tag)
    }
}

impl Serialize for Language {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_well_formed_and_case_does_not_matter() {
        assert_eq!(Language::parse("de-AT").unwrap().as_str(), "de-at");
        assert_eq!(Language::parse("en").unwrap(), Language::english());
        for wrong in ["", "e", "e1", "en-", "-en", "en_GB", "en--GB", "en-toolonger9", "english!", "ä"] {
            assert!(Language::parse(wrong).is_err(), "{wrong:?}");
        }
        assert!(Language::parse(&format!("en{}", "-a".repeat(17))).is_err(), "36 bytes");
    }

    #[test]
    fn a_language_falls_back_to_a_broader_one() {
        let broader = |tag| Language::parse(tag).unwrap().broader().map(|language| language.to_string());
        assert_eq!(broader("zh-Hant-TW"), Some("zh-hant".to_owned()));
        assert_eq!(broader("de-x-shop"), Some("de".to_owned()));
        assert_eq!(broader("de"), None);
    }
}
