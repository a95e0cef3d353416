//! A client of server-sent events that shows each event, and what a browser would do with it.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{Reply, request};

/// No test waits longer for an event.
const EVENT_TIME_MAX: Duration = Duration::from_secs(30);

/// An open stream.
pub(crate) struct EventSource {
    stream: TcpStream,
    pub(crate) head: Reply,
    /// Bytes of the body in its transfer coding.
    coded: Vec<u8>,
    text: String,
    has_ended: bool,
    /// The last `id`, as a browser would send it on.
    pub(crate) last_id: String,
    pub(crate) retry_ms: Option<u64>,
    pub(crate) comments: usize,
}

/// An event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) data: String,
}

impl Event {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap_or_else(|error| panic!("{error} in {:?}", self.data))
    }
}

impl EventSource {
    /// Opens a stream. Panics unless the reply is 200.
    pub(crate) async fn open(address: SocketAddr, path: &str, headers: &[&str]) -> Self {
        let source = Self::try_open(address, path, headers).await;
        assert_eq!(source.head.status, 200, "{}", String::from_utf8_lossy(&source.coded));
        source
    }

    /// The same, whatever the status.
    pub(crate) async fn try_open(address: SocketAddr, path: &str, headers: &[&str]) -> Self {
        let mut stream = TcpStream::connect(address).await.expect("a server");
        let headers = [&["Accept: text/event-stream"], headers].concat();
        let bytes = request(&format!("GET {path}"), &headers, b"");
        stream.write_all(&bytes).await.expect("an open connection");
        let mut read = Vec::new();
        let end = loop {
            if let Some(end) = read.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            assert_ne!(stream.read_buf(&mut read).await.expect("an open connection"), 0, "a whole head");
        };
        let coded = read.split_off(end);
        let head = Reply::parse(&read);
        let (text, last_id) = (String::new(), String::new());
        Self { stream, head, coded, text, has_ended: false, last_id, retry_ms: None, comments: 0 }
    }

    /// The next event; `None` at the end of the stream.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        let next = async {
            loop {
                while let Some(end) = self.text.find("\n\n") {
                    let block: String = self.text.drain(..end + 2).collect();
                    if let Some(event) = self.parse(&block) {
                        return Some(event);
                    }
                }
                if !self.more().await {
                    assert_eq!(self.text, "", "an event is cut off");
                    return None;
                }
            }
        };
        tokio::time::timeout(EVENT_TIME_MAX, next).await.expect("an event in time")
    }

    /// The next event. Panics if the stream ends.
    pub(crate) async fn event(&mut self) -> Event {
        self.next().await.expect("an event")
    }

    /// Waits for a heartbeat.
    pub(crate) async fn heartbeat(&mut self) {
        let before = self.comments;
        while self.comments == before {
            self.read_more().await;
        }
    }

    /// Reads more text, which has no event.
    pub(crate) async fn read_more(&mut self) {
        assert!(self.more().await, "the stream ended");
        while let Some(end) = self.text.find("\n\n") {
            let block: String = self.text.drain(..end + 2).collect();
            assert_eq!(self.parse(&block), None);
        }
    }

    fn parse(&mut self, block: &str) -> Option<Event> {
        let (mut name, mut id, mut data) = (String::new(), None, Vec::new());
        for line in block.lines().filter(|line| !line.is_empty()) {
            match line.split_once(": ").unwrap_or((line, "")) {
                ("event", value) => name = value.to_owned(),
                ("id", value) => id = Some(value.to_owned()),
                ("data", value) => data.push(value),
                ("retry", value) => self.retry_ms = Some(value.parse().expect("milliseconds")),
                (":", "") => self.comments += 1,
                other => panic!("an unknown field: {other:?}"),
            }
        }
        self.last_id = id.clone().unwrap_or_else(|| self.last_id.clone());
        (!data.is_empty()).then(|| Event { name, id: id.unwrap_or_default(), data: data.join("\n") })
    }

    /// Reads a chunk (RFC 9112, section 7.1). False at the end.
    async fn more(&mut self) -> bool {
        loop {
            if let Some(end) = self.coded.windows(2).position(|window| window == b"\r\n") {
                let size = std::str::from_utf8(&self.coded[..end]).expect("a size");
                let size = usize::from_str_radix(size, 16).expect("a hexadecimal size");
                let whole = end + 2 + size + 2;
                if self.coded.len() >= whole {
                    let chunk = std::str::from_utf8(&self.coded[end + 2..end + 2 + size]).expect("UTF-8");
                    self.text.push_str(chunk);
                    self.coded.drain(..whole);
                    self.has_ended = size == 0;
                    return size > 0;
                }
            }
            if self.has_ended || self.stream.read_buf(&mut self.coded).await.expect("an open connection") == 0
            {
                assert!(self.has_ended, "the connection was cut off");
                return false;
            }
        }
    }
}
