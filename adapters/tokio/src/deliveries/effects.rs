//! The effects of the deliveries.

use logistics_core::delivery::{AttemptId, Effect, Input, Problem, Report, ReportEvent};
use logistics_core::observe::{NotificationEnd, NotificationReport, Observer};
use logistics_core::port::{NotifyErrorKind, Topic};
use logistics_core::{EndpointId, Offset, Timestamp, wire};
use tokio_util::task::AbortOnDropHandle;
use tracing::{error, info, warn};

use super::attempt::Due;
use super::driver::{Driver, Happened};
use super::recover::Recovery;

impl Driver {
    /// Executes everything that is to be done. Nothing here waits.
    pub(super) fn execute(&mut self) {
        while let Some(effect) = self.deliveries.poll_effect() {
            match effect {
                Effect::Recover(partition) => {
                    let Some(assigned) = self.partitions.get_mut(&partition) else { continue };
                    let recovery = Recovery {
                        bus: self.bus.clone(),
                        channel: self.channel.clone(),
                        partition,
                        generation: assigned.generation,
                        happened: self.happened.clone(),
                    };
                    assigned.reader = Some(AbortOnDropHandle::new(tokio::spawn(recovery.run())));
                }
                Effect::Attempt { attempt, partition, offset, endpoint, notification, number } => {
                    self.attempt(attempt, Due { partition, offset, endpoint, notification, number });
                }
                Effect::Abandon(attempt) => {
                    if let Some(running) = self.running.remove(&attempt) {
                        running.abort();
                    }
                }
                Effect::Publish { publish, partition, key, record } => {
                    let (bus, happened) = (self.bus.clone(), self.happened.clone());
                    let (publishes, payload) = (self.publishes.clone(), wire::encode_delivery(&record));
                    let channel = self.channel.clone();
                    tokio::spawn(async move {
                        let _running = publishes.acquire().await;
                        let published = bus.publish(Topic::Deliveries, partition, key, payload).await;
                        if let Err(why) = &published {
                            warn!(%channel, %partition, %why, "failed to store what waits; retrying");
                        }
                        let offset = published.ok();
                        let _ = happened.send(Happened::Done(Input::Published { publish, offset }));
                    });
                }
                Effect::Disable { endpoint, failing_since } => self.disable(endpoint, failing_since),
                Effect::Report(report) => self.report(&report),
                _ => {}
            }
        }
    }

    fn attempt(&mut self, id: AttemptId, due: Due) {
        let (attempts, happened) = (self.attempts.clone(), self.happened.clone());
        let task = tokio::spawn(async move {
            let outcome = attempts.run(due).await;
            let _ = happened.send(Happened::Done(Input::Attempted { attempt: id, outcome }));
        });
        self.running.insert(id, task.abort_handle());
    }

    fn disable(&self, endpoint: EndpointId, failing_since: Option<Timestamp>) {
        let receivers = self.receivers.clone();
        tokio::spawn(async move { receivers.disable(&endpoint, failing_since).await });
    }

    fn report(&mut self, report: &Report) {
        let Report { partition, endpoint, notification, attempts, .. } = report;
        let (order_id, version) = (&notification.order_id, notification.version);
        let channel = self.channel.clone();
        self.unacknowledged += usize::from(report.event == ReportEvent::Delivered);
        let mut stats = self.stats.lock();
        match &report.event {
            ReportEvent::Delivered => stats.report.delivered += 1,
            ReportEvent::Retried { problem, due_at } => {
                stats.report.failed += 1;
                let why = text(problem);
                info!(%channel, %partition, %endpoint, %order_id, %version, attempts, why, %due_at, "a delivery failed; retrying");
            }
            ReportEvent::Dead { problem } => {
                stats.report.dead += 1;
                let end = NotificationEnd::Undeliverable(NotifyErrorKind::Rejected);
                let mut lost = NotificationReport::new(self.channel.as_str(), *partition, Offset(0), end);
                lost.order = Some((order_id, version, notification.status));
                self.options.observers.notification(&lost);
                let why = problem.as_ref().map_or_else(|| "the endpoint is disabled".to_owned(), text);
                error!(%channel, %partition, %endpoint, %order_id, %version, attempts, why, "a delivery is dead; a redrive delivers it again");
            }
            ReportEvent::Dropped => {
                info!(%channel, %partition, %endpoint, %order_id, %version, "a delivery was dropped: its endpoint is deleted");
            }
            _ => {}
        }
    }
}

fn text(problem: &Problem) -> String {
    problem.status.map_or_else(|| problem.code.clone(), |status| format!("{} {status}", problem.code))
}
