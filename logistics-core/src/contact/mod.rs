//! How the parties of an order are reached. Personal data: it never reaches a log line, a trace, an error or a metric.

mod email;
mod language;
mod read;

use serde::{Deserialize, Deserializer, Serialize};

use crate::lifecycle::Actor;

pub use email::{EmailAddress, InvalidEmail};
pub use language::{InvalidLanguage, Language};

/// How one party is reached, and in which language.
///
/// ```
/// use logistics_core::{Contact, EmailAddress, Language};
///
/// let contact = Contact::new(EmailAddress::parse("ann@example.com")?).with_language(Language::parse("de-AT")?);
/// assert_eq!(format!("{:?}", contact.email), "EmailAddress(redacted)");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub struct Contact {
    /// The e-mail address.
    pub email: EmailAddress,
    /// The language that the party reads. `None`: the channel's default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<Language>,
}

impl Contact {
    /// The contact at this address, in the channel's default language.
    #[must_use]
    pub fn new(email: EmailAddress) -> Self {
        Self { email, language: None }
    }

    /// Sets the language.
    #[must_use]
    pub fn with_language(mut self, language: Language) -> Self {
        self.language = Some(language);
        self
    }
}

/// The contacts of an order's parties, from its placement. They never change.
///
/// A courier has none: a courier is assigned later and may change, and the placement could not follow.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub struct Contacts {
    /// The customer's contact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer: Option<Contact>,
    /// The merchant's contact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub merchant: Option<Contact>,
}

impl Contacts {
    /// No contacts. The fields are public.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// There is no contact.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The contact of the party in this role.
    #[must_use]
    pub fn of(&self, role: Actor) -> Option<&Contact> {
        match role {
            Actor::Customer => self.customer.as_ref(),
            Actor::Merchant => self.merchant.as_ref(),
            Actor::Courier | Actor::Operator | Actor::System => None,
        }
    }

    /// The bytes of its texts.
    #[must_use]
    pub(crate) fn bytes(&self) -> usize {
        let contacts = [&self.customer, &self.merchant].into_iter().flatten();
        contacts.map(|contact| contact.email.expose().len()).sum()
    }
}

impl<'de> Deserialize<'de> for Contact {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read::contact(deserializer)
    }
}

impl<'de> Deserialize<'de> for Contacts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read::contacts(deserializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contacts() -> Contacts {
        let contact = Contact::new("ann@example.com".parse().unwrap());
        let merchant = contact.clone().with_language("de-AT".parse().unwrap());
        Contacts { customer: Some(contact), merchant: Some(merchant) }
    }

    #[test]
    fn contacts_survive_their_json_and_ignore_unknown_fields() {
        let json = serde_json::to_string(&contacts()).unwrap();
        let expected = r#"{"customer":{"email":"ann@example.com"},"merchant":{"email":"ann@example.com","language":"de-at"}}"#;
        assert_eq!(json, expected);
        assert_eq!(serde_json::from_str::<Contacts>(&json).unwrap(), contacts());
        let newer = json.replace("\"customer\":{", "\"courier\":7,\"customer\":{\"phone\":[1],");
        assert_eq!(serde_json::from_str::<Contacts>(&newer).unwrap(), contacts());
        assert!(serde_json::from_str::<Contacts>("{}").unwrap().is_empty());
    }

    #[test]
    fn an_error_names_the_field_and_never_what_it_contains() {
        for (field, json) in [
            ("contacts", r#""secret@example.com""#),
            ("customer", r#"{"customer":"secret@example.com"}"#),
            ("customer.email", r#"{"customer":{}}"#),
            ("customer.email", r#"{"customer":{"email":"secret@@example.com"}}"#),
            ("customer.email", r#"{"customer":{"email":["secret@example.com"]}}"#),
            ("merchant.email", r#"{"merchant":{"email":"secret@example.com\r\nBcc: x@example.com"}}"#),
            (
                "customer.language",
                r#"{"customer":{"email":"a@example.com","language":"secret@example.com"}}"#,
            ),
            ("customer.language", r#"{"customer":{"email":"a@example.com","language":7}}"#),
        ] {
            let error = serde_json::from_str::<Contacts>(json).unwrap_err().to_string();
            assert!(error.starts_with(field) && !error.contains("secret"), "{json}: {error}");
        }
    }

    #[test]
    fn no_debug_output_contains_an_address() {
        let shown = format!("{:?} {:#?}", contacts(), contacts());
        assert!(!shown.contains("ann") && !shown.contains("example"), "{shown}");
        assert!(contacts().bytes() >= 30);
    }
}
