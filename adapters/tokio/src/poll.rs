//! Polls a part at an interval, and keeps its latest answer.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use logistics_core::port::PortError;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::task::AbortOnDropHandle;
use tracing::{info, warn};

use crate::answer::answer_within;
use crate::lock::lock;
use crate::options::PollOptions;

/// The latest answer of a part. Dropping it ends the polls.
pub(crate) struct Polled<T> {
    latest: Arc<Mutex<Option<T>>>,
    _task: AbortOnDropHandle<()>,
}

impl<T: Clone + Send + 'static> Polled<T> {
    /// Polls at once and then at each interval. `what`: the subject of log lines, in the plural. `note` turns an answer into what is
    /// kept.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub(crate) fn start<A, F>(
        what: &'static str,
        options: PollOptions,
        query: impl Fn() -> F + Send + Sync + 'static,
        note: impl FnMut(A) -> T + Send + 'static,
    ) -> Self
    where
        A: Send + 'static,
        F: Future<Output = Result<A, PortError>> + Send + 'static,
    {
        let latest = Arc::new(Mutex::new(None));
        let task = tokio::spawn(run(what, latest.clone(), options, query, note));
        Self { latest, _task: AbortOnDropHandle::new(task) }
    }

    /// `None` before the first answer, and after too many failures.
    pub(crate) fn latest(&self) -> Option<T> {
        lock(&self.latest).clone()
    }
}

async fn run<T, A, F>(
    what: &'static str,
    latest: Arc<Mutex<Option<T>>>,
    options: PollOptions,
    query: impl Fn() -> F,
    mut note: impl FnMut(A) -> T,
) where
    F: Future<Output = Result<A, PortError>>,
{
    let mut ticks = interval(Duration::from_millis(options.interval_ms.max(1)));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut failures: u32 = 0;
    loop {
        ticks.tick().await;
        // The call begins inside, so that its panic is caught as well.
        match answer_within(options.timeout_ms, async { query().await }).await {
            Ok(answer) => {
                if failures > options.failures_max {
                    info!("{what} are known again");
                }
                failures = 0;
                *lock(&latest) = Some(note(answer));
            }
            Err(cause) => {
                failures = failures.saturating_add(1);
                // An old answer must not look like the current state.
                if failures == options.failures_max.saturating_add(1) {
                    warn!(cause, "{what} are unknown; their metrics are missing until they are known again");
                    *lock(&latest) = None;
                }
            }
        }
    }
}
