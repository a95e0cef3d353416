//! One connection to a broker for requests that librdkafka has no calls for. It has no TLS and no SASL.

use std::fmt;
use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::wire::{Decoded, Malformed, Request};
use crate::limits::BROKER_ANSWER_BYTES_MAX;

/// The address of a broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) host: String,
    pub(super) port: u16,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// An open connection.
pub(super) struct Connection {
    stream: TcpStream,
    address: Address,
    client_id: String,
    limit: Duration,
    requests: i32,
}

impl Connection {
    /// # Errors
    /// A text, if there is no connection within the limit.
    pub(super) async fn open(address: Address, client_id: &str, limit: Duration) -> Result<Self, String> {
        let opened = timeout(limit, TcpStream::connect((address.host.as_str(), address.port))).await;
        match opened.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
            Ok(stream) => Ok(Self { stream, address, client_id: client_id.to_owned(), limit, requests: 0 }),
            Err(error) => Err(format!("cannot connect to {address}: {error}")),
        }
    }

    /// Sends a request and decodes the response.
    ///
    /// # Errors
    /// A text, if the broker does not answer within the limit, or answers with an error.
    pub(super) async fn call<T>(
        &mut self,
        request: &Request,
        decode: fn(&[u8]) -> Decoded<T>,
    ) -> Result<T, String> {
        self.requests += 1;
        let frame = request.frame(self.requests, &self.client_id);
        let answer = timeout(self.limit, exchange(&mut self.stream, &frame)).await;
        let answer = answer.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        let answer = answer.map_err(|error| format!("no response from {}: {error}", self.address))?;
        match decode(&answer) {
            Ok(Ok(decoded)) => Ok(decoded),
            Ok(Err(code)) => Err(format!("{} answers with the error code {code}", self.address)),
            Err(Malformed) => Err(format!("the response of {} cannot be decoded", self.address)),
        }
    }
}

async fn exchange(stream: &mut TcpStream, frame: &[u8]) -> io::Result<Vec<u8>> {
    stream.write_all(frame).await?;
    let length = usize::try_from(stream.read_i32().await?).unwrap_or(usize::MAX);
    if length > BROKER_ANSWER_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the response is too large"));
    }
    let mut answer = vec![0; length];
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}
