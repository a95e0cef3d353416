//! One socket, from its upgrade to its close.

use std::future::poll_fn;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::{SinkExt, StreamExt};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use logistics_core::observe::StreamKind;
use logistics_service::{
    AuthError, Authenticator, Credentials, LimitedCaller, OrderService, Principal, StreamPermit,
};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::{CapacityError, Error};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message, Role, WebSocketConfig};
use tokio_util::sync::CancellationToken;

use crate::live::socket::message::{self, ClientMessage};
use crate::live::socket::subscriptions::{Subscriptions, Text};

/// Subscriptions of one socket.
pub(crate) const SUBSCRIPTIONS_MAX: usize = 100;
/// Bytes of a message of a client.
pub(crate) const MESSAGE_BYTES_MAX: usize = 16 * 1024;
/// Milliseconds in which a client without a credential sends one.
const INIT_TIMEOUT_MS: u64 = 10_000;
/// Intervals of pings without any byte of the client, after which the socket is closed.
const SILENT_PINGS_MAX: u32 = 2;
/// Bytes that a socket reads at once.
const READ_BYTES: usize = 4 * 1024;

/// Why a socket is closed: the code, and the text. The codes are those of graphql-transport-ws.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Close(u16, &'static str);

const GOING_AWAY: Close = Close(1001, "shutting_down");
const TOO_BIG: Close = Close(1009, "message_too_big");
const TRY_AGAIN: Close = Close(1013, "unavailable");
const BAD_MESSAGE: Close = Close(4400, "bad_message");
const UNAUTHORIZED: Close = Close(4401, "unauthorized");
const EXPIRED: Close = Close(4401, "credentials_expired");
const FORBIDDEN: Close = Close(4403, "forbidden");
const INIT_TIMEOUT: Close = Close(4408, "connection_init_timeout");
const SILENT: Close = Close(4408, "idle_timeout");
const DUPLICATE_ID: Close = Close(4409, "duplicate_subscription");
const TOO_MANY: Close = Close(4429, "too_many_subscriptions");

/// What a socket needs of the server.
pub(crate) struct Shared {
    pub(crate) service: OrderService,
    pub(crate) authenticator: Arc<dyn Authenticator>,
    pub(crate) closing: CancellationToken,
    /// Between two pings.
    pub(crate) heartbeat: Duration,
    /// The longest time of a message on its way to the client.
    pub(crate) write: Duration,
    pub(crate) address: Option<IpAddr>,
}

/// A socket whose client is identified, or not yet.
pub(crate) struct Socket {
    shared: Shared,
    principal: Option<Principal>,
    permit: Arc<StreamPermit>,
    subscriptions: Subscriptions,
    has_init: bool,
    /// The credential expires; before there is one, the time for it ends.
    deadline: Option<Instant>,
}

/// The end of a socket: the client has closed it or is gone, or the server closes it.
enum End {
    Gone,
    Close(Close),
}

/// Serves a socket after the reply to its upgrade. `principal`: `None` if the first message has to identify the client.
pub(crate) async fn run(
    upgrade: OnUpgrade,
    shared: Shared,
    principal: Option<Principal>,
    permit: StreamPermit,
) {
    let Ok(upgraded) = upgrade.await else { return };
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BYTES)
        .write_buffer_size(0)
        .max_message_size(Some(MESSAGE_BYTES_MAX))
        .max_frame_size(Some(MESSAGE_BYTES_MAX));
    let stream = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(config)).await;
    let mut socket = Socket {
        shared,
        principal: None,
        permit: Arc::new(permit),
        subscriptions: Subscriptions::default(),
        has_init: false,
        deadline: Some(Instant::now() + Duration::from_millis(INIT_TIMEOUT_MS)),
    };
    if let Some(principal) = principal {
        socket.identified(principal);
    }
    socket.serve(stream).await;
}

type Stream = WebSocketStream<TokioIo<Upgraded>>;

impl Socket {
    fn identified(&mut self, principal: Principal) {
        let left = principal.expires_in(self.shared.service.clock().now());
        self.deadline = left.and_then(|left| Instant::now().checked_add(left));
        self.principal = Some(principal);
    }

    async fn serve(mut self, mut stream: Stream) {
        if let End::Close(close) = self.messages(&mut stream).await {
            tracing::debug!(code = close.0, reason = close.1, "closing a socket");
            let frame = CloseFrame { code: CloseCode::from(close.0), reason: close.1.into() };
            let closing = async {
                stream.close(Some(frame)).await?;
                // The client answers; what it sent before does not matter any more.
                while stream.next().await.is_some_and(|message| message.is_ok()) {}
                Ok::<_, Error>(())
            };
            let _ = timeout(self.shared.write.min(Duration::from_secs(2)), closing).await;
        }
    }

    async fn messages(&mut self, stream: &mut Stream) -> End {
        let closing = self.shared.closing.clone();
        let (mut next_ping, mut silent) = (self.next_ping(), 0);
        loop {
            let deadline = self.deadline;
            let subscriptions = &mut self.subscriptions;
            let result = tokio::select! {
                biased;
                () = closing.cancelled() => Err(End::Close(GOING_AWAY)),
                () = async { sleep_until(deadline.unwrap_or_else(Instant::now)).await }, if deadline.is_some() => {
                    Err(End::Close(if self.principal.is_some() { EXPIRED } else { INIT_TIMEOUT }))
                }
                () = sleep_until(next_ping) => {
                    silent += 1;
                    next_ping = self.next_ping();
                    if silent > SILENT_PINGS_MAX {
                        Err(End::Close(SILENT))
                    } else {
                        send(stream, self.shared.write, Message::Ping(Default::default())).await
                    }
                }
                message = stream.next() => {
                    silent = 0;
                    self.received(stream, message).await
                }
                text = poll_fn(|cx| subscriptions.poll(cx)) => match text {
                    Text::Send(text) | Text::Last(text) => send(stream, self.shared.write, Message::text(text)).await,
                    Text::Forbidden => Err(End::Close(FORBIDDEN)),
                },
            };
            if let Err(end) = result {
                return end;
            }
        }
    }

    fn next_ping(&self) -> Instant {
        Instant::now() + self.shared.heartbeat
    }

    async fn received(
        &mut self,
        stream: &mut Stream,
        message: Option<Result<Message, Error>>,
    ) -> Result<(), End> {
        match message {
            Some(Ok(Message::Text(text))) => match serde_json::from_str(text.as_str()) {
                Ok(message) => self.handle(stream, message).await,
                Err(_) => Err(End::Close(BAD_MESSAGE)),
            },
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(()),
            Some(Ok(Message::Binary(_))) => Err(End::Close(BAD_MESSAGE)),
            Some(Err(Error::Capacity(CapacityError::MessageTooLong { .. }))) => Err(End::Close(TOO_BIG)),
            Some(Err(Error::Utf8(_))) => Err(End::Close(BAD_MESSAGE)),
            Some(Ok(Message::Close(_) | Message::Frame(_)) | Err(_)) | None => Err(End::Gone),
        }
    }

    async fn handle(&mut self, stream: &mut Stream, message: ClientMessage) -> Result<(), End> {
        match message {
            ClientMessage::ConnectionInit { token } => {
                self.init(token.map(|token| token.0)).await.map_err(End::Close)?;
                send(stream, self.shared.write, Message::text(message::ACKNOWLEDGED)).await
            }
            ClientMessage::Subscribe(subscribe) => {
                let Some(principal) = self.principal.clone() else { return Err(End::Close(UNAUTHORIZED)) };
                let (id, subject) = subscribe.subject().ok_or(End::Close(BAD_MESSAGE))?;
                if self.subscriptions.contains(&id) {
                    return Err(End::Close(DUPLICATE_ID));
                }
                if self.subscriptions.len() >= SUBSCRIPTIONS_MAX {
                    return Err(End::Close(TOO_MANY));
                }
                let (service, permit) = (self.shared.service.clone(), self.permit.clone());
                self.subscriptions.begin(service, principal, permit, (id, subject));
                Ok(())
            }
            ClientMessage::Unsubscribe { id } => {
                if self.subscriptions.end(&id) {
                    send(stream, self.shared.write, Message::text(message::complete(&id))).await?;
                }
                Ok(())
            }
        }
    }

    /// The first message. A client that the request has identified needs none, and sends no token.
    async fn init(&mut self, token: Option<String>) -> Result<(), Close> {
        if std::mem::replace(&mut self.has_init, true) {
            return Err(BAD_MESSAGE);
        }
        if self.principal.is_some() {
            return if token.is_some() { Err(BAD_MESSAGE) } else { Ok(()) };
        }
        let mut credentials = Credentials::default();
        (credentials.bearer, credentials.address) = (token.as_deref(), self.shared.address);
        let principal = match self.shared.authenticator.authenticate(&credentials).await {
            Ok(principal) => principal,
            Err(error) => {
                let address = self.shared.address.map(tracing::field::display);
                tracing::info!(reason = %error, address, "rejected the credential of a socket");
                return Err(match error {
                    AuthError::Unavailable(_) => TRY_AGAIN,
                    _ => UNAUTHORIZED,
                });
            }
        };
        // Until now the socket counted for its address.
        if let Some(subject) = principal.authenticated() {
            let caller = LimitedCaller::Subject(subject.as_str());
            let permit = self.shared.service.admit_stream(caller, StreamKind::Socket);
            self.permit = Arc::new(permit.map_err(|_| TOO_MANY)?);
        }
        self.identified(principal);
        Ok(())
    }
}

async fn send(stream: &mut Stream, write: Duration, message: Message) -> Result<(), End> {
    match timeout(write, stream.send(message)).await {
        Ok(Ok(())) => Ok(()),
        // The client takes nothing, or is gone.
        Ok(Err(_)) | Err(_) => Err(End::Gone),
    }
}
