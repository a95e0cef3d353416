//! Reading contacts. Errors of serde quote the value, which may be an address, so every value is read as raw JSON first.

use serde::{Deserialize, Deserializer, de};
use serde_json::value::RawValue;

use super::{Contact, Contacts, EmailAddress, Language};

#[derive(Deserialize)]
struct ReadContacts<'a> {
    #[serde(borrow, default)]
    customer: Option<&'a RawValue>,
    #[serde(borrow, default)]
    merchant: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ReadContact<'a> {
    #[serde(borrow, default)]
    email: Option<&'a RawValue>,
    #[serde(borrow, default)]
    language: Option<&'a RawValue>,
}

/// A problem, as the end of a sentence that the field's path begins.
type Problem = (&'static str, String);

pub(super) fn contacts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Contacts, D::Error> {
    let raw = Box::<RawValue>::deserialize(deserializer)?;
    let read = || {
        let ReadContacts { customer, merchant } = object(&raw)
            .ok_or_else(|| "contacts: must be an object with customer and merchant".to_owned())?;
        Ok(Contacts { customer: part("customer", customer)?, merchant: part("merchant", merchant)? })
    };
    read().map_err(|problem: String| de::Error::custom(problem))
}

pub(super) fn contact<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Contact, D::Error> {
    let raw = Box::<RawValue>::deserialize(deserializer)?;
    read_contact(&raw).map_err(|(path, problem)| de::Error::custom(format!("contact{path}: {problem}")))
}

/// The contact of a role; null and missing are none.
fn part(role: &str, raw: Option<&RawValue>) -> Result<Option<Contact>, String> {
    let contact = raw.map(read_contact).transpose();
    contact.map_err(|(path, problem)| format!("{role}{path}: {problem}"))
}

fn read_contact(raw: &RawValue) -> Result<Contact, Problem> {
    let ReadContact { email, language } =
        object(raw).ok_or_else(|| ("", "must be an object with email and language".to_owned()))?;
    let email = text(email).map_err(|problem| (".email", problem))?;
    let email = email.ok_or_else(|| (".email", "is missing".to_owned()))?;
    let email = EmailAddress::parse(&email).map_err(|error| (".email", error.to_string()))?;
    let language = text(language).map_err(|problem| (".language", problem))?;
    let language = language.map(|tag| Language::parse(&tag)).transpose();
    // The error of a language quotes the tag.
    let language =
        language.map_err(|_| (".language", r#"must be a BCP 47 tag such as "en" or "de-AT""#.to_owned()))?;
    Ok(Contact { email, language })
}

fn object<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Option<T> {
    // serde would read an array as a struct, its elements as fields.
    if !raw.get().starts_with('{') {
        return None;
    }
    serde_json::from_str(raw.get()).ok()
}

fn text(raw: Option<&RawValue>) -> Result<Option<String>, String> {
    let Some(raw) = raw else { return Ok(None) };
    serde_json::from_str(raw.get()).map_err(|_| "must be a text".to_owned())
}
