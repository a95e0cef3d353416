//! Repeats the checks of the start while the process runs.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use logistics_core::health::{Health, HealthProbe, PartHealth};
use logistics_core::port::{PortError, PortErrorKind};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep, timeout};
use tokio_util::task::AbortOnDropHandle;

/// Time between two checks. An operator's change shows within a minute.
const CHECK_EVERY: Duration = Duration::from_secs(30);
/// Time limit of a check.
const CHECK_MAX: Duration = Duration::from_secs(15);
/// Pause from a new connection to its check, because several connections open together.
const CHECK_AFTER_CONNECTION: Duration = Duration::from_secs(1);

/// A part that is not ready while a check fails, with the check's error. Another part shows unreachable dependencies. Dropping
/// this ends the checks.
pub(super) struct CheckWatch {
    name: &'static str,
    wrong: Arc<Mutex<Option<String>>>,
    address: String,
    task: JoinHandle<()>,
}

impl CheckWatch {
    /// Starts the checks. A change of `connections` causes a check, because a new connection may lead to another server.
    pub(super) fn start<F>(
        name: &'static str,
        address: String,
        mut connections: Option<watch::Receiver<u64>>,
        check: impl Fn() -> F + Send + 'static,
    ) -> Self
    where
        F: Future<Output = Result<(), PortError>> + Send + 'static,
    {
        let wrong = Arc::new(Mutex::default());
        let shown = wrong.clone();
        let task = tokio::spawn(async move {
            // The start has run the first check.
            let mut ticks = interval_at(Instant::now() + CHECK_EVERY, CHECK_EVERY);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    _ = ticks.tick() => {}
                    () = changed(&mut connections) => {
                        sleep(CHECK_AFTER_CONNECTION).await;
                        connections.as_mut().map(watch::Receiver::mark_unchanged);
                    }
                }
                let now = checked(check()).await;
                show(name, &shown, now);
            }
        });
        Self { name, wrong, address, task }
    }
}

/// Runs a check in its own task, so that a panic does not end later checks.
async fn checked(
    check: impl Future<Output = Result<(), PortError>> + Send + 'static,
) -> Result<(), PortError> {
    match timeout(CHECK_MAX, AbortOnDropHandle::new(tokio::spawn(check))).await {
        Ok(Ok(checked)) => checked,
        Ok(Err(panic)) => Err(PortError::new(PortErrorKind::Corrupt, format!("the check failed: {panic}"))),
        Err(_) => Err(PortError::new(
            PortErrorKind::Refused,
            format!("the check got no answer within {} s", CHECK_MAX.as_secs()),
        )),
    }
}

/// Waits for the next change. Pending forever without a sender.
async fn changed(connections: &mut Option<watch::Receiver<u64>>) {
    if let Some(watched) = connections
        && watched.changed().await.is_ok()
    {
        return;
    }
    std::future::pending().await
}

fn show(part: &str, shown: &Mutex<Option<String>>, checked: Result<(), PortError>) {
    let now = match checked {
        Ok(()) => None,
        // The check itself was not possible.
        Err(error) if error.kind().is_retryable() => return,
        Err(error) => Some(error.to_string()),
    };
    let mut shown = shown.lock().unwrap_or_else(PoisonError::into_inner);
    match (&*shown, &now) {
        (None, Some(why)) => {
            tracing::error!(
                part,
                cause = why,
                "a check of the start no longer passes; not ready until it passes"
            )
        }
        (Some(_), None) => tracing::info!(part, "the check passes again"),
        _ => {}
    }
    *shown = now;
}

impl HealthProbe for CheckWatch {
    fn health(&self) -> Health {
        let wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (ready, detail) = (wrong.is_none(), wrong.unwrap_or_else(|| self.address.clone()));
        Health { parts: vec![PartHealth { name: self.name.to_owned(), ready, detail }] }
    }
}

impl Drop for CheckWatch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::{mpsc, oneshot};

    use super::*;

    /// Answers each check, and waits for the next check. By then, the health shows the answer.
    async fn answer(
        checks: &mut mpsc::UnboundedReceiver<oneshot::Sender<Result<(), PortError>>>,
        answers: impl IntoIterator<Item = Result<(), PortError>>,
        mut shown: impl FnMut(),
    ) {
        let mut check = checks.recv().await.expect("a check");
        for answer in answers {
            check.send(answer).expect("it is waited for");
            check = timeout(2 * CHECK_EVERY, checks.recv()).await.expect("in time").expect("another check");
            shown();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_of_the_topics_makes_the_process_unready_within_a_minute() {
        let (asked, mut checks) = mpsc::unbounded_channel();
        let watch = CheckWatch::start("topics", "b:9092".to_owned(), None, move || {
            let (answer, answered) = oneshot::channel();
            asked.send(answer).expect("the test goes on");
            async move { answered.await.expect("an answer") }
        });
        let error = |kind| Err(PortError::new(kind, "has 3 partitions and the settings say 2"));
        let answers = [
            Ok(()),
            error(PortErrorKind::Refused),
            error(PortErrorKind::Unavailable),
            Ok(()),
            error(PortErrorKind::Unavailable),
        ];
        let mut seen = Vec::new();
        answer(&mut checks, answers, || {
            let PartHealth { name, ready, detail } = watch.health().parts.remove(0);
            assert_eq!(name, "topics");
            assert_eq!(detail.contains("the settings say 2"), !ready, "{detail}");
            seen.push(ready);
        })
        .await;
        assert_eq!(seen, [true, false, false, true, true]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_check_that_hangs_or_panics_makes_the_process_unready_with_an_error() {
        for (panics, sentence) in [(false, "no answer within 15 s"), (true, "the check failed")] {
            let watch = CheckWatch::start("topics", "b:9092".to_owned(), None, move || async move {
                assert!(!panics, "a check that panics");
                std::future::pending().await
            });
            tokio::time::sleep(2 * CHECK_EVERY).await;
            let part = watch.health().parts.remove(0);
            assert!(!part.ready && part.detail.contains(sentence), "{part:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_connection_causes_one_check_at_once() {
        let (asked, mut checks) = mpsc::unbounded_channel();
        let (opened, connections) = watch::channel(0);
        let _watch = CheckWatch::start("store settings", "r:6379".to_owned(), Some(connections), move || {
            asked.send(()).expect("the test goes on");
            async { Ok(()) }
        });
        checks.recv().await.expect("the first check");
        for _ in 0..3 {
            opened.send_modify(|opened| *opened += 1);
            let soon = timeout(CHECK_EVERY / 10, checks.recv()).await;
            soon.expect("in time").expect("a check");
        }
        let idle = timeout(CHECK_EVERY / 2, checks.recv()).await;
        assert!(idle.is_err(), "more than one check per change");
    }
}
