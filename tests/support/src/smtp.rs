//! An SMTP server: the state machine of `mailin`, over tokio and rustls, on a thread of its own.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;

use mailin::{Action, AuthMechanism, Handler, Response, Session, SessionBuilder, response};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufStream};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// The name that the server accepts.
pub const USER: &str = "orders";
/// Its password.
pub const PASSWORD: &str = "correct horse";

/// How connections are encrypted. With encryption, the server requires a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    /// TLS from the first byte.
    Tls,
    /// STARTTLS.
    StartTls,
    /// None, and no login.
    None,
}

/// A message that the server accepted.
#[derive(Debug, Clone)]
pub struct Mail {
    /// The sender of the envelope.
    pub from: String,
    /// The recipients of the envelope.
    pub to: Vec<String>,
    /// The headers and the body, as sent.
    pub text: String,
    /// The name of the login.
    pub user: Option<String>,
    /// The message came over TLS.
    pub encrypted: bool,
}

impl Mail {
    /// The value of a header, unfolded.
    ///
    /// # Panics
    /// If the header occurs twice.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        let head = self.text.split("\r\n\r\n").next().unwrap_or_default().replace("\r\n ", " ");
        let found: Vec<_> = head.lines().filter_map(|line| line.strip_prefix(&format!("{name}: "))).collect();
        assert!(found.len() <= 1, "{name} occurs twice: {head}");
        found.first().map(|value| (*value).to_owned())
    }
}

/// What the server does instead of accepting a message.
#[derive(Debug, Default)]
pub struct Plan {
    /// Replies to `RCPT TO`, by address; then 250.
    pub recipients: BTreeMap<String, VecDeque<(u16, &'static str)>>,
    /// Replies to `MAIL FROM`.
    pub senders: VecDeque<(u16, &'static str)>,
    /// Replies to the message.
    pub messages: VecDeque<(u16, &'static str)>,
    /// Cut so many connections in the middle of a message.
    pub cuts_in_message: u32,
    /// Cut so many connections behind a message that the server has accepted.
    pub cuts_behind_message: u32,
    /// Hold back the answers to so many messages until [`SmtpServer::release`].
    pub held: u32,
}

#[derive(Default)]
struct State {
    mails: Mutex<Vec<Mail>>,
    plan: Mutex<Plan>,
    connections: Mutex<u32>,
    released: Notify,
    stopped: Notify,
}

/// A running server, which ends when it is dropped. Its certificate is for `localhost`.
pub struct SmtpServer {
    /// The port on 127.0.0.1.
    pub port: u16,
    /// The certificate of the authority, PEM.
    pub ca: Vec<u8>,
    /// How connections are encrypted.
    pub encryption: Encryption,
    state: Arc<State>,
    thread: Option<JoinHandle<()>>,
}

impl SmtpServer {
    /// Starts a server on a free port.
    ///
    /// # Panics
    /// If no port or no runtime is available.
    #[must_use]
    pub fn start(encryption: Encryption) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("a socket of tokio");
        let port = listener.local_addr().expect("an address").port();
        let (ca, acceptor) = tls();
        let state = Arc::new(State::default());
        let of_thread = state.clone();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let thread = std::thread::spawn(move || {
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).expect("a listener");
                tokio::select! {
                    () = accept(listener, encryption, acceptor, of_thread.clone()) => {}
                    () = of_thread.stopped.notified() => {}
                }
            });
        });
        Self { port, ca, encryption, state, thread: Some(thread) }
    }

    /// The messages so far.
    #[must_use]
    pub fn mails(&self) -> Vec<Mail> {
        self.state.mails.lock().expect("no panic").clone()
    }

    /// What the server does next instead of accepting a message.
    pub fn plan(&self) -> MutexGuard<'_, Plan> {
        self.state.plan.lock().expect("no panic")
    }

    /// Connections so far.
    #[must_use]
    pub fn connections(&self) -> u32 {
        *self.state.connections.lock().expect("no panic")
    }

    /// Answers one message that is held back.
    pub fn release(&self) {
        self.state.released.notify_one();
    }

    /// Closes every connection and the port.
    pub fn stop(&mut self) {
        self.state.stopped.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for SmtpServer {
    fn drop(&mut self) {
        self.stop();
    }
}

fn tls() -> (Vec<u8>, TlsAcceptor) {
    let authority_key = KeyPair::generate().expect("valid");
    let mut authority = CertificateParams::new(Vec::new()).expect("valid");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = authority.self_signed(&authority_key).expect("valid").pem().into_bytes();
    let key = KeyPair::generate().expect("valid");
    let params = CertificateParams::new(vec!["localhost".to_owned()]).expect("valid");
    let certificate = params.signed_by(&key, &Issuer::new(authority, authority_key)).expect("valid");
    let chain = vec![CertificateDer::from(certificate.der().to_vec())];
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("valid");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("valid");
    let config = builder.with_no_client_auth().with_single_cert(chain, key).expect("valid");
    (ca, TlsAcceptor::from(Arc::new(config)))
}

async fn accept(listener: TcpListener, encryption: Encryption, acceptor: TlsAcceptor, state: Arc<State>) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, peer)) = listener.accept().await else { return };
        *state.connections.lock().expect("no panic") += 1;
        let (acceptor, state) = (acceptor.clone(), state.clone());
        connections.spawn(async move {
            // A client that goes away ends its connection.
            let _ = converse(stream, peer.ip(), encryption, acceptor, state).await;
        });
    }
}

async fn converse(
    stream: TcpStream,
    peer: IpAddr,
    encryption: Encryption,
    acceptor: TlsAcceptor,
    state: Arc<State>,
) -> std::io::Result<()> {
    let mut builder = SessionBuilder::new("localhost");
    if encryption != Encryption::None {
        builder.enable_auth(AuthMechanism::Plain).enable_auth(AuthMechanism::Login);
    }
    if encryption == Encryption::StartTls {
        builder.enable_start_tls();
    }
    let flags = Arc::new(Mutex::new(Flags { encrypted: encryption == Encryption::Tls, ..Flags::default() }));
    let inbox = Inbox { state: state.clone(), flags: flags.clone(), mail: None };
    let mut session = builder.build(peer, inbox);
    if encryption == Encryption::Tls {
        let mut stream = BufStream::new(acceptor.accept(stream).await?);
        session.tls_active();
        write(&mut stream, &session.greeting()).await?;
        lines(&mut session, &mut stream, &flags, &state).await?;
        return Ok(());
    }
    let mut stream = BufStream::new(stream);
    write(&mut stream, &session.greeting()).await?;
    if lines(&mut session, &mut stream, &flags, &state).await? {
        let mut stream = BufStream::new(acceptor.accept(stream.into_inner()).await?);
        session.tls_active();
        flags.lock().expect("no panic").encrypted = true;
        lines(&mut session, &mut stream, &flags, &state).await?;
    }
    Ok(())
}

/// Returns whether the session starts TLS now.
async fn lines<S: AsyncRead + AsyncWrite + Unpin>(
    session: &mut Session<Inbox>,
    stream: &mut BufStream<S>,
    flags: &Mutex<Flags>,
    state: &State,
) -> std::io::Result<bool> {
    loop {
        let mut line = Vec::new();
        if stream.read_until(b'\n', &mut line).await? == 0 {
            return Ok(false);
        }
        let reply = session.process(&line);
        let (cut, held) = {
            let mut flags = flags.lock().expect("no panic");
            (flags.cut, std::mem::take(&mut flags.held))
        };
        if cut {
            return Ok(false);
        }
        if held {
            state.released.notified().await;
        }
        match reply.action {
            Action::Reply => write(stream, &reply).await?,
            Action::UpgradeTls => {
                write(stream, &reply).await?;
                return Ok(true);
            }
            Action::Close => {
                write(stream, &reply).await?;
                return Ok(false);
            }
            Action::NoReply => {}
        }
    }
}

async fn write<S: AsyncWrite + Unpin>(stream: &mut S, reply: &Response) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    reply.write_to(&mut bytes)?;
    stream.write_all(&bytes).await?;
    stream.flush().await
}

#[derive(Default)]
struct Flags {
    encrypted: bool,
    cut: bool,
    held: bool,
}

/// What a connection received.
struct Inbox {
    state: Arc<State>,
    flags: Arc<Mutex<Flags>>,
    mail: Option<Mail>,
}

impl Inbox {
    fn reply(found: Option<(u16, &'static str)>) -> Response {
        found.map_or(response::OK, |(code, text)| Response::custom(code, text.to_owned()))
    }

    fn login(&mut self, user: &str, password: &str) -> Response {
        if (user, password) != (USER, PASSWORD) {
            return response::INVALID_CREDENTIALS;
        }
        self.mail = Some(self.empty(Some(user.to_owned())));
        response::AUTH_OK
    }

    fn empty(&self, user: Option<String>) -> Mail {
        let encrypted = self.flags.lock().expect("no panic").encrypted;
        Mail { from: String::new(), to: Vec::new(), text: String::new(), user, encrypted }
    }
}

impl Handler for Inbox {
    fn auth_plain(&mut self, _: &str, user: &str, password: &str) -> Response {
        self.login(user, password)
    }

    fn auth_login(&mut self, user: &str, password: &str) -> Response {
        self.login(user, password)
    }

    fn mail(&mut self, _: IpAddr, _: &str, from: &str) -> Response {
        let user = self.mail.as_ref().and_then(|mail| mail.user.clone());
        let mut mail = self.empty(user);
        mail.from = from.to_owned();
        self.mail = Some(mail);
        Self::reply(self.state.plan.lock().expect("no panic").senders.pop_front())
    }

    fn rcpt(&mut self, to: &str) -> Response {
        let reply =
            self.state.plan.lock().expect("no panic").recipients.get_mut(to).and_then(VecDeque::pop_front);
        if let (None, Some(mail)) = (&reply, &mut self.mail) {
            mail.to.push(to.to_owned());
        }
        Self::reply(reply)
    }

    fn data_start(&mut self, _: &str, _: &str, _: bool, _: &[String]) -> Response {
        response::START_DATA
    }

    fn data(&mut self, line: &[u8]) -> std::io::Result<()> {
        let mut plan = self.state.plan.lock().expect("no panic");
        if plan.cuts_in_message > 0 {
            plan.cuts_in_message -= 1;
            self.flags.lock().expect("no panic").cut = true;
        }
        if let Some(mail) = &mut self.mail {
            mail.text.push_str(&String::from_utf8_lossy(line));
        }
        Ok(())
    }

    fn data_end(&mut self) -> Response {
        let mut plan = self.state.plan.lock().expect("no panic");
        if let Some(rejection) = plan.messages.pop_front() {
            return Self::reply(Some(rejection));
        }
        if let Some(mail) = &self.mail {
            self.state.mails.lock().expect("no panic").push(mail.clone());
        }
        let mut flags = self.flags.lock().expect("no panic");
        if plan.cuts_behind_message > 0 {
            plan.cuts_behind_message -= 1;
            flags.cut = true;
        }
        if plan.held > 0 {
            plan.held -= 1;
            flags.held = true;
        }
        response::OK
    }
}
