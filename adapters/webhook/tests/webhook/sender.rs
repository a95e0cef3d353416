//! The sender: addresses, redirects, bounds, headers, connections.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;
use logistics_core::Timestamp;
use logistics_core::webhook::{
    EXCERPT_BYTES_MAX, MessageId, Secret, SecretKind, SendErrorKind, WebhookRequest, WebhookSender, sign,
};
use logistics_webhook::{HttpSender, Resolve, SenderOptions};

use crate::receiver::{Answer, Receiver};

const BODY: &[u8] = br#"{"specversion":"1.0","note":"\u00fc"}"#;

fn options(allow_private: bool) -> SenderOptions {
    let mut options = SenderOptions::default();
    (options.allow_http, options.allow_private) = (true, allow_private);
    options
}

fn now() -> Timestamp {
    let since = SystemTime::UNIX_EPOCH.elapsed().expect("after 1970");
    Timestamp::from_millis(i64::try_from(since.as_millis()).expect("before the end of time"))
}

fn request(url: &str, secrets: &[Secret]) -> WebhookRequest {
    let (message_id, at, body) = (MessageId::parse("msg_1").unwrap(), now(), Bytes::from_static(BODY));
    let signature = sign(secrets, &message_id, at, &body);
    let url = url.parse().expect("a URL");
    WebhookRequest { url, message_id, at, signature, body, excerpt_bytes_max: EXCERPT_BYTES_MAX }
}

fn secret(n: u8) -> Secret {
    Secret::generate(SecretKind::Hmac, [n; 32])
}

/// Answers each resolution with the next list of addresses; the last one stays.
struct Names(Vec<Vec<IpAddr>>, AtomicUsize);

impl Names {
    fn of(answers: &[&[&str]]) -> Arc<Self> {
        let parsed = answers.iter().map(|all| all.iter().map(|it| it.parse().unwrap()).collect());
        Arc::new(Self(parsed.collect(), AtomicUsize::new(0)))
    }
}

#[async_trait]
impl Resolve for Names {
    async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        let index = self.1.fetch_add(1, Ordering::SeqCst).min(self.0.len() - 1);
        Ok(self.0[index].clone())
    }
}

#[tokio::test]
async fn the_reference_library_verifies_what_arrives_with_a_new_and_an_old_secret() {
    let receiver = Receiver::with(Answer::Status(204)).await;
    let sender = HttpSender::new(options(true)).unwrap();
    let secrets = [secret(1), secret(2)];
    let response = sender.send(request(&receiver.url("/in?a=b%20c"), &secrets)).await.unwrap();
    assert!(response.is_success() && response.status == 204);
    let received = receiver.received().remove(0);
    assert_eq!((received.path.as_str(), received.body.as_ref()), ("/in?a=b%20c", BODY));
    assert_eq!(received.header("content-type"), "application/cloudevents+json");
    assert_eq!(received.header("webhook-id"), "msg_1");
    assert_eq!(received.header("host"), receiver.address.to_string());
    for secret in secrets {
        let webhook = standardwebhooks::Webhook::new(&secret.expose()).expect("a secret");
        webhook.verify(&received.body, &received.headers).expect("the reference verifies it");
    }
    let other = standardwebhooks::Webhook::new(&secret(3).expose()).expect("a secret");
    assert!(other.verify(&received.body, &received.headers).is_err());
}

#[tokio::test]
async fn no_notation_of_a_private_address_is_reached() {
    let receiver = Receiver::with(Answer::Status(200)).await;
    let port = receiver.address.port();
    let sender = HttpSender::new(options(false)).unwrap();
    for host in [
        "127.0.0.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "0x7f.1",
        "127.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::127.0.0.1]",
        "[2002:7f00:1::]",
        "0.0.0.0",
        "localhost",
        "169.254.169.254",
        "10.0.0.1",
        "[fe80::1]",
        "[fd00::1]",
    ] {
        let refused = sender.send(request(&format!("http://{host}:{port}/"), &[secret(1)])).await;
        let kind = refused.map_err(|error| error.kind());
        assert_eq!(kind, Err(SendErrorKind::PrivateAddress), "{host}");
    }
    assert_eq!(receiver.connections(), 0);
}

#[tokio::test]
async fn one_private_address_of_a_name_is_enough_for_a_refusal() {
    let names = Names::of(&[&["93.184.215.14", "127.0.0.1"]]);
    let sender = HttpSender::with_resolver(options(false), names).unwrap();
    let refused = sender.send(request("http://shop.example/", &[secret(1)])).await.unwrap_err();
    assert_eq!(refused.kind(), SendErrorKind::PrivateAddress);
    assert!(!refused.to_string().contains("127"), "the error names no address: {refused}");
}

#[tokio::test]
async fn a_name_that_changes_after_the_check_is_not_resolved_again() {
    let receiver = Receiver::with(Answer::Status(200)).await;
    let port = receiver.address.port();
    // The first answer is this receiver, which the options permit here; later answers lead elsewhere.
    let names = Names::of(&[&["127.0.0.1"], &["192.0.2.1"]]);
    let sender = HttpSender::with_resolver(options(true), names.clone()).unwrap();
    sender.send(request(&format!("http://shop.example:{port}/"), &[secret(1)])).await.unwrap();
    assert_eq!((receiver.connections(), names.1.load(Ordering::SeqCst)), (1, 1), "one resolution, one check");
    // A public answer first and a private one then: whatever is connected to was checked.
    let names = Names::of(&[&["127.0.0.1"]]);
    let sender = HttpSender::with_resolver(options(false), names).unwrap();
    for _ in 0..3 {
        let refused = sender.send(request(&format!("http://shop.example:{port}/"), &[secret(1)])).await;
        assert_eq!(refused.map_err(|error| error.kind()), Err(SendErrorKind::PrivateAddress));
    }
    assert_eq!(receiver.connections(), 1);
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_not_followed() {
    let inside = Receiver::with(Answer::Status(200)).await;
    let receiver = Receiver::with(Answer::With(307, "location", inside.url("/secret"))).await;
    let sender = HttpSender::new(options(true)).unwrap();
    let response = sender.send(request(&receiver.url("/"), &[secret(1)])).await.unwrap();
    assert_eq!((response.status, response.is_success()), (307, false));
    assert_eq!(inside.connections(), 0);
}

#[tokio::test]
async fn http_needs_permission_and_so_does_an_unknown_host() {
    let sender = HttpSender::new(SenderOptions::default()).unwrap();
    let refused = sender.send(request("http://shop.example/", &[secret(1)])).await.unwrap_err();
    assert_eq!(refused.kind(), SendErrorKind::NotPermitted);
    let sender = HttpSender::with_resolver(options(false), Names::of(&[&[]])).unwrap();
    let refused = sender.send(request("http://shop.example/", &[secret(1)])).await.unwrap_err();
    assert_eq!(refused.kind(), SendErrorKind::Resolve);
}

#[tokio::test]
async fn connections_are_used_again_unless_an_answer_is_too_large() {
    let receiver = Receiver::start(|received| match received.path.as_str() {
        "/large" => Answer::Body(200, 1024 * 1024),
        _ => Answer::Status(200),
    })
    .await;
    let sender = HttpSender::new(options(true)).unwrap();
    for _ in 0..3 {
        let response = sender.send(request(&receiver.url("/"), &[secret(1)])).await.unwrap();
        assert_eq!(response.excerpt.as_ref(), b"thanks");
    }
    assert_eq!(receiver.connections(), 1);
    let response = sender.send(request(&receiver.url("/large"), &[secret(1)])).await.unwrap();
    assert_eq!((response.status, response.excerpt.len()), (200, 1024), "the status decides");
    sender.send(request(&receiver.url("/"), &[secret(1)])).await.unwrap();
    assert_eq!(receiver.connections(), 2);
}

#[tokio::test]
async fn an_endpoint_that_does_not_answer_ends_at_the_time_limit() {
    let receiver = Receiver::with(Answer::Never).await;
    let mut options = options(true);
    options.time_limit_ms = 100;
    let sender = HttpSender::new(options).unwrap();
    let failed = sender.send(request(&receiver.url("/"), &[secret(1)])).await.unwrap_err();
    assert_eq!(failed.kind(), SendErrorKind::Timeout);
    // Closed: nothing listens here.
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let failed = sender.send(request(&format!("http://{closed}/"), &[secret(1)])).await.unwrap_err();
    assert_eq!(failed.kind(), SendErrorKind::Connect);
}

#[tokio::test]
async fn the_wait_that_an_endpoint_requires_is_passed_on() {
    let receiver = Receiver::with(Answer::With(503, "retry-after", "7".to_owned())).await;
    let sender = HttpSender::new(options(true)).unwrap();
    let response = sender.send(request(&receiver.url("/"), &[secret(1)])).await.unwrap();
    assert_eq!((response.status, response.retry_after_ms), (503, Some(7_000)));
}
