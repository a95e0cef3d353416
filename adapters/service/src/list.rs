//! Pages of the list of orders.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;
use logistics_core::Partition;
use logistics_core::limits::PAGE_ORDERS_MAX;
use logistics_core::port::{Cursor, ListQuery};

use crate::budget::Reservation;
use crate::error::ServiceError;
use crate::principal::Principal;
use crate::service::OrderService;

/// The usual number of orders on a page, for interfaces whose clients name none.
pub const PAGE_ORDERS: usize = 50;
/// A page ends early once its documents have so many bytes: a page is made in memory.
const PAGE_BYTES_MAX: usize = 1024 * 1024;
/// Milliseconds that a list waits for to know whether it lacks orders.
const CATCHING_UP_MS_MAX: u64 = 500;
/// Orders in one call of the store: documents that follow small ones may be large.
const PORTION_ORDERS_MAX: usize = 128;

/// A page of the list.
#[derive(Debug)]
#[non_exhaustive]
pub struct OrderPage {
    /// The documents, in the order of [`logistics_core::port::Page`].
    pub documents: Vec<Bytes>,
    /// Where the next page begins; `None` when this is the last.
    pub next: Option<Cursor>,
    /// The list may lack orders: a partition is being rebuilt, or was behind the log when this process started and is so
    /// still.
    pub incomplete: bool,
    /// What the documents hold of the budget: a byte more each. Move it into what is made of them.
    pub reservation: Reservation,
}

impl OrderService {
    /// A page of the list: as many orders as the query's limit, or as fit into 1 MiB; at least one.
    ///
    /// # Errors
    /// [`ServiceError::Invalid`] for the field `limit` (from 1 to [`PAGE_ORDERS_MAX`]) or `cursor` (of the list of another
    /// status); `Overloaded`; `Unavailable`.
    pub async fn list(&self, _principal: &Principal, query: ListQuery) -> Result<OrderPage, ServiceError> {
        check(&query)?;
        let mut page = self.read_page(query).await?;
        page.incomplete = self.may_lack_orders().await;
        Ok(page)
    }

    /// Reads a few orders a call, because the store knows no bound on bytes.
    async fn read_page(&self, mut query: ListQuery) -> Result<OrderPage, ServiceError> {
        let shared = &self.shared;
        let mut reservation = shared.budget.reserve(0)?;
        let (mut documents, mut bytes, mut left) = (Vec::new(), 0, query.limit);
        let mut portion = portion(PAGE_BYTES_MAX, shared.document_bytes.load(Ordering::Relaxed));
        let next = loop {
            query.limit = portion.min(left);
            let expected = query.limit * shared.document_bytes.load(Ordering::Relaxed);
            let mut room = shared.budget.reserve(expected)?;
            let page = shared.port("list orders", shared.store.list(&query)).await?;
            let lengths = page.documents.iter().map(|document| document.len() + 1);
            let longest = lengths.clone().max().unwrap_or_default();
            shared.document_bytes.fetch_max(longest, Ordering::Relaxed);
            let fitting = fitting(lengths, if documents.is_empty() { None } else { Some(bytes) });
            if fitting == 0 {
                // Also where the store has none left.
                break if page.documents.is_empty() { page.next } else { query.after };
            }
            if fitting < page.documents.len() {
                // Only the store knows where the next page begins: it is read again, for those that fit.
                left = fitting;
                continue;
            }
            let came: usize = page.documents.iter().map(|document| document.len() + 1).sum();
            room.shrink(came);
            reservation.add(room);
            bytes += came;
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

    /// Whether a partition is being rebuilt, or was behind the log when this process started and is so still.
    async fn may_lack_orders(&self) -> bool {
        let behind = self.shared.progress.behind();
        let lookups = join_all(behind.into_iter().map(|partition| self.has_caught_up(partition)));
        // Where it takes too long to be known, it is not known.
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

fn check(query: &ListQuery) -> Result<(), ServiceError> {
    let other_list = |after: &Cursor| query.status.is_some_and(|status| status != after.status);
    if query.after.as_ref().is_some_and(other_list) {
        return Err(ServiceError::invalid("cursor", "it belongs to the list of another status"));
    }
    if !(1..=PAGE_ORDERS_MAX).contains(&query.limit) {
        let problem = format!("must be a number from 1 to {PAGE_ORDERS_MAX}");
        return Err(ServiceError::invalid("limit", problem));
    }
    Ok(())
}

/// How many orders the next call of the store reads, by the room that is left and the longest document that was seen.
fn portion(room_bytes: usize, longest: usize) -> usize {
    (room_bytes / longest.max(1)).clamp(1, PORTION_ORDERS_MAX)
}

/// How many of these still fit on a page that has so many bytes; the first of a page always does.
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
    fn a_page_takes_what_fits_and_its_first_order_always() {
        assert_eq!(fitting([2 * PAGE_BYTES_MAX, 1].into_iter(), None), 1);
        assert_eq!(fitting([2 * PAGE_BYTES_MAX].into_iter(), Some(1)), 0);
        assert_eq!(fitting([PAGE_BYTES_MAX / 2; 3].into_iter(), None), 2);
        assert_eq!((portion(100, 30), portion(10, 30), portion(usize::MAX, 0)), (3, 1, PORTION_ORDERS_MAX));
    }
}
