//! An OTLP receiver over HTTP with protobuf.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;

use super::Span;

/// Maximum bytes of one export.
const EXPORT_BYTES_MAX: usize = 64 << 20;

/// Receives spans on a local port, until its process ends.
pub struct Receiver {
    address: SocketAddr,
    spans: Arc<Mutex<Vec<Span>>>,
}

impl Receiver {
    /// Listens on a free port.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("its address");
        let spans = Arc::<Mutex<Vec<Span>>>::default();
        let received = spans.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let received = received.clone();
                thread::spawn(move || receive(stream, &received));
            }
        });
        Self { address, spans }
    }

    /// The endpoint for exporters.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All spans so far.
    ///
    /// # Panics
    /// If a connection sent anything but an export.
    #[must_use]
    pub fn spans(&self) -> Vec<Span> {
        self.spans.lock().expect("no export was invalid").clone()
    }
}

/// Answers every export of a connection.
fn receive(stream: TcpStream, spans: &Mutex<Vec<Span>>) {
    let mut out = stream.try_clone().expect("the handle can be cloned");
    let mut input = BufReader::new(stream);
    while let Some(body) = body(&mut input) {
        let mut spans = spans.lock().expect("no export was invalid");
        let export = ExportTraceServiceRequest::decode(&*body).expect("an export");
        spans.extend(Span::of_export(export));
        drop(spans);
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n";
        if out.write_all(head.as_bytes()).is_err() {
            return;
        }
    }
}

/// The body of the next request; `None`: the connection has ended.
fn body(input: &mut impl BufRead) -> Option<Vec<u8>> {
    let (mut bytes, mut line) = (0, String::new());
    loop {
        line.clear();
        if input.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            bytes = value.trim().parse().ok().filter(|bytes| *bytes <= EXPORT_BYTES_MAX)?;
        }
    }
    let mut body = vec![0; bytes];
    input.read_exact(&mut body).ok()?;
    Some(body)
}
