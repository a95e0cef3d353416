//! Keys that identify a repeated command.

use std::fmt;

/// The maximum length of an [`IdempotencyKey`], in bytes.
pub const IDEMPOTENCY_KEY_BYTES_MAX: usize = 255;

/// A text that is not an [`IdempotencyKey`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
#[error("must be 1 to {max} visible ASCII characters without spaces", max = IDEMPOTENCY_KEY_BYTES_MAX)]
#[non_exhaustive]
pub struct InvalidIdempotencyKey;

/// Identifies one command of one principal: 1 to 255 visible ASCII characters without spaces. A retry has the key of the
/// original command.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(Box<str>);

impl IdempotencyKey {
    /// Parses the text.
    ///
    /// # Errors
    /// [`InvalidIdempotencyKey`] if the text is empty, too long, or contains another character.
    pub fn parse(text: &str) -> Result<Self, InvalidIdempotencyKey> {
        let fits = !text.is_empty() && text.len() <= IDEMPOTENCY_KEY_BYTES_MAX;
        if fits && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidIdempotencyKey)
        }
    }

    /// The text itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl std::str::FromStr for IdempotencyKey {
    type Err = InvalidIdempotencyKey;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_visible_ascii_of_bounded_length() {
        assert!(IdempotencyKey::parse("k-1").is_ok() && IdempotencyKey::parse(&"k".repeat(255)).is_ok());
        for wrong in ["", "two words", "kä", "a\tb", &"k".repeat(256)] {
            let error = IdempotencyKey::parse(wrong).expect_err(wrong);
            assert_eq!(error.to_string(), "must be 1 to 255 visible ASCII characters without spaces");
        }
    }
}
