//! Finds the version of HTTP that a client speaks from its first bytes.

use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::{Instant, timeout, timeout_at};

use crate::server::head::too_slow;

/// The first bytes of every HTTP/2 connection (RFC 9113, section 3.4). They are no request of HTTP/1.
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Room for a usual head, so that one read takes all of it.
const FIRST_READ_BYTES: usize = 2 * 1024;

/// The version of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    Http1,
    Http2,
}

/// The start of a connection.
pub(crate) struct Start {
    pub(crate) version: Version,
    /// The bytes that were read.
    pub(crate) bytes: Bytes,
    /// The end of the time limit of the head that they begin.
    pub(crate) deadline: Instant,
}

/// Reads as much as it takes to tell HTTP/2 with prior knowledge from HTTP/1. `None`: the client closed the connection, or was
/// idle.
///
/// # Errors
/// If the first bytes arrive too slowly, and those of the connection.
pub(crate) async fn start<S: AsyncRead + Unpin>(
    stream: &mut S,
    idle: Duration,
    head: Duration,
) -> io::Result<Option<Start>> {
    let mut bytes = BytesMut::with_capacity(FIRST_READ_BYTES);
    let first = timeout(idle, stream.read_buf(&mut bytes)).await;
    if !matches!(first, Ok(Ok(1..))) {
        return first.unwrap_or(Ok(0)).map(|_| None);
    }
    let deadline = Instant::now() + head;
    loop {
        let compared = PREFACE.len().min(bytes.len());
        let http2 = bytes[..compared] == PREFACE[..compared];
        if !http2 || compared == PREFACE.len() {
            let version = if http2 { Version::Http2 } else { Version::Http1 };
            return Ok(Some(Start { version, bytes: bytes.freeze(), deadline }));
        }
        let more = timeout_at(deadline, stream.read_buf(&mut bytes)).await;
        if more.map_err(|_| too_slow())?? == 0 {
            return Ok(None);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use tokio::io::ReadBuf;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn the_first_bytes_show_the_version_and_are_kept() {
        for (sent, version) in [
            (&b"GET / HTTP/1.1\r\n"[..], Version::Http1),
            (b"P", Version::Http1),
            (b"PR", Version::Http1),
            (b"POST / HTTP/1.1\r\n", Version::Http1),
            (b"PRI * HTTP/1.1\r\n\r\n", Version::Http1),
            (PREFACE, Version::Http2),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0", Version::Http2),
        ] {
            let mut stream = Trickle(sent);
            let start = start(&mut stream, LIMIT, LIMIT).await.expect("no error");
            match start {
                Some(start) => assert_eq!((start.version, sent.starts_with(&start.bytes)), (version, true)),
                // The connection ended before its first bytes were a version.
                None => assert!(PREFACE.starts_with(sent), "{sent:?}"),
            }
        }
        assert!(start(&mut &b""[..], LIMIT, LIMIT).await.expect("no error").is_none());
    }

    /// A stream of bytes that arrive one by one.
    struct Trickle<'a>(&'a [u8]);

    impl AsyncRead for Trickle<'_> {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            if let Some((first, rest)) = self.0.split_first() {
                buf.put_slice(&[*first]);
                self.0 = rest;
            }
            Poll::Ready(Ok(()))
        }
    }
}
