//! A server of prepared metrics, in the place of a process.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// Serves one text at `/metrics`, and remembers the heads of the requests.
pub(crate) struct MetricsServer {
    pub(crate) url: String,
    text: Arc<Mutex<String>>,
    heads: Arc<Mutex<Vec<String>>>,
}

impl MetricsServer {
    pub(crate) fn start(text: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("its address"));
        let (text, heads) = (Arc::new(Mutex::new(text.to_owned())), Arc::default());
        let server = Self { url, text, heads };
        let (text, heads) = (server.text.clone(), server.heads.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (text, heads) = (text.clone(), heads.clone());
                std::thread::spawn(move || serve(stream, &text, &heads));
            }
        });
        server
    }

    /// Serves another text from now on.
    pub(crate) fn set(&self, text: &str) {
        text.clone_into(&mut self.text.lock().expect("no panic"));
    }

    pub(crate) fn heads(&self) -> Vec<String> {
        self.heads.lock().expect("no panic").clone()
    }
}

fn serve(mut stream: TcpStream, text: &Mutex<String>, heads: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).unwrap_or(0) == 0 {
                return;
            }
        }
        let body = text.lock().expect("no panic").clone();
        let status = if head.starts_with("GET /metrics ") { "200 OK" } else { "404 Not Found" };
        heads.lock().expect("no panic").push(head);
        let reply = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        if stream.write_all(reply.as_bytes()).is_err() {
            return;
        }
    }
}

/// What a processor with live partitions shows. `last`: the phase of the last of them.
pub(crate) fn processor(name: &str, partitions: u32, last: &str) -> String {
    let mut text =
        format!("logistics_build_info{{program=\"order-processor\",version=\"1.0.0\",name=\"{name}\"}} 1\n");
    for partition in 0..partitions {
        let phase = if partition + 1 == partitions { last } else { "live" };
        text += &format!(
            "logistics_processor_phase{{partition=\"{partition}\",phase=\"{phase}\"}} 1\n\
             logistics_processor_lag_seconds{{partition=\"{partition}\"}} 0.0\n\
             logistics_timers{{partition=\"{partition}\"}} 7\n\
             logistics_facts_total{{status=\"PLACED\",change=\"placed\"}} 5\n"
        );
    }
    text + "# EOF\n"
}
