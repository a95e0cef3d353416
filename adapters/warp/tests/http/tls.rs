//! TLS: versions, client certificates, the reload of the files, and slow or wrong clients.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use logistics_warp::{Config, ServeError, Tls, TlsError, bind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::{
    ClientConfig, ProtocolVersion, RootCertStore, SupportedProtocolVersion, crypto, version,
};

use crate::certificates::{Authority, Identity, ServerFiles};
use crate::client::{Reply, request, rest};
use crate::h2c::Http2;
use crate::peer::Recorder;
use crate::test_server::TestServer;

/// Less than the default limits of time: what closes a connection earlier is a shorter one.
const LEAST: Duration = Duration::from_secs(8);
const NAME: &str = "localhost";

/// A server with TLS, and what its clients trust.
struct Secure {
    authority: Authority,
    files: ServerFiles,
    server: TestServer,
}

impl Secure {
    async fn start() -> Self {
        Self::with(|_, _| {}).await
    }

    async fn with(change: impl FnOnce(&mut Config, &mut Tls)) -> Self {
        let authority = Authority::new("authority");
        let files = ServerFiles::new(&authority.sign(NAME));
        let mut tls = Tls::new(files.path("tls.crt"), files.path("tls.key"));
        let server = TestServer::with(|config| {
            change(config, &mut tls);
            config.tls = Some(tls);
        });
        let server = server.await;
        Self { authority, files, server }
    }

    fn client(&self) -> Client {
        Client::new(&self.authority)
    }

    async fn get(&self, path: &str) -> Reply {
        let mut stream = self.client().connect(self.server.address).await.expect("a handshake");
        exchange(&mut stream, path).await.expect("a reply")
    }
}

struct Client {
    roots: RootCertStore,
    versions: Vec<&'static SupportedProtocolVersion>,
    identity: Option<Identity>,
    alpn: Vec<Vec<u8>>,
}

impl Client {
    fn new(authority: &Authority) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(authority.certificate.clone()).expect("an authority");
        let versions = vec![&version::TLS12, &version::TLS13];
        Self { roots, versions, identity: None, alpn: Vec::new() }
    }

    async fn connect(self, address: SocketAddr) -> io::Result<TlsStream<TcpStream>> {
        let provider = Arc::new(crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&self.versions)
            .expect("versions")
            .with_root_certificates(self.roots);
        let mut config = match self.identity {
            Some(identity) => builder
                .with_client_auth_cert(vec![identity.certificate], identity.key)
                .expect("a certificate"),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = self.alpn;
        let stream = TcpStream::connect(address).await?;
        TlsConnector::from(Arc::new(config)).connect(NAME.try_into().expect("a name"), stream).await
    }
}

/// One request on a connection that ends with it.
async fn exchange(stream: &mut TlsStream<TcpStream>, path: &str) -> io::Result<Reply> {
    stream.write_all(&request(&format!("GET {path}"), &[], b"")).await?;
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply).await?;
    if reply.is_empty() { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(Reply::parse(&reply)) }
}

fn certificate_of(stream: &TlsStream<TcpStream>) -> CertificateDer<'static> {
    let chain = stream.get_ref().1.peer_certificates().expect("a certificate");
    chain[0].clone().into_owned()
}

/// Waits until the server ends a connection, whatever it sends before.
async fn until_closed(stream: &mut TcpStream) {
    let mut bytes = [0; 4096];
    let closed = async { while !matches!(stream.read(&mut bytes).await, Ok(0) | Err(_)) {} };
    tokio::time::timeout(LEAST, closed).await.expect("the server closes the connection");
}

#[tokio::test]
async fn versions_1_2_and_1_3_are_served() {
    let secure = Secure::start().await;
    for (version, name) in
        [(&version::TLS12, ProtocolVersion::TLSv1_2), (&version::TLS13, ProtocolVersion::TLSv1_3)]
    {
        let mut client = secure.client();
        client.versions = vec![version];
        let mut stream = client.connect(secure.server.address).await.expect("a handshake");
        assert_eq!(stream.get_ref().1.protocol_version(), Some(name));
        let reply = exchange(&mut stream, "/orders").await.expect("a reply");
        assert_eq!(reply.status, 200);
        assert_eq!(reply.header("strict-transport-security"), "max-age=31536000");
    }
    let plain = TestServer::start().await;
    assert_eq!(plain.get("/orders").await.header("strict-transport-security"), "");
}

#[tokio::test]
async fn a_page_of_the_same_name_without_tls_is_foreign() {
    let secure = Secure::start().await;
    for (origin, status) in [("https://localhost", 200), ("http://localhost", 403)] {
        let mut stream = secure.client().connect(secure.server.address).await.expect("a handshake");
        let origin = format!("Origin: {origin}");
        stream.write_all(&request("GET /orders", &[&origin], b"")).await.expect("the server reads");
        let mut reply = Vec::new();
        stream.read_to_end(&mut reply).await.expect("a reply");
        assert_eq!(Reply::parse(&reply).status, status, "{origin}");
    }
}

#[tokio::test]
async fn older_versions_and_plain_http_end_at_once() {
    let secure = Secure::start().await;
    // A ClientHello of TLS 1.1 with one cipher suite.
    let mut hello = vec![0x03, 0x02];
    hello.extend_from_slice(&[7; 32]);
    hello.extend_from_slice(&[0, 0, 2, 0xc0, 0x13, 1, 0]);
    let length = u8::try_from(hello.len()).expect("a short message");
    let record = [&[0x16, 3, 1, 0, length + 4, 1, 0, 0, length][..], &hello].concat();
    let mut old = TcpStream::connect(secure.server.address).await.expect("the server listens");
    old.write_all(&record).await.expect("the server reads");
    let alert = tokio::time::timeout(LEAST, rest(&mut old)).await.expect("the server ends the connection");
    // A fatal alert.
    assert_eq!((alert[0], alert[5]), (21, 2), "{alert:?}");
    for plain in [&b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"[..], b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"] {
        let mut stream = TcpStream::connect(secure.server.address).await.expect("the server listens");
        stream.write_all(plain).await.expect("the server reads");
        until_closed(&mut stream).await;
    }
    assert_eq!(secure.get("/health/live").await.status, 200);
}

#[tokio::test]
async fn the_version_of_http_is_negotiated() {
    let secure = Secure::start().await;
    for (offered, agreed) in
        [(&[&b"h2"[..], b"http/1.1"][..], Some(&b"h2"[..])), (&[b"http/1.1"], Some(b"http/1.1")), (&[], None)]
    {
        let mut client = secure.client();
        client.alpn = offered.iter().map(|name| name.to_vec()).collect();
        let mut stream = client.connect(secure.server.address).await.expect("a handshake");
        assert_eq!(stream.get_ref().1.alpn_protocol(), agreed);
        if agreed == Some(b"h2") {
            let (client, _) = Http2::over(stream, &h2::client::Builder::new()).await;
            let reply = client.call("GET /orders", &[], "").await;
            assert_eq!(reply.status, 200);
            assert_eq!(reply.headers["strict-transport-security"], "max-age=31536000");
        } else {
            assert_eq!(exchange(&mut stream, "/orders").await.expect("a reply").status, 200);
        }
    }
}

#[tokio::test]
async fn a_client_certificate_is_optional_and_verified() {
    let (clients, strangers) = (Authority::new("clients"), Authority::new("strangers"));
    let authority = Authority::new("authority");
    let files = ServerFiles::new(&authority.sign(NAME));
    files.write("ca.crt", &clients.pem);
    let mut config = Config::new(([127, 0, 0, 1], 0).into());
    let mut tls = Tls::new(files.path("tls.crt"), files.path("tls.key"));
    tls.client_ca = Some(files.path("ca.crt"));
    config.tls = Some(tls);
    let (backend, recorder) = (TestServer::start().await, Arc::new(Recorder::default()));
    let api = backend.api().with_authenticator(recorder.clone());
    let server = bind(config, api).await.expect("a free port");
    let address = server.local_addr();
    let running = tokio::spawn(server.run(std::future::pending()));
    let known = clients.sign("shop");
    let expected = [None, Some(known.certificate.to_vec())];
    for version in [&version::TLS12, &version::TLS13] {
        let call = async |identity: Option<Identity>| {
            let mut client = Client::new(&authority);
            (client.versions, client.identity) = (vec![version], identity);
            let mut stream = client.connect(address).await?;
            exchange(&mut stream, "/orders").await
        };
        assert_eq!(call(None).await.expect("a reply").status, 200);
        let identity = Identity {
            pem: known.pem.clone(),
            key_pem: known.key_pem.clone(),
            certificate: known.certificate.clone(),
            key: known.key.clone_key(),
        };
        assert_eq!(call(Some(identity)).await.expect("a reply").status, 200);
        assert!(call(Some(strangers.sign("shop"))).await.is_err(), "an unknown authority");
        assert_eq!(recorder.take_certificates(), expected);
    }
    running.abort();
}

#[tokio::test]
async fn new_files_are_used_by_new_connections_and_the_old_ones_stay() {
    let secure = Secure::with(|_, tls| tls.reload_ms = 10).await;
    let address = secure.server.address;
    let mut kept = secure.client().connect(address).await.expect("a handshake");
    let first = certificate_of(&kept);
    let next = secure.authority.sign(NAME);
    // One file after the other, as a person copies them.
    secure.files.write("tls.key", &next.key_pem[..next.key_pem.len() / 2]);
    secure.files.write("tls.key", &next.key_pem);
    let during = secure.client().connect(address).await.expect("a handshake with the previous files");
    assert_eq!(certificate_of(&during), first);
    secure.files.write("tls.crt", &next.pem);
    let replaced = async {
        loop {
            let stream = secure.client().connect(address).await.expect("a handshake at any time");
            if certificate_of(&stream) == next.certificate {
                break;
            }
            assert_eq!(certificate_of(&stream), first);
        }
    };
    tokio::time::timeout(LEAST, replaced).await.expect("the server uses the new files");
    assert_eq!(exchange(&mut kept, "/orders").await.expect("the connection is open").status, 200);
}

#[tokio::test]
async fn a_slow_handshake_ends_and_delays_no_other_client() {
    let secure = Secure::with(|_, tls| tls.handshake_timeout_ms = 200).await;
    let mut silent = TcpStream::connect(secure.server.address).await.expect("the server listens");
    let mut slow = TcpStream::connect(secure.server.address).await.expect("the server listens");
    slow.write_all(&[0x16, 3, 1]).await.expect("the server reads");
    let trickle = async {
        while slow.write_all(&[0]).await.is_ok() {
            // The pace of a slow client.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert_eq!(secure.get("/health/live").await.status, 200);
    tokio::time::timeout(LEAST, trickle).await.expect("the server closes the connection");
    until_closed(&mut silent).await;
}

#[tokio::test]
async fn a_slow_head_ends_the_connection() {
    let secure = Secure::with(|config, _| config.header_timeout_ms = 50).await;
    let mut stream = secure.client().connect(secure.server.address).await.expect("a handshake");
    stream.write_all(b"GET /orders HTTP/1.1\r\nHost: ").await.expect("the server reads");
    let mut reply = Vec::new();
    let closed = tokio::time::timeout(LEAST, stream.read_to_end(&mut reply)).await;
    _ = closed.expect("the server closes the connection");
    assert!(!String::from_utf8_lossy(&reply).contains("200 OK"));
    // HTTP/2 begins with the end of the handshake.
    let mut client = secure.client();
    client.alpn = vec![b"h2".to_vec()];
    let mut stream = client.connect(secure.server.address).await.expect("a handshake");
    let closed = tokio::time::timeout(LEAST, stream.read_to_end(&mut reply)).await;
    _ = closed.expect("the server closes the connection");
}

#[tokio::test]
async fn a_handshake_counts_as_a_connection() {
    let change = |config: &mut Config, tls: &mut Tls| {
        (config.connections_max, tls.handshake_timeout_ms) = (1, 300);
    };
    let secure = Secure::with(change).await;
    let began = std::time::Instant::now();
    let mut silent = TcpStream::connect(secure.server.address).await.expect("the server listens");
    let second = secure.get("/health/live").await;
    assert_eq!(second.status, 200);
    assert!(began.elapsed() >= Duration::from_millis(250), "the second waits for the end of the first");
    until_closed(&mut silent).await;
}

#[tokio::test]
async fn a_server_that_stops_answers_running_requests() {
    let mut secure = Secure::start().await;
    let (client, address) = (secure.client(), secure.server.address);
    let mut stream = client.connect(address).await.expect("a handshake");
    let wait = b"GET /log/orders/0 HTTP/1.1\r\nHost: localhost\r\nPrefer: wait=60\r\n\r\n";
    stream.write_all(wait).await.expect("the server reads");
    secure.server.until_tails(1).await;
    let mut unfinished = TcpStream::connect(address).await.expect("the server listens");
    secure.server.begin_stop();
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply).await.expect("a reply, and the end of TLS");
    assert_eq!(Reply::parse(&reply).status, 200);
    until_closed(&mut unfinished).await;
    secure.server.stop().await;
}

#[tokio::test]
async fn a_file_that_cannot_be_used_is_an_error_of_the_start() {
    let authority = Authority::new("authority");
    let (identity, other) = (authority.sign(NAME), authority.sign(NAME));
    let server = TestServer::start().await;
    let error = async |change: &dyn Fn(&ServerFiles)| {
        let files = ServerFiles::new(&identity);
        change(&files);
        let mut config = Config::new(([127, 0, 0, 1], 0).into());
        let mut tls = Tls::new(files.path("tls.crt"), files.path("tls.key"));
        tls.client_ca = files.path("ca.crt").exists().then(|| files.path("ca.crt"));
        config.tls = Some(tls);
        let error = bind(config, server.api()).await.expect_err("an error");
        assert!(matches!(error, ServeError::Tls(_)));
        let directory = files.path("").display().to_string();
        error.to_string().replace(&directory, "")
    };
    let missing = error(&|files| std::fs::remove_file(files.path("tls.crt")).expect("a file")).await;
    assert!(missing.starts_with("cannot read the TLS certificate in tls.crt: No such file"), "{missing}");
    let mismatch = "the TLS key in tls.key is not that of the certificate in tls.crt; \
                    the chain must begin with the server's certificate";
    assert_eq!(error(&|files| files.write("tls.key", &other.key_pem)).await, mismatch);
    let half = &identity.key_pem[..100];
    let incomplete = "the TLS key in tls.key: a PEM block has no end; the file may be incomplete";
    assert_eq!(error(&|files| files.write("tls.key", half)).await, incomplete);
    for (name, text, problem) in [
        ("tls.crt", "", "the TLS certificate in tls.crt: the file has no PEM block BEGIN CERTIFICATE"),
        ("tls.key", "x", "the TLS key in tls.key: the file has no PEM block BEGIN PRIVATE KEY"),
        (
            "tls.key",
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n",
            "the TLS key in tls.key: the key is encrypted; write it without a passphrase",
        ),
        ("ca.crt", "", "the TLS client authorities in ca.crt: the file has no PEM block BEGIN CERTIFICATE"),
    ] {
        assert_eq!(error(&|files| files.write(name, text)).await, problem);
    }
    let garbage = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
    for name in ["tls.crt", "ca.crt"] {
        let problem = error(&|files| files.write(name, garbage)).await;
        assert!(problem.contains(&format!(" in {name}: ")), "{problem}");
    }
    let _: fn(TlsError) -> ServeError = ServeError::from;
}
