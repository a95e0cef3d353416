//! A load of HTTP requests that costs little itself: it shares the machine with what it measures.

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

/// What to send: `total` requests over `connections` connections, each as soon as the one before it is answered.
pub(crate) struct Load {
    pub(crate) addr: SocketAddr,
    pub(crate) connections: usize,
    pub(crate) total: u64,
    /// The `n`th request, as bytes.
    pub(crate) request: Arc<dyn Fn(u64) -> Vec<u8> + Send + Sync>,
    /// How many are answered so far.
    pub(crate) answered: Arc<AtomicU64>,
}

/// What came of it.
pub(crate) struct Loaded {
    pub(crate) elapsed: Duration,
    pub(crate) latencies: Latencies,
}

impl Load {
    /// Runs the load on a thread of its own, so that the server's threads are the server's.
    ///
    /// # Errors
    /// Where any request is not answered with 200.
    pub(crate) async fn run(self) -> Result<Loaded, Failure> {
        let (tell, told) = tokio::sync::oneshot::channel();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let _ = tell.send(runtime.and_then(|runtime| runtime.block_on(self.drive())));
        });
        let ended = told.await.map_err(|_| Failure::refused("the load ended without a result"))?;
        ended.map_err(|error| Failure::refused(format!("the load failed: {error}")))
    }

    async fn drive(self) -> io::Result<Loaded> {
        let next = Arc::new(AtomicU64::new(0));
        let begun = Instant::now();
        let connection = |_| {
            let work = Work {
                next: next.clone(),
                total: self.total,
                request: self.request.clone(),
                answered: self.answered.clone(),
            };
            tokio::spawn(work.connection(self.addr))
        };
        let connections: Vec<_> = (0..self.connections).map(connection).collect();
        let mut latencies = Latencies::default();
        for connection in connections {
            latencies.append(connection.await.map_err(io::Error::other)??);
        }
        Ok(Loaded { elapsed: begun.elapsed(), latencies })
    }
}

struct Work {
    next: Arc<AtomicU64>,
    total: u64,
    request: Arc<dyn Fn(u64) -> Vec<u8> + Send + Sync>,
    answered: Arc<AtomicU64>,
}

impl Work {
    async fn connection(self, addr: SocketAddr) -> io::Result<Latencies> {
        let mut wire = Wire::open(addr).await?;
        let mut latencies = Latencies::default();
        loop {
            let n = self.next.fetch_add(1, Ordering::Relaxed);
            if n >= self.total {
                return Ok(latencies);
            }
            let begun = Instant::now();
            let reply = wire.exchange(&(self.request)(n)).await?;
            latencies.add(begun.elapsed());
            if reply.status != 200 {
                let text = String::from_utf8_lossy(reply.body);
                return Err(io::Error::other(format!("a reply with status {}: {text}", reply.status)));
            }
            self.answered.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// One connection, one request at a time.
pub(crate) struct Wire {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// A reply, in the connection's buffer.
pub(crate) struct WireReply<'a> {
    pub(crate) status: u16,
    pub(crate) body: &'a [u8],
}

impl Wire {
    pub(crate) async fn open(addr: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(addr).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(READ_BYTES) })
    }

    pub(crate) async fn exchange(&mut self, request: &[u8]) -> io::Result<WireReply<'_>> {
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
        Ok(WireReply { status, body: &self.buffer[head..head + length] })
    }
}

/// The status, the length of the head and that of the body, once the head is there.
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
        .ok_or_else(|| io::Error::other("a reply without a length"))
}

/// `POST /orders` without a body.
pub(crate) fn post_order() -> Vec<u8> {
    b"POST /orders HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n".to_vec()
}

/// `GET /orders/{id}`.
pub(crate) fn get_order(order_id: &str) -> Vec<u8> {
    format!("GET /orders/{order_id} HTTP/1.1\r\nhost: localhost\r\n\r\n").into_bytes()
}
