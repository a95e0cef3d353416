//! The screen: a header, sections of lines that scroll, and the keys.

mod body;
mod paint;
mod table;

#[cfg(test)]
mod tests;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout};
use ratatui::text::{Line, Span, Text};

pub(super) use paint::Paint;

use super::model::{Snapshot, Totals};
use super::text;
use body::body;
use table::span;

/// Columns of the output where it is no terminal.
pub(super) const WIDTH_DEFAULT: u16 = 120;
const HEADER_LINES: u16 = 3;
/// Lines of one page that stay in view on the next one.
const PAGE_OVERLAP: u16 = 2;

/// The order of the partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Sort {
    #[default]
    Trouble,
    Partition,
    Lag,
    Memory,
}

impl Sort {
    fn next(self) -> Self {
        match self {
            Self::Trouble => Self::Partition,
            Self::Partition => Self::Lag,
            Self::Lag => Self::Memory,
            Self::Memory => Self::Trouble,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Trouble => "trouble",
            Self::Partition => "partition",
            Self::Lag => "lag",
            Self::Memory => "memory",
        }
    }
}

/// What the operator changed with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Up,
    Down,
    PageUp,
    PageDown,
    Top,
    Sort,
    All,
    Pause,
    Help,
}

/// The state of the view.
#[derive(Debug, Clone)]
pub(super) struct View {
    pub(super) paint: Paint,
    pub(super) sort: Sort,
    /// Shows every partition.
    pub(super) all: bool,
    pub(super) paused: bool,
    help: bool,
    first_line: u16,
    /// Lines of the body on the screen, when it was last drawn.
    body_lines: u16,
}

impl View {
    pub(super) fn new(paint: Paint) -> Self {
        Self {
            paint,
            sort: Sort::default(),
            all: false,
            paused: false,
            help: false,
            first_line: 0,
            body_lines: 1,
        }
    }

    /// Applies a key.
    pub(super) fn apply(&mut self, action: Action) {
        let page = self.body_lines.saturating_sub(PAGE_OVERLAP).max(1);
        match action {
            Action::Up => self.first_line = self.first_line.saturating_sub(1),
            Action::Down => self.first_line = self.first_line.saturating_add(1),
            Action::PageUp => self.first_line = self.first_line.saturating_sub(page),
            Action::PageDown => self.first_line = self.first_line.saturating_add(page),
            Action::Top => self.first_line = 0,
            Action::Sort => self.sort = self.sort.next(),
            Action::All => self.all = !self.all,
            Action::Pause => self.paused = !self.paused,
            Action::Help => self.help = !self.help,
        }
    }

    /// Draws a frame.
    pub(super) fn draw(&mut self, frame: &mut Frame<'_>, snapshot: &Snapshot) {
        let rows = [Constraint::Length(HEADER_LINES), Constraint::Min(0), Constraint::Length(1)];
        let [header, middle, footer] = Layout::vertical(rows).areas(frame.area());
        let width = usize::from(middle.width);
        frame.render_widget(Text::from(self.header(snapshot)), header);
        let lines = if self.help { help() } else { body(snapshot, self, width) };
        self.body_lines = middle.height;
        let last = lines.len().saturating_sub(usize::from(middle.height));
        self.first_line = self.first_line.min(u16::try_from(last).unwrap_or(u16::MAX));
        let shown: Vec<Line<'_>> =
            lines.into_iter().skip(self.first_line.into()).take(middle.height.into()).collect();
        frame.render_widget(Text::from(shown), middle);
        frame.render_widget(self.footer(last), footer);
    }

    /// The whole view as lines of text.
    pub(super) fn lines(&self, snapshot: &Snapshot, width: u16) -> Vec<String> {
        let lines = self.header(snapshot).into_iter().chain(body(snapshot, self, width.into()));
        lines.map(|line| line.to_string().trim_end().to_owned()).collect()
    }

    fn header(&self, snapshot: &Snapshot) -> Vec<Line<'static>> {
        let up = snapshot.processes.iter().filter(|process| process.up).count();
        let all = snapshot.processes.len();
        let at = snapshot.at.to_string();
        let mut first = vec![
            span("logistics top", self.paint.title()),
            Span::raw(format!("  {at}  {up} of {all} processes answer")),
        ];
        if self.paused {
            first.push(span("  PAUSED", self.paint.warning()));
        }
        vec![Line::from(first), self.verdict(snapshot), totals(&snapshot.totals)]
    }

    fn verdict(&self, snapshot: &Snapshot) -> Line<'static> {
        let (answer, style) = match snapshot.moving {
            Some(true) => ("yes", self.paint.good()),
            Some(false) => ("NO", self.paint.bad()),
            None => ("unknown", self.paint.warning()),
        };
        let mut spans = vec![span("Is every order moving? ", self.paint.title()), span(answer, style)];
        if let Some(reason) = snapshot.reasons.first() {
            spans.push(span(&format!(": {}", reason.message), self.paint.title()));
            if snapshot.reasons.len() > 1 {
                spans.push(Span::raw(format!(" (and {} more)", snapshot.reasons.len() - 1)));
            }
        }
        Line::from(spans)
    }

    fn footer(&self, last: usize) -> Line<'static> {
        let scrolls = if last > 0 { "↑↓ scroll  " } else { "" };
        let all = if self.all { "a fewer" } else { "a all" };
        let text = format!("q quit  {scrolls}s sort: {}  {all}  p pause  ? help", self.sort.name());
        Line::styled(text, self.paint.faint())
    }
}

fn totals(totals: &Totals) -> Line<'static> {
    let rate = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), text::rate);
    let seconds = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), text::seconds);
    Line::raw(format!(
        "placed {}  facts {}  requests {}  errors {}  POST p50 {} p99 {}",
        rate(totals.placed_per_second),
        rate(totals.facts_per_second),
        rate(totals.requests_per_second),
        rate(totals.errors_per_second),
        seconds(totals.place_p50_seconds),
        seconds(totals.place_p99_seconds),
    ))
}

fn help() -> Vec<Line<'static>> {
    [
        "q, Esc, Ctrl-C     quit",
        "Up, Down, k, j     scroll by a line",
        "PageUp, PageDown   scroll by a page",
        "Home, g            to the first line",
        "s                  sort partitions: trouble, partition, lag, memory",
        "a                  show all partitions, or the first ten",
        "p                  pause; the processes are still scraped",
        "?                  this help",
        "",
        "lag                records behind the last answered one; age: of the oldest unanswered one",
        "overdue            how long the earliest timer has been due",
        "oldest             time since the last change of the order that waits longest in a status",
    ]
    .map(Line::raw)
    .to_vec()
}
