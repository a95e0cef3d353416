//! The secrets that sign messages.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signer as _, SigningKey};
use hmac::{Hmac, Mac as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::limits::{WEBHOOK_SECRET_BYTES_MAX, WEBHOOK_SECRET_BYTES_MIN};
use crate::named::named;

const HMAC_PREFIX: &str = "whsec_";
const PRIVATE_PREFIX: &str = "whsk_";
const PUBLIC_PREFIX: &str = "whpk_";
const SEALED_PREFIX: &str = "sealed:";

named! {
    /// How an endpoint's messages are signed.
    #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
    #[non_exhaustive]
    pub enum SecretKind {
        /// HMAC-SHA256 with a shared secret: `whsec_`, signatures `v1,`.
        #[default]
        Hmac => "hmac-sha256",
        /// Ed25519 with a private key, so that the receiver holds the public key only: `whsk_`, signatures `v1a,`.
        Ed25519 => "ed25519",
    }
    /// The name in the API.
    pub fn name;
}

impl SecretKind {
    /// The kind with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<SecretKind> {
        SecretKind::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// A text is no secret of Standard Webhooks. The error contains nothing of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[error(
    "secret must be whsec_ and the base64 of {WEBHOOK_SECRET_BYTES_MIN} to {WEBHOOK_SECRET_BYTES_MAX} bytes, or whsk_ and \
     the base64 of an Ed25519 private key"
)]
#[non_exhaustive]
pub struct InvalidSecret;

/// A secret that signs messages. Its memory is overwritten when the last copy is dropped. `Debug` shows its kind only, and there
/// is no `Display`: [`Secret::expose`] is the one way to its text.
#[derive(Clone)]
pub struct Secret(Key);

#[derive(Clone)]
enum Key {
    Hmac(Arc<Zeroizing<Vec<u8>>>),
    Ed25519(Arc<SigningKey>),
}

impl Secret {
    /// Parses `whsec_` and the base64 of 24 to 64 bytes, or `whsk_` and the base64 of an Ed25519 private key: 32 bytes, or 64
    /// with its public key.
    ///
    /// # Errors
    /// [`InvalidSecret`] for any other text.
    pub fn parse(text: &str) -> Result<Self, InvalidSecret> {
        let decode = |base64: &str| STANDARD.decode(base64).map(Zeroizing::new).map_err(|_| InvalidSecret);
        if let Some(base64) = text.strip_prefix(HMAC_PREFIX) {
            let bytes = decode(base64)?;
            if !(WEBHOOK_SECRET_BYTES_MIN..=WEBHOOK_SECRET_BYTES_MAX).contains(&bytes.len()) {
                return Err(InvalidSecret);
            }
            return Ok(Self(Key::Hmac(Arc::new(bytes))));
        }
        let bytes = decode(text.strip_prefix(PRIVATE_PREFIX).ok_or(InvalidSecret)?)?;
        let (seed, public) = bytes.split_first_chunk::<32>().ok_or(InvalidSecret)?;
        let key = SigningKey::from_bytes(seed);
        if !public.is_empty() && public != key.verifying_key().as_bytes() {
            return Err(InvalidSecret);
        }
        Ok(Self(Key::Ed25519(Arc::new(key))))
    }

    /// A new secret of this kind from 32 random bytes.
    #[must_use]
    pub fn generate(kind: SecretKind, random: [u8; 32]) -> Self {
        let random = Zeroizing::new(random);
        Self(match kind {
            SecretKind::Hmac => Key::Hmac(Arc::new(Zeroizing::new(random.to_vec()))),
            SecretKind::Ed25519 => Key::Ed25519(Arc::new(SigningKey::from_bytes(&random))),
        })
    }

    /// How it signs.
    #[must_use]
    pub fn kind(&self) -> SecretKind {
        match &self.0 {
            Key::Hmac(_) => SecretKind::Hmac,
            Key::Ed25519(_) => SecretKind::Ed25519,
        }
    }

    /// Its text, `whsec_...` or `whsk_...`, for a record that is protected like the secret itself. A receiver needs
    /// [`Secret::for_receiver`].
    #[must_use]
    pub fn expose(&self) -> Zeroizing<String> {
        Zeroizing::new(match &self.0 {
            Key::Hmac(bytes) => format!("{HMAC_PREFIX}{}", STANDARD.encode(bytes.as_slice())),
            Key::Ed25519(key) => format!("{PRIVATE_PREFIX}{}", STANDARD.encode(key.to_keypair_bytes())),
        })
    }

    /// What a receiver verifies with: the secret itself, `whsec_...`, or the public key, `whpk_...`. Show it once only.
    #[must_use]
    pub fn for_receiver(&self) -> Zeroizing<String> {
        match &self.0 {
            Key::Hmac(_) => self.expose(),
            Key::Ed25519(key) => {
                let public = STANDARD.encode(key.verifying_key().as_bytes());
                Zeroizing::new(format!("{PUBLIC_PREFIX}{public}"))
            }
        }
    }

    /// One signature of the header `webhook-signature`: the version, a comma and the base64.
    pub(super) fn signature(&self, signed: &[&[u8]]) -> String {
        match &self.0 {
            Key::Hmac(bytes) => {
                // HMAC takes a key of any length.
                let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(bytes) else { return String::new() };
                signed.iter().for_each(|part| mac.update(part));
                format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
            }
            Key::Ed25519(key) => {
                format!("v1a,{}", STANDARD.encode(key.sign(&signed.concat()).to_bytes()))
            }
        }
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Key::Hmac(a), Key::Hmac(b)) => a == b,
            (Key::Ed25519(a), Key::Ed25519(b)) => a == b,
            _ => false,
        }
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({}, hidden)", self.kind())
    }
}

/// A secret that an adapter has encrypted: the id of the key, and the encrypted bytes. The core does not read them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SealedSecret {
    /// The id of the key: letters and digits.
    pub key_id: String,
    /// Whatever the adapter needs to decrypt it.
    pub bytes: Vec<u8>,
}

/// A secret in the log: readable, or sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoredSecret {
    /// Readable: `whsec_...` or `whsk_...`.
    Open(Secret),
    /// Sealed: `sealed:<key id>:<base64>`.
    Sealed(SealedSecret),
}

impl StoredSecret {
    /// The secret, if it is readable.
    #[must_use]
    pub fn open(&self) -> Option<&Secret> {
        match self {
            StoredSecret::Open(secret) => Some(secret),
            StoredSecret::Sealed(_) => None,
        }
    }

    fn parse(text: &str) -> Result<Self, InvalidSecret> {
        let Some(sealed) = text.strip_prefix(SEALED_PREFIX) else {
            return Secret::parse(text).map(StoredSecret::Open);
        };
        let (key_id, base64) = sealed.split_once(':').ok_or(InvalidSecret)?;
        let is_id = !key_id.is_empty() && key_id.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let bytes = STANDARD.decode(base64).map_err(|_| InvalidSecret)?;
        let sealed = is_id.then(|| SealedSecret { key_id: key_id.to_owned(), bytes });
        sealed.map(StoredSecret::Sealed).ok_or(InvalidSecret)
    }
}

/// For records of the log only.
impl Serialize for StoredSecret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            StoredSecret::Open(secret) => serializer.serialize_str(&secret.expose()),
            StoredSecret::Sealed(SealedSecret { key_id, bytes }) => {
                serializer.collect_str(&format_args!("{SEALED_PREFIX}{key_id}:{}", STANDARD.encode(bytes)))
            }
        }
    }
}

impl<'de> Deserialize<'de> for StoredSecret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        Self::parse(&text).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_survives_its_text_and_every_other_text_is_rejected() {
        for kind in SecretKind::ALL {
            let secret = Secret::generate(kind, [7; 32]);
            assert_eq!(Secret::parse(&secret.expose()), Ok(secret.clone()));
            assert_eq!(secret.kind(), kind);
            assert_eq!(SecretKind::from_name(kind.name()), Some(kind));
        }
        let seed_alone = format!("whsk_{}", STANDARD.encode([7; 32]));
        assert_eq!(Secret::parse(&seed_alone), Ok(Secret::generate(SecretKind::Ed25519, [7; 32])));
        let of = |prefix: &str, bytes: usize| format!("{prefix}{}", STANDARD.encode(vec![7; bytes]));
        assert!(Secret::parse(&of("whsec_", 24)).is_ok() && Secret::parse(&of("whsec_", 64)).is_ok());
        for wrong in [
            "".to_owned(),
            "whsec_".to_owned(),
            "whsec_!".to_owned(),
            STANDARD.encode([7; 32]),
            of("whsec_", 23),
            of("whsec_", 65),
            of("whsk_", 31),
            of("whsk_", 33),
            of("whsk_", 64),
            of("whpk_", 32),
        ] {
            assert_eq!(Secret::parse(&wrong), Err(InvalidSecret), "{wrong}");
        }
    }

    #[test]
    fn no_output_but_the_explicit_one_contains_a_secret() {
        for kind in SecretKind::ALL {
            let secret = Secret::generate(kind, [7; 32]);
            let shown = format!("{secret:?} {:?} {}", StoredSecret::Open(secret.clone()), InvalidSecret);
            assert!(!shown.contains(&secret.expose()[8..20]), "{shown}");
        }
        let public = Secret::generate(SecretKind::Ed25519, [7; 32]).for_receiver();
        assert!(public.starts_with("whpk_") && public.len() == 5 + 44, "{}", *public);
    }

    #[test]
    fn a_sealed_secret_survives_its_record() {
        let sealed = SealedSecret { key_id: "4bb06f8e".to_owned(), bytes: vec![1, 2, 255] };
        let json = serde_json::to_string(&StoredSecret::Sealed(sealed.clone())).unwrap();
        assert_eq!(json, r#""sealed:4bb06f8e:AQL/""#);
        assert_eq!(serde_json::from_str::<StoredSecret>(&json).unwrap(), StoredSecret::Sealed(sealed));
        for wrong in [r#""sealed:""#, r#""sealed::AQ==""#, r#""sealed:a b:AQ==""#, r#""sealed:a:!""#, "7"] {
            assert!(serde_json::from_str::<StoredSecret>(wrong).is_err(), "{wrong}");
        }
    }
}
