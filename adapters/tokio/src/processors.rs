//! The handle of the processors of one process.

use std::sync::Arc;
use std::time::Duration;

use logistics_core::health::{Health, HealthProbe};
use logistics_core::observe::Observer;
use logistics_core::port::{Clock, EventBus, OwnerStore};
use logistics_core::processor::Settings;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};
use tokio_util::task::AbortOnDropHandle;
use tracing::{error, info};

use crate::group::Group;
use crate::health::Board;
use crate::options::ProcessorsOptions;
use crate::reports::DrainReport;
use crate::worker::Time;
use crate::workers::Workers;

/// Of a drain's deadline, a tenth is kept for handing the report over, and no more than this.
const REPORT_MS_MAX: u64 = 100;

/// The processors of one process: a member of the group, with a worker for each partition that it is assigned.
///
/// Dropping it stops everything at once, as a crash would: nothing is lost, the next owners recover from the log.
pub struct Processors {
    board: Arc<Board>,
    drain: watch::Sender<Option<Instant>>,
    group: AbortOnDropHandle<DrainReport>,
}

impl Processors {
    /// Starts in the background: joins the group and runs a worker for each partition that it is assigned. What fails is
    /// retried; [`HealthProbe`] shows the state. `settings.emit_order_events` is overwritten: events of single orders are
    /// built if and only if one of `options.observers` wants them at this moment.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    #[must_use]
    pub fn start(
        bus: Arc<dyn EventBus>,
        store: Arc<dyn OwnerStore>,
        clock: Arc<dyn Clock>,
        mut settings: Settings,
        options: ProcessorsOptions,
    ) -> Self {
        settings.emit_order_events = options.observers.wants_order_events();
        info!("Order Processor Running...");
        let board = Arc::new(Board::new());
        let (drain, draining) = watch::channel(None);
        let partitions = settings.partitions;
        let time = Time::new(clock);
        let workers = Workers::new(board.clone(), store, time, settings, &options);
        let group = Group { bus, partitions, options, board: board.clone(), workers, drain: draining };
        Self { board, drain, group: AbortOnDropHandle::new(tokio::spawn(group.run())) }
    }

    /// Stops taking work, finishes open transactions, brings the store up to date and leaves the group. Answers within
    /// the deadline, whatever hangs.
    pub async fn drain(mut self, deadline: Duration) -> DrainReport {
        let by = Instant::now() + deadline;
        let report = Duration::from_millis(REPORT_MS_MAX).min(deadline / 10);
        self.drain.send_replace(Some(by.checked_sub(report).unwrap_or(by)));
        match timeout_at(by, &mut self.group).await {
            Ok(Ok(report)) => report,
            Ok(Err(error)) => {
                error!(%error, "the group's task ended by itself");
                self.cut_off()
            }
            Err(_) => self.cut_off(),
        }
    }

    /// The same health, for what outlives this handle's owner, such as an HTTP server.
    #[must_use]
    pub fn probe(&self) -> Arc<dyn HealthProbe> {
        self.board.clone()
    }

    fn cut_off(&self) -> DrainReport {
        DrainReport { cut_off: self.board.partitions(), ..DrainReport::default() }
    }
}

impl HealthProbe for Processors {
    fn health(&self) -> Health {
        self.board.health()
    }
}
