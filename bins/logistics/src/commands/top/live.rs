//! The view on a terminal.

use std::time::Duration;

use logistics_cli_kit::{Failure, Signals};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::{Receiver, channel};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::args::TopArgs;
use super::keys::{self, Input};
use super::late::{LateList, LateOrders};
use super::model::Snapshot;
use super::once::now;
use super::process::Process;
use super::sources::{News, sources, spawn};
use super::terminal::{Screen, unusable};
use super::view::{Paint, View};

/// Shortest time between two frames that show new numbers. With many processes, each has its own moment.
const FRAME: Duration = Duration::from_millis(200);
/// News that are not applied yet. A task with more waits.
const NEWS_MAX: usize = 64;

/// Shows the view until the operator quits or a signal ends it. Both are its normal end.
pub(super) async fn run(args: &TopArgs) -> Result<(), Failure> {
    let interval = args.interval()?;
    let (processes, scrapers) = sources(args)?;
    let late = LateList::new(&args.server)?;
    let mut ends = Ends::listen()?;
    let (sender, mut news) = channel(NEWS_MAX);
    let mut app = App::new(processes, args.stuck_after());
    // Before the tasks, so that no message of theirs is lost on the first screen.
    let mut screen = Screen::open()?;
    let mut inputs = keys::listen().map_err(|error| unusable(&error))?;
    let mut tasks = spawn(scrapers, late, interval, &sender);
    let mut frames = tokio::time::interval(FRAME);
    frames.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = ends.wait() => return Ok(()),
            input = inputs.recv() => {
                if app.apply(input, &mut inputs)? {
                    return Ok(());
                }
                screen.draw(|frame| app.view.draw(frame, &app.snapshot))?;
            }
            Some(news) = news.recv() => app.learn(news),
            _ = frames.tick() => {
                if app.renew() {
                    screen.draw(|frame| app.view.draw(frame, &app.snapshot))?;
                }
            }
            failure = broken(&mut tasks) => return Err(failure),
        }
    }
}

/// The state of the view.
struct App {
    processes: Vec<Process>,
    late: LateOrders,
    stuck_after: Duration,
    snapshot: Snapshot,
    view: View,
    /// There is news that the snapshot lacks.
    has_news: bool,
}

impl App {
    fn new(processes: Vec<Process>, stuck_after: Duration) -> Self {
        let late = LateOrders::default();
        let snapshot = Snapshot::of(&processes, late.clone(), stuck_after, now());
        let view = View::new(Paint::of_environment());
        Self { processes, late, stuck_after, snapshot, view, has_news: true }
    }

    fn learn(&mut self, news: News) {
        self.has_news = true;
        match news {
            News::Scraped(index, scrape) => {
                if let Some(process) = self.processes.get_mut(index) {
                    process.scraped(scrape);
                }
            }
            News::Late(late) => self.late = late,
        }
    }

    /// Makes a new snapshot if there is news. Returns whether there is something to draw.
    fn renew(&mut self) -> bool {
        if self.view.paused || !std::mem::take(&mut self.has_news) {
            return false;
        }
        self.snapshot = Snapshot::of(&self.processes, self.late.clone(), self.stuck_after, now());
        true
    }

    /// Applies an input and those behind it, so that a held key costs one frame. Returns whether the operator quits.
    fn apply(
        &mut self,
        first: Option<std::io::Result<Input>>,
        inputs: &mut Receiver<std::io::Result<Input>>,
    ) -> Result<bool, Failure> {
        let mut next = Some(first.unwrap_or_else(|| Err(std::io::ErrorKind::BrokenPipe.into())));
        while let Some(input) = next {
            match input.map_err(|error| unusable(&error))? {
                Input::Quit => return Ok(true),
                Input::Act(action) => self.view.apply(action),
                Input::Redraw => {}
            }
            next = inputs.try_recv().ok();
        }
        Ok(false)
    }
}

/// Waits for a task that panicked. The panic has restored the terminal, so the view must end.
async fn broken(tasks: &mut JoinSet<()>) -> Failure {
    while let Some(ended) = tasks.join_next().await {
        if let Err(error) = ended {
            return Failure::refused(format!("a scrape failed: {error}"));
        }
    }
    std::future::pending().await
}

/// The signals that end the view. The default of each would leave the terminal as it is.
struct Ends {
    signals: Signals,
    hangup: Signal,
    quit: Signal,
}

impl Ends {
    fn listen() -> Result<Self, Failure> {
        let on = |kind| {
            signal(kind).map_err(|error| Failure::usage(format!("cannot listen for signals: {error}")))
        };
        Ok(Self {
            signals: Signals::listen()?,
            hangup: on(SignalKind::hangup())?,
            quit: on(SignalKind::quit())?,
        })
    }

    /// Safe to cancel.
    async fn wait(&mut self) {
        tokio::select! {
            () = self.signals.stop() => {}
            _ = self.hangup.recv() => {}
            _ = self.quit.recv() => {}
        }
    }
}
