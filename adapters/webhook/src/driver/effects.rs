//! The effects of the deliveries.

use logistics_core::delivery::{AttemptId, Effect, Input, Problem, Report, ReportEvent};
use logistics_core::observe::{NotificationEnd, NotificationReport, Observer};
use logistics_core::port::{NotifyErrorKind, Topic};
use logistics_core::webhook::{DisabledReason, EndpointChange, EndpointFact, EndpointId, endpoint_partition};
use logistics_core::{Offset, RequestId, Timestamp, wire};
use tokio_util::task::AbortOnDropHandle;
use tracing::{error, info, warn};

use super::{CHANNEL, Driver, Happened};
use crate::attempt::Attempt;
use crate::follow::recover;

impl Driver {
    /// Executes everything that is to be done. Nothing here waits.
    pub(super) fn execute(&mut self) {
        while let Some(effect) = self.deliveries.poll_effect() {
            match effect {
                Effect::Recover(partition) => {
                    let Some(assigned) = self.partitions.get_mut(&partition) else { continue };
                    let (bus, happened) = (self.bus.clone(), self.happened.clone());
                    let reader = recover(bus, partition, assigned.generation, happened);
                    assigned.reader = Some(AbortOnDropHandle::new(tokio::spawn(reader)));
                }
                Effect::Attempt { attempt, partition, offset, endpoint, notification, number } => {
                    let what = Attempt { partition, offset, endpoint, notification, number };
                    self.attempt(attempt, what);
                }
                Effect::Abandon(attempt) => {
                    if let Some(running) = self.running.remove(&attempt) {
                        running.abort();
                    }
                }
                Effect::Publish { publish, partition, key, record } => {
                    let (bus, happened) = (self.bus.clone(), self.happened.clone());
                    let (publishes, payload) = (self.publishes.clone(), wire::encode_delivery(&record));
                    tokio::spawn(async move {
                        let _running = publishes.acquire().await;
                        let published = bus.publish(Topic::Deliveries, partition, key, payload).await;
                        if let Err(why) = &published {
                            warn!(%partition, %why, "failed to store a webhook delivery; retrying");
                        }
                        let offset = published.ok();
                        let _ = happened.send(Happened::Done(Input::Published { publish, offset }));
                    });
                }
                Effect::Disable { endpoint, failing_since } => self.disable(&endpoint, failing_since),
                Effect::Report(report) => self.report(&report),
                _ => {}
            }
        }
    }

    fn attempt(&mut self, id: AttemptId, what: Attempt) {
        let (attempts, happened) = (self.attempts.clone(), self.happened.clone());
        let task = tokio::spawn(async move {
            let outcome = attempts.run(&what).await;
            let _ = happened.send(Happened::Done(Input::Attempted { attempt: id, outcome }));
        });
        self.running.insert(id, task.abort_handle());
    }

    /// Writes the fact that the endpoint is disabled. If another fact is faster, the next failure repeats this.
    fn disable(&self, id: &EndpointId, failing_since: Option<Timestamp>) {
        let Some(endpoint) = self.registry.endpoint(id).filter(|endpoint| endpoint.is_enabled()) else {
            return;
        };
        let reason = if failing_since.is_some() { DisabledReason::Failing } else { DisabledReason::Gone };
        warn!(endpoint = %id, reason = reason.name(), "the webhook endpoint is disabled");
        let at = self.clock.now();
        let fact = EndpointFact {
            id: RequestId::generate(at, rand::random()),
            endpoint_id: id.clone(),
            version: endpoint.version.next(),
            change: EndpointChange::Disabled { reason },
            at,
            by: None,
        };
        let (bus, key, payload) = (self.bus.clone(), id.to_key(), wire::encode_endpoint_fact(&fact));
        tokio::spawn(async move {
            let partition = endpoint_partition(&fact.endpoint_id, bus.partitions());
            if let Err(why) = bus.publish(Topic::Endpoints, partition, key, payload).await {
                error!(endpoint = %fact.endpoint_id, %why, "failed to disable the webhook endpoint");
            }
        });
    }

    fn report(&mut self, report: &Report) {
        let Report { partition, endpoint, notification, attempts, .. } = report;
        let (order_id, version) = (&notification.order_id, notification.version);
        self.unacknowledged += usize::from(report.event == ReportEvent::Delivered);
        let mut stats = self.stats.lock();
        match &report.event {
            ReportEvent::Delivered => stats.report.delivered += 1,
            ReportEvent::Retried { problem, due_at } => {
                stats.report.failed += 1;
                let why = text(problem);
                info!(%partition, %endpoint, %order_id, %version, attempts, why, %due_at, "a webhook failed; retrying");
            }
            ReportEvent::Dead { problem } => {
                stats.report.dead += 1;
                let end = NotificationEnd::Undeliverable(NotifyErrorKind::Rejected);
                let mut lost = NotificationReport::new(CHANNEL, *partition, Offset(0), end);
                lost.order = Some((order_id, version, notification.status));
                self.options.observers.notification(&lost);
                let why = problem.as_ref().map_or_else(|| "the endpoint is disabled".to_owned(), text);
                error!(%partition, %endpoint, %order_id, %version, attempts, why, "a webhook is dead; a redrive delivers it again");
            }
            ReportEvent::Dropped => {
                info!(%partition, %endpoint, %order_id, %version, "a webhook was dropped: its endpoint is deleted");
            }
            _ => {}
        }
    }
}

fn text(problem: &Problem) -> String {
    problem.status.map_or_else(|| problem.code.clone(), |status| format!("{} {status}", problem.code))
}
