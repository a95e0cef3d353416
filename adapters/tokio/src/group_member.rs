//! The member of the group: joins, starts and stops drivers by the group's events, and leaves.

use std::collections::BTreeSet;
use std::future::pending;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use logistics_core::Partition;
use logistics_core::port::{EventBus, GroupEvent, Membership, PortError, PortErrorKind};
use logistics_layers::Layer;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout_at};
use tracing::{error, info, warn};

use crate::attempts::{Attempts, as_ms};
use crate::error_text::{error_text, panic_text};
use crate::options::ProcessorsOptions;
use crate::processor_drivers::ProcessorDrivers;
use crate::processors_health::ProcessorsHealth;
use crate::reports::DrainReport;

pub(crate) struct GroupMember {
    pub(crate) bus: Arc<dyn EventBus>,
    pub(crate) partitions: u32,
    pub(crate) options: ProcessorsOptions,
    pub(crate) health: Arc<ProcessorsHealth>,
    pub(crate) drivers: ProcessorDrivers,
    /// The deadline of a drain, once one is requested.
    pub(crate) drain: watch::Receiver<Option<Instant>>,
}

/// Why a membership ended.
enum MembershipEnd {
    Failed,
    /// A drain with this deadline is requested.
    Drain(Instant),
}

impl GroupMember {
    /// Joins, and joins again after each failure of the membership, until a drain.
    pub(crate) async fn run(mut self) -> DrainReport {
        let mut attempts = Attempts::new(self.options.join_backoff);
        loop {
            let joined = tokio::select! {
                biased;
                _ = until_drain(self.drain.clone()) => return DrainReport { left: true, ..DrainReport::default() },
                joined = self.join() => joined,
            };
            let membership: Arc<dyn Membership> = match joined {
                Ok(membership) => self.options.layers().over(Arc::<dyn Membership>::from(membership)),
                Err(error) => {
                    self.wait_to_join(&mut attempts, &error_text(&error)).await;
                    continue;
                }
            };
            self.health.set_group(false, "joining: awaiting the first assignment");
            let end = AssertUnwindSafe(self.handle_events(&membership, &mut attempts)).catch_unwind().await;
            match end {
                Ok(MembershipEnd::Drain(by)) => return self.drain(&membership, by).await,
                Ok(MembershipEnd::Failed) => {}
                Err(panic) => error!(panic = panic_text(panic.as_ref()), "the membership panicked"),
            }
            self.drivers.drop_all(self.options.revoke()).await;
            drop(membership);
            self.wait_to_join(&mut attempts, "the membership failed").await;
        }
    }

    async fn join(&self) -> Result<Box<dyn Membership>, PortError> {
        let found = self.bus.partitions();
        if found != self.partitions {
            let text = format!(
                "the topics have {found} partitions, but the settings say {}; correct the settings, because the \
                 partition count decides where an order is",
                self.partitions
            );
            return Err(PortError::new(PortErrorKind::Refused, text));
        }
        self.bus.join().await
    }

    async fn wait_to_join(&mut self, attempts: &mut Attempts, why: &str) {
        let delay = attempts.failed();
        warn!(why, retry_after_ms = as_ms(delay), "not a member of the group of processors; joining again");
        self.health.set_group(false, format!("joining again after {} failures: {why}", attempts.failures()));
        tokio::select! {
            _ = until_drain(self.drain.clone()) => {}
            () = sleep(delay) => {}
        }
    }

    /// Handles the group's events until the membership fails or a drain begins.
    async fn handle_events(
        &mut self,
        membership: &Arc<dyn Membership>,
        attempts: &mut Attempts,
    ) -> MembershipEnd {
        let mut joined = false;
        loop {
            let event = tokio::select! {
                biased;
                by = until_drain(self.drain.clone()) => return MembershipEnd::Drain(by),
                event = membership.next() => event,
                () = self.drivers.ended() => continue,
            };
            match event {
                Ok(event) => {
                    attempts.succeeded();
                    self.on_event(membership, event, true).await;
                    joined = true;
                    self.health.set_group(true, "joined");
                }
                Err(error) if error.kind().is_retryable() => {
                    let (delay, why) = (attempts.failed(), error_text(&error));
                    warn!(
                        why,
                        retry_after_ms = as_ms(delay),
                        "the group does not answer; the partitions continue"
                    );
                    let at = self.drivers.now();
                    let state = if joined { "joined" } else { "joining" };
                    self.health
                        .set_group(joined, format!("{state}; at {at} the group did not answer: {why}"));
                    tokio::select! {
                        _ = until_drain(self.drain.clone()) => {}
                        () = sleep(delay) => {}
                    }
                }
                Err(error) => {
                    error!(why = error_text(&error), "the membership failed; joining again");
                    return MembershipEnd::Failed;
                }
            }
        }
    }

    /// Starts and stops drivers, and returns the partitions that were dropped with unfinished work. `accept`: whether newly
    /// assigned partitions get a driver.
    async fn on_event(
        &mut self,
        membership: &Arc<dyn Membership>,
        event: GroupEvent,
        accept: bool,
    ) -> Vec<Partition> {
        match event {
            GroupEvent::Assigned(partitions) => {
                info!(?partitions, accept, "partitions assigned");
                let partitions = BTreeSet::from_iter(partitions);
                let dropped = self.drivers.drop_at_once(&partitions);
                for partition in partitions.into_iter().filter(|_| accept) {
                    self.drivers.start(membership, partition);
                }
                dropped
            }
            GroupEvent::Revoked(partitions) => {
                info!(?partitions, "partitions revoked");
                let revoked = BTreeSet::from_iter(partitions.iter().copied());
                self.drivers.stop(&revoked, false);
                let dropped = self.drivers.wait(&revoked, Instant::now() + self.options.revoke()).await;
                self.release(membership, &partitions).await;
                dropped
            }
            GroupEvent::Lost(partitions) => {
                info!(?partitions, "partitions lost");
                self.drivers.drop_at_once(&BTreeSet::from_iter(partitions))
            }
        }
    }

    async fn release(&self, membership: &Arc<dyn Membership>, partitions: &[Partition]) {
        if let Err(error) = membership.release(partitions).await {
            let why = error_text(&error);
            warn!(?partitions, why, "failed to release partitions; the session timeout will reclaim them");
        }
    }

    /// Releases every partition with its store up to date, and leaves the group. Handles the group's events until then, so a
    /// partition that the group revokes is released at once.
    async fn drain(mut self, membership: &Arc<dyn Membership>, by: Instant) -> DrainReport {
        self.health.set_group(false, "draining");
        let all = self.drivers.partitions();
        self.drivers.stop(&all, true);
        let left = by.saturating_duration_since(Instant::now());
        let leave = Duration::from_millis(self.options.leave_ms).min(left / 2);
        let leave_at = by.checked_sub(leave).unwrap_or(by);
        let mut cut_off = BTreeSet::new();
        let mut answers = true;
        while !self.drivers.is_empty() {
            let event = tokio::select! {
                biased;
                () = self.drivers.ended() => continue,
                () = tokio::time::sleep_until(leave_at) => {
                    cut_off.extend(self.drivers.drop_at_once(&all));
                    break;
                }
                event = membership.next(), if answers => event,
            };
            match event {
                // Until `leave_at` at most; the branch above then drops the rest.
                Ok(event) => {
                    let dropped = timeout_at(leave_at, self.on_event(membership, event, false)).await;
                    cut_off.extend(dropped.unwrap_or_default());
                }
                Err(_) => answers = false,
            }
        }
        let left = matches!(timeout_at(by, membership.leave()).await, Ok(Ok(())));
        let drained = all.difference(&cut_off).copied().collect();
        DrainReport { drained, cut_off: cut_off.into_iter().collect(), left }
    }
}

/// Waits for a drain, and returns its deadline.
async fn until_drain(mut drain: watch::Receiver<Option<Instant>>) -> Instant {
    let by = drain.wait_for(Option::is_some).await.map(|by| *by);
    match by {
        Ok(by) => by.unwrap_or_else(Instant::now),
        // The handle was dropped, and aborts this task.
        Err(_) => pending().await,
    }
}
