//! Pages of the list of orders.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use logistics_core::Partition;
use logistics_core::limits::PAGE_ORDERS_MAX;
use logistics_core::port::{Cursor, ListQuery, PartyFilter, PartyRole};

use crate::budget::Reservation;
use crate::document::visible;
use crate::error::ServiceError;
use crate::principal::Principal;
use crate::service::OrderService;

/// The default number of orders on a page, for interfaces whose clients choose none.
pub const PAGE_ORDERS: usize = 50;
/// Maximum bytes of documents on a page, because a page is built in memory.
const PAGE_BYTES_MAX: usize = 1024 * 1024;
/// Maximum wait of a list for the information whether it lacks orders, in milliseconds.
const CATCHING_UP_MS_MAX: u64 = 500;
/// Maximum orders in one call of the store: large documents may follow small ones.
const PORTION_ORDERS_MAX: usize = 128;

/// A page of the list.
#[derive(Debug)]
#[non_exhaustive]
pub struct OrderPage {
    /// The documents, in the order of [`logistics_core::port::Page`].
    pub documents: Vec<Bytes>,
    /// Where the next page begins; `None` when this is the last.
    pub next: Option<Cursor>,
    /// The list may lack orders: a partition is being rebuilt, or has been behind the log since this process started.
    pub incomplete: bool,
    /// The budget that the documents use, plus one byte each. Attach it to the reply that contains them.
    pub reservation: Reservation,
}

impl OrderService {
    /// A page of the list: orders up to the query's limit and up to 1 MiB, but at least one. A party gets its own orders only; with
    /// the query's party, those that it shares with this party.
    ///
    /// # Errors
    /// [`ServiceError::Forbidden`] if the principal sees no orders; `ForeignParty` if it has several roles and none of them is the
    /// query's party. [`ServiceError::Invalid`] for the field `limit` (from 1 to [`PAGE_ORDERS_MAX`]) or `cursor` (of the list of another
    /// status or party); `Overloaded`; `Unavailable`.
    pub async fn list(&self, principal: &Principal, query: ListQuery) -> Result<OrderPage, ServiceError> {
        let (query, also) = scoped(principal, query)?;
        check(&query)?;
        let mut page = self.read_page(query, also.as_ref()).await?;
        for document in &mut page.documents {
            *document = visible(principal, std::mem::take(document))?;
        }
        page.incomplete = self.may_lack_orders().await;
        Ok(page)
    }

    /// Reads a few orders per call, because the store has no limit in bytes. `also`: the page has only the orders that this party has
    /// as well. Such a page may have fewer orders than the limit, or none, although another page follows.
    async fn read_page(
        &self,
        mut query: ListQuery,
        also: Option<&PartyFilter>,
    ) -> Result<OrderPage, ServiceError> {
        let shared = &self.shared;
        let mut reservation = shared.budget.reserve(0)?;
        let (mut documents, mut bytes, mut left) = (Vec::new(), 0, query.limit);
        let mut portion = portion(PAGE_BYTES_MAX, shared.document_bytes.load(Ordering::Relaxed));
        let next = loop {
            query.limit = portion.min(left);
            let expected = query.limit * shared.document_bytes.load(Ordering::Relaxed);
            let mut room = shared.budget.reserve(expected)?;
            let mut page = shared.port("list orders", shared.store.list(&query)).await?;
            page.documents.retain(|document| also.is_none_or(|party| party.matches(document)));
            let lengths = page.documents.iter().map(|document| document.len() + 1);
            let longest = lengths.clone().max().unwrap_or_default();
            shared.document_bytes.fetch_max(longest, Ordering::Relaxed);
            let fitting = fitting(lengths, if documents.is_empty() { None } else { Some(bytes) });
            if fitting == 0 {
                // The store may also have no orders left.
                break if page.documents.is_empty() { page.next } else { query.after };
            }
            if fitting < page.documents.len() {
                // Only the store can name the start of the next page, so the fitting orders are read again.
                left = fitting;
                continue;
            }
            let used: usize = page.documents.iter().map(|document| document.len() + 1).sum();
            room.shrink(used);
            reservation.add(room);
            bytes += used;
            left -= fitting.min(left);
            documents.extend(page.documents);
            if page.next.is_none() || left == 0 || bytes >= PAGE_BYTES_MAX {
                break page.next;
            }
            query.after = page.next;
            portion = self::portion(PAGE_BYTES_MAX - bytes, longest);
        };
        Ok(OrderPage { documents, next, incomplete: false, reservation })
    }

    /// Whether a partition is being rebuilt, or has been behind the log since this process started.
    async fn may_lack_orders(&self) -> bool {
        let behind = self.shared.progress.behind();
        let lookups = join_all(behind.into_iter().map(|partition| self.has_caught_up(partition)));
        // After the time limit, the list counts as incomplete.
        let caught_up = match tokio::time::timeout(Duration::from_millis(CATCHING_UP_MS_MAX), lookups).await {
            Ok(caught_up) => caught_up.into_iter().all(|caught_up| caught_up.unwrap_or(false)),
            Err(_) => false,
        };
        !caught_up || self.shared.progress.is_rebuilding()
    }

    async fn has_caught_up(&self, partition: Partition) -> Result<bool, ServiceError> {
        let shared = &self.shared;
        let call = async {
            let (end, answered) = (shared.end_of_log(partition).await?, shared.answered(partition).await?);
            Ok(shared.progress.catch_up(partition, end, answered))
        };
        shared.catching_up.run(&partition, async {}, call).await
    }
}

/// The query that a principal may make: of all orders, or of a party that it is. The second one also restricts the page.
fn scoped(
    principal: &Principal,
    mut query: ListQuery,
) -> Result<(ListQuery, Option<PartyFilter>), ServiceError> {
    if principal.sees_every_order() {
        return Ok((query, None));
    }
    let own = |role: PartyRole| principal.party(role.actor()).map(|id| PartyFilter { role, id: id.clone() });
    let mut own: Vec<PartyFilter> = PartyRole::ALL.into_iter().filter_map(own).collect();
    if query.party.as_ref().is_some_and(|party| own.contains(party)) {
        return Ok((query, None));
    }
    let Some(party) = own.pop() else { return Err(ServiceError::Forbidden) };
    if own.is_empty() {
        let also = query.party.replace(party);
        return Ok((query, also));
    }
    Err(match &query.party {
        Some(party) => ServiceError::ForeignParty { field: party.role.field() },
        None => ServiceError::invalid(
            party.role.field(),
            "is missing; this principal has several roles, and a list is of one party",
        ),
    })
}

fn check(query: &ListQuery) -> Result<(), ServiceError> {
    let party = query.party.as_ref().map(PartyFilter::digest);
    if query.after.as_ref().is_some_and(|after| after.party != party) {
        return Err(ServiceError::invalid("cursor", "it belongs to the list of another party"));
    }
    // The list of a party is not grouped by status.
    let other_list =
        |after: &Cursor| party.is_none() && query.status.is_some_and(|status| status != after.status);
    if query.after.as_ref().is_some_and(other_list) {
        return Err(ServiceError::invalid("cursor", "it belongs to the list of another status"));
    }
    if !(1..=PAGE_ORDERS_MAX).contains(&query.limit) {
        let problem = format!("must be a number from 1 to {PAGE_ORDERS_MAX}");
        return Err(ServiceError::invalid("limit", problem));
    }
    Ok(())
}

/// The number of orders in the next call of the store, from the room left and the longest document so far.
fn portion(room_bytes: usize, longest: usize) -> usize {
    (room_bytes / longest.max(1)).clamp(1, PORTION_ORDERS_MAX)
}

/// How many documents of these lengths fit on a page that has `bytes` already. The first document of a page always fits.
fn fitting(lengths: impl Iterator<Item = usize>, bytes: Option<usize>) -> usize {
    let fits = |total: &mut usize, length: usize| {
        let first = bytes.is_none() && *total == 0;
        *total += length;
        (first || *total <= PAGE_BYTES_MAX).then_some(())
    };
    lengths.scan(bytes.unwrap_or_default(), fits).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_what_fits_and_always_its_first_order() {
        assert_eq!(fitting([2 * PAGE_BYTES_MAX, 1].into_iter(), None), 1);
        assert_eq!(fitting([2 * PAGE_BYTES_MAX].into_iter(), Some(1)), 0);
        assert_eq!(fitting([PAGE_BYTES_MAX / 2; 3].into_iter(), None), 2);
        assert_eq!((portion(100, 30), portion(10, 30), portion(usize::MAX, 0)), (3, 1, PORTION_ORDERS_MAX));
    }
}
