//! An HTTP load that uses little processor time, because it shares the machine with the server.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::stats::Latencies;
use logistics_cli_kit::Failure;

const HEADERS_MAX: usize = 32;
const READ_BYTES: usize = 4096;

/// A load of `total` requests over `connections` connections. Each connection sends its next request after a reply.
pub(crate) struct Load {
    pub(crate) addr: SocketAddr,
    pub(crate) connections: usize,
    pub(crate) total: u64,
    /// The `n`th request, as bytes.
    pub(crate) request: Arc<dyn Fn(u64) -> Vec<u8> + Send + Sync>,
    /// Requests answered so far.
    pub(crate) answered: Arc<AtomicU64>,
}

/// The result of a load.
pub(crate) struct Loaded {
    pub(crate) elapsed: Duration,
    pub(crate) latencies: Latencies,
}

impl Load {
    /// Runs the load on a separate thread, so that it does not occupy the server's threads.
    ///
    /// # Errors
    /// If any request is not answered with 200.
    pub(crate) async fn run(self) -> Result<Loaded, Failure> {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let _ = sender.send(runtime.and_then(|runtime| runtime.block_on(self.drive())));
        });
        let ended = receiver.await.map_err(|_| Failure::refused("the load ended without a result"))?;
        ended.map_err(|error| Failure::refused(format!("the load failed: {error}")))
    }

    async fn drive(self) -> io::Result<Loaded> {
        let next = Arc::new(AtomicU64::new(0));
        let begun = Instant::now();
        let connection = |_| {
            let task = ConnectionTask {
                next: next.clone(),
                total: self.total,
                request: self.request.clone(),
                answered: self.answered.clone(),
            };
            tokio::spawn(task.run(self.addr))
        };
        let connections: Vec<_> = (0..self.connections).map(connection).collect();
        let mut latencies = Latencies::default();
        for connection in connections {
            latencies.append(connection.await.map_err(io::Error::other)??);
        }
        Ok(Loaded { elapsed: begun.elapsed(), latencies })
    }
}

/// The part of a load that one connection runs.
struct ConnectionTask {
    next: Arc<AtomicU64>,
    total: u64,
    request: Arc<dyn Fn(u64) -> Vec<u8> + Send + Sync>,
    answered: Arc<AtomicU64>,
}

impl ConnectionTask {
    async fn run(self, addr: SocketAddr) -> io::Result<Latencies> {
        let mut connection = HttpConnection::open(addr).await?;
        let mut latencies = Latencies::default();
        loop {
            let n = self.next.fetch_add(1, Ordering::Relaxed);
            if n >= self.total {
                return Ok(latencies);
            }
            let begun = Instant::now();
            let reply = connection.exchange(&(self.request)(n)).await?;
            latencies.add(begun.elapsed());
            if reply.status != 200 {
                let text = String::from_utf8_lossy(reply.body);
                return Err(io::Error::other(format!(
                    "the server answered with status {}: {text}",
                    reply.status
                )));
            }
            self.answered.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// An HTTP connection with one request at a time.
pub(crate) struct HttpConnection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// A reply, in the connection's buffer.
pub(crate) struct HttpReply<'a> {
    pub(crate) status: u16,
    pub(crate) body: &'a [u8],
}

impl HttpConnection {
    pub(crate) async fn open(addr: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(addr).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(READ_BYTES) })
    }

    pub(crate) async fn exchange(&mut self, request: &[u8]) -> io::Result<HttpReply<'_>> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        let (status, head, length) = loop {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if let Some(head) = parse_head(&self.buffer)? {
                break head;
            }
        };
        while self.buffer.len() < head + length {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(HttpReply { status, body: &self.buffer[head..head + length] })
    }
}

/// The status, the length of the head and the length of the body, if the head is complete.
fn parse_head(buffer: &[u8]) -> io::Result<Option<(u16, usize, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut reply = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(head) = reply.parse(buffer).map_err(io::Error::other)? else {
        return Ok(None);
    };
    let status = reply.code.unwrap_or_default();
    let length = reply.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
    let length = length.and_then(|header| std::str::from_utf8(header.value).ok()?.trim().parse().ok());
    length
        .map(|length| Some((status, head, length)))
        .ok_or_else(|| io::Error::other("a reply has no content-length"))
}

/// `POST /orders` without a body.
pub(crate) fn post_order() -> Vec<u8> {
    b"POST /orders HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n".to_vec()
}

/// `GET /orders/{id}`.
pub(crate) fn get_order(order_id: &str) -> Vec<u8> {
    format!("GET /orders/{order_id} HTTP/1.1\r\nhost: localhost\r\n\r\n").into_bytes()
}
