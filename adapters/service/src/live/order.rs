//! The stream of one order.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use futures::stream::{FusedStream, Stream};
use logistics_core::{Offset, OrderId, Partition, Version, partition_of};
use logistics_feed::{FeedError, FeedEvent, Filter, LoggedFact, Subscription};

use crate::document::Document;
use crate::error::ServiceError;
use crate::live::catch_up::{CaughtUp, Outline, Wanted};
use crate::live::{LiveEnd, LiveEvent, entry};
use crate::principal::Principal;
use crate::service::OrderService;

/// The field of an invalid version from which a stream should resume.
const RESUME_FIELD: &str = "Last-Event-ID";

/// The facts of one order, each once and in their order, until the order is complete.
///
/// The stream combines the store, which may be behind the log, and the hub, which begins now. It ends behind a
/// [`LiveEvent::End`]. It spawns no task.
#[must_use = "a stream that is dropped ends"]
pub struct OrderStream {
    service: OrderService,
    principal: Principal,
    order_id: OrderId,
    subscription: Subscription,
    /// The version of the last event that was yielded, or of the one from which the stream resumes.
    yielded: Version,
    /// The version of the last event, yielded or ready.
    version: Version,
    ready: VecDeque<LiveEvent>,
    /// A fact of the hub that the stream cannot yield before the store has been read.
    pending: Option<Arc<LoggedFact>>,
    catching_up: Option<CatchingUp>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// The end follows the ready events.
    Ending,
    Ended,
}

/// A read of the store for facts that the stream may lack.
struct CatchingUp {
    read: BoxFuture<'static, Result<CaughtUp, ServiceError>>,
    wanted: Wanted,
    attempt: u32,
}

impl OrderService {
    /// The live facts of an order that the principal sees. Without `after`, the first event is the order itself. With `after`,
    /// the facts behind this version follow, from the store and then from the hub.
    ///
    /// # Errors
    /// As for [`OrderService::find`]. [`ServiceError::Invalid`] for the field `Last-Event-ID` if the order has no version
    /// `after`. [`ServiceError::Unavailable`] if this handle has no feed, or the log is unavailable.
    pub async fn follow_order(
        &self,
        principal: &Principal,
        order_id: &OrderId,
        after: Option<Version>,
    ) -> Result<OrderStream, ServiceError> {
        let feed = self.feed().ok_or(ServiceError::Unavailable)?;
        let subscription = self.limited(feed.0.hub.subscribe(Filter::Order(order_id.clone()))).await?;
        let partition = partition_of(order_id, self.partitions());
        let mut until = start_of(&subscription, partition);
        // Read before the document: what the checkpoint covers, the document has.
        let mut covered = self.covers(order_id, until).await;
        let mut document = self.find(principal, order_id).await?;
        if after > document.version {
            // The client may have a fact that neither the store nor this process's reader of the log has reached.
            until = until.max(self.shared.end_of_log(partition).await?);
            covered = self.covers(order_id, until).await;
            document = self.find(principal, order_id).await?;
        }
        let mut stream = OrderStream {
            service: self.clone(),
            principal: principal.clone(),
            order_id: order_id.clone(),
            subscription,
            yielded: after.unwrap_or_default(),
            version: Version(0),
            ready: VecDeque::new(),
            pending: None,
            catching_up: None,
            state: State::Open,
        };
        let is_complete = matches!(covered, Ok(true));
        stream.begin(document, after, is_complete)?;
        if !is_complete {
            stream.catch_up_to(until);
        }
        Ok(stream)
    }
}

/// The offset at which the subscription begins.
fn start_of(subscription: &Subscription, partition: Partition) -> Offset {
    subscription.positions().get(&partition).copied().unwrap_or_default()
}

impl OrderStream {
    /// The order is complete and the stream has nothing to yield but its end.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.state != State::Open && matches!(self.ready.front(), Some(LiveEvent::End(LiveEnd::Complete)))
    }

    /// The version behind which another stream resumes.
    #[must_use]
    pub fn resumes_from(&self) -> Version {
        self.yielded
    }

    fn begin(
        &mut self,
        document: Document,
        after: Option<Version>,
        is_complete: bool,
    ) -> Result<(), ServiceError> {
        let outline = Outline::of(&self.order_id, &document.json)?;
        let (status, version) = (outline.status, outline.version);
        match after {
            None => {
                self.version = version;
                self.ready.push_back(LiveEvent::Snapshot(document));
            }
            Some(after) if after <= version => {
                let facts = outline.facts(&self.order_id, after)?;
                self.version = version;
                self.ready.extend(facts.into_iter().map(LiveEvent::Fact));
            }
            // The client has facts that the store lacks, or none has this version.
            Some(after) if is_complete || status.is_terminal() => {
                let problem = format!("is {after}, and the order has version {version}");
                return Err(ServiceError::invalid(RESUME_FIELD, problem));
            }
            Some(after) => self.version = after,
        }
        if status.is_terminal() {
            self.end(LiveEnd::Complete);
        }
        Ok(())
    }

    fn end(&mut self, end: LiveEnd) {
        if self.state == State::Open {
            self.ready.push_back(LiveEvent::End(end));
            self.state = State::Ending;
        }
        (self.catching_up, self.pending) = (None, None);
    }

    /// Reads the store until it covers this offset.
    fn catch_up_to(&mut self, until: Offset) {
        if self.state == State::Open {
            self.read_store(Wanted { after: self.version, until }, 0);
        }
    }

    fn read_store(&mut self, wanted: Wanted, attempt: u32) {
        let (service, principal) = (self.service.clone(), self.principal.clone());
        let order_id = self.order_id.clone();
        let read = async move { service.catch_up(&principal, &order_id, wanted, attempt).await };
        self.catching_up = Some(CatchingUp { read: Box::pin(read), wanted, attempt });
    }

    /// Takes the next event of the hub. False if there is none now.
    fn poll_hub(&mut self, cx: &mut Context<'_>) -> bool {
        if self.pending.is_some() {
            return false;
        }
        match Pin::new(&mut self.subscription).poll_next(cx) {
            Poll::Pending => return false,
            Poll::Ready(Some(FeedEvent::Fact(logged))) => self.accept(logged),
            Poll::Ready(Some(FeedEvent::Lagged { .. })) => self.end(LiveEnd::Lagged),
            Poll::Ready(Some(FeedEvent::Closed(FeedError::ShutDown))) => self.end(LiveEnd::ShuttingDown),
            Poll::Ready(Some(FeedEvent::Closed(error))) => {
                tracing::error!(%error, "a stream of an order ends");
                self.end(LiveEnd::Unavailable);
            }
            // `FeedEvent` is non-exhaustive.
            Poll::Ready(_) => self.end(LiveEnd::Unavailable),
        }
        true
    }

    fn accept(&mut self, logged: Arc<LoggedFact>) {
        let version = logged.fact.version;
        if self.state != State::Open {
            return;
        }
        if version <= self.version {
            // A stream may resume from the last version before the store has it.
            if logged.fact.status.is_terminal() {
                self.end(LiveEnd::Complete);
            }
            return;
        }
        let next =
            (version == self.version.next()).then(|| entry::of_hub_for(&logged, &self.principal)).flatten();
        match next {
            Some(fact) => self.push(LiveEvent::Fact(fact)),
            None => {
                let until = logged.offset.next();
                self.pending = Some(logged);
                self.catch_up_to(until);
            }
        }
    }

    fn push(&mut self, event: LiveEvent) {
        let LiveEvent::Fact(fact) = &event else { return };
        if self.state != State::Open || fact.version <= self.version {
            return;
        }
        self.version = fact.version;
        let is_last = fact.status.is_terminal();
        self.ready.push_back(event);
        if is_last {
            self.end(LiveEnd::Complete);
        }
    }

    /// Takes what the store has. False if the store has not answered yet.
    fn poll_store(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(CatchingUp { read, wanted, attempt }) = &mut self.catching_up else { return false };
        let Poll::Ready(result) = read.as_mut().poll(cx) else { return false };
        let (wanted, attempt) = (*wanted, attempt.saturating_add(1));
        self.catching_up = None;
        let read = result.unwrap_or_else(|error| {
            tracing::debug!(order_id = %self.order_id, %error, "no document for a stream; retrying");
            CaughtUp::default()
        });
        read.facts.into_iter().for_each(|fact| self.push(LiveEvent::Fact(fact)));
        if read.is_lost {
            self.end(LiveEnd::NotVisible);
        }
        if read.is_complete && read.version < wanted.after {
            self.end(LiveEnd::UnknownVersion);
        }
        if read.is_terminal {
            self.end(LiveEnd::Complete);
        }
        if self.state != State::Open {
            return true;
        }
        // A pending fact that a complete document lacks is forged.
        let is_known = |logged: &LoggedFact| logged.fact.version <= self.version;
        if read.is_complete || self.pending.as_deref().is_some_and(is_known) {
            self.pending = None;
        }
        if !read.is_complete {
            self.read_store(wanted, attempt);
        }
        true
    }
}

impl Stream for OrderStream {
    type Item = LiveEvent;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<LiveEvent>> {
        let this = &mut *self;
        loop {
            if let Some(event) = this.ready.pop_front() {
                if this.ready.is_empty() {
                    // A snapshot and a history are rare: an idle stream keeps no room for them.
                    this.ready = VecDeque::new();
                }
                match &event {
                    LiveEvent::Snapshot(order) => this.yielded = order.version.unwrap_or(this.yielded),
                    LiveEvent::Fact(fact) => this.yielded = fact.version,
                    LiveEvent::End(_) => {}
                }
                return Poll::Ready(Some(event));
            }
            match this.state {
                State::Open => {}
                State::Ending | State::Ended => {
                    this.state = State::Ended;
                    return Poll::Ready(None);
                }
            }
            let (of_store, of_hub) = (this.poll_store(cx), this.poll_hub(cx));
            if !of_store && !of_hub {
                return Poll::Pending;
            }
        }
    }
}

impl FusedStream for OrderStream {
    fn is_terminated(&self) -> bool {
        self.state == State::Ended
    }
}

impl fmt::Debug for OrderStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { order_id, version, state, .. } = self;
        f.debug_struct("OrderStream")
            .field("order_id", order_id)
            .field("version", version)
            .field("state", state)
            .finish_non_exhaustive()
    }
}
