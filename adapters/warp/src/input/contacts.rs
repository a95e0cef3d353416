//! The contacts of a placement.

use logistics_core::{Contact, Contacts, EmailAddress, Language};

use crate::input::fields::Fields;
use crate::output::failure::Failure;

/// The roles that can have a contact.
pub(crate) const ROLES: &[&str] = &["customer", "merchant"];
/// The fields of a contact.
pub(crate) const CONTACT_FIELDS: &[&str] = &["email", "language"];

/// The contacts in the field `contacts`. A failure names a field and never quotes a value, which may be an address.
pub(crate) fn contacts(fields: &Fields<'_>) -> Result<Contacts, Failure> {
    let mut contacts = Contacts::new();
    if let Some(json) = fields.raw("contacts") {
        let roles = object("contacts", json, ROLES)?;
        contacts.customer = contact(&roles, "customer", "contacts.customer")?;
        contacts.merchant = contact(&roles, "merchant", "contacts.merchant")?;
    }
    Ok(contacts)
}

fn contact(roles: &Fields<'_>, role: &str, path: &'static str) -> Result<Option<Contact>, Failure> {
    let Some(json) = roles.raw(role) else { return Ok(None) };
    let fields = object(path, json, CONTACT_FIELDS)?;
    let missing = || Failure::invalid(format!("{path}.email"), "is missing");
    let email = text(&fields, "email", path)?.ok_or_else(missing)?;
    let email = EmailAddress::parse(&email).map_err(|why| Failure::invalid(format!("{path}.email"), why))?;
    let mut contact = Contact::new(email);
    if let Some(tag) = text(&fields, "language", path)? {
        let invalid = |_| {
            let problem = "must be a BCP 47 language tag, such as \"en\" or \"de-AT\"";
            Failure::invalid(format!("{path}.language"), problem)
        };
        contact.language = Some(Language::parse(&tag).map_err(invalid)?);
    }
    Ok(Some(contact))
}

fn object<'a>(path: &'static str, json: &'a str, known: &[&'static str]) -> Result<Fields<'a>, Failure> {
    let invalid = || {
        Failure::invalid(
            path,
            format!("must be an object with no fields but {}, each once", known.join(", ")),
        )
    };
    if !json.starts_with('{') {
        return Err(invalid());
    }
    Fields::parse(json.as_bytes(), known).map_err(|_| invalid())
}

fn text(fields: &Fields<'_>, name: &'static str, path: &str) -> Result<Option<String>, Failure> {
    let invalid = |_| Failure::invalid(format!("{path}.{name}"), "must be a text");
    fields.value::<String>(name).map_err(invalid)
}
