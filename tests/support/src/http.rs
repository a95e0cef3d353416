//! A client of HTTP APIs.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use ureq::{Agent, RequestBuilder};

/// The timeout of a call.
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
    /// The body as JSON; null if it is not JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

/// Sends a GET request on a new connection.
///
/// # Errors
/// If no complete reply arrives in time.
pub fn get(address: SocketAddr, path: &str) -> io::Result<Reply> {
    Client::new(Connections::OneEach).get(address, path)
}

/// Sends a POST request with a JSON or empty body on a new connection.
///
/// # Errors
/// If no complete reply arrives in time.
pub fn post(address: SocketAddr, path: &str, headers: &[(&str, &str)], body: &str) -> io::Result<Reply> {
    Client::new(Connections::OneEach).post(address, path, headers, body)
}

/// When a client opens connections.
#[derive(Debug, Clone, Copy)]
pub enum Connections {
    /// One connection per call.
    OneEach,
    /// One connection for all calls: at hundreds of calls per second, new connections would dominate the load.
    Kept,
}

/// A client.
#[derive(Debug)]
pub struct Client {
    agent: Agent,
    connections: Connections,
}

impl Client {
    /// A client without a connection yet.
    #[must_use]
    pub fn new(connections: Connections) -> Self {
        let config = Agent::config_builder().http_status_as_error(false).timeout_global(Some(TIMEOUT));
        Self { agent: config.proxy(None).build().into(), connections }
    }

    /// Sends a GET request.
    ///
    /// # Errors
    /// If no complete reply arrives in time.
    pub fn get(&self, address: SocketAddr, path: &str) -> io::Result<Reply> {
        read(self.begin(self.agent.get(url(address, path))).call())
    }

    /// Sends a POST request with a JSON or empty body.
    ///
    /// # Errors
    /// If no complete reply arrives in time.
    pub fn post(
        &self,
        address: SocketAddr,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> io::Result<Reply> {
        let mut request = self.begin(self.agent.post(url(address, path)));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if body.is_empty() {
            return read(request.send_empty());
        }
        read(request.content_type("application/json").send(body))
    }

    fn begin<T>(&self, request: RequestBuilder<T>) -> RequestBuilder<T> {
        match self.connections {
            Connections::OneEach => request.header("Connection", "close"),
            Connections::Kept => request,
        }
    }
}

fn url(address: SocketAddr, path: &str) -> String {
    format!("http://{address}{path}")
}

fn read(answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> io::Result<Reply> {
    let mut answer = answer.map_err(ureq::Error::into_io)?;
    let body = answer.body_mut().read_to_string().map_err(ureq::Error::into_io)?;
    Ok(Reply { status: answer.status().as_u16(), body })
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::thread::spawn;

    use super::*;

    /// The replies that a client reads from these answers on one connection.
    fn answered(client: &Client, answers: &[&'static str]) -> Vec<io::Result<Reply>> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let address = listener.local_addr().expect("its address");
        let server = {
            let answers = answers.to_vec();
            spawn(move || {
                let (mut stream, _) = listener.accept().expect("a client");
                for answer in answers {
                    let asked = stream.read(&mut [0; 1_024]).expect("a request");
                    assert_ne!(asked, 0);
                    stream.write_all(answer.as_bytes()).expect("the client reads");
                }
            })
        };
        let replies = answers.iter().map(|_| client.get(address, "/")).collect();
        server.join().expect("the server did not panic");
        replies
    }

    #[test]
    fn a_partial_reply_is_an_error() {
        let client = Client::new(Connections::OneEach);
        let of = |answer| answered(&client, &[answer]).remove(0);
        let reply = of("HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}").expect("a reply");
        assert_eq!((reply.status, reply.body.as_str()), (404, "{}"));
        assert!(of("HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{").is_err());
        assert!(of("").is_err());
    }

    #[test]
    fn a_connection_is_kept_for_the_next_call() {
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
        for reply in answered(&Client::new(Connections::Kept), &[answer, answer]) {
            assert_eq!(reply.expect("a reply").status, 200);
        }
    }
}
