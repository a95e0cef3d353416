//! What the tests of authentication share: keys, tokens, a clock, and a source of JWK sets over HTTP.
#![allow(dead_code, unreachable_pub, reason = "each test uses a part")]

pub mod server;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey};
use logistics_access::{Access, AccessConfig, JwtConfig, JwtKeys};
use logistics_core::Timestamp;
use logistics_core::port::Clock;
use logistics_service::{AuthError, Authenticator, Credentials, Principal};
use serde_json::{Value, json};

pub const ISSUER: &str = "https://login.example.com";
pub const AUDIENCE: &str = "https://orders.example.com";

/// The time of a test in seconds since the Unix epoch.
pub const NOW_S: i64 = 1_800_000_000;

pub const RSA: TestKey = TestKey { name: "rsa", algorithm: Algorithm::RS256 };
pub const OTHER_RSA: TestKey = TestKey { name: "other_rsa", algorithm: Algorithm::RS256 };
pub const SHORT_RSA: TestKey = TestKey { name: "short_rsa", algorithm: Algorithm::RS256 };
pub const EC: TestKey = TestKey { name: "ec", algorithm: Algorithm::ES256 };
pub const P384: TestKey = TestKey { name: "p384", algorithm: Algorithm::ES384 };
pub const ED: TestKey = TestKey { name: "ed", algorithm: Algorithm::EdDSA };

/// A key pair of `tests/data`.
#[derive(Debug, Clone, Copy)]
pub struct TestKey {
    name: &'static str,
    pub algorithm: Algorithm,
}

impl TestKey {
    pub fn public_file(self) -> String {
        format!("{}/tests/data/{}.public.pem", env!("CARGO_MANIFEST_DIR"), self.name)
    }

    pub fn private_file(self) -> String {
        format!("{}/tests/data/{}.private.pem", env!("CARGO_MANIFEST_DIR"), self.name)
    }

    pub fn public_pem(self) -> String {
        std::fs::read_to_string(self.public_file()).expect("a key")
    }

    fn private(self) -> EncodingKey {
        let pem = std::fs::read(self.private_file()).expect("a key");
        let key = match self.algorithm {
            Algorithm::RS256 => EncodingKey::from_rsa_pem(&pem),
            Algorithm::EdDSA => EncodingKey::from_ed_pem(&pem),
            _ => EncodingKey::from_ec_pem(&pem),
        };
        key.expect("a private key")
    }

    /// The name of the algorithm in a header.
    pub fn alg(self) -> &'static str {
        match self.algorithm {
            Algorithm::RS256 => "RS256",
            Algorithm::ES256 => "ES256",
            Algorithm::ES384 => "ES384",
            _ => "EdDSA",
        }
    }

    pub fn jwk(self, kid: &str) -> Value {
        let jwk = Jwk::from_encoding_key(&self.private(), self.algorithm).expect("a public key");
        with(&serde_json::to_value(jwk).expect("JSON"), &json!({"kid": kid, "use": "sig"}))
    }

    /// A header with this key's algorithm.
    pub fn header(self) -> Value {
        json!({"alg": self.alg(), "typ": "at+jwt"})
    }

    /// A signed token.
    pub fn token(self, header: &Value, claims: &Value) -> String {
        self.token_of_text(&header.to_string(), &claims.to_string())
    }

    /// A signed token with these texts, which may be no JSON.
    pub fn token_of_text(self, header: &str, claims: &str) -> String {
        self.signed(&format!("{}.{}", base64(header), base64(claims)), self.algorithm)
    }

    pub fn signed(self, message: &str, algorithm: Algorithm) -> String {
        sign(message, &self.private(), algorithm)
    }

    /// A valid token with this kid.
    pub fn token_with_kid(self, kid: &str) -> String {
        self.token(&with(&self.header(), &json!({"kid": kid})), &claims())
    }
}

pub fn sign(message: &str, key: &EncodingKey, algorithm: Algorithm) -> String {
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), key, algorithm).expect("a signature");
    format!("{message}.{signature}")
}

pub fn base64(text: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(text)
}

/// Claims of a valid token.
pub fn claims() -> Value {
    json!({
        "iss": ISSUER,
        "aud": AUDIENCE,
        "exp": NOW_S + 300,
        "sub": "alice",
        "roles": ["customer"],
        "customer_id": "c-1",
    })
}

/// An object with changed members; `null` removes one.
pub fn with(object: &Value, changes: &Value) -> Value {
    let mut object = object.clone();
    let members = object.as_object_mut().expect("an object");
    for (name, value) in changes.as_object().expect("an object") {
        if value.is_null() {
            members.remove(name);
        } else {
            members.insert(name.clone(), value.clone());
        }
    }
    object
}

/// A clock that stands until it is set.
pub struct TestClock(AtomicI64);

impl TestClock {
    pub fn new() -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(NOW_S * 1000)))
    }

    pub fn set_ms(&self, ms: i64) {
        self.0.store(ms, Ordering::Relaxed);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed))
    }
}

pub fn jwt_config() -> JwtConfig {
    JwtConfig::new(ISSUER, AUDIENCE)
}

pub fn jwt_access(config: JwtConfig, keys: JwtKeys) -> Access {
    jwt_access_at(config, keys, TestClock::new())
}

pub fn jwt_access_at(config: JwtConfig, keys: JwtKeys, clock: Arc<TestClock>) -> Access {
    let mut access = AccessConfig::default();
    access.jwt = Some((config, keys));
    Access::start(access, clock).expect("valid keys")
}

/// Authenticates with a bearer token, from no address.
pub async fn login(access: &Access, bearer: &str) -> Result<Principal, AuthError> {
    login_from(access, bearer, None).await
}

pub async fn login_from(
    access: &Access,
    bearer: &str,
    address: Option<&str>,
) -> Result<Principal, AuthError> {
    let mut credentials = Credentials::default();
    credentials.bearer = Some(bearer);
    credentials.address = address.map(|address| address.parse().expect("an address"));
    access.authenticate(&credentials).await
}

/// Asserts that the token is refused, and returns the reason. It contains nothing of the token.
#[track_caller]
pub fn refusal(result: Result<Principal, AuthError>, token: &str, what: &str) -> String {
    match result {
        Err(AuthError::Invalid(reason)) => {
            for part in token.split('.').filter(|part| part.len() > 8) {
                assert!(!reason.contains(part), "{what}: {reason}");
            }
            assert!(!reason.contains(logistics_core::text::is_active), "{what}: {reason:?}");
            reason
        }
        other => panic!("{what}: {other:?}"),
    }
}
