//! The body of a stream: it ends with the stream, the caller's credential or the server.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::Stream;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use logistics_service::{LiveEnd, Principal, StreamPermit};
use tokio::time::{Instant, Sleep};
use tokio_util::sync::WaitForCancellationFutureOwned;
use warp::reply::{Reply, Response};

use crate::context::Context;
use crate::live::frame;
use crate::live::source::{Next, Source};

/// Tells nginx to pass each event on at once.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// The reply with the events of this stream.
pub(crate) fn reply(context: &Context, caller: &Principal, permit: StreamPermit, source: Source) -> Response {
    let heartbeat = Duration::from_millis(context.config.heartbeat_ms.max(1));
    let now = Instant::now();
    let expires = caller.expires_in(context.service.clock().now()).and_then(|left| now.checked_add(left));
    // A part of the interval, so that the heartbeats of clients that came together are spread.
    let next_heartbeat = now + heartbeat.mul_f64(rand::random());
    let body = Body {
        source,
        permit,
        heartbeat,
        next_heartbeat,
        expires,
        timer: Box::pin(tokio::time::sleep_until(
            expires.map_or(next_heartbeat, |at| at.min(next_heartbeat)),
        )),
        closing: Box::pin(context.closing.clone().cancelled_owned()),
        state: State::New,
    };
    let mut response = warp::reply::stream(Shareable(Mutex::new(body))).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(frame::CONTENT_TYPE));
    headers.insert(X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
    response
}

struct Body {
    source: Source,
    permit: StreamPermit,
    heartbeat: Duration,
    next_heartbeat: Instant,
    /// The caller's credential expires.
    expires: Option<Instant>,
    /// Elapses at the next heartbeat or when the credential expires.
    timer: Pin<Box<Sleep>>,
    /// The server stops.
    closing: Pin<Box<WaitForCancellationFutureOwned>>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    Open,
    Ended,
}

/// warp requires bodies that threads can share, although only one polls a body.
struct Shareable(Mutex<Body>);

impl Stream for Shareable {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        let body = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        body.poll(cx).map(|text| text.map(Ok))
    }
}

impl Body {
    fn poll(&mut self, cx: &mut TaskContext<'_>) -> Poll<Option<Bytes>> {
        match self.state {
            State::Ended => return Poll::Ready(None),
            State::New => {
                self.state = State::Open;
                return Poll::Ready(Some(frame::retry()));
            }
            State::Open => {}
        }
        if self.expires.is_some_and(|at| at <= Instant::now()) {
            return self.ended(frame::expired());
        }
        match self.source.poll(cx, &self.permit) {
            Poll::Ready(Next::Text(text)) => return Poll::Ready(Some(text)),
            Poll::Ready(Next::Last(text)) => return self.ended(text),
            Poll::Pending => {}
        }
        if self.closing.as_mut().poll(cx).is_ready() {
            return self.ended(frame::ended(LiveEnd::ShuttingDown));
        }
        if self.timer.as_mut().poll(cx).is_ready() {
            return self.elapsed(cx);
        }
        Poll::Pending
    }

    /// Ends the stream behind this text.
    fn ended(&mut self, text: Bytes) -> Poll<Option<Bytes>> {
        self.state = State::Ended;
        Poll::Ready(Some(text).filter(|text| !text.is_empty()))
    }

    /// The timer has elapsed.
    fn elapsed(&mut self, cx: &mut TaskContext<'_>) -> Poll<Option<Bytes>> {
        let now = Instant::now();
        if self.expires.is_some_and(|at| at <= now) {
            return self.ended(frame::expired());
        }
        self.next_heartbeat = now + self.heartbeat;
        let next = self.expires.map_or(self.next_heartbeat, |at| at.min(self.next_heartbeat));
        self.timer.as_mut().reset(next);
        // Registers the task for the next heartbeat.
        let _ = self.timer.as_mut().poll(cx);
        Poll::Ready(Some(frame::HEARTBEAT))
    }
}
