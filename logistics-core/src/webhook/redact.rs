//! Records of endpoints without their secrets.

use bytes::Bytes;

/// Replaces a secret.
const REDACTED: &[u8] = b"redacted";

/// The payload without what follows `whsec_` and `whsk_`, for logs and pages. It does not depend on the layout of the record. A
/// sealed secret stays, because it is of no use without the key.
#[must_use]
pub fn redacted(payload: &Bytes) -> Bytes {
    let mut rest: &[u8] = payload;
    let mut written: Option<Vec<u8>> = None;
    while let Some(at) = secret_at(rest) {
        let written = written.get_or_insert_default();
        written.extend_from_slice(&rest[..at]);
        written.extend_from_slice(REDACTED);
        rest = &rest[at..];
        let end = rest.iter().position(|byte| !is_base64(*byte)).unwrap_or(rest.len());
        rest = &rest[end..];
    }
    match written {
        Some(mut written) => {
            written.extend_from_slice(rest);
            Bytes::from(written)
        }
        None => payload.clone(),
    }
}

/// The position behind the prefix of the first secret that is not redacted yet.
fn secret_at(bytes: &[u8]) -> Option<usize> {
    let prefixes: [&[u8]; 2] = [b"whsec_", b"whsk_"];
    let ends = prefixes.iter().filter_map(|prefix| {
        let at = bytes.windows(prefix.len()).position(|window| window == *prefix)?;
        Some(at + prefix.len())
    });
    ends.min()
}

fn is_base64(byte: u8) -> bool {
    // A JSON encoder may escape the slash.
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'\\' | b'-' | b'_' | b'=')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_secrets_are_replaced() {
        let redact = |text: &'static str| {
            String::from_utf8(redacted(&Bytes::from_static(text.as_bytes())).to_vec()).unwrap()
        };
        assert_eq!(redact(r#"{"secret":"whsec_MfKQ9r8+/x=="}"#), r#"{"secret":"whsec_redacted"}"#);
        assert_eq!(redact(r#"{ "secret" : "whsk_ab\/c", "x":1}"#), r#"{ "secret" : "whsk_redacted", "x":1}"#);
        assert_eq!(redact("whsk_a whsec_b"), "whsk_redacted whsec_redacted");
        assert_eq!(redact("whsec_"), "whsec_redacted");
        let plain = r#"{"secret":"sealed:4bb06f8e:AQL/","public":"whpk_a"}"#;
        assert_eq!(redact(plain), plain);
    }
}
