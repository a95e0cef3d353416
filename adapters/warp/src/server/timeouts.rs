//! A connection that fails if its client reads nothing, or sends the head of a request too slowly.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::service::Service;
use hyper::{Request, Response};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;

use crate::peer::Peer;

/// Counts the ends of heads and of replies. It is odd from the end of a head to the end of the reply. Bytes that arrive while
/// it is even belong to a head.
type Turns = Arc<AtomicU64>;

/// A stream with time limits. A write fails after it has made no progress for `write_timeout`. A read fails if a head takes
/// longer than `head_timeout`. hyper limits the time between requests; `body.rs` limits the time of a body.
pub(crate) struct TimeoutStream {
    stream: TcpStream,
    write_timeout: Duration,
    /// Runs while a write makes no progress.
    stalled: Option<Pin<Box<Sleep>>>,
    head_timeout: Duration,
    turns: Turns,
    /// The turn in which `head` started.
    turn: u64,
    /// Runs from the first byte of a head to its end.
    head: Option<Pin<Box<Sleep>>>,
}

impl TimeoutStream {
    pub(crate) fn new(stream: TcpStream, write_timeout: Duration, head_timeout: Duration) -> Self {
        let turns = Turns::default();
        Self { stream, write_timeout, stalled: None, head_timeout, turns, turn: 0, head: None }
    }

    /// The service of this connection, wrapped to count the ends of heads and replies, and to attach the peer to each request.
    pub(crate) fn watch<S>(&self, service: S, peer: Peer) -> Watched<S> {
        Watched { service, turns: self.turns.clone(), peer }
    }

    fn limited<T>(&mut self, cx: &mut Context<'_>, result: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if result.is_ready() {
            self.stalled = None;
            return result;
        }
        let timeout = self.write_timeout;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(timeout)));
        ready!(stalled.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "write timeout: the client does not read the reply",
        )))
    }
}

impl AsyncRead for TimeoutStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let turn = self.turns.load(Ordering::Acquire);
        if turn != self.turn {
            (self.turn, self.head) = (turn, None);
        }
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        let arrived = buf.filled().len() > before;
        if arrived && self.head.is_none() && turn.is_multiple_of(2) {
            self.head = Some(Box::pin(tokio::time::sleep(self.head_timeout)));
        }
        // Checked even if bytes arrived: a client could send one byte at a time.
        if let Some(head) = &mut self.head
            && head.as_mut().poll(cx).is_ready()
        {
            let error = io::Error::new(
                io::ErrorKind::TimedOut,
                "head timeout: the request's head did not arrive in time",
            );
            return Poll::Ready(Err(error));
        }
        read
    }
}

impl AsyncWrite for TimeoutStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.limited(cx, result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.limited(cx, result)
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

/// A service that counts the ends of heads and replies of its connection, and attaches the peer to each request.
pub(crate) struct Watched<S> {
    service: S,
    turns: Turns,
    peer: Peer,
}

impl<S, B> Service<Request<Incoming>> for Watched<S>
where
    S: Service<Request<Incoming>, Response = Response<B>>,
    S::Future: Send + 'static,
    S::Error: 'static,
    B: 'static,
{
    type Response = Response<WatchedBody<B>>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        request.extensions_mut().insert(self.peer.clone());
        self.turns.fetch_add(1, Ordering::Release);
        let end = ReplyEnd(self.turns.clone());
        let answer = self.service.call(request);
        Box::pin(async move { Ok(answer.await?.map(|body| WatchedBody { body, _end: end })) })
    }
}

/// The body of a reply. Its drop is the end of the reply.
pub(crate) struct WatchedBody<B> {
    body: B,
    _end: ReplyEnd,
}

/// Counts the end of a reply when dropped.
struct ReplyEnd(Turns);

impl Drop for ReplyEnd {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Release);
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for WatchedBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
