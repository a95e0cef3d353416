//! Live streams: their memory, their latency under load, and a reconnect of all at once.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use futures::stream::{StreamExt, TryStreamExt};
use logistics_cli_kit::Failure;
use logistics_core::port::Clock;
use logistics_core::{OrderId, Timestamp};
use logistics_tokio::SystemClock;
use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use super::load::{HttpConnection, Load, post_order};
use super::server_process::ServerProcess;
use super::stats::{Figure, Latencies, processor_time, resident_mb};
use super::{BenchArgs, scratch};

/// Streams that are opened at the same time.
const OPENING: usize = 64;
/// Connections from one local address.
const CONNECTIONS_PER_ADDRESS: usize = 1_000;
/// The interval of heartbeats of the measured server.
const HEARTBEAT: &str = "25s";
/// Placements per second while the latency is measured.
const RATE: u64 = 1_000;
/// A pause before the measurement, so that the start is not part of it.
const SETTLE: Duration = Duration::from_secs(3);
const CONNECTIONS: usize = 16;

pub(super) async fn streams(args: &BenchArgs) -> Result<Vec<Figure>, Failure> {
    let dir = scratch()?;
    let count = args.streams;
    let limits = [
        ("--live-streams-max", count + 16),
        ("--live-caller-streams-max", count + 16),
        ("--http-connections-max", count + 256),
    ];
    let mut arguments: Vec<_> =
        limits.iter().flat_map(|(flag, n)| [(*flag).to_owned(), n.to_string()]).collect();
    arguments
        .extend(["--mode", "manual", "--notifier", "none", "--live-heartbeat", HEARTBEAT].map(str::to_owned));
    let server = ServerProcess::start(dir.path(), &arguments).await?;
    let failed = |error: io::Error| Failure::refused(format!("a stream failed: {error}; check ulimit -n"));
    let orders = placed(server.addr, count).await.map_err(failed)?;
    tokio::time::sleep(SETTLE).await;
    let before = resident_mb(&server.process).unwrap_or_default();
    let begun = Instant::now();
    let mut open = open_all(server.addr, &orders, None).await.map_err(failed)?;
    let opened = begun.elapsed();
    let (share, resident) = idle(&server.process, Duration::from_secs(args.seconds)).await;
    let latencies = latency(server.addr, args.seconds).await?;
    // All clients at once, as after a restart of a proxy.
    open.clear();
    let begun = Instant::now();
    open = open_all(server.addr, &orders, Some(1)).await.map_err(failed)?;
    let reconnected = begun.elapsed();
    drop(open);
    let figure = |what: &str, value: f64, unit| Figure::new("streams", what, value, unit);
    let mut figures = vec![
        figure("streams", count as f64, ""),
        figure("memory of an idle stream", (resident - before) * 1e3 / count.max(1) as f64, "KB"),
        figure("of a core, idle, heartbeats every 25 s", share, "%"),
        figure("opened", count as f64 / opened.as_secs_f64(), "1/s"),
        figure("reconnected at once", reconnected.as_secs_f64() * 1e3, "ms"),
    ];
    figures.extend(latencies.figures("streams", "from the decision to the client, 1,000 orders/s"));
    Ok(figures)
}

/// The share of a core and the resident memory of an idle process.
async fn idle(process: &str, during: Duration) -> (f64, f64) {
    tokio::time::sleep(SETTLE).await;
    let used = || processor_time(process).unwrap_or_default();
    let (before, since) = (used(), Instant::now());
    tokio::time::sleep(during).await;
    let share = (used() - before).as_secs_f64() / since.elapsed().as_secs_f64() * 100.0;
    (share, resident_mb(process).unwrap_or_default())
}

async fn placed(addr: SocketAddr, count: usize) -> io::Result<Vec<OrderId>> {
    #[derive(Deserialize)]
    struct Placed {
        order_id: OrderId,
    }
    let place = |share: usize| async move {
        let mut connection = HttpConnection::open(addr).await?;
        let mut orders = Vec::with_capacity(share);
        for _ in 0..share {
            let reply = connection.exchange(&post_order()).await?;
            let Placed { order_id } = serde_json::from_slice(reply.body)?;
            orders.push(order_id);
        }
        Ok::<_, io::Error>(orders)
    };
    let shares = (0..CONNECTIONS).map(|n| (count + n) / CONNECTIONS);
    let placed: Vec<_> =
        futures::stream::iter(shares).map(place).buffer_unordered(CONNECTIONS).try_collect().await?;
    Ok(placed.concat())
}

/// Opens a stream of each order, and reads its first bytes. `after`: the version from which the streams resume.
async fn open_all(addr: SocketAddr, orders: &[OrderId], after: Option<u64>) -> io::Result<Vec<TcpStream>> {
    let open = |(n, order_id): (usize, OrderId)| async move { open(addr, n, &order_id, after).await };
    let numbered = orders.iter().cloned().enumerate();
    futures::stream::iter(numbered).map(open).buffer_unordered(OPENING).try_collect().await
}

/// A connection to a server on this machine. The system's search for a free port takes longer with each connection from the same
/// address, so that it, and not the server, would be measured. On Linux, each thousand has a local address of its own.
async fn connect(addr: SocketAddr, n: usize) -> io::Result<TcpStream> {
    let host = u8::try_from(n / CONNECTIONS_PER_ADDRESS % 250).unwrap_or_default();
    if cfg!(target_os = "linux") && addr.ip() == Ipv4Addr::LOCALHOST {
        let socket = TcpSocket::new_v4()?;
        socket.bind((Ipv4Addr::new(127, 0, 1, host + 1), 0).into())?;
        return socket.connect(addr).await;
    }
    TcpStream::connect(addr).await
}

async fn open(addr: SocketAddr, n: usize, order_id: &OrderId, after: Option<u64>) -> io::Result<TcpStream> {
    let mut stream = connect(addr, n).await?;
    let resume = after.map_or(String::new(), |version| format!("last-event-id: {version}\r\n"));
    let request = format!(
        "GET /orders/{order_id}/events HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n{resume}\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let wanted: &[u8] = if after.is_some() { b"retry: " } else { b"event: snapshot" };
    let mut read = Vec::with_capacity(1024);
    while !read.windows(wanted.len()).any(|window| window == wanted) {
        if stream.read_buf(&mut read).await? == 0 {
            return Err(io::Error::other(String::from_utf8_lossy(&read).into_owned()));
        }
    }
    if !read.starts_with(b"HTTP/1.1 200") {
        return Err(io::Error::other(String::from_utf8_lossy(&read).into_owned()));
    }
    Ok(stream)
}

/// The latency of facts in a stream of all orders, while orders are placed at a steady rate.
async fn latency(addr: SocketAddr, seconds: u64) -> Result<Latencies, Failure> {
    let failed = |error: io::Error| Failure::refused(format!("a stream failed: {error}"));
    let mut stream = TcpStream::connect(addr).await.map_err(failed)?;
    stream.write_all(b"GET /events HTTP/1.1\r\nhost: localhost\r\n\r\n").await.map_err(failed)?;
    let total = RATE * seconds.min(20);
    let receiving = tokio::spawn(receive(stream, total));
    let answered = Arc::new(AtomicU64::new(0));
    let begun = Instant::now();
    let mut sent = 0;
    while sent < total {
        let due = (begun.elapsed().as_millis() as u64 * RATE / 1000 + 1).min(total);
        let count = due - sent;
        sent = due;
        let request: Arc<dyn Fn(u64) -> Vec<u8> + Send + Sync> = Arc::new(|_| post_order());
        let connections = CONNECTIONS.min(usize::try_from(count).unwrap_or(CONNECTIONS)).max(1);
        Load { addr, connections, total: count, request, answered: answered.clone() }.run().await?;
    }
    let received = tokio::time::timeout(Duration::from_secs(30), receiving).await;
    let received = received.map_err(|_| Failure::refused("not every fact reached the stream within 30 s"))?;
    received.map_err(|error| Failure::refused(error.to_string()))?.map_err(failed)
}

/// Reads this number of facts. A fact has the time of its decision.
async fn receive(mut stream: TcpStream, total: u64) -> io::Result<Latencies> {
    let mut latencies = Latencies::default();
    let mut read = Vec::with_capacity(64 * 1024);
    while latencies.count() < total {
        if stream.read_buf(&mut read).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let now = SystemClock.now();
        let complete = read.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        for line in read[..complete].split(|byte| *byte == b'\n') {
            if let Some(at) = decided_at(line) {
                latencies.add(Duration::from_millis(now.millis_since(at)));
            }
        }
        read.drain(..complete);
    }
    Ok(latencies)
}

fn decided_at(line: &[u8]) -> Option<Timestamp> {
    #[derive(Deserialize)]
    struct Fact {
        at: Timestamp,
    }
    let json = line.strip_prefix(b"data: ")?;
    serde_json::from_slice::<Fact>(json).ok().map(|fact| fact.at)
}
