//! The output: lines, and on a terminal a progress bar per order below them.

mod bars;
mod paint;

use std::time::Instant;

use logistics_core::notify::Notification;
use logistics_core::{Actor, Change, Fact, Status};
use logistics_notify::{Language, Templates};

use super::orders::DemoOrder;
use crate::client::api::{self, Rejection};
use crate::client::show::{assigned, cause};
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

/// The order that a line is about.
pub(super) struct Row {
    /// The index of the example order; `None` for an order that another client placed.
    pub(super) demo_order: Option<usize>,
    pub(super) title: String,
}

impl View {
    /// Progress bars and colour on a terminal, plain lines elsewhere.
    pub(super) fn new(demo_orders: &[DemoOrder]) -> Self {
        let terminal = output::is_terminal();
        let paint = Paint::new(terminal);
        let bars = if terminal { Bars::new(demo_orders, paint) } else { None };
        Self { began: Instant::now(), paint, bars, templates: Templates::english() }
    }

    /// Prints a line that is about no order.
    pub(super) fn print(&self, text: &str) {
        match &self.bars {
            Some(bars) => bars.above(text),
            None => output::line(text),
        }
    }

    /// Prints a heading.
    pub(super) fn title(&self, text: &str) {
        self.print(&self.paint.bold(text));
    }

    /// Shows a fact.
    pub(super) fn step(&self, row: &Row, from: Option<Status>, fact: &Fact) {
        let bars = self.bars.as_ref().zip(row.demo_order).filter(|(bars, _)| bars.are_shown());
        if let Some((bars, demo_order)) = bars {
            bars.step(demo_order, fact);
            return;
        }
        let to = self.paint.status(fact.status, fact.status.name());
        let step = match (&fact.change, from) {
            (Change::Late, _) => format!("{to}: late"),
            (Change::Assigned { courier_id }, _) => assigned(fact.status, courier_id.as_ref()),
            (Change::TrackingRevoked, _) => format!("{to}: tracking links revoked"),
            (_, Some(from)) => format!("{from} → {to}"),
            (_, None) => to,
        };
        self.line(
            row,
            &format!("{step} {}", self.paint.dim(&cause(fact.actor, fact.by.as_ref(), fact.reason.as_ref()))),
        );
    }

    /// Shows a notification.
    pub(super) fn notified(&self, row: &Row, notification: &Notification) {
        let roles: Vec<&str> =
            notification.recipients.iter().map(|recipient| recipient.role.name()).collect();
        let roles = self.paint.dim(&format!("{}:", roles.join(", ")));
        let text = self.templates.render(&Language::english(), notification);
        self.line(row, &format!("🔔 {roles} {text}"));
    }

    /// Shows a rejected request.
    pub(super) fn rejected(&self, row: &Row, actor: Actor, to: Status, rejection: &Rejection) {
        let allowed = rejection.allowed_transitions.as_ref().map_or(&[][..], |known| &known.0);
        let rejected = self.paint.red("rejected (409)");
        let text = format!(
            "{actor} requests {to}: {rejected}. {}; allowed now: {}",
            rejection.error,
            api::names(allowed)
        );
        self.line(row, &text);
    }

    /// Ends the progress bars; later output is plain lines.
    pub(super) fn end_progress(&self) {
        if let Some(bars) = &self.bars {
            bars.end();
        }
    }

    fn line(&self, row: &Row, text: &str) {
        let seconds = self.began.elapsed().as_secs_f64();
        let time = self.paint.dim(&format!("{seconds:>5.1} s"));
        self.print(&format!("{time}  {}  {text}", self.paint.bold(&format!("{:<TITLE$}", row.title))));
    }
}
