//! The form of a token: three parts, and a header that asks for nothing unknown (RFC 7515, RFC 8725).

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::json;
use super::key_set::JwtAlgorithm;
use crate::refused::{Refused, shown};

/// Bytes of a token. Headers of clients are larger in no known provider, and the limit precedes every other look at the token.
pub const TOKEN_BYTES_MAX: usize = 8 * 1024;

/// Bytes of a `kid`.
pub(super) const KID_BYTES_MAX: usize = 256;

/// Parameters that change the meaning of the token. `jku`, `x5u`, `jwk` and `x5c` are ignored instead: they name a key, and keys
/// come from the configured source only.
const REFUSED_PARAMETERS: [&str; 5] = ["crit", "b64", "zip", "enc", "cty"];

/// A token, parsed and not verified.
pub(super) struct Token<'a> {
    pub(super) algorithm: JwtAlgorithm,
    pub(super) kid: Option<String>,
    pub(super) claims: Map<String, Value>,
    /// The signed text: header and claims in base64.
    pub(super) message: &'a str,
    /// In base64.
    pub(super) signature: &'a str,
}

impl<'a> Token<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, Refused> {
        if text.len() > TOKEN_BYTES_MAX {
            return Err(Refused::invalid(format!("the token exceeds {TOKEN_BYTES_MAX} bytes")));
        }
        let (message, signature) = text.rsplit_once('.').ok_or_else(|| malformed("has no three parts"))?;
        let (header, claims) = message.split_once('.').ok_or_else(|| malformed("has no three parts"))?;
        let header = part(header).ok_or_else(|| malformed("has no valid header"))?;
        let claims = part(claims).ok_or_else(|| malformed("has no valid claims"))?;
        if signature.is_empty() || BASE64_URL_SAFE_NO_PAD.decode(signature).is_err() {
            return Err(malformed("has no valid signature"));
        }
        let (algorithm, kid) = header_of(&header)?;
        Ok(Self { algorithm, kid, claims, message, signature })
    }
}

fn malformed(problem: &str) -> Refused {
    Refused::invalid(format!("the token {problem}"))
}

fn part(text: &str) -> Option<Map<String, Value>> {
    json::object(&BASE64_URL_SAFE_NO_PAD.decode(text).ok()?)
}

fn header_of(header: &Map<String, Value>) -> Result<(JwtAlgorithm, Option<String>), Refused> {
    if let Some(parameter) = REFUSED_PARAMETERS.into_iter().find(|name| header.contains_key(*name)) {
        return Err(Refused::invalid(format!("the header has the parameter {parameter}")));
    }
    if !header.get("typ").is_none_or(is_access_token) {
        return Err(Refused::invalid("the header's typ is neither JWT nor at+jwt"));
    }
    let algorithm = header.get("alg").and_then(Value::as_str).and_then(JwtAlgorithm::from_name);
    let algorithm = algorithm.ok_or_else(|| Refused::invalid("the header's alg is not supported"))?;
    let kid = match header.get("kid") {
        None => None,
        Some(Value::String(kid)) if !kid.is_empty() && kid.len() <= KID_BYTES_MAX => Some(kid.clone()),
        Some(Value::String(kid)) => {
            return Err(Refused::invalid(format!("the header's kid {} has an invalid length", shown(kid))));
        }
        Some(_) => return Err(Refused::invalid("the header's kid is no text")),
    };
    Ok((algorithm, kid))
}

/// Media types are case-insensitive, and `application/` may be omitted (RFC 7515, 4.1.9).
fn is_access_token(typ: &Value) -> bool {
    let Some(typ) = typ.as_str() else { return false };
    let typ = typ.to_ascii_lowercase();
    matches!(typ.strip_prefix("application/").unwrap_or(&typ), "jwt" | "at+jwt")
}
