//! A client of the API: one connection, one request at a time.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{HeaderMap, Method, Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::exit::Failure;

/// The address of the API: `http://host:port`.
#[derive(Debug, Clone)]
pub struct BaseUrl {
    authority: String,
}

impl std::str::FromStr for BaseUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no address such as http://127.0.0.1:8000");
        let uri: Uri = text.parse().map_err(|_| wrong())?;
        let plain =
            uri.scheme_str() == Some("http") && matches!(uri.path(), "" | "/") && uri.query().is_none();
        let authority = uri.authority().filter(|_| plain).ok_or_else(wrong)?;
        let port = authority.port_u16().unwrap_or(80);
        Ok(Self { authority: format!("{}:{port}", authority.host()) })
    }
}

impl BaseUrl {
    /// The default address of `serve`.
    pub const DEFAULT: &str = "http://127.0.0.1:8000";

    /// The URL of a listening address.
    #[must_use]
    pub fn of(addr: std::net::SocketAddr) -> Self {
        Self { authority: addr.to_string() }
    }
}

impl Default for BaseUrl {
    fn default() -> Self {
        Self { authority: Self::DEFAULT.trim_start_matches("http://").to_owned() }
    }
}

impl std::fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "http://{}", self.authority)
    }
}

/// A complete reply.
#[derive(Debug)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// A connection to the API.
pub struct Client {
    base: BaseUrl,
    connection: Option<SendRequest<Full<Bytes>>>,
}

impl Client {
    /// A client that connects with its first request.
    pub fn new(base: BaseUrl) -> Self {
        Self { base, connection: None }
    }

    /// Sends a request and waits for the complete reply. An empty body is not sent; any other is JSON.
    ///
    /// # Errors
    /// If the server is unreachable, or closed the connection before it answered. The next request reconnects.
    pub async fn send(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Reply, Failure> {
        let mut request = Request::builder().method(method).uri(path).header(HOST, &self.base.authority);
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request
            .body(Full::new(body))
            .map_err(|error| Failure::usage(format!("invalid HTTP request: {error}")))?;
        let mut connection = self.connect().await?;
        let base = &self.base;
        let lost = |error: hyper::Error| Failure::unreachable(format!("{base} did not answer: {error}"));
        let reply = connection.send_request(request).await.map_err(lost)?;
        let (head, body) = reply.into_parts();
        let body = body.collect().await.map_err(lost)?.to_bytes();
        self.connection = Some(connection);
        Ok(Reply { status: head.status, headers: head.headers, body })
    }

    /// Takes the connection, or opens one. The caller returns it after a complete reply.
    async fn connect(&mut self) -> Result<SendRequest<Full<Bytes>>, Failure> {
        if let Some(mut connection) = self.connection.take()
            && connection.ready().await.is_ok()
        {
            return Ok(connection);
        }
        let base = &self.base;
        let failed = |cause: &dyn std::fmt::Display| {
            Failure::unreachable(format!("cannot reach {base} ({cause}): check that the server runs there"))
        };
        let stream = TcpStream::connect(&base.authority).await.map_err(|error| failed(&error))?;
        let _ = stream.set_nodelay(true);
        let (connection, driver) = handshake(TokioIo::new(stream)).await.map_err(|error| failed(&error))?;
        tokio::spawn(async move {
            let _ = driver.await;
        });
        Ok(connection)
    }
}
