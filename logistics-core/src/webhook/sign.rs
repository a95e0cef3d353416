//! The signature of a message.

use super::secret::Secret;
use crate::ids::{MessageId, Timestamp};

/// The header with the message's id, which is the same in every attempt.
pub const ID_HEADER: &str = "webhook-id";
/// The header with the time of the attempt, in seconds since the Unix epoch.
pub const TIMESTAMP_HEADER: &str = "webhook-timestamp";
/// The header with the signatures.
pub const SIGNATURE_HEADER: &str = "webhook-signature";

/// The value of `webhook-signature` (Standard Webhooks 1.0.0): one signature of each secret, separated by spaces. A receiver
/// accepts the message if one of them verifies, so a rotation needs no agreement on a moment.
///
/// `at` is the time of the attempt. The header `webhook-timestamp` must have its seconds.
#[must_use]
pub fn sign<'a>(
    secrets: impl IntoIterator<Item = &'a Secret>,
    id: &MessageId,
    at: Timestamp,
    body: &[u8],
) -> String {
    let head = format!("{id}.{}.", at.as_millis() / 1000);
    let signed = [head.as_bytes(), body];
    let signatures: Vec<String> = secrets.into_iter().map(|secret| secret.signature(&signed)).collect();
    signatures.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::webhook::SecretKind;

    const AT: i64 = 1_614_265_330;

    fn id() -> MessageId {
        MessageId::parse("msg_p5jXN8AQM9LWM0D4loKWxJek").unwrap()
    }

    fn signed(secrets: &[&Secret], body: &str) -> String {
        sign(secrets.iter().copied(), &id(), Timestamp::from_millis(AT * 1000 + 999), body.as_bytes())
    }

    /// The vector of the specification's reference implementations.
    #[test]
    fn hmac_signatures_are_those_of_the_reference() {
        let secret = Secret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signature = signed(&[&secret], r#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn the_reference_crate_signs_alike_with_each_of_two_secrets() {
        let secrets = [1, 2].map(|n| Secret::generate(SecretKind::Hmac, [n; 32]));
        let body = r#"{"type":"logistics.order.delivered","data":{"note":"ü"}}"#;
        let reference = secrets.each_ref().map(|secret| {
            let reference = standardwebhooks::Webhook::new(&secret.expose()).expect("a secret");
            reference.sign(id().as_str(), AT, body.as_bytes()).expect("a signature")
        });
        assert_eq!(signed(&[&secrets[0], &secrets[1]], body), reference.join(" "));
    }

    #[test]
    fn ed25519_signatures_verify_with_the_public_key() {
        use base64::Engine as _;
        use base64::engine::general_purpose::STANDARD;
        use ed25519_dalek::{Signature, Verifier as _, VerifyingKey};

        let secret = Secret::generate(SecretKind::Ed25519, [3; 32]);
        let signature = signed(&[&secret], "{}");
        let bytes = STANDARD.decode(signature.strip_prefix("v1a,").expect("an Ed25519 signature")).unwrap();
        let public = secret.for_receiver();
        let public = STANDARD.decode(public.strip_prefix("whpk_").expect("a public key")).unwrap();
        let public = VerifyingKey::from_bytes(&public.try_into().expect("32 bytes")).unwrap();
        let signature = Signature::from_slice(&bytes).unwrap();
        let text = format!("{}.{AT}.{{}}", id());
        assert!(public.verify(text.as_bytes(), &signature).is_ok());
        assert!(public.verify(b"other", &signature).is_err());
    }

    #[test]
    fn without_a_secret_there_is_no_signature() {
        assert_eq!(signed(&[], "{}"), "");
    }
}
