//! A client that sends exactly the bytes that it is given.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A reply.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("no whole head: {:?}", String::from_utf8_lossy(bytes)));
        let head = std::str::from_utf8(&bytes[..end]).expect("a head of ASCII");
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).expect("a status line");
        let headers = lines.map(|line| line.split_once(": ").expect("a header"));
        Self {
            status: status.parse().expect("a status"),
            headers: headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect(),
            body: bytes[end + 4..].to_vec(),
        }
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// The headers except those that differ between two equal replies.
    pub(crate) fn stable_headers(&self) -> BTreeMap<&str, &str> {
        let headers = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        headers.filter(|(name, _)| !["date", "x-request-id"].contains(name)).collect()
    }

    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.header("content-type"), "application/json", "{self:?}");
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Asserts that the reply is an error with this status and code: JSON, with a sentence. Returns its body.
    pub(crate) fn error(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        let json = self.json();
        assert_eq!(json["code"], code, "{json}");
        assert!(json["error"].as_str().is_some_and(|sentence| sentence.len() > 5), "{json}");
        json
    }

    /// The same, for this field.
    pub(crate) fn error_of(&self, status: u16, code: &str, field: &str) -> Value {
        let json = self.error(status, code);
        assert!(json["field"].as_str().is_some_and(|name| name.eq_ignore_ascii_case(field)), "{json}");
        json
    }
}

/// Sends bytes on a new connection and reads until the server closes it.
pub(crate) async fn send(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.expect("the server listens");
    stream.write_all(bytes).await.expect("the server reads");
    rest(&mut stream).await
}

/// The bytes that the server sends until it closes the connection.
pub(crate) async fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply).await.expect("the server answers before it closes");
    reply
}

/// The bytes of a request that closes its connection.
pub(crate) fn request(line: &str, headers: &[&str], body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n").into_bytes();
    for header in headers {
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    if !body.is_empty() {
        bytes.extend_from_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body);
    bytes
}

/// Requests on one connection, one after the other. Their replies have no body.
pub(crate) struct Pipeline<'a> {
    stream: &'a mut TcpStream,
    read: Vec<u8>,
}

impl<'a> Pipeline<'a> {
    pub(crate) fn new(stream: &'a mut TcpStream) -> Self {
        Self { stream, read: Vec::new() }
    }

    /// The status of the reply.
    pub(crate) async fn status(&mut self, head: &[u8]) -> u16 {
        self.stream.write_all(head).await.expect("the server reads");
        self.read.clear();
        while !self.read.ends_with(b"\r\n\r\n") {
            let bytes = self.stream.read_buf(&mut self.read).await.expect("the server answers");
            assert!(bytes > 0, "the server closed the connection");
        }
        Reply::parse(&self.read).status
    }
}
