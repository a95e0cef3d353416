//! The bodies of requests and answers.

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;

use crate::options::RESPONSE_BYTES_MAX;

/// The body of a request.
pub(crate) type Body = Full<Bytes>;

/// Reads an answer's body, up to its limit, and keeps its beginning in `excerpt`. Returns its length, if it was read to its end.
pub(crate) async fn read(
    mut body: Incoming,
    excerpt: &mut BytesMut,
    excerpt_bytes_max: usize,
) -> Option<usize> {
    let mut read = 0;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return None };
        let Some(data) = frame.data_ref() else { continue };
        let kept = excerpt_bytes_max.saturating_sub(excerpt.len()).min(data.len());
        excerpt.extend_from_slice(&data[..kept]);
        read += data.len();
        if read > RESPONSE_BYTES_MAX {
            return None;
        }
    }
    Some(read)
}
