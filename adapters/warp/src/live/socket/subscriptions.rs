//! The subscriptions of one socket.

use std::task::{Context, Poll};

use futures::future::BoxFuture;
use futures::stream::{BoxStream, Stream, StreamExt};
use logistics_core::Version;
use logistics_service::{
    AllEvent, AllQuery, LiveEnd, LiveEvent, OrderService, OrderStream, Principal, ServiceError, StreamPermit,
};

use crate::live::socket::message::{self, Subject, SubscriptionId};

/// The subscriptions of one socket, in the order in which they began.
#[derive(Default)]
pub(crate) struct Subscriptions {
    running: Vec<Running>,
    /// The one that is asked first. It changes, so that none keeps the others from being asked.
    first: usize,
}

struct Running {
    id: SubscriptionId,
    texts: BoxStream<'static, Text>,
}

/// What the socket does next for a subscription.
#[derive(Debug)]
pub(crate) enum Text {
    Send(String),
    /// The subscription ends behind this message.
    Last(String),
    /// The caller may not follow anything.
    Forbidden,
}

impl Subscriptions {
    pub(crate) fn len(&self) -> usize {
        self.running.len()
    }

    pub(crate) fn contains(&self, id: &SubscriptionId) -> bool {
        self.running.iter().any(|running| running.id == *id)
    }

    /// Begins a subscription. Its first message may be an error.
    pub(crate) fn begin(
        &mut self,
        service: OrderService,
        principal: Principal,
        permit: std::sync::Arc<StreamPermit>,
        (id, subject): (SubscriptionId, Subject),
    ) {
        let name = id.clone();
        let begun: BoxFuture<'static, BoxStream<'static, Text>> = Box::pin(async move {
            match begin(&service, &principal, subject, id.clone(), permit).await {
                Ok(texts) => texts,
                Err(ServiceError::Forbidden) => futures::stream::iter([Text::Forbidden]).boxed(),
                Err(error) => futures::stream::iter([Text::Last(message::failed(&id, &error))]).boxed(),
            }
        });
        let texts = futures::stream::once(begun).flatten().boxed();
        self.running.push(Running { id: name, texts });
    }

    /// Ends a subscription. False if there is none with this id.
    pub(crate) fn end(&mut self, id: &SubscriptionId) -> bool {
        let before = self.running.len();
        self.running.retain(|running| running.id != *id);
        self.running.len() < before
    }

    /// The next message of any subscription.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Text> {
        let count = self.running.len();
        for step in 0..count {
            let at = (self.first + step) % count;
            if let Poll::Ready(text) = self.running[at].texts.poll_next_unpin(cx) {
                self.first = at + 1;
                if !matches!(text, Some(Text::Send(_))) {
                    self.running.remove(at);
                }
                match text {
                    Some(text) => return Poll::Ready(text),
                    // Each stream of texts has a last one.
                    None => return self.poll(cx),
                }
            }
        }
        Poll::Pending
    }
}

async fn begin(
    service: &OrderService,
    principal: &Principal,
    subject: Subject,
    id: SubscriptionId,
    permit: std::sync::Arc<StreamPermit>,
) -> Result<BoxStream<'static, Text>, ServiceError> {
    Ok(match subject {
        Subject::Order { order_id, after } => {
            let stream = service.follow_order(principal, &order_id, after).await?;
            of_order(stream, id, permit).boxed()
        }
        Subject::All { from, statuses } => {
            let mut query = AllQuery::default();
            (query.from, query.statuses) = (from, statuses);
            let stream = service.follow_all(principal, query).await?;
            stream
                .map(move |item| {
                    item.event.iter().for_each(|event| permit.sent(event));
                    of_all(&item, &id)
                })
                .boxed()
        }
    })
}

fn of_order(
    stream: OrderStream,
    id: SubscriptionId,
    permit: std::sync::Arc<StreamPermit>,
) -> impl Stream<Item = Text> + Send {
    let mut version = stream.resumes_from();
    stream.map(move |event| {
        permit.sent(&event);
        match &event {
            LiveEvent::Snapshot(document) => {
                version = document.version.unwrap_or(version);
                Text::Send(message::snapshot(&id, version, &document.json))
            }
            LiveEvent::Fact(fact) => {
                version = fact.version;
                Text::Send(message::fact(&id, fact, None))
            }
            LiveEvent::End(end) => Text::Last(order_ended(&id, *end, version)),
            // `LiveEvent` is non-exhaustive.
            _ => Text::Last(message::ended(&id, LiveEnd::Unavailable.code())),
        }
    })
}

fn order_ended(id: &SubscriptionId, end: LiveEnd, version: Version) -> String {
    match end {
        LiveEnd::Complete => message::complete(id),
        LiveEnd::Lagged => message::resume_version(id, version),
        end => message::ended(id, end.code()),
    }
}

fn of_all(item: &AllEvent, id: &SubscriptionId) -> Text {
    match &item.event {
        None => Text::Send(message::position(id, &item.position)),
        Some(LiveEvent::Fact(fact)) => Text::Send(message::fact(id, fact, Some(&item.position))),
        Some(LiveEvent::End(LiveEnd::Lagged)) => Text::Last(message::resume_position(id, &item.position)),
        Some(LiveEvent::End(end)) => Text::Last(message::ended(id, end.code())),
        // `LiveEvent` is non-exhaustive.
        Some(_) => Text::Last(message::ended(id, LiveEnd::Unavailable.code())),
    }
}
