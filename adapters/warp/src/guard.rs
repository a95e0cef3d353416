//! A connection that gives up on a client which takes nothing, or which is slow with the head of a request.

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

/// Counts the ends of heads and of replies: odd within a request, from the end of its head to the end of its reply. What
/// arrives while it is even belongs to a head.
type Turns = Arc<AtomicU64>;

/// A stream whose writes fail once nothing could be written for `patience`, and whose reads fail once a head has been under
/// way for `head_patience`. (Hyper bounds the time between requests; the body of a request is bounded where it is read.)
pub(crate) struct Impatient {
    stream: TcpStream,
    patience: Duration,
    /// Runs while the client takes nothing.
    stalled: Option<Pin<Box<Sleep>>>,
    head_patience: Duration,
    turns: Turns,
    /// The turn in which `head` began to run.
    turn: u64,
    /// Runs from the first byte of a head to its end.
    head: Option<Pin<Box<Sleep>>>,
}

impl Impatient {
    pub(crate) fn new(stream: TcpStream, patience: Duration, head_patience: Duration) -> Self {
        Self { stream, patience, stalled: None, head_patience, turns: Turns::default(), turn: 0, head: None }
    }

    /// The service of this connection, which sees where heads and replies end.
    pub(crate) fn watch<S>(&self, service: S) -> Watched<S> {
        Watched { service, turns: self.turns.clone() }
    }

    fn bounded<T>(&mut self, cx: &mut Context<'_>, result: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if result.is_ready() {
            self.stalled = None;
            return result;
        }
        let patience = self.patience;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(patience)));
        ready!(stalled.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client takes nothing of the reply")))
    }
}

impl AsyncRead for Impatient {
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
            self.head = Some(Box::pin(tokio::time::sleep(self.head_patience)));
        }
        // Also where bytes arrive: a client that sends one at a time is slow all the same.
        if let Some(head) = &mut self.head
            && head.as_mut().poll(cx).is_ready()
        {
            let error = io::Error::new(io::ErrorKind::TimedOut, "the head of a request is not there in time");
            return Poll::Ready(Err(error));
        }
        read
    }
}

impl AsyncWrite for Impatient {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.bounded(cx, result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.bounded(cx, result)
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

/// A service that marks when its connection is within a request.
pub(crate) struct Watched<S> {
    service: S,
    turns: Turns,
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

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        self.turns.fetch_add(1, Ordering::Release);
        let over = Over(self.turns.clone());
        let answer = self.service.call(request);
        Box::pin(async move { Ok(answer.await?.map(|body| WatchedBody { body, _over: over })) })
    }
}

/// The body of a reply; the request is over once it is dropped.
pub(crate) struct WatchedBody<B> {
    body: B,
    _over: Over,
}

struct Over(Turns);

impl Drop for Over {
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
