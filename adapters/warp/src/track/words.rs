//! What the page says, by language.

use logistics_core::{DeadlineKind, Status};

/// The words of one language.
pub(super) struct Words {
    /// The tag of the language.
    pub(super) lang: &'static str,
    /// The name of the language, in the language.
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) order: &'static str,
    pub(super) way: &'static str,
    pub(super) history: &'static str,
    pub(super) done: &'static str,
    pub(super) coming: &'static str,
    pub(super) late: &'static str,
    pub(super) late_explained: &'static str,
    /// A time ahead; `{}` stands for it.
    pub(super) about: &'static str,
    pub(super) soon: &'static str,
    pub(super) minutes: &'static str,
    pub(super) hours: &'static str,
    pub(super) expires: &'static str,
    pub(super) returns: &'static str,
    /// The last delivery attempt failed.
    pub(super) given_up: &'static str,
    pub(super) net_page: &'static str,
    pub(super) net_live: &'static str,
    pub(super) net_lost: &'static str,
    pub(super) net_ended: &'static str,
    pub(super) net_closed: &'static str,
    pub(super) reload: &'static str,
    pub(super) times: &'static str,
    pub(super) valid_until: &'static str,
    pub(super) gone: (&'static str, &'static str),
    pub(super) busy: (&'static str, &'static str),
    pub(super) failed: (&'static str, &'static str),
    statuses: fn(Status) -> StatusWords,
}

/// The words of a status: its name, one sentence, and what its deadline announces.
pub(super) struct StatusWords {
    pub(super) name: &'static str,
    pub(super) explain: &'static str,
    pub(super) due: &'static str,
}

pub(super) const LANGUAGES: [&Words; 2] = [&ENGLISH, &GERMAN];

impl Words {
    pub(super) fn status(&self, status: Status) -> StatusWords {
        (self.statuses)(status)
    }

    /// What a deadline announces, if that does not depend on the status.
    pub(super) fn deadline(&self, kind: DeadlineKind) -> Option<&'static str> {
        match kind {
            DeadlineKind::Expire => Some(self.expires),
            DeadlineKind::Return => Some(self.returns),
            DeadlineKind::Advance | DeadlineKind::Late => None,
        }
    }
}

pub(super) static ENGLISH: Words = Words {
    lang: "en",
    name: "English",
    title: "Order tracking",
    order: "Order",
    way: "Progress",
    history: "All updates",
    done: "done",
    coming: "expected next",
    late: "Running late",
    late_explained: "This takes longer than planned. Sorry about the wait.",
    about: "in about {}",
    soon: "any moment now",
    minutes: "min",
    hours: "h",
    expires: "The shop answers by",
    returns: "Next attempt by",
    given_up: "We could not hand over your order. It goes back to the shop.",
    net_page: "As of the last load",
    net_live: "Live: this page updates by itself",
    net_lost: "No connection. This is the last known state; the page reconnects by itself",
    net_ended: "This order is complete",
    net_closed: "This link is no longer valid. This is the last known state",
    reload: "Reload",
    times: "Times are in UTC.",
    valid_until: "This link is valid until",
    gone: (
        "This link does not work",
        "It may have expired, or it was replaced by a newer one. Ask the sender of the link for a new one.",
    ),
    busy: ("Just a moment", "We cannot show the order right now. Please try again in a minute."),
    failed: ("That did not work", "The page could not be shown. Please open the link once more."),
    statuses: english,
};

pub(super) static GERMAN: Words = Words {
    lang: "de",
    name: "Deutsch",
    title: "Sendungsverfolgung",
    order: "Bestellung",
    way: "Fortschritt",
    history: "Alle Meldungen",
    done: "erledigt",
    coming: "folgt",
    late: "Verspätet",
    late_explained: "Es dauert länger als geplant. Das tut uns leid.",
    about: "in etwa {}",
    soon: "jeden Moment",
    minutes: "Min.",
    hours: "Std.",
    expires: "Das Geschäft antwortet bis",
    returns: "Nächster Versuch bis",
    given_up: "Wir konnten Ihre Bestellung nicht übergeben. Sie geht zurück an das Geschäft.",
    net_page: "Stand beim Laden der Seite",
    net_live: "Live: Die Seite aktualisiert sich selbst",
    net_lost: "Keine Verbindung. Das ist der letzte bekannte Stand; die Seite verbindet sich von selbst wieder",
    net_ended: "Diese Bestellung ist abgeschlossen",
    net_closed: "Dieser Link ist nicht mehr gültig. Das ist der letzte bekannte Stand",
    reload: "Neu laden",
    times: "Zeiten in UTC.",
    valid_until: "Dieser Link gilt bis",
    gone: (
        "Dieser Link funktioniert nicht",
        "Er ist vielleicht abgelaufen oder wurde durch einen neueren ersetzt. Bitten Sie den Absender um einen neuen Link.",
    ),
    busy: (
        "Einen Moment bitte",
        "Wir können die Bestellung gerade nicht zeigen. Bitte versuchen Sie es in einer Minute noch einmal.",
    ),
    failed: (
        "Das hat nicht geklappt",
        "Die Seite konnte nicht gezeigt werden. Bitte öffnen Sie den Link noch einmal.",
    ),
    statuses: german,
};

const fn of(name: &'static str, explain: &'static str, due: &'static str) -> StatusWords {
    StatusWords { name, explain, due }
}

fn english(status: Status) -> StatusWords {
    match status {
        Status::Placed => of(
            "Order received",
            "We have your order. The shop will confirm it soon.",
            "Confirmation expected by",
        ),
        Status::Confirmed => {
            of("Order confirmed", "The shop has accepted your order.", "Preparation starts by")
        }
        Status::Preparing => of("Being prepared", "Your order is being prepared.", "Ready by"),
        Status::ReadyForPickup => of(
            "Ready for the courier",
            "Your order is packed and waits for its courier.",
            "Pickup expected by",
        ),
        Status::OutForDelivery => of("On its way", "The courier is on the way to you.", "Arrives by"),
        Status::Delivered => of("Delivered", "Your order has arrived. Enjoy!", ""),
        Status::DeliveryFailed => of(
            "Delivery attempt failed",
            "We could not hand over your order. We will try again.",
            "Next attempt by",
        ),
        Status::Returned => of("Returned to the shop", "Your order went back to the shop.", ""),
        Status::Rejected => of("Not accepted", "The shop could not accept your order.", ""),
        Status::Expired => {
            of("Not confirmed in time", "The shop did not answer in time, so the order has ended.", "")
        }
        Status::Cancelled => of("Cancelled", "This order was cancelled.", ""),
        #[allow(unreachable_patterns, reason = "a status for tests only")]
        _ => of("On hold", "", ""),
    }
}

fn german(status: Status) -> StatusWords {
    match status {
        Status::Placed => of(
            "Bestellung eingegangen",
            "Wir haben Ihre Bestellung. Das Geschäft bestätigt sie bald.",
            "Bestätigung erwartet bis",
        ),
        Status::Confirmed => of(
            "Bestellung bestätigt",
            "Das Geschäft hat Ihre Bestellung angenommen.",
            "Zubereitung beginnt bis",
        ),
        Status::Preparing => of("In Vorbereitung", "Ihre Bestellung wird vorbereitet.", "Fertig bis"),
        Status::ReadyForPickup => of(
            "Bereit für den Kurier",
            "Ihre Bestellung ist gepackt und wartet auf den Kurier.",
            "Abholung erwartet bis",
        ),
        Status::OutForDelivery => of("Unterwegs", "Der Kurier ist auf dem Weg zu Ihnen.", "Ankunft bis"),
        Status::Delivered => of("Zugestellt", "Ihre Bestellung ist angekommen. Viel Freude damit!", ""),
        Status::DeliveryFailed => of(
            "Zustellung fehlgeschlagen",
            "Wir konnten Ihre Bestellung nicht übergeben. Wir versuchen es noch einmal.",
            "Nächster Versuch bis",
        ),
        Status::Returned => of("Zurück im Geschäft", "Ihre Bestellung ging zurück an das Geschäft.", ""),
        Status::Rejected => of("Nicht angenommen", "Das Geschäft konnte Ihre Bestellung nicht annehmen.", ""),
        Status::Expired => of(
            "Nicht rechtzeitig bestätigt",
            "Das Geschäft hat nicht rechtzeitig geantwortet. Die Bestellung ist beendet.",
            "",
        ),
        Status::Cancelled => of("Storniert", "Diese Bestellung wurde storniert.", ""),
        #[allow(unreachable_patterns, reason = "a status for tests only")]
        _ => of("Angehalten", "", ""),
    }
}
