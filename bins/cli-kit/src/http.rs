//! A client of the API: one connection, one request at a time.

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{HeaderMap, Method, Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_util::either::Either;

use crate::access::Access;
use crate::exit::Failure;

/// The address of the API: `http://host:port`, or `https` with TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl {
    secure: bool,
    authority: String,
}

impl std::str::FromStr for BaseUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no address such as http://127.0.0.1:8000");
        let uri: Uri = text.parse().map_err(|_| wrong())?;
        let (secure, port) = match uri.scheme_str() {
            Some("http") => (false, 80),
            Some("https") => (true, 443),
            _ => return Err(wrong()),
        };
        let plain = matches!(uri.path(), "" | "/") && uri.query().is_none();
        let authority = uri.authority().filter(|_| plain).ok_or_else(wrong)?;
        let port = authority.port_u16().unwrap_or(port);
        Ok(Self { secure, authority: format!("{}:{port}", authority.host()) })
    }
}

impl BaseUrl {
    /// The default address of `serve`.
    pub const DEFAULT: &str = "http://127.0.0.1:8000";

    /// The URL of a listening address without TLS.
    #[must_use]
    pub fn of(addr: std::net::SocketAddr) -> Self {
        Self { secure: false, authority: addr.to_string() }
    }

    /// The server has TLS.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// The name in the server's certificate.
    fn server_name(&self) -> Result<ServerName<'static>, String> {
        let host = self.authority.rsplit_once(':').map_or(&*self.authority, |(host, _)| host);
        let host = host.trim_start_matches('[').trim_end_matches(']');
        ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())
    }
}

impl Default for BaseUrl {
    fn default() -> Self {
        Self { secure: false, authority: Self::DEFAULT.trim_start_matches("http://").to_owned() }
    }
}

impl std::fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = if self.secure { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.authority)
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
    access: Access,
    connection: Option<SendRequest<Full<Bytes>>>,
    /// Maximum size of a reply's body.
    body_bytes_max: usize,
}

impl Client {
    /// A client without a credential, for a server without TLS. It connects with its first request.
    pub fn new(base: BaseUrl) -> Self {
        Self::with_access(base, Access::default())
    }

    /// A client with this access. It connects with its first request.
    pub fn with_access(base: BaseUrl, access: Access) -> Self {
        Self { base, access, connection: None, body_bytes_max: usize::MAX }
    }

    /// Rejects replies with a larger body than this, in bytes. For servers that are not trusted to be small.
    #[must_use]
    pub fn limited(self, body_bytes_max: usize) -> Self {
        Self { body_bytes_max, ..self }
    }

    /// Sends a request and waits for the complete reply. An empty body is not sent; any other is JSON.
    ///
    /// # Errors
    /// If the server is unreachable, closed the connection before it answered, or answered with too large a body. The next
    /// request reconnects.
    pub async fn send(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Reply, Failure> {
        let request = self.request(method, path, headers, body)?;
        let mut connection = self.connect().await?;
        let base = &self.base;
        let lost = |error: hyper::Error| Failure::unreachable(format!("{base} did not answer: {error}"));
        let reply = connection.send_request(request).await.map_err(lost)?;
        let (head, body) = reply.into_parts();
        let body = match Limited::new(body, self.body_bytes_max).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => {
                let max = self.body_bytes_max;
                return Err(Failure::refused(format!("{base} answered with more than {max} bytes")));
            }
            Err(error) => return Err(Failure::unreachable(format!("{base} did not answer: {error}"))),
        };
        self.connection = Some(connection);
        Ok(Reply { status: head.status, headers: head.headers, body })
    }

    /// A request with what each one has.
    pub(crate) fn request(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Request<Full<Bytes>>, Failure> {
        let mut request = Request::builder().method(method).uri(path).header(HOST, &self.base.authority);
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        if let Some(authorization) = &self.access.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request
            .body(Full::new(body))
            .map_err(|error| Failure::usage(format!("invalid HTTP request: {error}")))
    }

    pub(crate) fn base(&self) -> &BaseUrl {
        &self.base
    }

    /// Takes the connection, or opens one. The caller returns it after a complete reply.
    pub(crate) async fn connect(&mut self) -> Result<SendRequest<Full<Bytes>>, Failure> {
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
        let stream = match &self.access.tls {
            Some(tls) if base.secure => {
                let name = base.server_name().map_err(|error| failed(&error))?;
                Either::Right(Box::new(tls.connect(name, stream).await.map_err(|error| failed(&error))?))
            }
            None if base.secure => return Err(Failure::usage(format!("{base} needs a client with TLS"))),
            _ => Either::Left(stream),
        };
        let (connection, driver) = handshake(TokioIo::new(stream)).await.map_err(|error| failed(&error))?;
        tokio::spawn(async move {
            let _ = driver.await;
        });
        Ok(connection)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_scheme_a_host_and_a_port() {
        let url = |text: &str| text.parse::<BaseUrl>();
        for (text, shown) in [
            ("http://shop.example", "http://shop.example:80"),
            ("https://shop.example/", "https://shop.example:443"),
            ("https://[::1]:8443", "https://[::1]:8443"),
        ] {
            assert_eq!(url(text).expect("an address").to_string(), shown);
        }
        for wrong in ["shop.example", "ftp://shop.example", "https://shop.example/path", "https://"] {
            assert!(url(wrong).is_err(), "{wrong}");
        }
        let name = |text: &str| url(text).expect("an address").server_name().expect("a name");
        assert_eq!(name("https://[::1]:8443"), ServerName::try_from("::1").expect("a name"));
        assert_eq!(name("https://shop.example"), ServerName::try_from("shop.example").expect("a name"));
    }
}
