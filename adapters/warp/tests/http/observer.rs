//! An observer that keeps the reports of requests.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use logistics_core::TraceContext;
use logistics_core::observe::{ApiCall, ApiRoute, AppendReport, Observer, Observers};
use logistics_warp::Api;
use tokio::sync::watch;

/// The report of a request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reported {
    pub(crate) route: ApiRoute,
    pub(crate) status: u16,
    pub(crate) error: Option<&'static str>,
    pub(crate) request_bytes: u64,
    pub(crate) response_bytes: u64,
    pub(crate) span: Option<TraceContext>,
    pub(crate) parent: Option<TraceContext>,
    pub(crate) trace_state: String,
    pub(crate) request_id: String,
}

impl Reported {
    /// Method, route, status and error.
    pub(crate) fn outcome(&self) -> (&'static str, &'static str, u16, Option<&'static str>) {
        (self.route.method, self.route.route, self.status, self.error)
    }
}

#[derive(Default)]
pub(crate) struct Reports {
    began: Mutex<Vec<ApiRoute>>,
    ended: Mutex<Vec<Reported>>,
    /// The span and the parent of each append.
    pub(crate) appended: Mutex<Vec<(Option<TraceContext>, Option<TraceContext>)>>,
    /// Makes spans.
    has_traces: bool,
    spans: AtomicU64,
    changed: watch::Sender<()>,
}

impl Reports {
    pub(crate) fn tracing() -> Arc<Self> {
        Arc::new(Self { has_traces: true, ..Self::default() })
    }

    /// The API, observed.
    pub(crate) fn of(self: &Arc<Self>, mut api: Api) -> Api {
        api.service = api.service.with_observers(Observers::default().with(self.clone()));
        api
    }

    /// What began and has not ended.
    pub(crate) fn in_flight(&self) -> Vec<ApiRoute> {
        let mut open = self.began.lock().unwrap().clone();
        for ended in self.ended.lock().unwrap().iter() {
            let at = open.iter().position(|route| *route == ended.route);
            open.swap_remove(at.expect("each end has a begin"));
        }
        open
    }

    pub(crate) fn ended(&self) -> Vec<Reported> {
        self.ended.lock().unwrap().clone()
    }

    /// The only report since the last call.
    pub(crate) fn one(&self) -> Reported {
        assert_eq!(self.in_flight(), []);
        self.began.lock().unwrap().clear();
        let mut ended = std::mem::take(&mut *self.ended.lock().unwrap());
        assert_eq!(ended.len(), 1, "{ended:?}");
        ended.remove(0)
    }

    /// Waits until so many requests have ended.
    pub(crate) async fn until_ended(&self, requests: usize) {
        let mut changed = self.changed.subscribe();
        while self.ended.lock().unwrap().len() < requests {
            changed.changed().await.expect("the sender is a field");
        }
    }
}

impl Observer for Reports {
    fn api_call_began(&self, route: ApiRoute) {
        self.began.lock().unwrap().push(route);
    }

    fn api_call(&self, call: &ApiCall<'_>) {
        self.ended.lock().unwrap().push(Reported {
            route: call.route,
            status: call.status,
            error: call.error,
            request_bytes: call.request_bytes,
            response_bytes: call.response_bytes,
            span: call.span,
            parent: call.parent,
            trace_state: call.trace_state.to_owned(),
            request_id: call.request_id.to_owned(),
        });
        self.changed.send_replace(());
    }

    fn append(&self, report: &AppendReport<'_>) {
        self.appended.lock().unwrap().push((report.span, report.parent));
    }

    fn new_span(&self, parent: Option<TraceContext>) -> Option<TraceContext> {
        let span = self.spans.fetch_add(1, Ordering::Relaxed) + 1;
        let trace = parent.map_or(0xabc, TraceContext::trace_id);
        TraceContext::new(trace, span, true).filter(|_| self.has_traces)
    }
}
