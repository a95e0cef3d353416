//! The service of one connection: it attaches the peer to requests, and follows requests to the end of their replies.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::service::Service;
use hyper::{Request, Response, StatusCode};

use crate::peer::Peer;
use crate::server::streams::{Stream, Streams};
use crate::server::turns::{Turn, Turns};

/// A service that attaches the peer to each request, and follows the requests of its connection.
pub(crate) struct Watched<S> {
    service: S,
    peer: Peer,
    requests: Requests,
}

/// Names the body of warp's replies; warp does not export it.
pub(crate) trait BodyOf {
    type Body;
}

impl<B> BodyOf for Response<B> {
    type Body = B;
}

/// The requests of a connection.
pub(crate) enum Requests {
    /// One at a time.
    Http1(Turns),
    /// Several at a time.
    Http2(Arc<Streams>),
}

/// A request. Its drop is the end of the reply.
enum Running {
    Http1 { turn: Turn },
    Http2(Arc<Stream>),
}

impl Requests {
    fn begin(&self) -> Option<Running> {
        match self {
            Requests::Http1(turns) => Some(Running::Http1 { turn: turns.head() }),
            Requests::Http2(streams) => Some(Running::Http2(Arc::new(streams.open()?))),
        }
    }
}

impl Running {
    /// The connection leaves HTTP behind the reply.
    fn keep(&mut self) {
        if let Running::Http1 { turn } = self {
            turn.keep();
        }
    }

    fn stream(&self) -> Option<&Arc<Stream>> {
        match self {
            Running::Http1 { .. } => None,
            Running::Http2(stream) => Some(stream),
        }
    }
}

impl<S> Watched<S> {
    pub(crate) fn new(service: S, peer: Peer, requests: Requests) -> Self {
        Self { service, peer, requests }
    }
}

impl<S> Service<Request<Incoming>> for Watched<S>
where
    S: Service<Request<Incoming>, Response = warp::reply::Response>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
{
    type Response = Response<WatchedBody<<warp::reply::Response as BodyOf>::Body>>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        let mut running = self.requests.begin();
        // The service answers a refused request at once, and reports it.
        let peer = Peer { is_refused: running.is_none(), ..self.peer.clone() };
        request.extensions_mut().insert(peer);
        let answer = self.service.call(request);
        Box::pin(async move {
            let response = answer.await?;
            if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                running.iter_mut().for_each(Running::keep);
            }
            running.as_ref().and_then(Running::stream).inspect(|stream| stream.progress());
            Ok(response.map(|body| WatchedBody { body, running }))
        })
    }
}

/// The body of a reply.
pub(crate) struct WatchedBody<B> {
    body: B,
    running: Option<Running>,
}

impl<B: Body<Data = Bytes> + Unpin> Body for WatchedBody<B> {
    type Data = WatchedBytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<WatchedBytes>, B::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        let stream = self.running.as_ref().and_then(Running::stream);
        let Poll::Ready(frame) = frame else {
            // hyper asks for a frame only if the client has opened a window.
            stream.inspect(|stream| stream.waits());
            return Poll::Pending;
        };
        stream.inspect(|stream| stream.progress());
        let watched = |bytes| WatchedBytes { bytes, stream: stream.cloned() };
        Poll::Ready(frame.map(|frame| frame.map(|frame| frame.map_data(watched))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Bytes of a reply. hyper advances them as it writes them.
pub(crate) struct WatchedBytes {
    bytes: Bytes,
    stream: Option<Arc<Stream>>,
}

impl Buf for WatchedBytes {
    fn remaining(&self) -> usize {
        self.bytes.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.bytes.chunk()
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
        if let Some(stream) = &self.stream {
            stream.progress();
        }
    }
}
