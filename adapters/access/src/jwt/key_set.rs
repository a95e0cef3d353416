//! Public keys that verify tokens: one algorithm per key.

use std::collections::BTreeMap;
use std::fmt;

use jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::token::KID_BYTES_MAX;

/// Bits of an RSA modulus. The library verifies with at most 4096.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=4096;

/// Keys that are tried for a token without a matching `kid`. Each costs a verification.
const CANDIDATES_MAX: usize = 4;

/// An algorithm of signatures. There is no symmetric one: a verifier could sign with its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum JwtAlgorithm {
    /// RSA PKCS#1 v1.5 with SHA-256.
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

impl JwtAlgorithm {
    /// All algorithms.
    pub const ALL: [JwtAlgorithm; 3] = [JwtAlgorithm::Rs256, JwtAlgorithm::Es256, JwtAlgorithm::EdDsa];

    /// The value of `alg`. Case counts.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            JwtAlgorithm::Rs256 => "RS256",
            JwtAlgorithm::Es256 => "ES256",
            JwtAlgorithm::EdDsa => "EdDSA",
        }
    }

    /// The algorithm with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    fn implemented(self) -> Algorithm {
        match self {
            JwtAlgorithm::Rs256 => Algorithm::RS256,
            JwtAlgorithm::Es256 => Algorithm::ES256,
            JwtAlgorithm::EdDsa => Algorithm::EdDSA,
        }
    }

    fn of_jwk(jwk: &Jwk) -> Option<Self> {
        let of_type = match &jwk.algorithm {
            AlgorithmParameters::RSA(_) => JwtAlgorithm::Rs256,
            AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
                JwtAlgorithm::Es256
            }
            AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
                JwtAlgorithm::EdDsa
            }
            _ => return None,
        };
        let named = match jwk.common.key_algorithm {
            None => Some(of_type),
            Some(KeyAlgorithm::RS256) => Some(JwtAlgorithm::Rs256),
            Some(KeyAlgorithm::ES256) => Some(JwtAlgorithm::Es256),
            Some(KeyAlgorithm::EdDSA) => Some(JwtAlgorithm::EdDsa),
            Some(_) => None,
        };
        named.filter(|named| *named == of_type)
    }
}

/// A public key with its algorithm.
pub(super) struct VerifyingKey {
    kid: Option<String>,
    algorithm: JwtAlgorithm,
    key: DecodingKey,
}

impl VerifyingKey {
    /// Whether the signature is this key's. The caller selects the key by the token's algorithm.
    pub(super) fn verifies(&self, message: &str, signature: &str) -> bool {
        let algorithm = self.algorithm.implemented();
        jsonwebtoken::crypto::verify(signature, message.as_bytes(), &self.key, algorithm).unwrap_or(false)
    }

    /// The key if the library can use it, and it is strong enough.
    fn checked(kid: Option<String>, algorithm: JwtAlgorithm, key: DecodingKey) -> Option<Self> {
        let usable = match (algorithm, key.kind()) {
            (JwtAlgorithm::Rs256, DecodingKeyKind::RsaModulusExponent { n, e }) => is_strong_rsa(n, e),
            (JwtAlgorithm::Rs256, DecodingKeyKind::SecretOrDer(der)) => {
                (DEFAULT_PROVIDER.key_utils.rsa_pub_components_from_public_key)(der)
                    .is_ok_and(|(n, e)| is_strong_rsa(&n, &e))
            }
            // The library cuts a longer key and panics with a shorter one.
            (JwtAlgorithm::EdDsa, DecodingKeyKind::SecretOrDer(key)) => key.len() == 32,
            (JwtAlgorithm::Es256, DecodingKeyKind::SecretOrDer(_)) => true,
            _ => false,
        };
        let key = Self { kid, algorithm, key };
        // Parses the key. The signature is empty, so the result is false.
        let parses = || jsonwebtoken::crypto::verify("", b"", &key.key, algorithm.implemented()).is_ok();
        (usable && parses()).then_some(key)
    }
}

fn is_strong_rsa(n: &[u8], e: &[u8]) -> bool {
    let n = significant(n);
    let bits = n.first().map_or(0, |first| n.len() * 8 - first.leading_zeros() as usize);
    let e = significant(e);
    let is_exponent = e != [1] && e.len() <= 4 && e.last().is_some_and(|last| last % 2 == 1);
    RSA_BITS.contains(&bits) && is_exponent
}

fn significant(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
}

/// The keys of one issuer, never empty.
pub(super) struct KeySet {
    keys: Vec<VerifyingKey>,
    /// The SHA-256 of the text. Two sets with one digest are equal.
    pub(super) digest: [u8; 32],
}

/// Why a text contains no key to use. Contains nothing of the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum InvalidKeys {
    #[error("it is neither a JWK, a JWK set nor a public key in PEM")]
    Malformed,
    #[error("it contains a private key; give the public key only")]
    Private,
    #[error(
        "it contains no key for {0}, used for signatures, with RSA of 2048 to 4096 bits and each kid once"
    )]
    NoUsableKey(String),
}

#[derive(Deserialize)]
struct JwkSet {
    keys: Vec<Value>,
}

impl KeySet {
    /// The keys in a JWK set (RFC 7517, 5). Keys of other types and uses are skipped.
    pub(super) fn from_jwks(text: &[u8], algorithms: &[JwtAlgorithm]) -> Result<Self, InvalidKeys> {
        let set: JwkSet = serde_json::from_slice(text).map_err(|_| InvalidKeys::Malformed)?;
        let keys = set.keys.into_iter().filter_map(|key| of_jwk(key, algorithms)).collect();
        Self::new(text, keys, algorithms)
    }

    /// The keys in a file: a JWK set, a JWK, or one or several public keys or certificates in PEM.
    pub(super) fn from_file(text: &[u8], algorithms: &[JwtAlgorithm]) -> Result<Self, InvalidKeys> {
        if let Ok(json) = serde_json::from_slice::<Value>(text) {
            if json.get("keys").is_some() {
                return Self::from_jwks(text, algorithms);
            }
            return Self::new(text, of_jwk(json, algorithms).into_iter().collect(), algorithms);
        }
        let text = std::str::from_utf8(text).map_err(|_| InvalidKeys::Malformed)?;
        if text.contains("PRIVATE KEY-----") {
            return Err(InvalidKeys::Private);
        }
        let blocks: Vec<_> = text.match_indices("-----BEGIN ").map(|(at, _)| &text[at..]).collect();
        if blocks.is_empty() {
            return Err(InvalidKeys::Malformed);
        }
        let keys = blocks.into_iter().filter_map(|block| of_pem(block, algorithms)).collect();
        Self::new(text.as_bytes(), keys, algorithms)
    }

    fn new(
        text: &[u8],
        mut keys: Vec<VerifyingKey>,
        algorithms: &[JwtAlgorithm],
    ) -> Result<Self, InvalidKeys> {
        let mut occurrences = BTreeMap::<String, usize>::new();
        for kid in keys.iter().filter_map(|key| key.kid.clone()) {
            *occurrences.entry(kid).or_default() += 1;
        }
        // Which of the two is meant is unknown.
        keys.retain(|key| key.kid.as_ref().is_none_or(|kid| occurrences.get(kid) == Some(&1)));
        if keys.is_empty() {
            let names: Vec<_> = algorithms.iter().map(|algorithm| algorithm.name()).collect();
            return Err(InvalidKeys::NoUsableKey(names.join(" or ")));
        }
        Ok(Self { keys, digest: Sha256::digest(text).into() })
    }

    /// Whether a token with this `kid` has a key. A key without a `kid` is one for every token.
    pub(super) fn knows(&self, kid: &str) -> bool {
        self.keys.iter().any(|key| key.kid.as_deref().is_none_or(|own| own == kid))
    }

    /// The keys that may have signed a token with this header. A `kid` selects its key. Keys without a `kid`, and all keys for a
    /// token without one, are selected by the algorithm.
    pub(super) fn candidates(&self, kid: Option<&str>, algorithm: JwtAlgorithm) -> Vec<&VerifyingKey> {
        let matches = |key: &&VerifyingKey| match (kid, key.kid.as_deref()) {
            (Some(kid), Some(own)) => kid == own,
            _ => true,
        };
        let named: Vec<_> = self.keys.iter().filter(matches).collect();
        let exact: Vec<_> = named.iter().copied().filter(|key| kid.is_some() && key.kid.is_some()).collect();
        let mut keys = if exact.is_empty() { named } else { exact };
        keys.retain(|key| key.algorithm == algorithm);
        keys.truncate(CANDIDATES_MAX);
        keys
    }
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kids: Vec<_> = self.keys.iter().map(|key| (&key.kid, key.algorithm)).collect();
        f.debug_struct("KeySet").field("keys", &kids).finish_non_exhaustive()
    }
}

fn of_jwk(key: Value, algorithms: &[JwtAlgorithm]) -> Option<VerifyingKey> {
    let jwk: Jwk = serde_json::from_value(key).ok()?;
    let is_for_signatures = matches!(jwk.common.public_key_use, None | Some(PublicKeyUse::Signature));
    let algorithm = JwtAlgorithm::of_jwk(&jwk).filter(|algorithm| algorithms.contains(algorithm))?;
    let kid = jwk.common.key_id.clone();
    let is_kid = kid.as_ref().is_none_or(|kid| (1..=KID_BYTES_MAX).contains(&kid.len()));
    if !is_for_signatures || !is_kid {
        return None;
    }
    VerifyingKey::checked(kid, algorithm, DecodingKey::from_jwk(&jwk).ok()?)
}

fn of_pem(block: &str, algorithms: &[JwtAlgorithm]) -> Option<VerifyingKey> {
    algorithms.iter().find_map(|algorithm| {
        let key = match algorithm {
            JwtAlgorithm::Rs256 => DecodingKey::from_rsa_pem(block.as_bytes()),
            JwtAlgorithm::Es256 => DecodingKey::from_ec_pem(block.as_bytes()),
            JwtAlgorithm::EdDsa => DecodingKey::from_ed_pem(block.as_bytes()),
        };
        VerifyingKey::checked(None, *algorithm, key.ok()?)
    })
}
