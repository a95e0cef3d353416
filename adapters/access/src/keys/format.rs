//! The text of an API key: `lgk_ID_SECRET_CHECKSUM`.
//!
//! The prefix and the checksum let scanners find leaked keys without false alarms, and reject a mistyped key without a lookup.

use std::fmt;

use rand::Rng;
use rand::distr::Alphanumeric;
use sha2::{Digest, Sha256};

/// The begin of every API key.
pub const API_KEY_PREFIX: &str = "lgk_";

/// Characters of a new id: 59 bits, which do not repeat by chance.
const ID_CHARS: usize = 10;

/// Characters of an id in a key that a client presents.
const ID_CHARS_MAX: usize = 32;

/// Characters of a secret: 190 bits. Of a random secret, one SHA-256 is a sufficient hash.
const SECRET_CHARS: usize = 32;

/// Characters of a checksum: 62^6 exceeds 2^32.
const CHECKSUM_CHARS: usize = 6;

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// An API key. `Debug` shows its id only.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey {
    id: String,
    secret: String,
}

impl ApiKey {
    /// A new random key, from the operating system's generator by way of a cryptographic one.
    #[must_use]
    pub fn generate() -> Self {
        Self { id: new_id(), secret: random(SECRET_CHARS) }
    }

    /// Parses a key. `None` for another form or a wrong checksum.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (rest, checksum) = text.rsplit_once('_')?;
        let (id, secret) = rest.strip_prefix(API_KEY_PREFIX)?.split_once('_')?;
        let is_base62 = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let has_form = (1..=ID_CHARS_MAX).contains(&id.len()) && secret.len() == SECRET_CHARS;
        if !has_form || !is_base62(id) || !is_base62(secret) || checksum != checksum_of(rest) {
            return None;
        }
        Some(Self { id: id.to_owned(), secret: secret.to_owned() })
    }

    /// The public part, which names the key in files and logs.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The SHA-256 of the secret.
    #[must_use]
    pub fn secret_sha256(&self) -> [u8; 32] {
        Sha256::digest(&self.secret).into()
    }

    /// The complete key, to be shown once.
    #[must_use]
    pub fn reveal(&self) -> String {
        let rest = format!("{API_KEY_PREFIX}{}_{}", self.id, self.secret);
        let checksum = checksum_of(&rest);
        format!("{rest}_{checksum}")
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A random id of an entry.
pub(super) fn new_id() -> String {
    random(ID_CHARS)
}

fn random(chars: usize) -> String {
    rand::rng().sample_iter(Alphanumeric).take(chars).map(char::from).collect()
}

/// CRC-32 (ISO-HDLC) in base 62, most significant digit first.
fn checksum_of(text: &str) -> String {
    let mut rest = crc32fast::hash(text.as_bytes()) as usize;
    let mut digits = ['0'; CHECKSUM_CHARS];
    for digit in digits.iter_mut().rev() {
        *digit = char::from(BASE62[rest % BASE62.len()]);
        rest /= BASE62.len();
    }
    digits.iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_parsed_and_every_other_text_is_refused() {
        let key = ApiKey::generate();
        let text = key.reveal();
        assert_eq!(text.len(), 4 + 10 + 1 + 32 + 1 + 6);
        assert_eq!(ApiKey::parse(&text), Some(key.clone()));
        assert_ne!(ApiKey::generate(), key);
        for index in 0..text.len() {
            for bit in 0..7 {
                let mut wrong = text.clone().into_bytes();
                wrong[index] ^= 1 << bit;
                assert_eq!(ApiKey::parse(std::str::from_utf8(&wrong).unwrap()), None, "{index} {bit}");
            }
            assert_eq!(ApiKey::parse(&text[..index]), None);
        }
        for wrong in
            ["", "lgk_", "lgk____", "_", &format!("{text}0"), &format!("{text}\n"), &text.replace("lgk_", "")]
        {
            assert_eq!(ApiKey::parse(wrong), None);
        }
        assert!(!format!("{key:?}").contains(&text[15..47]));
    }

    #[test]
    fn the_checksum_is_that_of_other_programs() {
        // The check value of CRC-32/ISO-HDLC is cbf43926.
        assert_eq!(crc32fast::hash(b"123456789"), 0xcbf4_3926);
        assert_eq!(checksum_of("123456789"), "3jZRME");
    }
}
