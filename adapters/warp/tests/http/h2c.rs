//! A client of HTTP/2, and raw frames for what it would not send.

use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use h2::client::SendRequest;
use hyper::{HeaderMap, Request};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const CONTINUATION: u8 = 9;
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;
/// `GET http://localhost/` as a block of HPACK.
pub(crate) const GET_ROOT: &[u8] = b"\x82\x86\x84\x41\x09localhost";

/// A connection.
#[derive(Clone)]
pub(crate) struct Http2 {
    requests: SendRequest<Bytes>,
}

/// A reply.
#[derive(Debug)]
pub(crate) struct Reply2 {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Reply2 {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }
}

impl Http2 {
    /// With prior knowledge. The task ends with the connection.
    pub(crate) async fn connect(address: SocketAddr) -> (Self, JoinHandle<Result<(), h2::Error>>) {
        let stream = TcpStream::connect(address).await.expect("the server listens");
        Self::over(stream, &h2::client::Builder::new()).await
    }

    pub(crate) async fn over(
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        builder: &h2::client::Builder,
    ) -> (Self, JoinHandle<Result<(), h2::Error>>) {
        let (requests, connection) = builder.handshake(stream).await.expect("a handshake");
        (Self { requests }, tokio::spawn(connection))
    }

    /// Sends a request of `http://localhost`.
    pub(crate) async fn call(&self, line: &str, headers: &[(&str, &str)], body: &str) -> Reply2 {
        let (method, path) = line.split_once(' ').expect("a method and a path");
        let mut request = Request::builder().method(method).uri(format!("http://localhost{path}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(()).expect("a request"), body).await.expect("a reply")
    }

    pub(crate) async fn send(&self, request: Request<()>, body: &str) -> Result<Reply2, h2::Error> {
        let mut requests = self.requests.clone().ready().await?;
        let (reply, mut stream) = requests.send_request(request, body.is_empty())?;
        if !body.is_empty() {
            stream.send_data(Bytes::copy_from_slice(body.as_bytes()), true)?;
        }
        let (head, mut incoming) = reply.await?.into_parts();
        let mut body = BytesMut::new();
        while let Some(chunk) = incoming.data().await {
            let chunk = chunk?;
            incoming.flow_control().release_capacity(chunk.len())?;
            body.extend_from_slice(&chunk);
        }
        Ok(Reply2 { status: head.status.as_u16(), headers: head.headers, body: body.freeze() })
    }
}

/// A frame.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a short payload").to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend_from_slice(&[kind, flags]);
    frame.extend_from_slice(&stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

/// A connection with its preface, and then these bytes.
pub(crate) async fn raw(address: SocketAddr, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.expect("the server listens");
    let start = [PREFACE, &frame(SETTINGS, 0, 0, b""), bytes].concat();
    stream.write_all(&start).await.expect("the server reads");
    stream
}
