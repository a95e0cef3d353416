//! A source of JWK sets over HTTP, good or bad.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use logistics_access::{JwksUrl, JwtKeys};
use serde_json::{Value, json};

/// What the source answers.
#[derive(Debug, Clone)]
pub enum Answer {
    Set(Value),
    /// Status 200 with this body.
    Body(Vec<u8>),
    Status(u16),
    Redirect(String),
    /// The head, and then a byte every 100 ms until the client leaves.
    Slow,
    /// A head that claims nothing of the length, and bytes until the client leaves.
    Endless,
    /// Closes the connection.
    Close,
}

pub fn set(keys: &[Value]) -> Answer {
    Answer::Set(json!({ "keys": keys }))
}

pub struct JwksServer {
    addr: SocketAddr,
    answer: Arc<Mutex<Answer>>,
    hits: Arc<AtomicUsize>,
}

impl JwksServer {
    pub fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let addr = listener.local_addr().expect("an address");
        let answer = Arc::new(Mutex::new(answer));
        let hits = Arc::new(AtomicUsize::new(0));
        let (answers, counter) = (answer.clone(), hits.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (answer, counter) = (answers.clone(), counter.clone());
                std::thread::spawn(move || serve(stream, &answer, &counter));
            }
        });
        Self { addr, answer, hits }
    }

    pub fn url(&self) -> String {
        format!("http://{}/jwks.json", self.addr)
    }

    pub fn keys(&self) -> JwtKeys {
        JwtKeys::Url(JwksUrl::parse(&self.url()).expect("a URL"))
    }

    pub fn answers(&self, answer: Answer) {
        *self.answer.lock().expect("no panic") = answer;
    }

    /// Requests so far.
    pub fn hits(&self) -> usize {
        self.hits.load(Ordering::SeqCst)
    }
}

fn serve(mut stream: TcpStream, answer: &Mutex<Answer>, hits: &AtomicUsize) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return,
        }
    }
    let answer = answer.lock().expect("no panic").clone();
    hits.fetch_add(1, Ordering::SeqCst);
    let whole = |status: &str, extra: &str, body: &[u8]| {
        let head = format!("HTTP/1.1 {status}\r\n{extra}content-length: {}\r\n\r\n", body.len());
        [head.as_bytes(), body].concat()
    };
    let reply = match answer {
        Answer::Set(set) => whole("200 OK", "", set.to_string().as_bytes()),
        Answer::Body(body) => whole("200 OK", "", &body),
        Answer::Status(status) => whole(&format!("{status} Status"), "", b"{\"keys\":[]}"),
        Answer::Redirect(to) => whole("302 Found", &format!("location: {to}\r\n"), b""),
        Answer::Slow => return drip(stream, b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n", b" ", 100),
        Answer::Endless => return drip(stream, b"HTTP/1.1 200 OK\r\n\r\n", &[b' '; 65536], 0),
        Answer::Close => return,
    };
    let _ = stream.write_all(&reply);
}

fn drip(mut stream: TcpStream, head: &[u8], part: &[u8], pause_ms: u64) {
    let mut result = stream.write_all(head);
    while result.is_ok() {
        std::thread::sleep(Duration::from_millis(pause_ms));
        result = stream.write_all(part);
    }
}
