//! Live streams through nginx, with the settings of the guide.
#![allow(clippy::print_stderr, reason = "says what this machine cannot test")]

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use logistics_test_support::free_port;

use super::support::{TIMEOUT, until};
use super::{Process, TestServer, text};

const GUIDE: &str = include_str!("../../../../docs/live.md");

#[test]
fn nginx_with_the_settings_of_the_guide_passes_each_event_on_at_once() {
    let server = TestServer::start();
    let Some(proxy) = Nginx::before(&server) else {
        eprintln!("nginx is not installed here: not tested");
        return;
    };
    let id = server.placed("1");
    let watch = Process::spawn(&["watch", &id, "--url", &proxy.url()]);
    let all = Process::spawn(&["watch", "--url", &proxy.url()]);
    // The stream is open: an event that nginx holds back would not arrive before its end.
    watch.line_with("PLACED by customer");
    all.line_with("Following all orders");
    server.run(&["advance", &id, "--actor", "merchant"]).done();
    watch.line_with("CONFIRMED by merchant");
    all.line_with("CONFIRMED by merchant");
    assert!(proxy.upgrades(), "nginx passes on the upgrade to a WebSocket");
}

/// A running nginx. Dropping it kills it.
struct Nginx {
    port: u16,
    child: Child,
    _folder: tempfile::TempDir,
}

impl Nginx {
    /// In front of the server. `None`: this machine has no nginx.
    fn before(server: &TestServer) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let port = free_port();
        let file = folder.path().join("nginx.conf");
        std::fs::write(&file, configuration(folder.path(), port, server)).expect("a file");
        let arguments = ["-p", text(folder.path()), "-e", "error.log", "-c", text(&file)];
        let child = Command::new("nginx").args(arguments).stdin(Stdio::null()).spawn();
        let child = match child {
            Ok(child) => child,
            Err(error) if error.kind() == ErrorKind::NotFound => return None,
            Err(error) => panic!("nginx does not start: {error}"),
        };
        let nginx = Self { port, child, _folder: folder };
        until("nginx listens", || TcpStream::connect(("127.0.0.1", port)).ok());
        Some(nginx)
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn upgrades(&self) -> bool {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("it listens");
        stream.set_read_timeout(Some(TIMEOUT)).expect("a time limit");
        let head = "GET /live HTTP/1.1\r\nhost: localhost\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
            sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
            sec-websocket-protocol: logistics.live.v1\r\n\r\n";
        stream.write_all(head.as_bytes()).expect("it reads");
        let mut status = [0; 12];
        stream.read_exact(&mut status).expect("an answer");
        &status == b"HTTP/1.1 101"
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // SIGTERM ends the workers too; SIGKILL would leave them.
        let _ = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        let _ = self.child.wait();
    }
}

fn configuration(folder: &Path, port: u16, server: &TestServer) -> String {
    let of_the_guide = GUIDE.split("```nginx\n").nth(1).and_then(|rest| rest.split("```").next());
    let of_the_guide = of_the_guide.expect("the guide has settings of nginx");
    let (folder, addr) = (text(folder), server.addr());
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let temporary = temporary.map(|name| format!("{name}_temp_path {folder}/{name};\n")).concat();
    format!(
        "daemon off;\npid {folder}/nginx.pid;\nevents {{}}\nhttp {{\naccess_log off;\n{temporary}\
         upstream orders {{ server {addr}; }}\nserver {{\nlisten 127.0.0.1:{port};\n{of_the_guide}\n\
         location / {{ proxy_pass http://orders; proxy_set_header Host $http_host; }}\n}}\n}}\n"
    )
}
