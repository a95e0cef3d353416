//! An HTTP server that keeps what is posted to it, and fails on request.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What the server answers.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Answer {
    /// A status, and the seconds of `Retry-After`.
    Status(u16, Option<u32>),
    /// Nothing, until the client leaves.
    Silence,
}

impl Answer {
    pub(crate) fn status(status: u16) -> Self {
        Self::Status(status, None)
    }
}

struct State {
    /// `None`: it accepts no connection.
    answer: Option<Answer>,
    bodies: Vec<Vec<u8>>,
}

pub(crate) struct Server {
    addr: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl Server {
    /// A server on a free port, which accepts everything.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let addr = listener.local_addr().expect("an address");
        let state = Arc::new(Mutex::new(State { answer: Some(Answer::status(200)), bodies: Vec::new() }));
        let shared = state.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let Some(answer) = lock(&shared).answer else { return };
                let shared = shared.clone();
                std::thread::spawn(move || serve(stream, answer, &shared));
            }
        });
        Self { addr, state }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hook/secret", self.addr)
    }

    pub(crate) fn answers(&self, answer: Answer) {
        lock(&self.state).answer = Some(answer);
    }

    /// What was posted and accepted.
    pub(crate) fn bodies(&self) -> Vec<Vec<u8>> {
        lock(&self.state).bodies.clone()
    }

    /// Closes the port.
    pub(crate) fn stop(&self) {
        lock(&self.state).answer = None;
        // The listener ends with the connection that it accepts next.
        let _ = TcpStream::connect(self.addr).and_then(|mut stream| stream.read(&mut [0]));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Answers one request, and closes the connection.
fn serve(stream: TcpStream, answer: Answer, state: &Mutex<State>) {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().expect("a length");
        }
    }
    let mut body = vec![0; length];
    if reader.read_exact(&mut body).is_err() {
        return;
    }
    let Answer::Status(status, wait_s) = answer else {
        let _ = reader.read(&mut [0]);
        return;
    };
    if status == 200 {
        lock(state).bodies.push(body);
    }
    let wait = wait_s.map_or_else(String::new, |seconds| format!("retry-after: {seconds}\r\n"));
    let head = format!("HTTP/1.1 {status} x\r\n{wait}content-length: 0\r\nconnection: close\r\n\r\n");
    let _ = reader.get_mut().write_all(head.as_bytes());
}
