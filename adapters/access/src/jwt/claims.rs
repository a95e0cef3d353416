//! The claims of a token: when, where and for whom it is valid (RFC 7519, RFC 9068).

use logistics_core::{PartyId, Subject, Timestamp};
use logistics_service::{Principal, Role, Scope};
use serde_json::{Map, Value};

use super::config::JwtConfig;
use crate::refused::Refused;

/// Bytes of `sub`.
const SUB_BYTES_MAX: usize = 240;

/// The end of the year 9999. A later `exp` is no time.
const TIME_S_MAX: f64 = 253_402_300_799.0;

/// Seconds since the Unix epoch. RFC 7519 permits fractions.
pub(super) type Seconds = f64;

/// What valid claims say.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Verified {
    pub(super) principal: Principal,
    pub(super) expires: Seconds,
}

#[allow(clippy::cast_precision_loss, reason = "milliseconds of the next 280,000 years are exact")]
pub(super) fn seconds(time: Timestamp) -> Seconds {
    time.as_millis() as f64 / 1000.0
}

/// Whether a token with this `exp` is expired at `now`.
#[allow(clippy::cast_precision_loss, reason = "a leeway is small")]
pub(super) fn is_expired(expires: Seconds, config: &JwtConfig, now: Timestamp) -> bool {
    seconds(now) >= expires + config.leeway_s as f64
}

/// The principal of the claims. The signature is not part of it.
pub(super) fn check(
    claims: &Map<String, Value>,
    config: &JwtConfig,
    now: Timestamp,
) -> Result<Verified, Refused> {
    let invalid = |problem: &str| Err(Refused::invalid(problem));
    if claims.get("iss").and_then(Value::as_str) != Some(&config.issuer) {
        return invalid("the token has another issuer");
    }
    if !has_audience(claims.get("aud"), &config.audience) {
        return invalid("the token is for another audience");
    }
    let Some(expires) = claims.get("exp").and_then(Value::as_f64) else {
        return invalid("the token's exp is missing or no number");
    };
    if expires > TIME_S_MAX {
        return invalid("the token's exp is out of range");
    }
    if is_expired(expires, config, now) {
        return Err(Refused::Ended("the token is expired".to_owned()));
    }
    match claims.get("nbf").map(Value::as_f64) {
        None => {}
        Some(Some(from)) if !is_early(from, config, now) => {}
        Some(Some(_)) => return invalid("the token is not valid yet"),
        Some(None) => return invalid("the token's nbf is no number"),
    }
    let subject = subject(claims.get("sub"))?;
    let principal = principal(subject, claims, config)?.with_expiry(end(expires, config));
    Ok(Verified { principal, expires })
}

/// The first time at which a token with this `exp` is expired.
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "the time is before the year 10000"
)]
fn end(expires: Seconds, config: &JwtConfig) -> Timestamp {
    Timestamp::from_millis(((expires + config.leeway_s as f64) * 1000.0).ceil() as i64)
}

#[allow(clippy::cast_precision_loss, reason = "a leeway is small")]
fn is_early(from: Seconds, config: &JwtConfig, now: Timestamp) -> bool {
    from > seconds(now) + config.leeway_s as f64
}

fn has_audience(audience: Option<&Value>, expected: &str) -> bool {
    match audience {
        Some(Value::String(audience)) => audience == expected,
        Some(Value::Array(audiences)) => audiences.iter().any(|audience| audience == expected),
        _ => false,
    }
}

fn subject(sub: Option<&Value>) -> Result<Subject, Refused> {
    let sub = sub.and_then(Value::as_str).filter(|sub| (1..=SUB_BYTES_MAX).contains(&sub.len()));
    sub.and_then(|sub| Subject::parse(&format!("jwt:{sub}")).ok()).ok_or_else(|| {
        Refused::invalid(format!("the token's sub is no printable text of 1 to {SUB_BYTES_MAX} bytes"))
    })
}

fn principal(
    subject: Subject,
    claims: &Map<String, Value>,
    config: &JwtConfig,
) -> Result<Principal, Refused> {
    let names = &config.claims;
    let mut principal = Principal::new(subject);
    // `system` is the name of no role, so no token gives it.
    for role in texts(claim(claims, &names.roles)).filter_map(Role::from_name) {
        principal = principal.with_role(role);
    }
    let scopes = texts(claim(claims, &names.scope)).flat_map(|scopes| scopes.split(' '));
    for scope in scopes.filter_map(Scope::from_name) {
        principal = principal.with_scope(scope);
    }
    let parties = [
        (Role::Customer, &names.customer_id),
        (Role::Merchant, &names.merchant_id),
        (Role::Courier, &names.courier_id),
    ];
    for (role, name) in parties {
        let id = match claim(claims, name) {
            None | Some(Value::Null) => continue,
            Some(value) => value.as_str().and_then(|id| PartyId::parse(id).ok()),
        };
        let id = id.ok_or_else(|| Refused::invalid(format!("the token's {name} is no party id")))?;
        principal = principal.with_party(role, id);
    }
    Ok(principal)
}

/// A text, or the texts of an array. Anything else gives nothing.
fn texts(value: Option<&Value>) -> impl Iterator<Item = &str> {
    let values = match value {
        Some(Value::Array(values)) => values.as_slice(),
        Some(value) => std::slice::from_ref(value),
        None => &[],
    };
    values.iter().filter_map(Value::as_str)
}

/// The claim with this name, or at this path with dots.
fn claim<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    if let Some(value) = claims.get(name) {
        return Some(value);
    }
    let (first, rest) = name.split_once('.')?;
    rest.split('.').try_fold(claims.get(first)?, |value, name| value.get(name))
}
