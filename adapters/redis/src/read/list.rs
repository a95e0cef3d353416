//! Pages of the list.

use std::sync::Arc;

use logistics_core::lifecycle::{STATUSES, Status};
use logistics_core::limits::PAGE_ORDERS_MAX;
use logistics_core::port::{Cursor, ListQuery, Page};

use crate::error::RedisStoreError;
use crate::keys::{Keys, List};
use crate::read::index::{Entry, position};
use crate::server::connection::Conn;

/// Lists orders.
pub(crate) struct Lister<'a> {
    pub(crate) conn: &'a mut Conn,
    pub(crate) place: &'a Arc<str>,
    pub(crate) keys: Keys,
    pub(crate) partitions: u32,
}

impl Lister<'_> {
    pub(crate) async fn page(&mut self, query: &ListQuery) -> Result<Page, RedisStoreError> {
        let limit = query.limit.clamp(1, PAGE_ORDERS_MAX);
        if query.late {
            return self.late_page(query, limit).await;
        }
        if let Some(party) = &query.party {
            return self.party_page(query, party, limit).await;
        }
        let mut after = query.after.clone();
        loop {
            let page = self.attempt(query, after.as_ref(), limit).await?;
            // Every order of the page left its status before its document was read: read the next page.
            if page.documents.is_empty() && page.next.is_some() {
                after = page.next;
                continue;
            }
            return Ok(page);
        }
    }

    async fn attempt(
        &mut self,
        query: &ListQuery,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Page, RedisStoreError> {
        let begin = query.status.or(after.map(|cursor| cursor.status));
        let statuses = STATUSES.into_iter().skip_while(|status| begin.is_some_and(|begin| *status != begin));
        let mut entries: Vec<(Status, Entry)> = Vec::new();
        for status in statuses.take(if query.status.is_some() { 1 } else { STATUSES.len() }) {
            let behind = after.filter(|cursor| cursor.status == status).map(position);
            // One more than the limit, to detect another page.
            let missing = limit + 1 - entries.len();
            let found = self.index(List::Status(status), query, behind.as_ref(), missing).await?;
            entries.extend(found.into_iter().map(|entry| (status, entry)));
            if entries.len() > limit {
                break;
            }
        }
        let more = entries.len() > limit;
        entries.truncate(limit);
        let next = entries.last().filter(|_| more).map(|(status, entry)| Cursor {
            status: *status,
            changed_at: entry.changed_at.0,
            order_id: entry.order_id.0.clone(),
            party: None,
        });
        let entries = entries.into_iter().map(|(status, entry)| (List::Status(status), entry));
        Ok(Page { documents: self.documents(&entries.collect::<Vec<_>>()).await?, next })
    }
}
