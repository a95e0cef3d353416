//! An audit through the ports.

use futures::stream::TryStreamExt;

use super::violation::{Broken, Invariant};
use super::{Audit, Expect, Report, Violation};
use crate::ids::Partition;
use crate::lifecycle::STATUSES;
use crate::limits::PAGE_ORDERS_MAX;
use crate::port::{EventBus, EventBusExt, ListQuery, OrderStore, PortError, ReadLimit, Topic};

const READ_RECORDS_MAX: usize = 10_000;
const READ_BYTES_MAX: usize = 8 * 1024 * 1024;
const READ: ReadLimit = ReadLimit { records: READ_RECORDS_MAX, bytes: READ_BYTES_MAX };

/// Why an audit ended without a report.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum AuditError {
    /// An invariant does not hold.
    #[error(transparent)]
    Violation(#[from] Violation),
    /// The log or the store could not be read.
    #[error(transparent)]
    Port(#[from] PortError),
}

/// Audits the logs and the store as they are now. Needs no runtime of its own; waits only where the ports do.
///
/// With [`Expect::InMotion`] records of open transactions are waited for.
///
/// # Errors
/// [`AuditError::Violation`], the first that was found; [`AuditError::Port`] when something could not be read.
pub async fn run(bus: &dyn EventBus, store: &dyn OrderStore, expect: Expect) -> Result<Report, AuditError> {
    let mut audit = Audit::new(bus.partitions(), expect);
    for partition in (0..bus.partitions()).map(Partition) {
        audit.recovery(partition, &store.recover(partition).await?)?;
    }
    read_documents(store, &mut audit).await?;
    audit.summary(store.summary().await?);
    read_logs(bus, &mut audit).await?;
    Ok(audit.finish()?)
}

/// Audits the logs alone.
///
/// # Errors
/// As for [`run`].
pub async fn run_log(bus: &dyn EventBus, expect: Expect) -> Result<Report, AuditError> {
    let mut audit = Audit::new(bus.partitions(), expect);
    read_logs(bus, &mut audit).await?;
    Ok(audit.finish()?)
}

async fn read_documents(store: &dyn OrderStore, audit: &mut Audit) -> Result<(), AuditError> {
    for status in STATUSES {
        let mut query = ListQuery { status: Some(status), limit: PAGE_ORDERS_MAX, ..ListQuery::default() };
        loop {
            let page = store.list(&query).await?;
            for document in &page.documents {
                audit.document(status, document)?;
            }
            if page.next.is_some() && page.next == query.after {
                let found = format!("the list of {status} orders has a page that leads to itself");
                return Err(Broken::new(Invariant::I10, found).anywhere().into());
            }
            query.after = page.next;
            if query.after.is_none() {
                break;
            }
        }
    }
    Ok(())
}

async fn read_logs(bus: &dyn EventBus, audit: &mut Audit) -> Result<(), AuditError> {
    for partition in (0..bus.partitions()).map(Partition) {
        let bounds = bus.bounds(Topic::Notifications, partition).await?;
        audit.start_of_notifications(partition, bounds.start);
        let range = bounds.start..bounds.end;
        let mut notifications = bus.read_range(Topic::Notifications, partition, range, READ);
        while let Some(record) = notifications.try_next().await? {
            audit.notification_record(partition, &record)?;
        }
        let bounds = bus.bounds(Topic::Orders, partition).await?;
        audit.bounds_of_orders(partition, bounds.start, bounds.end)?;
        let mut orders = bus.read_range(Topic::Orders, partition, bounds.start..bounds.end, READ);
        while let Some(record) = orders.try_next().await? {
            audit.order_record(partition, &record)?;
        }
    }
    Ok(())
}
