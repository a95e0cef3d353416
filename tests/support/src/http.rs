//! A client of HTTP APIs: one request a connection, as whoever retries after a failure makes it.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// A client gives up after this.
const TIMEOUT: Duration = Duration::from_secs(15);

/// A reply.
#[derive(Debug)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The body.
    pub body: String,
}

impl Reply {
    /// The body as JSON; null where it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

/// Asks for something.
///
/// # Errors
/// Where nobody answers, or not in time, or half.
pub fn get(address: SocketAddr, path: &str) -> io::Result<Reply> {
    call(address, "GET", path, &[], "")
}

/// Sends JSON, or nothing.
///
/// # Errors
/// Where nobody answers, or not in time, or half.
pub fn post(address: SocketAddr, path: &str, headers: &[(&str, &str)], body: &str) -> io::Result<Reply> {
    call(address, "POST", path, headers, body)
}

fn call(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> io::Result<Reply> {
    let mut request = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() {
        request.push_str("Content-Type: application/json\r\n");
    }
    request.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    stream.write_all(request.as_bytes())?;
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply)?;
    parse(&String::from_utf8_lossy(&reply)).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}

fn parse(reply: &str) -> Option<Reply> {
    let (head, body) = reply.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    (length.is_none_or(|length| length == body.len())).then(|| Reply { status, body: body.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_reply_is_one_and_half_of_it_is_none() {
        let reply = "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}";
        let parsed = parse(reply).expect("a reply");
        assert_eq!((parsed.status, parsed.body.as_str()), (404, "{}"));
        assert!(parse(&reply[..reply.len() - 1]).is_none());
        assert!(parse("").is_none());
    }
}
