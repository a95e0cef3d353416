//! One progress bar per order.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use logistics_core::Fact;

use super::TITLE;
use super::paint::Paint;
use crate::client::show::cause;
use crate::demo::orders::DemoOrder;
use crate::demo::script::path;
use logistics_cli_kit::output;

const TICK: Duration = Duration::from_millis(120);

/// The progress bars, at the bottom of the terminal.
pub(super) struct Bars {
    all: MultiProgress,
    bars: Vec<ProgressBar>,
    paint: Paint,
    ended: AtomicBool,
}

impl Bars {
    /// `None` if the terminal cannot show progress bars.
    pub(super) fn new(demo_orders: &[DemoOrder], paint: Paint) -> Option<Self> {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stdout());
        if all.is_hidden() {
            return None;
        }
        let style = ProgressStyle::with_template("{prefix} {spinner} {bar:21} {wide_msg}").ok()?;
        let style = style.progress_chars("━╸─").tick_chars("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ ");
        let bar = |demo_order: &DemoOrder| {
            let steps = u64::try_from(path(demo_order.script).len()).unwrap_or(u64::MAX);
            let bar = all.add(ProgressBar::new(steps).with_style(style.clone()));
            bar.set_prefix(paint.bold(&format!("{} {:<TITLE$}", demo_order.emoji, demo_order.title)));
            bar.set_message(paint.dim("not placed yet"));
            bar
        };
        let bars: Vec<_> = demo_orders.iter().map(bar).collect();
        bars.iter().for_each(|bar| bar.enable_steady_tick(TICK));
        Some(Self { all, bars, paint, ended: AtomicBool::new(false) })
    }

    pub(super) fn are_shown(&self) -> bool {
        !self.ended.load(Ordering::Relaxed)
    }

    /// Prints a line above the progress bars.
    pub(super) fn above(&self, text: &str) {
        if !self.are_shown() || self.all.println(text).is_err() {
            output::line(text);
        }
    }

    /// Advances the bar of an order by one transition.
    pub(super) fn step(&self, demo_order: usize, fact: &Fact) {
        let Some(bar) = self.bars.get(demo_order) else { return };
        let status = self.paint.status(fact.status, fact.status.name());
        bar.inc(1);
        bar.set_message(format!(
            "{status} {}",
            self.paint.dim(&cause(fact.actor, fact.by.as_ref(), fact.reason.as_ref()))
        ));
        if fact.status.is_terminal() {
            bar.abandon();
        }
    }

    /// Ends the progress bars and leaves them on the screen.
    pub(super) fn end(&self) {
        self.bars.iter().filter(|bar| !bar.is_finished()).for_each(ProgressBar::abandon);
        self.ended.store(true, Ordering::Relaxed);
    }
}
