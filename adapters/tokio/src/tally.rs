//! What became of the notifications, for whoever asks.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use logistics_core::health::{Health, HealthProbe, PartHealth};

use crate::health::lock;
use crate::reports::NotificationsReport;

#[derive(Default)]
pub(crate) struct Tally {
    delivered: AtomicU64,
    undeliverable: AtomicU64,
    undecodable: AtomicU64,
    /// Something is done with that the group's position is not behind yet.
    unacknowledged: AtomicBool,
    state: Mutex<State>,
}

/// What it is doing.
#[derive(Default)]
struct State {
    subscribed: bool,
    /// What it is trying again, with the latest failure.
    retrying: Option<String>,
    /// The latest one that was passed by.
    passed_by: Option<String>,
}

impl Tally {
    pub(crate) fn delivered(&self) {
        self.delivered.fetch_add(1, Ordering::Relaxed);
        self.unacknowledged.store(true, Ordering::Relaxed);
    }

    pub(crate) fn undeliverable(&self, what: String) {
        self.undeliverable.fetch_add(1, Ordering::Relaxed);
        self.pass_by(what);
    }

    pub(crate) fn undecodable(&self, what: String) {
        self.undecodable.fetch_add(1, Ordering::Relaxed);
        self.pass_by(what);
    }

    fn pass_by(&self, what: String) {
        self.unacknowledged.store(true, Ordering::Relaxed);
        lock(&self.state).passed_by = Some(what);
    }

    pub(crate) fn acknowledged(&self) {
        self.unacknowledged.store(false, Ordering::Relaxed);
    }

    pub(crate) fn is_acknowledged(&self) -> bool {
        !self.unacknowledged.load(Ordering::Relaxed)
    }

    pub(crate) fn subscribed(&self, subscribed: bool) {
        lock(&self.state).subscribed = subscribed;
    }

    pub(crate) fn retrying(&self, what: Option<String>) {
        lock(&self.state).retrying = what;
    }

    pub(crate) fn report(&self) -> NotificationsReport {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        NotificationsReport {
            delivered: read(&self.delivered),
            undeliverable: read(&self.undeliverable),
            undecodable: read(&self.undecodable),
            clean: false,
        }
    }
}

impl HealthProbe for Tally {
    fn health(&self) -> Health {
        let report = self.report();
        let state = lock(&self.state);
        let doing = match (&state.retrying, state.subscribed) {
            (Some(what), _) => format!("trying again: {what}"),
            (None, true) => "delivering".to_owned(),
            (None, false) => "subscribing".to_owned(),
        };
        let mut detail = format!("{doing}; {} delivered", report.delivered);
        if let Some(latest) = &state.passed_by {
            let count = report.undeliverable + report.undecodable;
            detail = format!("{detail}, {count} passed by, the latest: {latest}");
        }
        let ready = state.subscribed && state.retrying.is_none();
        Health { parts: vec![PartHealth { name: "notifier".to_owned(), ready, detail }] }
    }
}
