//! Finding an order, and the rule that separates an absent order from one that the store may still receive.

use std::time::Duration;

use logistics_core::port::{DocumentLookup, Topic};
use logistics_core::{Offset, OrderId, Partition, Timestamp, partition_of};
use tokio::time::Instant;

use crate::document::{Document, version_of, visible};
use crate::error::ServiceError;
use crate::ownership::level;
use crate::principal::Principal;
use crate::service::{OrderService, Shared};

/// An order with a younger id may be in the log and not yet in the store.
const YOUNG_MS: u64 = 60_000;
/// The first pause between two lookups; each is twice as long as the one before.
const PAUSE_MS_MIN: u64 = 20;
/// The longest pause between two lookups.
const PAUSE_MS_MAX: u64 = 320;

impl OrderService {
    /// The document of an order that the principal sees. While it is unknown whether the order exists, waits for up to
    /// [`Options::lookup_wait_ms`](crate::Options).
    ///
    /// # Errors
    /// [`ServiceError::NotFound`] only if the order is another party's, or certainly absent: the store has answered every input that the log had at the
    /// first miss, and the id is at least a minute old. `NotReady` if that is unknown. `Rebuilding` if the store has an older state
    /// than this service has read before. `Unavailable`; `Overloaded`.
    pub async fn find(&self, principal: &Principal, order_id: &OrderId) -> Result<Document, ServiceError> {
        let found = level(principal, self.find_seen_by(principal, order_id)).await?;
        self.check_link(principal, order_id, &found.json)?;
        self.shown(principal, found)
    }

    /// The document of an order that a request of the caller has just changed. It may no longer be the caller's.
    pub(crate) async fn find_written(
        &self,
        principal: &Principal,
        order_id: &OrderId,
    ) -> Result<Document, ServiceError> {
        self.shown(principal, self.find_seen_by(&Principal::anonymous(), order_id).await?)
    }

    fn shown(&self, principal: &Principal, found: Document) -> Result<Document, ServiceError> {
        let bytes = found.json.len();
        let json = visible(principal, found.json)?;
        let json = if json.len() == bytes { json } else { self.shared.budget.hold(json)? };
        Ok(Document { json, version: found.version })
    }

    async fn find_seen_by(
        &self,
        principal: &Principal,
        order_id: &OrderId,
    ) -> Result<Document, ServiceError> {
        let shared = &self.shared;
        let partition = partition_of(order_id, shared.bus.partitions());
        // The log's end at the first miss: every earlier placement is below it.
        let mut end = None;
        let mut until = None;
        let mut pause = None;
        loop {
            let before = shared.progress.answered(partition);
            let rebuilding;
            let mut found = self.look_up(order_id, pause).await?;
            // A party knows the id of its order from a reply, so the order is in the log. Whether a foreign order is young must not
            // show that it exists.
            let may_be_on_its_way = principal.sees_every_order() && is_young(order_id, shared.clock.now());
            if let DocumentLookup::Found(json) = &found
                && !principal.sees_document(order_id, json)?
            {
                found = DocumentLookup::Absent { answered: shared.answered(partition).await? };
            }
            match found {
                DocumentLookup::Found(json) => {
                    let version = version_of(&json);
                    if version.is_none_or(|version| shared.seen.advance(order_id, version)) {
                        return Ok(Document { json: shared.budget.hold(json)?, version });
                    }
                    rebuilding = true;
                    shared.progress.went_back(partition);
                }
                DocumentLookup::Missing => {
                    rebuilding = true;
                    shared.progress.went_back(partition);
                }
                DocumentLookup::Absent { answered } => {
                    let end = match end {
                        Some(end) => end,
                        None => *end.insert(shared.end_of_log(partition).await?),
                    };
                    rebuilding = !shared.progress.advance(partition, answered, before, end);
                    if !rebuilding && answered >= end && !may_be_on_its_way {
                        return Err(ServiceError::NotFound);
                    }
                }
                DocumentLookup::Unknown => rebuilding = !shared.progress.unknown(partition, before),
            }
            let now = Instant::now();
            let wait = Duration::from_millis(shared.options.lookup_wait_ms);
            let until = *until.get_or_insert_with(|| now + wait);
            if now >= until || self.shutdown.is_cancelled() {
                return Err(if rebuilding { ServiceError::Rebuilding } else { ServiceError::NotReady });
            }
            let longer = pause.map_or(PAUSE_MS_MIN, |pause: Pause| (pause.ms * 2).min(PAUSE_MS_MAX));
            pause = Some(Pause { ms: longer, until });
        }
    }

    /// Reads the store once for all concurrent calls that look up the same order.
    async fn look_up(&self, id: &OrderId, pause: Option<Pause>) -> Result<DocumentLookup, ServiceError> {
        let shared = &self.shared;
        let call = shared.port("look up an order", shared.store.document(id));
        let Some(Pause { ms, until }) = pause else {
            return shared.lookups.run(id, async {}, call).await;
        };
        let pause = async {
            let over = until.min(Instant::now() + Duration::from_millis(ms));
            tokio::select! {
                () = tokio::time::sleep_until(over) => {}
                () = self.shutdown.cancelled() => {}
            }
        };
        shared.later_lookups.run(id, pause, call).await
    }
}

/// A pause before a lookup.
#[derive(Debug, Clone, Copy)]
struct Pause {
    ms: u64,
    /// The latest end of the pause.
    until: Instant,
}

impl Shared {
    pub(crate) async fn end_of_log(&self, partition: Partition) -> Result<Offset, ServiceError> {
        let bounds = self.bus.bounds(Topic::Orders, partition);
        let call = async { Ok(self.port("read the log's end", bounds).await?.end) };
        self.ends.run(&partition, async {}, call).await
    }

    /// The store has answered every input of the partition below this offset; 0 if it has no checkpoint of the partition.
    pub(crate) async fn answered(&self, partition: Partition) -> Result<Offset, ServiceError> {
        let checkpoint = self.port("read the store's checkpoint", self.store.checkpoint(partition)).await?;
        Ok(checkpoint.map_or(Offset(0), |checkpoint| checkpoint.answered))
    }
}

/// Whether the id was generated within the last minute. Clocks of servers differ by less than a minute, so no server generated an id
/// that is further ahead.
fn is_young(id: &OrderId, now: Timestamp) -> bool {
    id.generated_at()
        .is_some_and(|made| now.millis_since(made) < YOUNG_MS && made.millis_since(now) < YOUNG_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_id_of_the_last_minute_is_young() {
        let now = Timestamp::from_millis(1_764_000_000_000);
        let made = |at: i64| OrderId::generate(Timestamp::from_millis(now.as_millis() + at), [1; 10]);
        assert!(is_young(&made(0), now) && is_young(&made(-59_999), now) && is_young(&made(1000), now));
        assert!(!is_young(&made(-60_000), now) && !is_young(&made(60_000), now));
        assert!(!is_young(&OrderId::parse("mine").unwrap(), now));
    }
}
