//! What people see: lines, and where they look at a terminal, a line of progress for each order below them.

mod bars;
mod paint;

use std::time::Instant;

use logistics_core::notify::Notification;
use logistics_core::{Actor, Change, Fact, Status};
use logistics_notify::{Language, Templates};

use super::cast::Role;
use crate::client::api::{self, Refusal};
use crate::client::show::cause;
use bars::Bars;
use logistics_cli_kit::output;
use paint::Paint;

/// Columns of an order's title.
const TITLE: usize = 9;

/// The view.
pub(super) struct View {
    began: Instant,
    paint: Paint,
    bars: Option<Bars>,
    templates: Templates,
}

/// Which order something is about.
pub(super) struct Row {
    /// Its place in the cast; `None` where somebody else placed it.
    pub(super) role: Option<usize>,
    pub(super) title: String,
}

impl View {
    /// With progress and colour on a terminal, plain lines elsewhere.
    pub(super) fn new(roles: &[Role]) -> Self {
        let terminal = output::is_terminal();
        let paint = Paint::new(terminal);
        let bars = if terminal { Bars::new(roles, paint) } else { None };
        Self { began: Instant::now(), paint, bars, templates: Templates::english() }
    }

    /// Something that is about no order.
    pub(super) fn say(&self, text: &str) {
        match &self.bars {
            Some(bars) => bars.above(text),
            None => output::line(text),
        }
    }

    /// A heading.
    pub(super) fn title(&self, text: &str) {
        self.say(&self.paint.bold(text));
    }

    /// A fact.
    pub(super) fn step(&self, row: &Row, from: Option<Status>, fact: &Fact) {
        let bars = self.bars.as_ref().zip(row.role).filter(|(bars, _)| bars.are_shown());
        if let Some((bars, role)) = bars {
            bars.step(role, fact);
            return;
        }
        let to = self.paint.status(fact.status, fact.status.name());
        let step = match (&fact.change, from) {
            (Change::Late, _) => format!("{to}: late"),
            (_, Some(from)) => format!("{from} → {to}"),
            (_, None) => to,
        };
        self.line(row, &format!("{step} {}", self.paint.dim(&cause(fact.actor, fact.reason.as_ref()))));
    }

    /// A notification.
    pub(super) fn told(&self, row: &Row, notification: &Notification) {
        let roles: Vec<&str> =
            notification.recipients.iter().map(|recipient| recipient.role.name()).collect();
        let roles = self.paint.dim(&format!("{}:", roles.join(", ")));
        let text = self.templates.render(&Language::english(), notification);
        self.line(row, &format!("🔔 {roles} {text}"));
    }

    /// A request that was refused.
    pub(super) fn refused(&self, row: &Row, actor: Actor, to: Status, refusal: &Refusal) {
        let allowed = refusal.allowed_transitions.as_deref().unwrap_or_default();
        let refused = self.paint.red("refused (409)");
        let text = format!(
            "{actor} asks for {to}: {refused}. {}; allowed now: {}",
            refusal.error,
            api::names(allowed)
        );
        self.line(row, &text);
    }

    /// The progress stays where it is; from now on there are lines only.
    pub(super) fn end_progress(&self) {
        if let Some(bars) = &self.bars {
            bars.end();
        }
    }

    fn line(&self, row: &Row, text: &str) {
        let seconds = self.began.elapsed().as_secs_f64();
        let time = self.paint.dim(&format!("{seconds:>5.1} s"));
        self.say(&format!("{time}  {}  {text}", self.paint.bold(&format!("{:<TITLE$}", row.title))));
    }
}
