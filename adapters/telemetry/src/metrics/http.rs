//! Calls of the HTTP API.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, Ordering};

use logistics_core::observe::{ApiCall, ApiRoute};

use super::catalogue::{Family, Label, Subject};
use super::page::{OTHER, Page};
use super::value::{Counter, Table, TracedHistogram, trace_id_of};

/// Pairs of a method and a route with series of their own. The API has about 40.
const ROUTES_MAX: usize = 256;

/// Pairs of a route and an error code with series of their own.
const ERRORS_MAX: usize = 512;

/// The buckets of `http.server.request.duration` in the semantic conventions of OpenTelemetry, in seconds.
const BUCKETS: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

/// By the first digit of the status.
const CLASSES: [&str; 6] = [OTHER, "1xx", "2xx", "3xx", "4xx", "5xx"];

const METHOD: Label =
    Label::new("http_request_method", "the method; `_OTHER` for one that the API does not know");

const ROUTE: Label = Label::new(
    "http_route",
    "the template of the path, such as `/orders/{id}`; empty if no route matches; `_OTHER` beyond 256 pairs of method and route",
);

const CLASS: Label = Label::new(
    "status_class",
    "`1xx` to `5xx`. A call whose client disconnected before the reply counts as `4xx` (status 499)",
);

const CODE: Label = Label::new(
    "code",
    "an error code of the API, such as `rate_limited`; `_OTHER` beyond 512 pairs of route and code",
);

const DURATION: Family = Family::histogram(
    "http_server_request_duration_seconds",
    ("seconds", BUCKETS),
    &[METHOD, ROUTE, CLASS],
    "Duration of a call from its head to its reply. OpenTelemetry: http.server.request.duration.",
);

const ACTIVE: Family = Family::gauge(
    "http_server_active_requests",
    "calls",
    &[METHOD, ROUTE],
    "Calls that began and have not ended. OpenTelemetry: http.server.active_requests.",
);

const REQUEST_BYTES: Family = Family::counter(
    "http_server_request_body_bytes_total",
    "bytes",
    &[METHOD, ROUTE],
    "Bytes of requests' bodies that were read.",
);

const RESPONSE_BYTES: Family = Family::counter(
    "http_server_response_body_bytes_total",
    "bytes",
    &[METHOD, ROUTE],
    "Bytes of replies' bodies, without streams.",
);

const ERRORS: Family = Family::counter(
    "http_server_errors_total",
    "calls",
    &[ROUTE, CODE],
    "Calls that failed, by the code in the error's body. rate_limited, overloaded and behind are rejections by limits.",
);

pub(super) const SUBJECT: Subject = Subject {
    title: "HTTP API",
    text: "Of processes with the HTTP API. A series appears with the first call of its route.",
    families: &[DURATION, ACTIVE, REQUEST_BYTES, RESPONSE_BYTES, ERRORS],
};

/// The metrics of the API's calls.
pub(super) struct Http {
    routes: Table<ApiRoute, Route>,
    /// By route and code.
    errors: Table<(&'static str, &'static str), Counter>,
}

#[derive(Default)]
struct Route {
    active: AtomicI64,
    request_bytes: Counter,
    response_bytes: Counter,
    durations: [OnceLock<Box<TracedHistogram>>; CLASSES.len()],
}

impl Http {
    pub(super) fn new() -> Self {
        let other = ApiRoute { method: OTHER, route: OTHER };
        Self {
            routes: Table::new(ROUTES_MAX, other, Route::default),
            errors: Table::new(ERRORS_MAX, (OTHER, OTHER), Counter::default),
        }
    }

    pub(super) fn began(&self, route: ApiRoute) {
        self.routes.get(&route).active.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn ended(&self, call: &ApiCall<'_>) {
        let route = self.routes.get(&call.route);
        route.active.fetch_sub(1, Ordering::Relaxed);
        route.request_bytes.add(call.request_bytes);
        route.response_bytes.add(call.response_bytes);
        let class = Some(usize::from(call.status / 100)).filter(|class| *class < CLASSES.len()).unwrap_or(0);
        let duration = route.durations[class].get_or_init(|| Box::new(TracedHistogram::new(BUCKETS)));
        let ended_at = call.began.after_millis(u64::try_from(call.elapsed.as_millis()).unwrap_or(u64::MAX));
        duration.observe(call.elapsed.as_secs_f64(), trace_id_of(call.span), ended_at);
        if let Some(code) = call.error {
            self.errors.get(&(call.route.route, code)).add(1);
        }
    }

    pub(super) fn expose(&self, page: &mut Page) {
        let mut series = page.family(&DURATION);
        for (at, route) in self.routes.iter() {
            let classes = CLASSES.into_iter().zip(&route.durations);
            for (class, duration) in classes.filter_map(|(class, cell)| Some((class, cell.get()?))) {
                let labels = [at.method, at.route, class];
                series.histogram(&labels, &duration.values.snapshot(), &duration.exemplars());
            }
        }
        let mut series = page.family(&ACTIVE);
        for (at, route) in self.routes.iter() {
            // A call that ended without having begun would be a defect of the interface, not a negative load.
            let active = u64::try_from(route.active.load(Ordering::Relaxed)).unwrap_or(0);
            series.count(&[at.method, at.route], active);
        }
        let mut series = page.family(&REQUEST_BYTES);
        for (at, route) in self.routes.iter() {
            series.count(&[at.method, at.route], route.request_bytes.value());
        }
        let mut series = page.family(&RESPONSE_BYTES);
        for (at, route) in self.routes.iter() {
            series.count(&[at.method, at.route], route.response_bytes.value());
        }
        let mut series = page.family(&ERRORS);
        for ((route, code), count) in self.errors.iter() {
            series.count(&[route, code], count.value());
        }
    }
}
