//! A connection that fails if its client sends the head of a request too slowly.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use crate::server::frames::Frames;
use crate::server::turns::Turns;

/// What belongs to a head.
pub(crate) enum Rule {
    /// HTTP/1: everything from the end of a reply, or from the start, to the end of a head.
    Turns {
        turns: Turns,
        /// The turn in which the time limit started.
        turn: u64,
    },
    /// HTTP/2: the preface, a frame, and a block of headers in several frames.
    Frames(Frames),
}

/// A stream whose reads fail if a head takes longer than `timeout`. The limits of idle connections and of bodies are elsewhere.
pub(crate) struct HeadTimeout<S> {
    stream: S,
    /// Bytes that were read to find the version of HTTP. They are read again.
    prefix: Bytes,
    timeout: Duration,
    rule: Rule,
    /// Runs from the first byte of a head to its end.
    head: Option<Pin<Box<Sleep>>>,
}

impl<S> HeadTimeout<S> {
    /// `deadline`: the end of the time limit of a head that has begun.
    pub(crate) fn new(
        stream: S,
        prefix: Bytes,
        timeout: Duration,
        rule: Rule,
        deadline: Option<Instant>,
    ) -> Self {
        let head = deadline.map(|deadline| Box::pin(tokio::time::sleep_until(deadline)));
        Self { stream, prefix, timeout, rule, head }
    }

    fn replay(&mut self, buf: &mut ReadBuf<'_>) {
        let length = self.prefix.len().min(buf.remaining());
        buf.put_slice(&self.prefix[..length]);
        self.prefix.advance(length);
        if self.prefix.is_empty() {
            // Frees the buffer.
            self.prefix = Bytes::new();
        }
    }

    /// Starts and stops the time limit. `arrived`: the bytes of this read.
    fn follow(&mut self, arrived: &[u8]) {
        let begins = match &mut self.rule {
            Rule::Turns { turn, .. } => !arrived.is_empty() && turn.is_multiple_of(2),
            Rule::Frames(frames) => {
                // A later frame has its own time.
                if frames.pass(arrived) {
                    self.head = None;
                }
                frames.is_open()
            }
        };
        if begins && self.head.is_none() {
            self.head = Some(Box::pin(tokio::time::sleep(self.timeout)));
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for HeadTimeout<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if let Rule::Turns { turns, turn } = &mut this.rule {
            let now = turns.count();
            if now != *turn {
                (*turn, this.head) = (now, None);
            }
        }
        let before = buf.filled().len();
        let read = if this.prefix.is_empty() {
            Pin::new(&mut this.stream).poll_read(cx, buf)
        } else {
            this.replay(buf);
            Poll::Ready(Ok(()))
        };
        this.follow(&buf.filled()[before..]);
        // Checked even if bytes arrived: a client could send one byte at a time.
        if let Some(head) = &mut this.head
            && head.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(Err(too_slow()));
        }
        read
    }
}

pub(crate) fn too_slow() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "head timeout: the request's head did not arrive in time")
}

impl<S: AsyncWrite + Unpin> AsyncWrite for HeadTimeout<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
