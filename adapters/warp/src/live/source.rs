//! The events of a stream, as text.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures::Stream;
use logistics_core::Version;
use logistics_service::{AllStream, LiveEnd, LiveEvent, OrderStream, StreamPermit};

use crate::live::frame;

/// Where the events of a stream come from.
#[allow(
    clippy::large_enum_variant,
    reason = "most streams are of one order, and a box would be one more allocation of each"
)]
pub(crate) enum Source {
    /// One order. The id of an event is its version.
    Order {
        stream: OrderStream,
        /// The version of the last event.
        version: Version,
    },
    /// Every order that the caller sees. The id of an event is a position.
    All(AllStream),
}

/// The next text of a stream.
pub(crate) enum Next {
    Text(Bytes),
    /// The stream ends behind this text, which may be empty.
    Last(Bytes),
}

impl Source {
    pub(crate) fn of_order(stream: OrderStream) -> Self {
        Self::Order { version: stream.resumes_from(), stream }
    }

    /// `permit`: counts what is sent.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, permit: &StreamPermit) -> Poll<Next> {
        match self {
            Source::Order { stream, version } => {
                let Some(event) = ready!(Pin::new(stream).poll_next(cx)) else {
                    return Poll::Ready(Next::Last(Bytes::new()));
                };
                permit.sent(&event);
                Poll::Ready(of_order(&event, version))
            }
            Source::All(stream) => {
                let Some(item) = ready!(Pin::new(stream).poll_next(cx)) else {
                    return Poll::Ready(Next::Last(Bytes::new()));
                };
                item.event.iter().for_each(|event| permit.sent(event));
                Poll::Ready(match &item.event {
                    None => Next::Text(frame::position(&item.position)),
                    Some(LiveEvent::Fact(fact)) => {
                        Next::Text(frame::event("fact", Some(&item.position), &fact.json))
                    }
                    Some(LiveEvent::End(LiveEnd::Lagged)) => {
                        let position = format!("\"{}\"", item.position);
                        Next::Last(frame::resume(&position))
                    }
                    Some(LiveEvent::End(end)) => Next::Last(frame::ended(*end)),
                    // `LiveEvent` is non-exhaustive.
                    Some(_) => Next::Last(Bytes::new()),
                })
            }
        }
    }
}

fn of_order(event: &LiveEvent, version: &mut Version) -> Next {
    match event {
        LiveEvent::Snapshot(document) => {
            *version = document.version.unwrap_or(*version);
            Next::Text(frame::event("snapshot", Some(version), &document.json))
        }
        LiveEvent::Fact(fact) => {
            *version = fact.version;
            Next::Text(frame::event("fact", Some(version), &fact.json))
        }
        // The last fact says it.
        LiveEvent::End(LiveEnd::Complete) => Next::Last(Bytes::new()),
        LiveEvent::End(LiveEnd::Lagged) => Next::Last(frame::resume(version)),
        LiveEvent::End(end) => Next::Last(frame::ended(*end)),
        // `LiveEvent` is non-exhaustive.
        _ => Next::Last(Bytes::new()),
    }
}
