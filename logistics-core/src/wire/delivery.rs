//! Records of the topic `webhook_deliveries`.

use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::RecordError;
use super::envelope::{API_SOURCE, DATA_SCHEMA, Envelope, Head, encode as encode_envelope, invalid, missing};
use crate::delivery::{
    DeliveryEvent, DeliveryKey, DeliveryOutcome, DeliveryRecord, EndpointStats, Problem, Redrive, Settled,
    WaitReason, Waiting, Written,
};
use crate::ids::{ChannelName, EndpointId, Offset, OrderId, Timestamp, Version};
use crate::notify::Notification;

/// The `source` of the owners of deliveries: to webhook endpoints, and of the other channels.
const WEBHOOK_SOURCE: &str = "/logistics/webhooks";
const CHANNEL_SOURCE: &str = "/logistics/deliveries";
/// The types of the webhook endpoints' records begin with this.
const WEBHOOK_TYPE: &str = "logistics.webhook.delivery.";
/// Those of other channels begin with another text: releases that know webhooks only would deliver them to an endpoint.
const CHANNEL_TYPE: &str = "logistics.channel.delivery.";
const WAITING: &str = "waiting";
const SETTLED: &str = "settled";
const REDRIVE: &str = "redrive";
const STATS: &str = "stats";
const CHECKPOINT: &str = "checkpoint";

/// The one form of `data`. Each kind of record has some of the fields.
#[derive(Default, Serialize, Deserialize)]
struct Data {
    /// Absent in the records of webhook endpoints.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    channel: Option<ChannelName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    endpoint_id: Option<EndpointId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    order_id: Option<OrderId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<Version>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    outcome: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    attempts: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    due_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    waits: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    problem: Option<ProblemData>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failing_since: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    delivered: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failed: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dead: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_success_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_failure_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    notification: Option<Notification>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    writer: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    oldest: Option<Offset>,
}

#[derive(Serialize, Deserialize)]
struct ProblemData {
    code: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
}

impl From<&Problem> for ProblemData {
    fn from(Problem { code, status }: &Problem) -> Self {
        Self { code: code.clone(), status: *status }
    }
}

impl From<ProblemData> for Problem {
    fn from(ProblemData { code, status }: ProblemData) -> Self {
        Problem::new(&code, status)
    }
}

/// The id of a record: what it is about, and when it was written.
struct DeliveryId<'a> {
    channel: &'a ChannelName,
    endpoint: Option<&'a EndpointId>,
    order: Option<(&'a OrderId, Version)>,
    at: Timestamp,
}

impl fmt::Display for DeliveryId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.channel.is_webhooks() {
            write!(f, "{}:", self.channel)?;
        }
        f.write_str(self.endpoint.map_or(CHECKPOINT, EndpointId::as_str))?;
        if let Some((order_id, version)) = self.order {
            write!(f, ":{order_id}:{version}")?;
        }
        write!(f, ":{}", self.at.as_millis())
    }
}

pub(super) fn encode(record: &DeliveryRecord) -> Bytes {
    let (kind, mut data) = match &record.event {
        DeliveryEvent::Waiting(waiting) => (WAITING, of_waiting(waiting)),
        DeliveryEvent::Settled(settled) => (SETTLED, of_settled(settled)),
        DeliveryEvent::Redrive(Redrive { endpoint, notification }) => {
            let (endpoint_id, notification) = (Some(endpoint.clone()), Some(notification.clone()));
            (REDRIVE, Data { endpoint_id, notification, ..Data::default() })
        }
        DeliveryEvent::Stats(stats) => (STATS, of_stats(stats)),
        DeliveryEvent::Checkpoint => (CHECKPOINT, Data::default()),
    };
    let channel = &record.channel;
    let (prefix, source) = if channel.is_webhooks() {
        (WEBHOOK_TYPE, WEBHOOK_SOURCE)
    } else {
        data.channel = Some(channel.clone());
        (CHANNEL_TYPE, CHANNEL_SOURCE)
    };
    if let Some(Written { writer, oldest }) = record.written {
        (data.writer, data.oldest) = (Some(format!("{writer:016x}")), Some(oldest));
    }
    let key = record.event.key();
    (data.order_id, data.version) = key.as_ref().map(|key| (key.order_id.clone(), key.version)).unzip();
    let endpoint = data.endpoint_id.clone();
    let order = key.as_ref().map(|key| (&key.order_id, key.version));
    let trace = data.notification.as_mut().and_then(|notification| notification.trace.take());
    let id = DeliveryId { channel, endpoint: endpoint.as_ref(), order, at: record.at };
    let head = Head {
        source: if record.written.is_some() { source } else { API_SOURCE },
        kind: &format!("{prefix}{kind}"),
        dataschema: DATA_SCHEMA,
        id: id.to_string(),
        subject: key.as_ref().map(|key| key.order_id.as_str()),
        time: record.at,
        traceparent: trace.as_ref(),
    };
    encode_envelope(head, &data)
}

fn of_waiting(waiting: &Waiting) -> Data {
    Data {
        endpoint_id: Some(waiting.endpoint.clone()),
        attempts: Some(waiting.attempts),
        due_at: Some(waiting.due_at),
        waits: Some(waiting.reason.code().to_owned()),
        problem: waiting.problem.as_ref().map(ProblemData::from),
        failing_since: waiting.failing_since,
        notification: Some(waiting.notification.clone()),
        ..Data::default()
    }
}

fn of_settled(settled: &Settled) -> Data {
    Data {
        endpoint_id: Some(settled.key.endpoint.clone()),
        outcome: Some(settled.outcome.code().to_owned()),
        attempts: Some(settled.attempts),
        problem: settled.problem.as_ref().map(ProblemData::from),
        notification: settled.notification.clone(),
        ..Data::default()
    }
}

fn of_stats(stats: &EndpointStats) -> Data {
    Data {
        endpoint_id: Some(stats.endpoint.clone()),
        delivered: Some(stats.delivered),
        failed: Some(stats.failed),
        dead: Some(stats.dead),
        last_success_at: stats.last_success_at,
        last_failure_at: stats.last_failure_at,
        problem: stats.last_problem.as_ref().map(ProblemData::from),
        ..Data::default()
    }
}

pub(super) fn decode(payload: &[u8]) -> Result<DeliveryRecord, RecordError> {
    let envelope = Envelope::parse(payload)?;
    envelope.check_version()?;
    let kind = envelope.kind()?;
    let of_channel = kind.strip_prefix(CHANNEL_TYPE);
    let read: fn(Data) -> Result<DeliveryEvent, RecordError> =
        match of_channel.or(kind.strip_prefix(WEBHOOK_TYPE)).unwrap_or_default() {
            WAITING => to_waiting,
            SETTLED => to_settled,
            REDRIVE => to_redrive,
            STATS => to_stats,
            CHECKPOINT => |_| Ok(DeliveryEvent::Checkpoint),
            _ => return Err(RecordError::Foreign(format!("type {kind}"))),
        };
    let mut data: Data = envelope.data()?;
    let at = envelope.time()?.ok_or_else(|| missing("time"))?;
    if let Some(notification) = &mut data.notification {
        // The envelope has it, so that a reader of any record finds the trace in one place.
        notification.trace = envelope.trace();
    }
    let written = match (data.writer.take(), data.oldest) {
        (Some(writer), Some(oldest)) => {
            let writer = u64::from_str_radix(&writer, 16).map_err(|error| invalid("writer", error))?;
            Some(Written::new(writer, oldest))
        }
        _ => None,
    };
    let channel = match of_channel {
        Some(_) => data.channel.take().ok_or_else(|| missing("channel"))?,
        None => ChannelName::webhooks(),
    };
    let mut record = DeliveryRecord::new(channel, at, read(data)?);
    record.written = written;
    Ok(record)
}

fn to_waiting(data: Data) -> Result<DeliveryEvent, RecordError> {
    let reason = data.waits.as_deref();
    // A reason of a newer release is information only.
    let reason = WaitReason::ALL.into_iter().find(|known| Some(known.code()) == reason);
    Ok(DeliveryEvent::Waiting(Waiting {
        endpoint: data.endpoint_id.ok_or_else(|| missing("endpoint_id"))?,
        attempts: data.attempts.unwrap_or_default(),
        due_at: data.due_at.ok_or_else(|| missing("due_at"))?,
        reason: reason.unwrap_or(WaitReason::Failed),
        problem: data.problem.map(Problem::from),
        failing_since: data.failing_since,
        notification: data.notification.ok_or_else(|| missing("notification"))?,
    }))
}

fn to_settled(data: Data) -> Result<DeliveryEvent, RecordError> {
    let outcome = data.outcome.ok_or_else(|| missing("outcome"))?;
    let known = DeliveryOutcome::ALL.into_iter().find(|known| known.code() == outcome);
    let endpoint = data.endpoint_id.ok_or_else(|| missing("endpoint_id"))?;
    let order_id = data.order_id.ok_or_else(|| missing("order_id"))?;
    let version = data.version.ok_or_else(|| missing("version"))?;
    Ok(DeliveryEvent::Settled(Settled {
        key: DeliveryKey::new(endpoint, order_id, version),
        outcome: known.ok_or_else(|| invalid("outcome", format!("{outcome} is unknown")))?,
        attempts: data.attempts.unwrap_or_default(),
        problem: data.problem.map(Problem::from),
        notification: data.notification,
    }))
}

fn to_redrive(data: Data) -> Result<DeliveryEvent, RecordError> {
    Ok(DeliveryEvent::Redrive(Redrive {
        endpoint: data.endpoint_id.ok_or_else(|| missing("endpoint_id"))?,
        notification: data.notification.ok_or_else(|| missing("notification"))?,
    }))
}

fn to_stats(data: Data) -> Result<DeliveryEvent, RecordError> {
    let endpoint = data.endpoint_id.ok_or_else(|| missing("endpoint_id"))?;
    let mut stats = EndpointStats::new(endpoint);
    stats.delivered = data.delivered.unwrap_or_default();
    stats.failed = data.failed.unwrap_or_default();
    stats.dead = data.dead.unwrap_or_default();
    (stats.last_success_at, stats.last_failure_at) = (data.last_success_at, data.last_failure_at);
    stats.last_problem = data.problem.map(Problem::from);
    Ok(DeliveryEvent::Stats(stats))
}
