//! The document of a key file: one JSON object, one key per line.
//!
//! A JSON document that is cut anywhere is invalid. So a half-written file is never mistaken for a shorter one.

use std::collections::HashSet;

use logistics_core::text::is_active;
use logistics_core::{PartyId, Subject, Timestamp};
use logistics_service::{Principal, Role, Scope};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::hex;

/// Bytes of a name.
const NAME_BYTES_MAX: usize = 128;

/// Bytes of an id.
const ID_BYTES_MAX: usize = 32;

/// An API key or a client certificate in a key file: who it is and what it may do. Contains no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct KeyEntry {
    /// Names the entry: 1 to 32 ASCII letters and digits, unique in the file.
    pub id: String,
    /// The name of the principal: 1 to 128 printable bytes. Several entries may have one name, for rotation.
    pub name: String,
    /// The SHA-256 of an API key's secret, 64 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_sha256: Option<String>,
    /// The SHA-256 of a client certificate, DER, 64 hexadecimal digits. An entry has either this or a secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_sha256: Option<String>,
    /// Names of roles.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
    /// Names of scopes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    /// The party with the role `customer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<String>,
    /// The party with the role `merchant`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merchant_id: Option<String>,
    /// The party with the role `courier`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub courier_id: Option<String>,
    /// When the entry was created.
    pub created: Timestamp,
    /// The entry is invalid from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// When the entry was revoked. It is invalid, whatever the time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Timestamp>,
}

/// A problem of a key file. The text contains nothing of the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
#[non_exhaustive]
pub struct InvalidKeyFile {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong there.
    pub problem: &'static str,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document<'a> {
    #[serde(borrow)]
    keys: Vec<&'a RawValue>,
}

/// What an entry accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Credential {
    Secret([u8; 32]),
    Certificate([u8; 32]),
}

/// A checked entry.
pub(super) struct CheckedEntry {
    pub(super) entry: KeyEntry,
    pub(super) credential: Credential,
    pub(super) principal: Principal,
}

/// The entries of a document.
pub(super) fn parse(text: &str) -> Result<Vec<CheckedEntry>, InvalidKeyFile> {
    let document: Document<'_> = serde_json::from_str(text).map_err(|error| InvalidKeyFile {
        line: error.line().max(1),
        problem: if error.is_eof() {
            "the file ends too early"
        } else {
            r#"this is not JSON of the form {"keys": [...]}"#
        },
    })?;
    let mut ids = HashSet::new();
    let mut certificates = HashSet::new();
    let mut entries = Vec::with_capacity(document.keys.len());
    for json in document.keys {
        let at = json.get().as_ptr().addr() - text.as_ptr().addr();
        let line = 1 + text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count();
        let invalid = |problem| InvalidKeyFile { line, problem };
        let entry: KeyEntry = serde_json::from_str(json.get())
            .map_err(|_| invalid("a field is missing, unknown, given twice or of the wrong type"))?;
        let checked = check(entry).map_err(invalid)?;
        if !ids.insert(checked.entry.id.clone()) {
            return Err(invalid("the id occurs twice"));
        }
        if let Credential::Certificate(digest) = checked.credential
            && checked.entry.revoked.is_none()
            && !certificates.insert(digest)
        {
            return Err(invalid("the certificate occurs twice; revoke one of the entries"));
        }
        entries.push(checked);
    }
    Ok(entries)
}

/// The document with these entries.
pub(super) fn document<'a>(entries: impl Iterator<Item = &'a KeyEntry>) -> serde_json::Result<String> {
    let lines: Vec<_> = entries.map(serde_json::to_string).collect::<Result<_, _>>()?;
    let lines: Vec<_> = lines.iter().map(|line| format!("\n    {line}")).collect();
    Ok(format!("{{\n  \"keys\": [{}\n  ]\n}}\n", lines.join(",")))
}

/// # Errors
/// What is wrong with the entry.
pub(super) fn check(entry: KeyEntry) -> Result<CheckedEntry, &'static str> {
    let is_id =
        (1..=ID_BYTES_MAX).contains(&entry.id.len()) && entry.id.bytes().all(|b| b.is_ascii_alphanumeric());
    if !is_id {
        return Err("the id must have 1 to 32 letters and digits");
    }
    let name = &entry.name;
    if !(1..=NAME_BYTES_MAX).contains(&name.len()) || name.contains(is_active) || name.trim() != name {
        return Err("the name must have 1 to 128 printable characters, without space around them");
    }
    let credential = match (&entry.secret_sha256, &entry.certificate_sha256) {
        (Some(digest), None) => hex::decode(digest).map(Credential::Secret),
        (None, Some(digest)) => hex::decode(digest).map(Credential::Certificate),
        _ => return Err("the entry must have either secret_sha256 or certificate_sha256"),
    };
    let credential = credential.ok_or("the SHA-256 must have 64 hexadecimal digits")?;
    let principal = principal(&entry, credential)?;
    Ok(CheckedEntry { entry, credential, principal })
}

fn principal(entry: &KeyEntry, credential: Credential) -> Result<Principal, &'static str> {
    let kind = match credential {
        Credential::Secret(_) => "key",
        Credential::Certificate(_) => "cert",
    };
    let subject =
        Subject::parse(&format!("{kind}:{}", entry.name)).map_err(|_| "the name is not printable")?;
    let mut principal = Principal::new(subject);
    if let Some(expires) = entry.expires {
        principal = principal.with_expiry(expires);
    }
    for role in &entry.roles {
        let role = Role::from_name(role)
            .ok_or("a role is unknown; the roles are customer, merchant, courier, operator and service")?;
        principal = principal.with_role(role);
    }
    for scope in &entry.scopes {
        let scope = Scope::from_name(scope)
            .ok_or("a scope is unknown; the scopes are orders:read and orders:act-as")?;
        principal = principal.with_scope(scope);
    }
    for (role, id) in [
        (Role::Customer, &entry.customer_id),
        (Role::Merchant, &entry.merchant_id),
        (Role::Courier, &entry.courier_id),
    ] {
        let Some(id) = id else { continue };
        let id = PartyId::parse(id).map_err(|_| "a party id must have 1 to 128 printable bytes")?;
        principal = principal.with_party(role, id);
    }
    Ok(principal)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

    fn line(extra: &str) -> String {
        format!(
            r#"{{"id":"a1","name":"shop","secret_sha256":"{DIGEST}","created":"2026-01-01T00:00:00Z"{extra}}}"#
        )
    }

    #[test]
    fn a_document_is_read_back_as_it_was_written() {
        let extra = r#","roles":["merchant","service"],"scopes":["orders:read"],"merchant_id":"m-1","expires":"2027-01-01T00:00:00.000Z""#;
        let text = format!("{{\"keys\":[{}]}}", line(extra));
        let entries = parse(&text).ok().unwrap();
        assert_eq!(entries[0].principal.subject(), "key:shop");
        assert!(entries[0].principal.roles().eq([Role::Merchant, Role::Service]));
        let written = document(entries.iter().map(|checked| &checked.entry)).unwrap();
        assert_eq!(written.lines().count(), 5);
        let again = parse(&written).ok().unwrap();
        assert_eq!(again[0].entry, entries[0].entry);
        for end in 1..written.trim_end().len() {
            assert!(parse(&written[..end]).is_err(), "{end}");
        }
        assert!(parse(&document(std::iter::empty()).unwrap()).is_ok_and(|entries| entries.is_empty()));
    }

    #[test]
    fn a_problem_has_a_line_and_shows_nothing_of_the_file() {
        let two = format!("{{\"keys\":[\n{},\n{}\n]}}", line(""), line(""));
        let one = |entry: String| format!("{{\n\"keys\":[\n{entry}]}}");
        for (text, problem_line, says) in [
            (String::new(), 1, "ends too early"),
            ("[]".to_owned(), 1, "not JSON"),
            (one(line("")).replace(DIGEST, "zz"), 3, "64 hexadecimal"),
            (one(line(r#","expires":"soon""#)), 3, "a field"),
            (one(line(r#","exipres":"2026-01-01T00:00:00Z""#)), 3, "a field"),
            (one(line(r#","name":"other""#)), 3, "given twice"),
            (one(line(r#","roles":["root"]"#)), 3, "a role is unknown"),
            (one(line(r#","roles":["system"]"#)), 3, "a role is unknown"),
            (one(line(r#","scopes":["all"]"#)), 3, "a scope is unknown"),
            (one(line(r#","customer_id":"""#)), 3, "a party id"),
            (one(line(&format!(r#","certificate_sha256":"{DIGEST}""#))), 3, "either"),
            (one(line("").replace("shop", "shop\\u001b[2J")), 3, "the name"),
            (one(line("").replace("a1", "a/1")), 3, "the id"),
            (two.clone(), 3, "the id occurs twice"),
            (
                two.replacen("a1", "b2", 1).replace("secret_", "certificate_"),
                3,
                "the certificate occurs twice",
            ),
        ] {
            let problem = parse(&text).err().unwrap_or_else(|| panic!("{text}"));
            assert_eq!(problem.line, problem_line, "{text}");
            assert!(problem.problem.contains(says), "{problem}: {text}");
        }
    }
}
