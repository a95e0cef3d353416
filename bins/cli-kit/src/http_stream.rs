//! A reply whose body arrives bit by bit.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use hyper::{HeaderMap, StatusCode};

use crate::exit::Failure;
use crate::http::{Client, Reply};

/// Bytes of the body of a refusal.
const REFUSAL_BYTES_MAX: usize = 64 * 1024;

/// A reply whose body has not ended. Dropping it closes its connection.
pub struct ReplyStream {
    base: String,
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    body: Incoming,
    _connection: SendRequest<Full<Bytes>>,
}

impl Client {
    /// Sends a request without a body, and waits for the head of the reply. The reply has a connection of its own.
    ///
    /// # Errors
    /// If the server is unreachable, or closed the connection before it answered.
    pub async fn open(&mut self, path: &str, headers: &[(&str, &str)]) -> Result<ReplyStream, Failure> {
        let request = self.request(hyper::Method::GET, path, headers, Bytes::new())?;
        let mut connection = self.connect().await?;
        let base = self.base().to_string();
        let reply = connection.send_request(request).await;
        let reply = reply.map_err(|error| Failure::unreachable(format!("{base} did not answer: {error}")))?;
        let (head, body) = reply.into_parts();
        Ok(ReplyStream { base, status: head.status, headers: head.headers, body, _connection: connection })
    }
}

impl ReplyStream {
    /// The next bytes of the body; `None` at its end.
    ///
    /// # Errors
    /// If the connection is lost, or no byte arrives for `silence_max`.
    pub async fn next(&mut self, silence_max: Duration) -> Result<Option<Bytes>, Failure> {
        loop {
            let frame = tokio::time::timeout(silence_max, self.body.frame()).await;
            let base = &self.base;
            let Ok(frame) = frame else {
                let seconds = silence_max.as_secs();
                return Err(Failure::unreachable(format!("{base} has sent nothing for {seconds} s")));
            };
            match frame {
                None => return Ok(None),
                Some(Ok(frame)) => {
                    if let Ok(bytes) = frame.into_data() {
                        return Ok(Some(bytes));
                    }
                }
                Some(Err(error)) => {
                    return Err(Failure::unreachable(format!("{base} ended a reply: {error}")));
                }
            }
        }
    }

    /// The complete reply, for a refusal.
    ///
    /// # Errors
    /// If the connection is lost.
    pub async fn complete(self) -> Result<Reply, Failure> {
        let Self { base, status, headers, body, .. } = self;
        let body = Limited::new(body, REFUSAL_BYTES_MAX).collect().await;
        let body = body.map_err(|error| Failure::unreachable(format!("{base} did not answer: {error}")))?;
        Ok(Reply { status, headers, body: body.to_bytes() })
    }
}
