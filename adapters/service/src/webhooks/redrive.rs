//! Statistics, dead letters, and delivering dead letters again.

use std::time::Duration;

use futures::TryStreamExt;
use logistics_core::delivery::{DeliveryEvent, DeliveryRecord, EndpointStats, Redrive};
use logistics_core::notify::Notification;
use logistics_core::port::{EventBusExt, PortError, PortErrorKind, ReadLimit, Topic};
use logistics_core::webhook::EndpointId;
use logistics_core::{ChannelName, OrderId, Timestamp, Version, partition_of, wire};

use super::Webhooks;
use super::deliveries::{DeadLetter, Position};
use super::error::WebhookError;
use crate::error::ServiceError;
use crate::principal::Principal;
use crate::service::port_failed;

/// Dead letters that one call redrives.
pub const REDRIVEN_MAX: usize = 1000;

/// Which dead letters to deliver again.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RedriveSelection {
    /// The message about this version of the order.
    One {
        /// The order.
        order_id: OrderId,
        /// The version.
        version: Version,
    },
    /// All that were given up at this time or later, [`REDRIVEN_MAX`] per call, the oldest first.
    Since(Timestamp),
}

/// The result of a redrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Redriven {
    /// The messages that will be delivered again.
    pub count: usize,
    /// There are more: repeat the call.
    pub more: bool,
}

impl Webhooks {
    /// What became of the messages to an endpoint, as far back as this process has read the log.
    ///
    /// # Errors
    /// [`WebhookError::NotFound`], also for another party's endpoint; `Forbidden`; `NotReady`.
    pub fn statistics(&self, principal: &Principal, id: &EndpointId) -> Result<EndpointStats, WebhookError> {
        self.observable(principal, id)?;
        self.deliveries_read()?;
        Ok(self.0.deliveries.stats(id))
    }

    /// The dead letters of an endpoint since a time, by order and version.
    ///
    /// # Errors
    /// As for [`Webhooks::statistics`].
    pub fn dead_letters(
        &self,
        principal: &Principal,
        id: &EndpointId,
        since: Option<Timestamp>,
    ) -> Result<Vec<DeadLetter>, WebhookError> {
        self.observable(principal, id)?;
        self.deliveries_read()?;
        Ok(self.0.deliveries.dead_letters(id, since))
    }

    /// Delivers dead letters again, with a new schedule and the same message ids. When this returns, the requests are durable in
    /// the log.
    ///
    /// # Errors
    /// As for [`Webhooks::statistics`]; [`WebhookError::NotFound`] also for a message that is no dead letter; the errors of the
    /// log, after which some messages may be redriven.
    pub async fn redrive(
        &self,
        principal: &Principal,
        id: &EndpointId,
        selection: RedriveSelection,
    ) -> Result<Redriven, WebhookError> {
        let mut letters = match &selection {
            RedriveSelection::One { .. } => self.dead_letters(principal, id, None)?,
            RedriveSelection::Since(since) => self.dead_letters(principal, id, Some(*since))?,
        };
        if let RedriveSelection::One { order_id, version } = &selection {
            letters.retain(|letter| letter.order_id == *order_id && letter.version == *version);
            if letters.is_empty() {
                return Err(WebhookError::NotFound);
            }
        }
        letters.sort_by_key(|letter| letter.at);
        let more = letters.len() > REDRIVEN_MAX;
        letters.truncate(REDRIVEN_MAX);
        for letter in &letters {
            self.redrive_one(id, letter).await?;
        }
        Ok(Redriven { count: letters.len(), more })
    }

    async fn redrive_one(&self, id: &EndpointId, letter: &DeadLetter) -> Result<(), WebhookError> {
        let notification = self.notification_at(letter.position).await?;
        let partition = partition_of(&letter.order_id, self.0.bus.partitions());
        let redrive = Redrive::new(id.clone(), notification);
        let channel = self.0.deliveries.channel_of(id).unwrap_or_else(ChannelName::webhooks);
        let key = redrive.key().to_record_key(&channel);
        let record = DeliveryRecord::new(channel, self.0.clock.now(), DeliveryEvent::Redrive(redrive));
        let payload = wire::encode_delivery(&record);
        let publish = self.0.bus.publish(Topic::Deliveries, partition, key, payload);
        self.within("publish a redrive", publish).await.map(drop)
    }

    /// The notification in the record of a dead letter. The record is in the log only, so that dead letters take little memory.
    async fn notification_at(&self, position: Position) -> Result<Notification, WebhookError> {
        let Position { partition, offset } = position;
        let limit = ReadLimit { records: 1, bytes: 1 };
        let range = offset..offset.next();
        let read = async {
            let mut records = self.0.bus.read_range(Topic::Deliveries, partition, range, limit);
            records.try_next().await
        };
        let record = self.within("read a dead letter", read).await?;
        let decoded = record.and_then(|record| wire::decode_delivery(&record.payload).ok());
        match decoded.map(|record| record.event) {
            Some(DeliveryEvent::Settled(settled)) => settled.notification.ok_or(WebhookError::NotFound),
            // Retention has deleted it.
            _ => Err(WebhookError::NotFound),
        }
    }

    async fn within<T>(
        &self,
        doing: &'static str,
        call: impl Future<Output = Result<T, PortError>>,
    ) -> Result<T, WebhookError> {
        let limit = Duration::from_millis(self.0.options.port_timeout_ms);
        match tokio::time::timeout(limit, call).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(port_failed(doing, &error).into()),
            Err(_) => Err(ServiceError::from(PortErrorKind::Unavailable).into()),
        }
    }

    fn deliveries_read(&self) -> Result<(), WebhookError> {
        if self.0.deliveries.is_ready() { Ok(()) } else { Err(WebhookError::NotReady) }
    }
}
