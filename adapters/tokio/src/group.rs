//! The member of the group: joins, starts and stops workers by the group's events, and leaves.

use std::collections::BTreeSet;
use std::future::pending;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use logistics_core::Partition;
use logistics_core::port::{EventBus, GroupEvent, Membership, PortError, PortErrorKind};
use logistics_layers::{Layer, TimeLimit};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout_at};
use tracing::{error, info, warn};

use crate::backoff::{Attempts, as_ms};
use crate::failure::{panic_text, sentence};
use crate::health::Board;
use crate::options::ProcessorsOptions;
use crate::reports::DrainReport;
use crate::workers::Workers;

pub(crate) struct Group {
    pub(crate) bus: Arc<dyn EventBus>,
    pub(crate) partitions: u32,
    pub(crate) options: ProcessorsOptions,
    pub(crate) board: Arc<Board>,
    pub(crate) workers: Workers,
    /// By when to be drained, once that is asked for.
    pub(crate) drain: watch::Receiver<Option<Instant>>,
}

/// Why a membership ended.
enum Ended {
    Failed,
    ToDrain(Instant),
}

impl Group {
    /// Joins, and joins again whenever the membership fails, until asked to drain.
    pub(crate) async fn run(mut self) -> DrainReport {
        let mut attempts = Attempts::new(self.options.join_backoff);
        loop {
            let joined = tokio::select! {
                biased;
                _ = until_drain(self.drain.clone()) => return DrainReport { left: true, ..DrainReport::default() },
                joined = self.join() => joined,
            };
            let membership: Arc<dyn Membership> = match joined {
                Ok(membership) => {
                    TimeLimit::new(self.options.call_timeout_ms).over(Arc::<dyn Membership>::from(membership))
                }
                Err(error) => {
                    self.wait_to_join(&mut attempts, &sentence(&error)).await;
                    continue;
                }
            };
            self.board.show_group(false, "joining: awaiting the first assignment");
            let member = AssertUnwindSafe(self.follow(&membership, &mut attempts)).catch_unwind().await;
            match member {
                Ok(Ended::ToDrain(by)) => return self.drain(&membership, by).await,
                Ok(Ended::Failed) => {}
                Err(panic) => error!(panic = panic_text(panic.as_ref()), "the membership panicked"),
            }
            self.workers.drop_all(self.options.revoke()).await;
            drop(membership);
            self.wait_to_join(&mut attempts, "the membership failed").await;
        }
    }

    async fn join(&self) -> Result<Box<dyn Membership>, PortError> {
        let there = self.bus.partitions();
        if there != self.partitions {
            let text = format!(
                "the topics have {there} partitions and the settings say {}; orders would be looked for in the wrong ones",
                self.partitions
            );
            return Err(PortError::new(PortErrorKind::Refused, text));
        }
        self.bus.join().await
    }

    async fn wait_to_join(&mut self, attempts: &mut Attempts, why: &str) {
        let delay = attempts.failed();
        warn!(why, retry_after_ms = as_ms(delay), "not a member of the group of processors; joining again");
        self.board.show_group(false, format!("joining again after {} failures: {why}", attempts.failures()));
        tokio::select! {
            _ = until_drain(self.drain.clone()) => {}
            () = sleep(delay) => {}
        }
    }

    /// Does what the group says until the membership fails or is to be given up.
    async fn follow(&mut self, membership: &Arc<dyn Membership>, attempts: &mut Attempts) -> Ended {
        let mut heard = false;
        loop {
            let event = tokio::select! {
                biased;
                by = until_drain(self.drain.clone()) => return Ended::ToDrain(by),
                event = membership.next() => event,
                () = self.workers.ended() => continue,
            };
            match event {
                Ok(event) => {
                    attempts.succeeded();
                    self.on_event(membership, event, true).await;
                    heard = true;
                    self.board.show_group(true, "joined");
                }
                Err(error) if error.kind().is_retryable() => {
                    let (delay, why) = (attempts.failed(), sentence(&error));
                    warn!(
                        why,
                        retry_after_ms = as_ms(delay),
                        "the group does not answer; its partitions go on"
                    );
                    let at = self.workers.now();
                    let state = if heard { "joined" } else { "joining" };
                    self.board.show_group(heard, format!("{state}; at {at} the group did not answer: {why}"));
                    tokio::select! {
                        _ = until_drain(self.drain.clone()) => {}
                        () = sleep(delay) => {}
                    }
                }
                Err(error) => {
                    error!(why = sentence(&error), "the membership failed; joining again");
                    return Ended::Failed;
                }
            }
        }
    }

    /// Starts and stops workers, and names the partitions whose workers were dropped before they were finished.
    /// `accept`: new partitions are welcome.
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
                let dropped = self.workers.drop_at_once(&partitions);
                for partition in partitions.into_iter().filter(|_| accept) {
                    self.workers.start(membership, partition);
                }
                dropped
            }
            GroupEvent::Revoked(partitions) => {
                info!(?partitions, "partitions revoked");
                let listed = BTreeSet::from_iter(partitions.iter().copied());
                self.workers.stop(&listed, false);
                let dropped = self.workers.wait(&listed, Instant::now() + self.options.revoke()).await;
                self.release(membership, &partitions).await;
                dropped
            }
            GroupEvent::Lost(partitions) => {
                info!(?partitions, "partitions lost");
                self.workers.drop_at_once(&BTreeSet::from_iter(partitions))
            }
        }
    }

    async fn release(&self, membership: &Arc<dyn Membership>, partitions: &[Partition]) {
        if let Err(error) = membership.release(partitions).await {
            let why = sentence(&error);
            warn!(?partitions, why, "failed to release partitions; the session timeout will reclaim them");
        }
    }

    /// Gives every partition up with its store brought up to date, and leaves the group. What the group says meanwhile
    /// still counts: a partition that it wants back is not held until the end.
    async fn drain(mut self, membership: &Arc<dyn Membership>, by: Instant) -> DrainReport {
        self.board.show_group(false, "draining");
        let all = self.workers.partitions();
        self.workers.stop(&all, true);
        let left = by.saturating_duration_since(Instant::now());
        let leave = Duration::from_millis(self.options.leave_ms).min(left / 2);
        let work_by = by.checked_sub(leave).unwrap_or(by);
        let mut cut_off = BTreeSet::new();
        let mut answers = true;
        while !self.workers.is_empty() {
            let event = tokio::select! {
                biased;
                () = self.workers.ended() => continue,
                () = tokio::time::sleep_until(work_by) => {
                    cut_off.extend(self.workers.drop_at_once(&all));
                    break;
                }
                event = membership.next(), if answers => event,
            };
            match event {
                // Not for longer than there is time: what is left then is cut off above.
                Ok(event) => {
                    let taken = timeout_at(work_by, self.on_event(membership, event, false)).await;
                    cut_off.extend(taken.unwrap_or_default());
                }
                Err(_) => answers = false,
            }
        }
        let left = matches!(timeout_at(by, membership.leave()).await, Ok(Ok(())));
        let drained = all.difference(&cut_off).copied().collect();
        DrainReport { drained, cut_off: cut_off.into_iter().collect(), left }
    }
}

/// Waits until a drain is asked for, and says by when it is to be done.
async fn until_drain(mut drain: watch::Receiver<Option<Instant>>) -> Instant {
    let by = drain.wait_for(Option::is_some).await.map(|by| *by);
    match by {
        Ok(by) => by.unwrap_or_else(Instant::now),
        // The handle is gone, and this task goes with it.
        Err(_) => pending().await,
    }
}
