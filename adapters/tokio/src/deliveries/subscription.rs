//! Events of the group, and the assignment.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use logistics_core::delivery::Input;
use logistics_core::observe::{NotificationEnd, NotificationReport, Observer};
use logistics_core::port::{Delivery, LogRecord, PortError, ReadLimit, SubscriptionEvent};
use logistics_core::{Partition, wire};
use tokio::time::{Instant, sleep};
use tracing::{error, info, warn};

use super::driver::{Assigned, Driver, RETRY};

/// One read of notifications.
pub(super) const READ: ReadLimit = ReadLimit { records: 256, bytes: 1024 * 1024 };

impl Driver {
    /// # Errors
    /// The subscription cannot go on.
    pub(super) async fn on_event(&mut self, event: Result<SubscriptionEvent, PortError>) -> Result<(), ()> {
        match event {
            Ok(SubscriptionEvent::Records(Delivery { partition, batch })) => {
                self.stats.lock().failing.remove("reading");
                for record in batch.records {
                    if !self.on_record(partition, &record) {
                        return Ok(());
                    }
                }
                self.handle(Input::Passed { partition, next: batch.next });
            }
            Ok(SubscriptionEvent::Started(positions)) => {
                let partitions = positions.len();
                let channel = &self.channel;
                info!(%channel, partitions, "the group had no position in these partitions; it starts here");
            }
            Ok(SubscriptionEvent::Moved { partition, from, to }) => {
                warn!(channel = %self.channel, %partition, %from, %to, "the position was outside of the log; continuing");
                let gone = to.0.saturating_sub(from.0);
                if gone > 0 {
                    let report = NotificationReport::new(
                        self.channel.as_str(),
                        partition,
                        from,
                        NotificationEnd::Gone(gone),
                    );
                    self.options.observers.notification(&report);
                }
                self.handle(Input::Passed { partition, next: to });
            }
            Ok(SubscriptionEvent::Revoked(partitions)) => {
                let release_by = Instant::now() + Duration::from_millis(self.options.revoke_ms);
                for partition in partitions {
                    self.assigned(partition).release_by = Some(release_by);
                    self.handle(Input::Revoked(partition));
                }
            }
            Ok(SubscriptionEvent::Lost(partitions)) => partitions.into_iter().for_each(|p| self.forget(p)),
            Err(why) => {
                warn!(channel = %self.channel, %why, "failed to read the notifications; retrying");
                self.stats.lock().failing.insert("reading", why.to_string());
                if !why.kind().is_retryable() {
                    return Err(());
                }
                sleep(RETRY / 5).await;
            }
        }
        Ok(())
    }

    /// Returns whether the next record may be read.
    fn on_record(&mut self, partition: Partition, record: &LogRecord) -> bool {
        let offset = record.offset;
        match wire::decode_notification(&record.payload) {
            Ok(notification) => {
                let endpoints = self.receivers.receivers(&notification);
                let notification = match self.options.contacts {
                    true => notification,
                    false => notification.without_contacts(),
                };
                let notification = Arc::new(notification);
                self.handle(Input::Notified { partition, offset, notification, endpoints });
                true
            }
            Err(why) if why.is_newer() => {
                error!(%partition, %offset, %why, "a newer release wrote this notification; the partition halts: run that release");
                self.stats
                    .lock()
                    .halted
                    .insert(partition, format!("partition {partition} offset {offset}: {why}"));
                self.assigned(partition).halted = true;
                false
            }
            Err(why) => {
                warn!(%partition, %offset, %why, "invalid notification record skipped; it stays in the log");
                let report = NotificationReport::new(
                    self.channel.as_str(),
                    partition,
                    offset,
                    NotificationEnd::Undecodable,
                );
                self.options.observers.notification(&report);
                self.handle(Input::Passed { partition, next: offset.next() });
                true
            }
        }
    }

    /// Begins to work on the partitions that the group assigned.
    pub(super) fn look(&mut self, assigned: &BTreeSet<Partition>) {
        for partition in assigned {
            if !self.partitions.contains_key(partition) {
                self.assigned(*partition);
                self.handle(Input::Assigned(*partition));
            }
        }
    }

    fn assigned(&mut self, partition: Partition) -> &mut Assigned {
        self.generation += 1;
        let generation = self.generation;
        let new =
            || Assigned { generation, acknowledged: None, reader: None, release_by: None, halted: false };
        self.partitions.entry(partition).or_insert_with(new)
    }

    pub(super) fn forget(&mut self, partition: Partition) {
        self.partitions.remove(&partition);
        self.stats.lock().recovering.remove(&partition);
        self.stats.lock().halted.remove(&partition);
        self.handle(Input::Lost(partition));
        self.execute();
    }

    pub(super) fn forget_all(&mut self) {
        let partitions: Vec<Partition> = self.partitions.keys().copied().collect();
        partitions.into_iter().for_each(|partition| self.forget(partition));
    }
}
