//! Rate limits, at a running server whose requests have a peer of the test's choice.

use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use axum::{Extension, Router};
use logistics_access::RateLimits;
use logistics_core::Subject;
use logistics_core::port::Quota;
use logistics_service::{AuthError, Authenticator, Credentials, Principal, Role, RouteClass};
use logistics_warp::{Config, ForwardedHeader, Peer};
use tokio::net::TcpListener;

use crate::client::{Reply, request, send};
use crate::test_server::TestServer;

/// The address of every request: a trusted proxy.
const PROXY: &str = "10.0.0.1:4711";

/// A token is valid if it is a name of three letters; its subject is an operator.
struct ShortNames;

#[async_trait]
impl Authenticator for ShortNames {
    async fn authenticate(&self, credentials: &Credentials<'_>) -> Result<Principal, AuthError> {
        match credentials.bearer {
            Some("away") => Err(AuthError::Unavailable("the source is away".to_owned())),
            Some(name) if name.len() == 3 => {
                let subject = Subject::parse(name).expect("a subject");
                Ok(Principal::new(subject).with_role(Role::Operator))
            }
            Some(_) => Err(AuthError::Invalid("unknown".to_owned())),
            None => Err(AuthError::Missing),
        }
    }
}

/// One call a minute, after a burst.
fn burst(class: RouteClass, calls: u32) -> (RouteClass, Quota) {
    (class, Quota::new(1, 60_000, calls).expect("a quota"))
}

struct Limited {
    address: SocketAddr,
    _backend: TestServer,
}

impl Limited {
    async fn start(quotas: &[(RouteClass, Quota)], has_auth: bool) -> Self {
        Self::with(quotas, has_auth, |_| {}).await
    }

    async fn with(quotas: &[(RouteClass, Quota)], has_auth: bool, change: impl FnOnce(&mut Config)) -> Self {
        let backend = TestServer::start().await;
        let mut api = backend.api().with_limiter(Arc::new(RateLimits::new(quotas.iter().copied())));
        if has_auth {
            api = api.with_authenticator(Arc::new(ShortNames));
        }
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let mut config = Config::new(address);
        config.trusted_proxies = vec!["10.0.0.0/8".parse().expect("a network")];
        config.cors_origins = vec!["https://shop.example".to_owned()];
        change(&mut config);
        let peer = Peer::new(PROXY.parse().expect("an address"));
        let router = Router::new().fallback_service(logistics_warp::service(config, api));
        let router = router.layer(Extension(peer));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, _backend: backend }
    }

    async fn call(&self, line: &str, headers: &[&str]) -> Reply {
        Reply::parse(&send(self.address, &request(line, headers, b"")).await)
    }

    async fn status(&self, line: &str, headers: &[&str]) -> u16 {
        self.call(line, headers).await.status
    }

    /// The number of admitted calls.
    async fn admitted(&self, line: &str, headers: &[&str], calls: usize) -> usize {
        let mut admitted = 0;
        for _ in 0..calls {
            admitted += usize::from(self.status(line, headers).await != 429);
        }
        admitted
    }
}

#[tokio::test]
async fn every_limited_reply_has_the_state_and_a_refusal_says_when_to_return() {
    let server = Limited::start(&[burst(RouteClass::Place, 2)], false).await;
    let first = server.call("POST /orders", &["Origin: https://shop.example"]).await;
    assert_eq!((first.status, first.header("ratelimit")), (200, r#""place";r=1;t=60"#));
    assert_eq!(first.header("ratelimit-policy"), r#""place";q=2;w=120"#);
    assert!(first.header("access-control-expose-headers").contains("ratelimit, ratelimit-policy"));
    // An invalid request counts, too.
    let invalid = server.call("POST /orders", &["Content-Type: text/plain", "Idempotency-Key: "]).await;
    assert_eq!(invalid.header("ratelimit"), r#""place";r=0;t=60"#, "{}", invalid.status);
    let refused = server.call("POST /orders", &[]).await;
    refused.error(429, "rate_limited");
    let retry_after: u64 = refused.header("retry-after").parse().expect("seconds");
    assert!((58..=60).contains(&retry_after), "{retry_after}");
    assert_eq!(refused.header("ratelimit"), format!(r#""place";r=0;t={retry_after}"#));
    let read = server.call("GET /orders", &[]).await;
    assert_eq!((read.status, read.header("ratelimit")), (200, ""), "the class has no limit");
    assert_eq!(server.status("GET /health/live", &[]).await, 200);
}

#[tokio::test]
async fn a_refused_request_does_not_wait_for_its_body() {
    let server = Limited::start(&[burst(RouteClass::Place, 1)], false).await;
    assert_eq!(server.status("POST /orders", &[]).await, 200);
    let headers = ["Content-Type: application/json", "Content-Length: 100"];
    server.call("POST /orders", &headers).await.error(429, "rate_limited");
}

#[tokio::test]
async fn reads_by_get_and_head_share_a_quota_and_transitions_have_their_own() {
    let quotas = [
        burst(RouteClass::Place, 1),
        burst(RouteClass::Transition, 2),
        burst(RouteClass::Read, 3),
        burst(RouteClass::Admin, 1),
    ];
    let server = Limited::start(&quotas, false).await;
    assert_eq!(server.admitted("POST /orders/o-1/cancel", &[], 1).await, 1);
    assert_eq!(server.admitted("POST /orders/o-1/transitions", &[], 3).await, 1);
    assert_eq!(server.admitted("GET /orders", &[], 1).await, 1);
    assert_eq!(server.admitted("HEAD /orders", &[], 1).await, 1);
    assert_eq!(server.admitted("DELETE /orders/o-1", &[], 5).await, 1);
    assert_eq!(server.admitted("HEAD /orders/o-1", &[], 1).await, 0);
    assert_eq!(server.admitted("GET /log/orders/0", &[], 3).await, 1);
    assert_eq!(server.admitted("POST /orders", &[], 3).await, 1);
    assert_eq!(server.status("GET /openapi.json", &[]).await, 200);
}

#[tokio::test]
async fn principals_share_nothing_and_one_principal_is_limited_at_all_its_addresses() {
    let server = Limited::start(&[burst(RouteClass::Place, 3)], true).await;
    let (ann, bob) = ("Authorization: Bearer ann", "Authorization: Bearer bob");
    let here = "X-Forwarded-For: 203.0.113.1";
    assert_eq!(server.admitted("POST /orders", &[ann, here], 2).await, 2);
    assert_eq!(server.admitted("POST /orders", &[ann, "X-Forwarded-For: 203.0.113.2"], 3).await, 1);
    assert_eq!(server.admitted("POST /orders", &[bob, here], 5).await, 3);
}

#[tokio::test]
async fn guesses_count_for_their_address_until_it_is_refused() {
    let server = Limited::start(&[burst(RouteClass::Read, 3)], true).await;
    let here = "X-Forwarded-For: 203.0.113.1";
    for credential in ["Authorization: Bearer wrong", "Authorization: Basic abc", "Accept: */*"] {
        assert_eq!(server.status("GET /orders", &[credential, here]).await, 401);
    }
    assert_eq!(server.status("GET /orders", &["Authorization: Bearer wrong", here]).await, 429);
    server.call("GET /orders", &[here]).await.error(429, "rate_limited");
    // The failures of others at the same address do not lock out a valid credential.
    assert_eq!(server.status("GET /orders", &["Authorization: Bearer ann", here]).await, 200);
    // An outage of the source of keys counts for no address.
    for _ in 0..5 {
        let away = ["Authorization: Bearer away", "X-Forwarded-For: 203.0.113.3"];
        assert_eq!(server.status("GET /orders", &away).await, 503);
    }
}

#[tokio::test]
async fn ten_thousand_addresses_do_not_restore_a_quota() {
    let server = Limited::start(&[burst(RouteClass::Read, 2)], false).await;
    let attacker = "X-Forwarded-For: 203.0.113.1";
    assert_eq!(server.admitted("GET /orders/o", &[attacker], 4).await, 2);
    let mut stream = tokio::net::TcpStream::connect(server.address).await.expect("the server listens");
    let mut reader = crate::client::Pipeline::new(&mut stream);
    let mut refused = 0;
    for number in 0..10_000_u32 {
        let head = format!(
            "HEAD /orders HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 198.18.{}.{}\r\n\r\n",
            number / 256,
            number % 256
        );
        refused += usize::from(reader.status(head.as_bytes()).await == 429);
    }
    assert!(refused <= 2, "{refused} of 10,000 addresses with a quota of their own");
    assert_eq!(server.admitted("GET /orders/o", &[attacker], 2).await, 0);
}

#[tokio::test]
async fn forged_addresses_evade_no_limit() {
    let real = "X-Forwarded-For: 203.0.113.1";
    let server = Limited::start(&[burst(RouteClass::Read, 1)], false).await;
    assert_eq!(server.status("GET /orders", &[real]).await, 200);
    for forged in [
        &["X-Forwarded-For: 1.1.1.1, 203.0.113.1"][..],
        &["X-Forwarded-For: 1.1.1.2", real],
        &["X-Forwarded-For: 1.1.1.3, 10.7.7.7", "X-Forwarded-For: 203.0.113.1, 10.0.0.9"],
        &["X-Forwarded-For: unknown, 203.0.113.1:99"],
        &["X-Forwarded-For: ::ffff:203.0.113.1"],
        &["Forwarded: for=1.1.1.4", real],
        &["X-Real-IP: 1.1.1.5", "True-Client-IP: 1.1.1.5", real],
    ] {
        assert_eq!(server.status("GET /orders", forged).await, 429, "{forged:?}");
    }
    let v6 = Limited::start(&[burst(RouteClass::Read, 1)], false).await;
    assert_eq!(v6.status("GET /orders", &["X-Forwarded-For: [2001:db8::1]:443"]).await, 200);
    assert_eq!(v6.status("GET /orders", &["X-Forwarded-For: 2001:db8::ffff"]).await, 429, "one network");
    // Without a trusted proxy, the header is ignored.
    let direct = Limited::with(&[burst(RouteClass::Read, 1)], false, |config| {
        config.trusted_proxies.clear();
        config.forwarded_header = ForwardedHeader::Forwarded;
    })
    .await;
    assert_eq!(direct.status("GET /orders", &[real]).await, 200);
    for forged in ["X-Forwarded-For: 1.1.1.1", "Forwarded: for=1.1.1.2", "X-Forwarded-For: garbage,,"] {
        assert_eq!(direct.status("GET /orders", &[forged]).await, 429, "{forged}");
    }
}
