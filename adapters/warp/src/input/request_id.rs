//! `X-Request-Id`: the name of one HTTP request, in the reply and in the audit trail. It never reaches a record of the log.

use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use warp::reply::Response;

pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

const REQUEST_ID_BYTES_MAX: usize = 128;

/// The client's name for the request, if it is valid; otherwise a new one.
pub(crate) fn of(headers: &HeaderMap) -> HeaderValue {
    let mut values = headers.get_all(&REQUEST_ID).iter();
    let sent = values.next().filter(|value| is_valid(value));
    match (sent, values.next()) {
        (Some(value), None) => value.clone(),
        // Hexadecimal digits are a valid value.
        _ => HeaderValue::from_str(&format!("{:032x}", rand::random::<u128>()))
            .unwrap_or_else(|_| HeaderValue::from_static("")),
    }
}

/// The reply with the name of its request.
pub(crate) fn named(mut response: Response, id: &HeaderValue) -> Response {
    response.headers_mut().insert(REQUEST_ID, id.clone());
    response
}

fn is_valid(value: &HeaderValue) -> bool {
    let bytes = value.as_bytes();
    (1..=REQUEST_ID_BYTES_MAX).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_valid_name_is_kept_and_any_other_is_replaced() {
        let sent = |values: &[&'static str]| {
            let map = values.iter().map(|value| (REQUEST_ID, HeaderValue::from_static(value)));
            of(&map.collect())
        };
        assert_eq!(sent(&["a-1"]), "a-1");
        for replaced in [&[][..], &["a", "b"], &["two words"], &[""]] {
            let id = sent(replaced);
            assert_eq!(id.len(), 32, "{replaced:?}");
            assert_ne!(id, sent(replaced));
        }
    }
}
