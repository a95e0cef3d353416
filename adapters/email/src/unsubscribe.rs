//! The address at which a recipient ends the e-mails.

use logistics_core::OrderId;
use logistics_core::notify::Recipient;
use url::Url;

/// Bytes of the template, and of the URL that it becomes: a header line has at most 998 bytes (RFC 5322).
const URL_BYTES_MAX: usize = 900;
const PLACEHOLDERS: [&str; 3] = ["{order_id}", "{role}", "{party}"];

/// The template of a URL, `https:` or `mailto:`, with the placeholders `{order_id}`, `{role}` and `{party}`.
///
/// Values are percent-encoded. The id of an order contains 74 random bits, unless an `Idempotency-Key` determines it, and is the
/// part of the URL that is hard to guess (RFC 8058, section 3.1). The service behind the URL checks it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnsubscribeUrl {
    template: String,
    is_https: bool,
}

/// A text is no template of a URL for `List-Unsubscribe`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "write an https: or mailto: URL of up to {URL_BYTES_MAX} bytes; it may contain {{order_id}}, {{role}} and {{party}}"
)]
pub struct InvalidUnsubscribe;

impl UnsubscribeUrl {
    /// The template in this text.
    ///
    /// # Errors
    /// [`InvalidUnsubscribe`] for another scheme, an unknown placeholder, or a character that no URL contains.
    pub fn parse(text: &str) -> Result<Self, InvalidUnsubscribe> {
        let is_in_urls = |c: char| c.is_ascii_graphic() && !"<>\"\\^`|,".contains(c);
        let plain = PLACEHOLDERS.iter().fold(text.to_owned(), |plain, name| plain.replace(name, "x"));
        let url = Url::parse(&plain).map_err(|_| InvalidUnsubscribe)?;
        let is_https = url.scheme() == "https" && url.host_str().is_some();
        let is_allowed = is_https || url.scheme() == "mailto" && url.path().contains('@');
        if !is_allowed
            || text.len() > URL_BYTES_MAX
            || !text.chars().all(is_in_urls)
            || plain.contains(['{', '}'])
        {
            return Err(InvalidUnsubscribe);
        }
        Ok(Self { template: text.to_owned(), is_https })
    }

    /// The URL for a recipient. `None`: it would be too long.
    pub(crate) fn of(&self, order_id: &OrderId, recipient: &Recipient) -> Option<String> {
        let party = recipient.party.as_ref().map_or("", |party| party.as_str());
        let values = [order_id.as_str(), recipient.role.name(), party];
        let mut url = String::new();
        let mut rest = self.template.as_str();
        while let Some(at) = rest.find('{') {
            url.push_str(&rest[..at]);
            rest = &rest[at..];
            let found = PLACEHOLDERS.iter().zip(values).find(|(name, _)| rest.starts_with(**name));
            // The template has no other brace.
            let (name, value) = found?;
            encode(value, &mut url);
            rest = &rest[name.len()..];
        }
        url.push_str(rest);
        (url.len() <= URL_BYTES_MAX).then_some(url)
    }

    /// Whether a mail client may unsubscribe with one POST request (RFC 8058).
    pub(crate) fn is_one_click(&self) -> bool {
        self.is_https
    }
}

impl std::str::FromStr for UnsubscribeUrl {
    type Err = InvalidUnsubscribe;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

/// Percent-encodes everything but unreserved characters (RFC 3986).
fn encode(value: &str, url: &mut String) {
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            url.push(char::from(byte));
        } else {
            url.push_str(&format!("%{byte:02X}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use logistics_core::Actor;

    use super::*;

    #[test]
    fn values_are_encoded_once_and_never_leave_the_url() {
        let template = "https://shop.example/stop?order={order_id}&as={role}&id={party}";
        let url = UnsubscribeUrl::parse(template).unwrap();
        let party = "a b>\u{202e}{role}, <https://evil.example".parse().ok();
        let recipient = Recipient::new(Actor::Customer, party);
        assert_eq!(
            url.of(&"o-1".parse().unwrap(), &recipient).unwrap(),
            "https://shop.example/stop?order=o-1&as=customer&id=a%20b%3E%E2%80%AE%7Brole%7D%2C%20%3Chttps%3A%2F%2Fevil.example"
        );
        let mail = UnsubscribeUrl::parse("mailto:stop@shop.example?subject={order_id}").unwrap();
        assert!(url.is_one_click() && !mail.is_one_click());
    }

    #[test]
    fn other_schemes_placeholders_and_characters_are_rejected() {
        for wrong in [
            "",
            "http://shop.example",
            "javascript:alert(1)",
            "https://",
            "mailto:nothing",
            "https://shop.example/{secret}",
            "https://shop.example/{",
            "https://shop.example/> <x",
            "https://shop.example/,<https://evil.example>",
            "https://shop.example/ä",
            "https://shop.example/\r\nBcc: x@y.example",
        ] {
            assert_eq!(UnsubscribeUrl::parse(wrong), Err(InvalidUnsubscribe), "{wrong:?}");
        }
        assert!(UnsubscribeUrl::parse(&format!("https://shop.example/{}", "x".repeat(900))).is_err());
    }
}
