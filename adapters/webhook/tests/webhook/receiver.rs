//! An endpoint that answers as a test decides.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::header::HeaderMap;
use hyper::service::service_fn;
use hyper::{Request, Response, body::Incoming, server::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep};
use tokio_util::task::AbortOnDropHandle;

/// A message that arrived.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) at: Instant,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }
}

/// How to answer.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    Status(u16),
    /// With a header.
    With(u16, &'static str, String),
    /// With a body of this many bytes.
    Body(u16, usize),
    /// With this text.
    Text(u16, String),
    /// After this time.
    After(Duration, u16),
    Never,
}

type Answers = Arc<dyn Fn(&Received) -> Answer + Send + Sync>;

pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
    connections: Arc<AtomicUsize>,
    _task: AbortOnDropHandle<()>,
}

impl Receiver {
    pub(crate) async fn start(answers: impl Fn(&Received) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let received: Arc<Mutex<Vec<Received>>> = Arc::default();
        let connections: Arc<AtomicUsize> = Arc::default();
        let answers: Answers = Arc::new(answers);
        let (into, count) = (received.clone(), connections.clone());
        let task = tokio::spawn(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else { continue };
                count.fetch_add(1, Ordering::SeqCst);
                let (into, answers) = (into.clone(), answers.clone());
                let service = service_fn(move |request| answer(request, into.clone(), answers.clone()));
                tokio::spawn(async move {
                    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { address, received, connections, _task: AbortOnDropHandle::new(task) }
    }

    /// Always the same answer.
    pub(crate) async fn with(answer: Answer) -> Self {
        Self::start(move |_| answer.clone()).await
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().expect("no panic").clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

async fn answer(
    request: Request<Incoming>,
    into: Arc<Mutex<Vec<Received>>>,
    answers: Answers,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let received = Received { at: Instant::now(), path: head.uri.to_string(), headers: head.headers, body };
    let answer = answers(&received);
    into.lock().expect("no panic").push(received);
    let respond = |status: u16, body: Bytes| {
        Response::builder().status(status).body(Full::new(body)).expect("a response")
    };
    Ok(match answer {
        Answer::Status(status) => respond(status, Bytes::from_static(b"thanks")),
        Answer::With(status, name, value) => {
            let mut response = respond(status, Bytes::new());
            response.headers_mut().insert(name, value.parse().expect("a header"));
            response
        }
        Answer::Body(status, bytes) => respond(status, Bytes::from(vec![b'x'; bytes])),
        Answer::Text(status, text) => respond(status, Bytes::from(text)),
        Answer::After(time, status) => {
            sleep(time).await;
            respond(status, Bytes::new())
        }
        Answer::Never => std::future::pending().await,
    })
}

/// Waits for a condition.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < end, "not within a minute: {what}");
        sleep(Duration::from_millis(5)).await;
    }
}
