//! WebSockets.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::{SinkExt, StreamExt};
use logistics_service::StreamLimits;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::live_backend::{LiveBackend, ShortLogins};
use crate::test_server::TestServer;

const MESSAGE_TIME_MAX: Duration = Duration::from_secs(30);

struct Socket(WebSocketStream<TcpStream>);

impl Socket {
    /// Opens a socket with these headers, or returns the status of the refusal.
    async fn open(address: SocketAddr, headers: &[(&'static str, &str)]) -> Result<Self, u16> {
        let mut request = format!("ws://{address}/live").into_client_request().expect("a request");
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().expect("a value"));
        }
        let stream = TcpStream::connect(address).await.expect("a server");
        match client_async(request, stream).await {
            Ok((socket, response)) => {
                assert_eq!(response.headers()["sec-websocket-protocol"], "logistics.live.v1");
                Ok(Self(socket))
            }
            Err(Error::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("no handshake: {error}"),
        }
    }

    async fn with(address: SocketAddr, headers: &[(&'static str, &str)]) -> Self {
        let headers = [&[("sec-websocket-protocol", "logistics.live.v1")], headers].concat();
        Self::open(address, &headers).await.expect("an upgrade")
    }

    async fn say(&mut self, message: Value) {
        self.0.send(Message::text(message.to_string())).await.expect("an open socket");
    }

    async fn message(&mut self) -> Message {
        let next = tokio::time::timeout(MESSAGE_TIME_MAX, self.0.next()).await.expect("a message in time");
        next.expect("an open socket").expect("no error")
    }

    /// The next message that is not a ping.
    async fn hear(&mut self) -> Value {
        loop {
            match self.message().await {
                Message::Text(text) => return serde_json::from_str(text.as_str()).expect("JSON"),
                Message::Ping(_) => {}
                other => panic!("a text was expected: {other:?}"),
            }
        }
    }

    /// The code with which the server closes the socket.
    async fn code(&mut self) -> u16 {
        loop {
            match self.message().await {
                Message::Close(Some(frame)) => return frame.code.into(),
                Message::Ping(_) | Message::Text(_) => {}
                other => panic!("a close was expected: {other:?}"),
            }
        }
    }
}

async fn move_to(server: &TestServer, id: &str, status: &str) {
    let reply = server.post(&format!("/orders/{id}/transitions"), format!(r#"{{"to":"{status}"}}"#)).await;
    assert_eq!(reply.status, 200);
}

#[tokio::test]
async fn a_socket_has_several_subscriptions() {
    let backend = LiveBackend::new();
    let server = backend.serve().await;
    let (one, two) = (server.placed().await, server.placed().await);
    let mut socket = Socket::with(server.address, &[]).await;
    socket.say(json!({"type": "connection_init"})).await;
    assert_eq!(socket.hear().await, json!({"type": "connection_ack"}));
    socket.say(json!({"type": "subscribe", "id": "a", "order_id": one})).await;
    let snapshot = socket.hear().await;
    assert_eq!(
        (&snapshot["type"], &snapshot["id"], &snapshot["version"]),
        (&json!("snapshot"), &json!("a"), &json!(1))
    );
    assert_eq!(snapshot["order"], server.get(&format!("/orders/{one}")).await.json());
    socket.say(json!({"type": "subscribe", "id": "b", "order_id": two, "last_version": 0})).await;
    let fact = socket.hear().await;
    assert_eq!(
        (&fact["type"], &fact["id"], &fact["fact"]["order_id"]),
        (&json!("fact"), &json!("b"), &json!(two))
    );
    move_to(&server, &one, "CONFIRMED").await;
    let fact = socket.hear().await;
    assert_eq!(
        (&fact["id"], &fact["version"], &fact["fact"]["status"]),
        (&json!("a"), &json!(2), &json!("CONFIRMED"))
    );
    socket.say(json!({"type": "unsubscribe", "id": "a"})).await;
    assert_eq!(socket.hear().await, json!({"type": "complete", "id": "a"}));
    move_to(&server, &one, "CANCELLED").await;
    move_to(&server, &two, "CANCELLED").await;
    assert_eq!(socket.hear().await["fact"]["order_id"], json!(two));
    assert_eq!(socket.hear().await, json!({"type": "complete", "id": "b"}));
    // The ids are free again.
    socket.say(json!({"type": "subscribe", "id": "a", "order_id": "none"})).await;
    let error = socket.hear().await;
    assert_eq!(
        (&error["type"], &error["id"], &error["code"]),
        (&json!("error"), &json!("a"), &json!("not_found"))
    );
    server.stop().await;
}

#[tokio::test]
async fn a_subscription_to_all_orders_resumes_at_its_position() {
    let backend = LiveBackend::new();
    let server = backend.serve().await;
    let mut socket = Socket::with(server.address, &[]).await;
    socket.say(json!({"type": "subscribe", "id": "s", "all": true, "statuses": ["PLACED"]})).await;
    let start = socket.hear().await;
    assert_eq!(start["type"], "position");
    let id = server.placed().await;
    move_to(&server, &id, "CONFIRMED").await;
    let other = server.placed().await;
    let first = socket.hear().await;
    assert_eq!((&first["fact"]["order_id"], &first["fact"]["version"]), (&json!(id), &json!(1)));
    assert_eq!(socket.hear().await["fact"]["order_id"], json!(other));
    socket.say(json!({"type": "subscribe", "id": "t", "all": true, "position": start["position"]})).await;
    let mut facts = Vec::new();
    while facts.len() < 3 {
        let message = socket.hear().await;
        if message["type"] == "fact" {
            assert_eq!(message["id"], "t");
            facts.push((message["fact"]["order_id"].clone(), message["fact"]["version"].clone()));
        }
    }
    let expected = [(json!(id), json!(1)), (json!(id), json!(2)), (json!(other), json!(1))];
    assert!(expected.iter().all(|fact| facts.contains(fact)), "{facts:?}");
    server.stop().await;
}

#[tokio::test]
async fn a_wrong_message_closes_the_socket_with_its_code() {
    let backend = LiveBackend::new();
    let server = backend.serve().await;
    let id = server.placed().await;
    let subscribe = json!({"type": "subscribe", "id": "s", "order_id": id}).to_string();
    for (messages, code) in [
        (vec!["no JSON".to_owned()], 4400),
        (vec![json!({"type": "subscribe", "id": "s"}).to_string()], 4400),
        (vec![json!({"type": "connection_init"}).to_string(); 2], 4400),
        (vec![subscribe.clone(), subscribe.clone()], 4409),
        ((0..101).map(|n| subscribe.replace("\"s\"", &format!("\"{n}\""))).collect(), 4429),
        (vec![" ".repeat(20_000)], 1009),
    ] {
        let mut socket = Socket::with(server.address, &[]).await;
        for message in &messages {
            socket.0.send(Message::text(message.as_str())).await.expect("an open socket");
        }
        assert_eq!(socket.code().await, code, "{:.60}", messages[0]);
    }
    server.stop().await;
}

#[tokio::test]
async fn a_client_identifies_itself_by_a_header_or_by_its_first_message() {
    let backend = LiveBackend::new();
    let server = backend.serve_with(|_| {}, |api| api.with_authenticator(Arc::new(ShortLogins))).await;
    let headers = ["Authorization: Bearer ann", "Content-Type: application/json"];
    let placed = server.call("POST /orders", &headers, r#"{"customer_id":"ann"}"#).await.json();
    let subscribe = json!({"type": "subscribe", "id": "s", "order_id": placed["order_id"]});

    let mut socket = Socket::with(server.address, &[("authorization", "Bearer ann")]).await;
    socket.say(subscribe.clone()).await;
    assert_eq!(socket.hear().await["type"], "snapshot");

    let mut socket = Socket::with(server.address, &[]).await;
    socket.say(json!({"type": "connection_init", "token": "ann"})).await;
    assert_eq!(socket.hear().await["type"], "connection_ack");
    socket.say(subscribe.clone()).await;
    assert_eq!(socket.hear().await["type"], "snapshot");

    let mut socket = Socket::with(server.address, &[]).await;
    socket.say(json!({"type": "connection_init", "token": "bob"})).await;
    assert_eq!(socket.hear().await["type"], "connection_ack");
    socket.say(subscribe.clone()).await;
    assert_eq!(socket.hear().await["code"], "not_found");

    let mut socket = Socket::with(server.address, &[]).await;
    socket.say(subscribe.clone()).await;
    assert_eq!(socket.code().await, 4401);

    let mut socket = Socket::with(server.address, &[]).await;
    socket.say(json!({"type": "connection_init"})).await;
    assert_eq!(socket.code().await, 4401);

    // The credential expires.
    let mut socket = Socket::with(server.address, &[]).await;
    socket.say(json!({"type": "connection_init", "token": "300"})).await;
    assert_eq!(socket.code().await, 4401);
    server.stop().await;
}

#[tokio::test]
async fn pages_of_other_sites_and_other_protocols_are_refused() {
    let backend = LiveBackend::new();
    let server =
        backend.serve_with(|config| config.cors_origins = vec!["https://a.example".into()], |api| api).await;
    let protocol = ("sec-websocket-protocol", "logistics.live.v1");
    let open = |headers: Vec<(&'static str, &'static str)>| async move {
        Socket::open(server.address, &headers).await.map(|_| ())
    };
    assert_eq!(open(vec![protocol, ("origin", "https://a.example")]).await, Ok(()));
    assert_eq!(open(vec![protocol, ("origin", "https://b.example")]).await, Err(403));
    assert_eq!(open(vec![("sec-websocket-protocol", "other")]).await, Err(400));
    assert_eq!(open(vec![]).await, Err(400));
    assert_eq!(open(vec![protocol, ("sec-websocket-version", "12")]).await, Err(400));
}

#[tokio::test]
async fn a_request_that_is_no_upgrade_gets_426() {
    let backend = LiveBackend::new();
    let mut limits = StreamLimits::default();
    limits.streams_max = 0;
    let server = backend.serve_with(|_| {}, |_| backend.api_with(limits)).await;
    let reply = server.get("/live").await;
    assert_eq!((reply.status, reply.header("upgrade")), (426, "websocket"));
    let protocol = [("sec-websocket-protocol", "logistics.live.v1")];
    assert_eq!(Socket::open(server.address, &protocol).await.map(|_| ()), Err(503));
    server.stop().await;
}

#[tokio::test]
async fn a_silent_client_is_closed_and_one_that_answers_pings_is_not() {
    let backend = LiveBackend::new();
    let short = |config: &mut logistics_warp::Config| {
        (config.heartbeat_ms, config.header_timeout_ms, config.idle_timeout_ms) = (200, 100, 100);
    };
    let server = backend.serve_with(short, |api| api).await;
    let mut socket = Socket::with(server.address, &[]).await;
    // The client answers a ping when it reads.
    for _ in 0..8 {
        assert!(matches!(socket.message().await, Message::Ping(_)));
    }
    // Without the protocol nothing answers the pings.
    let mut bytes = Vec::new();
    let silent = socket.0.get_mut().read_to_end(&mut bytes);
    tokio::time::timeout(MESSAGE_TIME_MAX, silent).await.expect("a close in time").expect("an end");
    let close = [&[0x88, 14][..], &4408_u16.to_be_bytes(), b"idle_timeout"].concat();
    assert!(bytes.windows(close.len()).any(|window| window == close), "{bytes:?}");
    server.stop().await;
}

#[tokio::test]
async fn a_stop_closes_sockets_and_does_not_wait_for_them() {
    let backend = LiveBackend::new();
    let mut server = backend.serve_with(|config| config.drain_ms_max = 60_000, |api| api).await;
    let mut sockets = Vec::new();
    for _ in 0..10 {
        sockets.push(Socket::with(server.address, &[]).await);
    }
    server.begin_stop();
    for socket in &mut sockets {
        assert_eq!(socket.code().await, 1001);
    }
    drop(sockets);
    tokio::time::timeout(MESSAGE_TIME_MAX, server.stop()).await.expect("the drain ends early");
}
