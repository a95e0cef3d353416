//! Live streams.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use logistics_core::observe::{StreamEvent, StreamKind};

use super::catalogue::{Family, Label, Subject};
use super::page::Page;
use super::value::Counter;

const KINDS: usize = StreamKind::ALL.len();

const KIND: Label = Label::new(
    "kind",
    "`order`: events of one order; `all`: events of every order that the caller sees; `socket`: a WebSocket",
);

const OPEN: Family = Family::gauge("logistics_streams_open", "streams", &[KIND], "Open live streams.");

const OPENED: Family = Family::counter(
    "logistics_streams_opened_total",
    "streams",
    &[KIND],
    "Live streams that began. A reconnect is a new stream.",
);

const EVENTS: Family = Family::counter(
    "logistics_stream_events_total",
    "events",
    &[KIND],
    "Events that live streams have sent, without heartbeats.",
);

const LAGGED: Family = Family::counter(
    "logistics_streams_lagged_total",
    "streams",
    &[KIND],
    "Subscribers that fell behind and had to resume.",
);

pub(super) const SUBJECT: Subject = Subject {
    title: "Live streams",
    text: "Of processes with the HTTP API, from the first stream on.",
    families: &[OPEN, OPENED, EVENTS, LAGGED],
};

/// The metrics of live streams.
#[derive(Default)]
pub(super) struct Streams {
    exist: AtomicBool,
    kinds: [Counts; KINDS],
}

#[derive(Default)]
struct Counts {
    open: AtomicI64,
    opened: Counter,
    events: Counter,
    lagged: Counter,
}

impl Streams {
    pub(super) fn count(&self, kind: StreamKind, event: StreamEvent) {
        let Some(at) = StreamKind::ALL.iter().position(|one| *one == kind) else { return };
        let counts = &self.kinds[at];
        match event {
            StreamEvent::Opened => {
                self.exist.store(true, Ordering::Relaxed);
                counts.open.fetch_add(1, Ordering::Relaxed);
                counts.opened.add(1);
            }
            StreamEvent::Closed => {
                counts.open.fetch_sub(1, Ordering::Relaxed);
            }
            StreamEvent::Sent => counts.events.add(1),
            StreamEvent::Lagged => counts.lagged.add(1),
            // `StreamEvent` is non-exhaustive.
            _ => {}
        }
    }

    pub(super) fn expose(&self, page: &mut Page) {
        if !self.exist.load(Ordering::Relaxed) {
            return;
        }
        let kinds = || StreamKind::ALL.map(StreamKind::code).into_iter().zip(&self.kinds);
        let mut series = page.family(&OPEN);
        for (kind, counts) in kinds() {
            // A stream that opens and closes at this moment may be counted the other way round.
            series.count(&[kind], u64::try_from(counts.open.load(Ordering::Relaxed)).unwrap_or(0));
        }
        for (family, count) in [
            (&OPENED, (|counts| &counts.opened) as fn(&Counts) -> &Counter),
            (&EVENTS, |counts| &counts.events),
            (&LAGGED, |counts| &counts.lagged),
        ] {
            let mut series = page.family(family);
            for (kind, counts) in kinds() {
                series.count(&[kind], count(counts).value());
            }
        }
    }
}
