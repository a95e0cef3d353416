//! A line of progress for each order.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use logistics_core::Fact;

use super::TITLE;
use super::paint::Paint;
use crate::client::show::cause;
use crate::demo::cast::Role;
use crate::demo::script::path;
use logistics_cli_kit::output;

const TICK: Duration = Duration::from_millis(120);

/// The lines, at the bottom of the terminal.
pub(super) struct Bars {
    all: MultiProgress,
    bars: Vec<ProgressBar>,
    paint: Paint,
    ended: AtomicBool,
}

impl Bars {
    /// `None` where the terminal cannot show them.
    pub(super) fn new(roles: &[Role], paint: Paint) -> Option<Self> {
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stdout());
        if all.is_hidden() {
            return None;
        }
        let style = ProgressStyle::with_template("{prefix} {spinner} {bar:21} {wide_msg}").ok()?;
        let style = style.progress_chars("━╸─").tick_chars("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ ");
        let bar = |role: &Role| {
            let steps = u64::try_from(path(role.script).len()).unwrap_or(u64::MAX);
            let bar = all.add(ProgressBar::new(steps).with_style(style.clone()));
            bar.set_prefix(paint.bold(&format!("{} {:<TITLE$}", role.emoji, role.title)));
            bar.set_message(paint.dim("not placed yet"));
            bar
        };
        let bars: Vec<_> = roles.iter().map(bar).collect();
        bars.iter().for_each(|bar| bar.enable_steady_tick(TICK));
        Some(Self { all, bars, paint, ended: AtomicBool::new(false) })
    }

    pub(super) fn are_shown(&self) -> bool {
        !self.ended.load(Ordering::Relaxed)
    }

    /// A line above the progress.
    pub(super) fn above(&self, text: &str) {
        if !self.are_shown() || self.all.println(text).is_err() {
            output::line(text);
        }
    }

    /// One step further.
    pub(super) fn step(&self, role: usize, fact: &Fact) {
        let Some(bar) = self.bars.get(role) else { return };
        let status = self.paint.status(fact.status, fact.status.name());
        bar.inc(1);
        bar.set_message(format!("{status} {}", self.paint.dim(&cause(fact.actor, fact.reason.as_ref()))));
        if fact.status.is_terminal() {
            bar.abandon();
        }
    }

    /// Leaves the lines as they are.
    pub(super) fn end(&self) {
        self.bars.iter().filter(|bar| !bar.is_finished()).for_each(ProgressBar::abandon);
        self.ended.store(true, Ordering::Relaxed);
    }
}
