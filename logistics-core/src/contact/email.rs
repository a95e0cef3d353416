//! E-mail addresses.

use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use crate::limits::{EMAIL_BYTES_MAX, EMAIL_LABEL_BYTES_MAX, EMAIL_LOCAL_BYTES_MAX};

/// An e-mail address: a dot-atom and a domain name (RFC 5321), in ASCII. No display name, quoted text, comment or address
/// literal. A domain in another script is written in its ASCII form, such as `xn--bcher-kva.example`.
///
/// Its debug output is redacted and it has no `Display`, so no log line, trace or error contains it by accident. Its JSON
/// contains it: records and documents do.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct EmailAddress(Arc<str>);

/// A text that is not an e-mail address. It does not contain the text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidEmail {
    /// The text or its part before the `@` is too long.
    #[error(
        "has {0} bytes; an address has at most {EMAIL_BYTES_MAX}, and {EMAIL_LOCAL_BYTES_MAX} before the @"
    )]
    TooLong(usize),
    /// The text is not an address of the supported form.
    #[error(
        "must be an e-mail address such as ann@example.com, in ASCII, without a name, quotes or comments"
    )]
    Syntax,
}

impl EmailAddress {
    /// The address in this text.
    ///
    /// # Errors
    /// [`InvalidEmail`] for any other text.
    pub fn parse(text: &str) -> Result<Self, InvalidEmail> {
        if text.len() > EMAIL_BYTES_MAX {
            return Err(InvalidEmail::TooLong(text.len()));
        }
        let (local, domain) = text.split_once('@').ok_or(InvalidEmail::Syntax)?;
        if local.len() > EMAIL_LOCAL_BYTES_MAX {
            return Err(InvalidEmail::TooLong(text.len()));
        }
        if is_dot_atom(local) && is_domain(domain) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidEmail::Syntax)
        }
    }

    /// The address itself. The caller keeps it out of logs, traces, errors and metrics.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// RFC 5322, section 3.2.3, without the characters by which some relays send a message elsewhere, or to a program.
fn is_dot_atom(local: &str) -> bool {
    let is_atext = |byte: u8| byte.is_ascii_alphanumeric() || b"#$&'*+-=?^_`{}~".contains(&byte);
    !local.starts_with('-') && local.split('.').all(|atom| !atom.is_empty() && atom.bytes().all(is_atext))
}

/// At least two labels. The last one is no number, so an IPv4 address is no domain.
fn is_domain(domain: &str) -> bool {
    let is_label = |label: &str| {
        (1..=EMAIL_LABEL_BYTES_MAX).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = domain.rsplit('.').next().unwrap_or_default();
    domain.contains('.') && domain.split('.').all(is_label) && !last.bytes().all(|byte| byte.is_ascii_digit())
}

impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EmailAddress(redacted)")
    }
}

impl std::str::FromStr for EmailAddress {
    type Err = InvalidEmail;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl Serialize for EmailAddress {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_a_dot_atom_and_a_domain_name() {
        for good in ["a@b.co", "ann.b+tag@mail.example.com", "o'neil_{x}@xn--bcher-kva.example", "A@B.CO"] {
            assert_eq!(EmailAddress::parse(good).unwrap().expose(), good);
        }
        for wrong in [
            "",
            "@",
            "a@",
            "@b.co",
            "a@b",
            "a@b@c.co",
            "a b@c.co",
            ".a@b.co",
            "a.@b.co",
            "a..b@c.co",
            "a@b..co",
            "a@.b.co",
            "a@b.co.",
            "a@-b.co",
            "a@b-.co",
            "a@b_c.co",
            "a@127.0.0.1",
            "a@[127.0.0.1]",
            "\"a b\"@c.co",
            "Ann <a@b.co>",
            "<a@b.co>",
            "a@b.co, c@d.co",
            "a@b.co;c",
            "a(x)@b.co",
            "ä@b.co",
            "a@bücher.example",
            "a@b.co\r\nRCPT TO:<x@y.co>",
            "a\r\n@b.co",
            "a\0@b.co",
            "a@b.co\n",
            " a@b.co",
            "a@b.co\u{202e}",
            "a%other.example@b.co",
            "other.example!a@b.co",
            "a|b@c.co",
            "-f@b.co",
        ] {
            assert_eq!(EmailAddress::parse(wrong), Err(InvalidEmail::Syntax), "{wrong:?}");
        }
    }

    #[test]
    fn lengths_are_those_of_rfc_5321() {
        let labels = |bytes: usize| format!("{}.{}", "d".repeat(60), "e".repeat(bytes - 61));
        let local = "l".repeat(EMAIL_LOCAL_BYTES_MAX);
        assert!(EmailAddress::parse(&format!("{local}@{}", labels(100))).is_ok());
        assert!(EmailAddress::parse(&format!("{local}l@{}", labels(100))).is_err());
        let domain = [&"d".repeat(63), &"e".repeat(63), &"f".repeat(61)].map(String::as_str).join(".");
        let longest = format!("{local}@{domain}");
        assert_eq!(longest.len(), EMAIL_BYTES_MAX);
        assert!(EmailAddress::parse(&longest).is_ok());
        assert_eq!(
            EmailAddress::parse(&format!("{longest}g")),
            Err(InvalidEmail::TooLong(EMAIL_BYTES_MAX + 1))
        );
        assert!(EmailAddress::parse(&format!("a@{}.example", "d".repeat(64))).is_err());
    }
}
