//! The stream of every order that a principal sees.

use std::collections::BTreeSet;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::try_join_all;
use futures::stream::{BoxStream, Stream, StreamExt};
use logistics_core::port::PartyRole;
use logistics_core::{Partition, Status, Version};
use logistics_feed::{
    FeedError, FeedEvent, Filter, LoggedFact, Party, PartySubscription, Positions, Subscription,
};
use tokio::time::{Instant, sleep_until};

use crate::error::ServiceError;
use crate::live::catch_up::Wanted;
use crate::live::{LiveEnd, LiveEvent, LiveFact, LivePosition, entry};
use crate::principal::Principal;
use crate::service::OrderService;

/// The field of an invalid position.
const RESUME_FIELD: &str = "Last-Event-ID";
/// Milliseconds between two positions of a stream whose facts are of other orders. A client that resumes from the last one skips
/// what it would not get.
const POSITION_INTERVAL_MS: u64 = 5_000;

/// What a stream of all orders yields: an event, and the position behind it. Without an event, only the position is new.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct AllEvent {
    /// The event; never a snapshot.
    pub event: Option<LiveEvent>,
    /// The position from which another stream continues without a gap and without a repetition.
    pub position: LivePosition,
}

/// The facts of every order that a principal sees. The facts of one order come in their order, each once.
///
/// The first item is the position at which the stream begins. It ends behind a [`LiveEvent::End`].
#[must_use = "a stream that is dropped ends"]
pub struct AllStream(BoxStream<'static, AllEvent>);

/// Which facts of the principal's orders a stream of all orders yields, and from where.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AllQuery {
    /// Facts that lead to one of these statuses, or happen in one. Empty: all facts.
    pub statuses: BTreeSet<Status>,
    /// The position of an earlier stream. `None`: from now on.
    pub from: Option<LivePosition>,
}

impl OrderService {
    /// The live facts of every order that the principal sees.
    ///
    /// # Errors
    /// [`ServiceError::Forbidden`] if the principal sees no orders. [`ServiceError::Invalid`] for the field `Last-Event-ID` if the
    /// position is of another log. [`ServiceError::Unavailable`] if this handle has no feed, or the log is unavailable.
    pub async fn follow_all(
        &self,
        principal: &Principal,
        query: AllQuery,
    ) -> Result<AllStream, ServiceError> {
        let positions = match &query.from {
            Some(from) => self.checked(from).await?,
            None => Positions::new(),
        };
        let facts = self.subscribe_all(principal, &positions).await?;
        let following = Following {
            service: self.clone(),
            is_operator: principal.is_operator(),
            statuses: query.statuses,
            facts,
            reported: None,
            next_report: Instant::now(),
            has_ended: false,
        };
        let next = |mut following: Following| async move {
            let event = following.next().await?;
            Some((event, following))
        };
        Ok(AllStream(futures::stream::unfold(following, next).boxed()))
    }

    /// The positions, if the log has them.
    async fn checked(&self, from: &LivePosition) -> Result<Positions, ServiceError> {
        let invalid = |problem: &str| Err(ServiceError::invalid(RESUME_FIELD, problem));
        if from.partitions() != self.partitions() {
            return invalid("is a position in another log: the number of partitions differs");
        }
        let ends = (0..self.partitions()).map(|partition| self.shared.end_of_log(Partition(partition)));
        let ends = try_join_all(ends).await?;
        let positions = from.positions();
        if positions.values().zip(ends).any(|(offset, end)| *offset > end) {
            return invalid("is a position in another log: it is behind the end of this one");
        }
        Ok(positions)
    }

    async fn subscribe_all(&self, principal: &Principal, from: &Positions) -> Result<Facts, ServiceError> {
        let feed = self.feed().ok_or(ServiceError::Unavailable)?;
        if principal.sees_every_order() {
            let subscribed = self.limited(feed.0.hub.subscribe_from(Filter::All, from)).await?;
            return Ok(Facts::Every(subscribed));
        }
        let roles = PartyRole::ALL.into_iter().map(PartyRole::actor);
        let parties: Vec<_> =
            roles.filter_map(|role| Some(Party { role, id: principal.party(role)?.clone() })).collect();
        if parties.is_empty() {
            return Err(ServiceError::Forbidden);
        }
        Ok(Facts::Own(Box::new(self.limited(feed.0.parties.subscribe_any_from(parties, from)).await?)))
    }

    /// A subscription, with the time limit of a port.
    pub(crate) async fn limited<T>(
        &self,
        subscribing: impl Future<Output = Result<T, FeedError>>,
    ) -> Result<T, ServiceError> {
        let limit = Duration::from_millis(self.options().port_timeout_ms);
        match tokio::time::timeout(limit, subscribing).await {
            Ok(Ok(subscription)) => Ok(subscription),
            Ok(Err(error)) => {
                tracing::warn!(%error, "could not follow the log");
                Err(ServiceError::Unavailable)
            }
            Err(_) => {
                tracing::warn!("could not follow the log within {} ms", limit.as_millis());
                Err(ServiceError::Unavailable)
            }
        }
    }
}

enum Facts {
    Every(Subscription),
    Own(Box<PartySubscription>),
}

impl Facts {
    /// The next event. Can be cancelled.
    async fn next(&mut self) -> Option<FeedEvent> {
        match self {
            Facts::Every(facts) => facts.next().await,
            Facts::Own(facts) => facts.next().await,
        }
    }

    fn positions(&self) -> Positions {
        match self {
            Facts::Every(facts) => facts.positions().clone(),
            Facts::Own(facts) => facts.positions(),
        }
    }
}

struct Following {
    service: OrderService,
    is_operator: bool,
    statuses: BTreeSet<Status>,
    facts: Facts,
    /// The last position that was yielded.
    reported: Option<LivePosition>,
    /// A changed position is yielded then, if no event is yielded before.
    next_report: Instant,
    has_ended: bool,
}

impl Following {
    async fn next(&mut self) -> Option<AllEvent> {
        if self.has_ended {
            return None;
        }
        if self.reported.is_none() {
            return Some(self.item(None));
        }
        loop {
            let event = tokio::select! {
                biased;
                event = self.facts.next() => event,
                () = sleep_until(self.next_report) => {
                    if self.reported.as_ref() != Some(&self.position()) {
                        return Some(self.item(None));
                    }
                    self.next_report = Instant::now() + Duration::from_millis(POSITION_INTERVAL_MS);
                    continue;
                }
            };
            let end = match event {
                Some(FeedEvent::Fact(logged)) => {
                    if let Some(fact) = self.fact(&logged).await {
                        return Some(self.item(Some(LiveEvent::Fact(fact))));
                    }
                    continue;
                }
                Some(FeedEvent::Lagged { .. }) => LiveEnd::Lagged,
                Some(FeedEvent::Closed(FeedError::ShutDown)) => LiveEnd::ShuttingDown,
                Some(FeedEvent::Closed(error)) => {
                    tracing::error!(%error, "a stream of all orders ends");
                    LiveEnd::Unavailable
                }
                // `FeedEvent` is non-exhaustive.
                _ => LiveEnd::Unavailable,
            };
            self.has_ended = true;
            return Some(self.item(Some(LiveEvent::End(end))));
        }
    }

    fn position(&self) -> LivePosition {
        LivePosition::of(&self.facts.positions(), self.service.partitions())
    }

    fn item(&mut self, event: Option<LiveEvent>) -> AllEvent {
        let position = self.position();
        self.reported = Some(position.clone());
        self.next_report = Instant::now() + Duration::from_millis(POSITION_INTERVAL_MS);
        AllEvent { event, position }
    }

    /// The fact, if it is wanted and no forgery.
    async fn fact(&self, logged: &Arc<LoggedFact>) -> Option<LiveFact> {
        if !self.statuses.is_empty() && !self.statuses.contains(&logged.fact.status) {
            return None;
        }
        match entry::of_hub(logged, self.is_operator) {
            Some(fact) => Some(fact),
            None => self.stored(logged).await,
        }
    }

    /// The fact as the store has it. Waits for the store.
    async fn stored(&self, logged: &LoggedFact) -> Option<LiveFact> {
        let fact = &logged.fact;
        let after = Version(fact.version.0.saturating_sub(1));
        let wanted = Wanted { after, until: logged.offset.next() };
        let mut attempt = 0;
        loop {
            let read = self.service.read_entries(self.is_operator, &fact.order_id, wanted, attempt).await;
            attempt = attempt.saturating_add(1);
            match read {
                Ok((facts, is_complete)) => {
                    let found = facts.into_iter().find(|one| one.version == fact.version);
                    if found.is_some() || is_complete {
                        return found;
                    }
                }
                // No input before the fact placed the order: the fact is forged.
                Err(ServiceError::NotFound) => return None,
                Err(error) => {
                    tracing::debug!(order_id = %fact.order_id, %error, "no document for a stream; retrying");
                }
            }
        }
    }
}

impl Stream for AllStream {
    type Item = AllEvent;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<AllEvent>> {
        self.0.poll_next_unpin(cx)
    }
}

impl fmt::Debug for AllStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AllStream").finish_non_exhaustive()
    }
}
