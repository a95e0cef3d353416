//! What a valid token looks like.

use super::key_set::JwtAlgorithm;

/// Tolerance of clocks for `exp` and `nbf`.
pub const LEEWAY_S_DEFAULT: u64 = 60;

/// What a valid token looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct JwtConfig {
    /// `iss` must be this text exactly, including a slash at its end.
    pub issuer: String,
    /// `aud` must contain this text exactly. An ID token differs from an access token by its audience only, which is its client.
    /// Therefore the audience of the API must be no client's id.
    pub audience: String,
    /// The permitted algorithms. A key has one of them, and `alg` must be the key's.
    pub algorithms: Vec<JwtAlgorithm>,
    /// Seconds by which clocks may differ, for `exp` and `nbf`.
    pub leeway_s: u64,
    /// The claims that contain roles and party ids.
    pub claims: ClaimNames,
}

impl JwtConfig {
    /// Tokens of this issuer for this audience, with every algorithm, the default leeway and the default claims.
    #[must_use]
    pub fn new(issuer: impl Into<String>, audience: impl Into<String>) -> Self {
        Self {
            issuer: issuer.into(),
            audience: audience.into(),
            algorithms: JwtAlgorithm::ALL.to_vec(),
            leeway_s: LEEWAY_S_DEFAULT,
            claims: ClaimNames::default(),
        }
    }
}

/// The names of the claims with roles and party ids. A name that the token lacks is read as a path with dots, for example
/// `realm_access.roles`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClaimNames {
    /// An array of role names, or one role name. Unknown roles are ignored, and so is `system`.
    pub roles: String,
    /// Scopes, separated by spaces (RFC 8693, 4.2). Unknown scopes are ignored.
    pub scope: String,
    /// The party id of a customer.
    pub customer_id: String,
    /// The party id of a merchant.
    pub merchant_id: String,
    /// The party id of a courier.
    pub courier_id: String,
}

impl Default for ClaimNames {
    fn default() -> Self {
        Self {
            roles: "roles".to_owned(),
            scope: "scope".to_owned(),
            customer_id: "customer_id".to_owned(),
            merchant_id: "merchant_id".to_owned(),
            courier_id: "courier_id".to_owned(),
        }
    }
}
