//! Tracking links and the tracking page.

use async_trait::async_trait;
use logistics_core::{PartyId, Subject};
use logistics_service::{
    AuthError, Authenticator, Credentials, Principal, Role, TrackingKeys, TrackingOptions,
};
use serde_json::{Value, json};

use crate::client::Reply;
use crate::event_source::EventSource;
use crate::live_backend::LiveBackend;
use crate::test_server::TestServer;

const DAY_S: i64 = 24 * 60 * 60;

/// The customer with the id of the bearer token.
struct Customers;

#[async_trait]
impl Authenticator for Customers {
    async fn authenticate(&self, credentials: &Credentials<'_>) -> Result<Principal, AuthError> {
        let id = PartyId::parse(credentials.bearer.ok_or(AuthError::Missing)?).expect("an id");
        let subject = Subject::parse(&format!("test:{id}")).expect("a subject");
        Ok(Principal::new(subject).with_role(Role::Customer).with_party(Role::Customer, id))
    }
}

async fn link_of(server: &TestServer, id: &str) -> Value {
    let reply = server.post(&format!("/orders/{id}/tracking-link"), "").await;
    assert_eq!(reply.status, 201, "{reply:?}");
    reply.json()
}

fn token(link: &Value) -> &str {
    link["token"].as_str().expect("a token")
}

async fn page(server: &TestServer, id: &str, token: &str) -> Reply {
    server.get(&format!("/track/{id}?token={token}")).await
}

fn text(reply: &Reply) -> String {
    String::from_utf8(reply.body.clone()).expect("UTF-8")
}

#[tokio::test]
async fn a_link_shows_its_order_with_reduced_fields() {
    let server = TestServer::start().await;
    let details =
        r#"{"customer_id":"c-<1>","merchant_id":"m-1","courier_id":"k-1","details":{"note":"secret"}}"#;
    let id = server.post("/orders", details).await.json()["order_id"].as_str().expect("an id").to_owned();
    server.post(&format!("/orders/{id}/transitions"), r#"{"to":"CONFIRMED","reason":"a regular"}"#).await;
    let link = link_of(&server, &id).await;
    assert_eq!(link["url"], json!(format!("/track/{id}?token={}", token(&link))));
    let order = server.get(&format!("/orders/{id}?token={}", token(&link))).await.json();
    assert_eq!((&order["status"], &order["version"]), (&json!("CONFIRMED"), &json!(2)));
    assert_eq!(order["history"].as_array().map(Vec::len), Some(2));
    let shown = page(&server, &id, token(&link)).await;
    assert_eq!((shown.status, shown.header("content-type")), (200, "text/html; charset=utf-8"));
    let html = text(&shown);
    assert!(html.contains("<h1 id=\"headline\">Order confirmed</h1>"), "{html}");
    assert_eq!(html.matches("aria-current=\"step\"").count(), 1);
    for hidden in ["c-<1>", "c-&lt;1", "m-1", "k-1", "secret", "a regular"] {
        assert!(!order.to_string().contains(hidden) && !html.contains(hidden), "{hidden}: {html}");
    }
}

#[tokio::test]
async fn the_page_is_private_and_loads_its_own_files_only() {
    let server = TestServer::start().await;
    let id = server.placed().await;
    let link = link_of(&server, &id).await;
    for reply in [page(&server, &id, token(&link)).await, page(&server, &id, "wrong").await] {
        assert_eq!(reply.header("cache-control"), "no-store");
        assert_eq!(reply.header("referrer-policy"), "no-referrer");
        assert_eq!(reply.header("x-robots-tag"), "noindex");
        assert_eq!(reply.header("x-frame-options"), "DENY");
        assert_eq!(reply.header("x-content-type-options"), "nosniff");
        let policy = reply.header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'")
        );
        assert!(!policy.contains("unsafe"));
        let html = text(&reply);
        assert!(
            !html.contains("http://") && !html.contains("https://") && !html.contains(" style="),
            "{html}"
        );
        let files = html.split('"').filter(|part| part.starts_with("assets/"));
        for file in files {
            assert_eq!(server.get(&format!("/track/{file}")).await.status, 200, "{file}");
        }
    }
    server.get("/track/assets/other").await.error(404, "unknown_path");
}

#[tokio::test]
async fn whatever_is_no_link_of_the_order_has_one_reply() {
    let server = TestServer::start().await;
    let (id, other) = (server.placed().await, server.placed().await);
    let link = link_of(&server, &id).await;
    let good = token(&link);
    let mut flipped = good.to_owned().into_bytes();
    flipped[30] = if flipped[30] == b'A' { b'B' } else { b'A' };
    let flipped = String::from_utf8(flipped).expect("ASCII");
    let expected = page(&server, &id, &flipped).await;
    assert_eq!(expected.status, 404);
    assert!(text(&expected).contains("This link does not work"));
    for (id, token) in [
        (other.as_str(), good),
        ("unknown-1", good),
        ("unknown-1", ""),
        (id.as_str(), ""),
        (id.as_str(), &good[1..]),
        ("not an id!", good),
    ] {
        let path = format!("/track/{}?token={token}", id.replace(' ', "%20"));
        let reply = server.get(&path).await;
        assert_eq!((reply.status, &reply.body), (404, &expected.body), "{path}");
        assert_eq!(reply.stable_headers(), expected.stable_headers(), "{path}");
    }
    assert_eq!(server.get(&format!("/track/{id}")).await.body, expected.body);
    for path in [format!("/orders/{id}?token={flipped}"), format!("/orders/{other}?token={good}")] {
        server.get(&path).await.error(404, "not_found");
    }
}

#[tokio::test]
async fn a_link_ends_with_its_time() {
    let server = TestServer::start().await;
    let id = server.placed().await;
    let day = link_of(&server, &id).await;
    let path = format!("/orders/{id}/tracking-link");
    let minute = server.post(&path, r#"{"ttl_s":60}"#).await.json();
    for wrong in ["59", "604801", "18446744073709551615"] {
        let reply = server.post(&path, format!(r#"{{"ttl_s":{wrong}}}"#)).await;
        reply.error_of(400, "invalid_request", "ttl_s");
    }
    server.post(&path, r#"{"ttl_s":-1}"#).await.error_of(400, "invalid_request", "ttl_s");
    server.pass(59);
    assert_eq!(page(&server, &id, token(&minute)).await.status, 200);
    server.pass(1);
    let expired = page(&server, &id, token(&minute)).await;
    assert_eq!(expired.status, 410);
    assert!(text(&expired).contains("This link does not work"));
    server.get(&format!("/orders/{id}?token={}", token(&minute))).await.error(410, "link_ended");
    server.pass(DAY_S - 61);
    assert_eq!(page(&server, &id, token(&day)).await.status, 200);
    server.pass(1);
    assert_eq!(page(&server, &id, token(&day)).await.status, 410);
}

#[tokio::test]
async fn a_link_outlives_its_order_by_some_hours() {
    let server = TestServer::start().await;
    let id = server.placed().await;
    let link = link_of(&server, &id).await;
    assert_eq!(server.post(&format!("/orders/{id}/cancel"), "").await.status, 200);
    server.pass(4 * 60 * 60 - 1);
    let shown = page(&server, &id, token(&link)).await;
    assert!(text(&shown).contains("<h1 id=\"headline\">Cancelled</h1>"));
    let late = server.post(&format!("/orders/{id}/tracking-link"), "").await.json();
    assert!(late["expires_at"].as_str() < link["expires_at"].as_str());
    // The order ended some milliseconds after the clock's start.
    server.pass(2);
    assert_eq!(page(&server, &id, token(&link)).await.status, 410);
    server.post(&format!("/orders/{id}/tracking-link"), "").await.error(410, "link_ended");
}

#[tokio::test]
async fn a_revocation_ends_every_earlier_link_and_no_later_one() {
    let server = TestServer::start().await;
    let (id, other) = (server.placed().await, server.placed().await);
    let path = format!("/orders/{id}/tracking-link");
    let (first, second) = (link_of(&server, &id).await, link_of(&server, &id).await);
    let untouched = link_of(&server, &other).await;
    let revoked = server.call(&format!("DELETE {path}"), &[], "").await;
    assert_eq!((revoked.status, revoked.header("etag")), (200, "\"2\""));
    assert_eq!(revoked.json()["tracking_epoch"], 2);
    assert_eq!(revoked.json()["history"][1]["tracking_revoked"], true);
    for link in [&first, &second] {
        assert_eq!(page(&server, &id, token(link)).await.status, 410);
    }
    let third = link_of(&server, &id).await;
    assert_eq!(page(&server, &id, token(&third)).await.status, 200);
    assert_eq!(page(&server, &other, token(&untouched)).await.status, 200);
    // The history of the holder does not show the revocation.
    let order = server.get(&format!("/orders/{id}?token={}", token(&third))).await.json();
    assert_eq!((&order["version"], order["history"].as_array().map(Vec::len)), (&json!(2), Some(1)));
    assert_eq!(server.post(&format!("/orders/{id}/cancel"), "").await.status, 200);
    server.call(&format!("DELETE {path}"), &[], "").await.error(409, "tracking_not_revocable");
}

#[tokio::test]
async fn the_holder_of_a_link_reads_one_order_and_changes_nothing() {
    let server = TestServer::authenticating(Customers).await;
    let call = async |line: &str| {
        server.call(line, &["Authorization: Bearer c-1", "Content-Type: application/json"], "").await
    };
    let id = call("POST /orders").await.json()["order_id"].as_str().expect("an id").to_owned();
    let link = call(&format!("POST /orders/{id}/tracking-link")).await.json();
    let token = token(&link);
    let appended = server.requests().len();
    assert_eq!(server.get(&format!("/orders/{id}?token={token}")).await.status, 200);
    assert_eq!(server.get(&format!("/track/{id}?token={token}")).await.status, 200);
    for line in [
        format!("POST /orders/{id}/cancel?token={token}"),
        format!("POST /orders/{id}/tracking-link?token={token}"),
        format!("DELETE /orders/{id}/tracking-link?token={token}"),
        format!("GET /orders?token={token}"),
        format!("GET /orders/{id}/requests/r?token={token}"),
        format!("GET /log/orders/0?token={token}"),
    ] {
        server.call(&line, &[], "").await.error(401, "unauthenticated");
    }
    // The token takes the place of the credential, so a page never uses more rights than its link.
    let reduced = call(&format!("GET /orders/{id}?token={token}")).await.json();
    assert_eq!(reduced.get("customer_id"), None);
    assert_eq!(call(&format!("GET /orders/{id}?token=x")).await.status, 404);
    assert_eq!(server.requests().len(), appended);
}

#[tokio::test]
async fn a_page_speaks_the_language_of_its_reader() {
    let server = TestServer::start().await;
    let id = server.placed().await;
    let link = link_of(&server, &id).await;
    let path = format!("/track/{id}?token={}", token(&link));
    let german = server.call(&format!("GET {path}"), &["Accept-Language: de-AT, en;q=0.5"], "").await;
    assert_eq!(german.header("content-language"), "de");
    assert!(text(&german).contains("<html lang=\"de\">") && text(&german).contains("Bestellung eingegangen"));
    let english = server.call(&format!("GET {path}&lang=en"), &["Accept-Language: de"], "").await;
    assert!(text(&english).contains("Order received"));
    let hostile = server.get(&format!("{path}&lang=%22%3E%3Cscript%3E&x=%3Cscript%3E")).await;
    assert!(!text(&hostile).contains("<script>"), "{}", text(&hostile));
}

#[tokio::test]
async fn links_outlive_a_rotation_of_the_keys_and_a_server_without_keys_has_none() {
    let keys = |keys: &[[u8; 32]]| TrackingKeys::new(keys).expect("keys");
    let server = TestServer::of_service(|options| options.tracking = None).await;
    let id = server.placed().await;
    server.post(&format!("/orders/{id}/tracking-link"), "").await.error(404, "no_tracking");
    assert_eq!(page(&server, &id, "any").await.status, 404);
    let old = TestServer::start().await;
    let id = old.placed().await;
    let link = link_of(&old, &id).await;
    // Another server does not have the order, but it knows the key: the link passes the check of its signature.
    for (first, status) in [(keys(&[[8; 32], [7; 32]]), 410), (keys(&[[8; 32]]), 404)] {
        let server =
            TestServer::of_service(|options| options.tracking = Some(TrackingOptions::new(first))).await;
        server.pass(2 * DAY_S);
        assert_eq!(page(&server, &id, token(&link)).await.status, status);
    }
}

#[tokio::test]
async fn links_start_with_the_public_url_and_the_style_ends_with_the_own_one() {
    let server = TestServer::with(|config| {
        config.tracking_url = "https://shop.example/t".to_owned();
        config.track_style = ":root { --track-active: #123456; }".to_owned();
    })
    .await;
    let id = server.placed().await;
    let link = link_of(&server, &id).await;
    assert!(link["url"].as_str().expect("a URL").starts_with(&format!("https://shop.example/t/{id}?token=")));
    let style = server.get("/track/assets/track.css").await;
    assert_eq!(style.header("content-type"), "text/css; charset=utf-8");
    assert!(text(&style).ends_with("--track-active: #123456; }"));
}

#[tokio::test]
async fn the_holder_of_a_link_follows_the_order_until_the_link_is_revoked() {
    let backend = LiveBackend::new();
    let server = backend.serve().await;
    let placed = server.post("/orders", r#"{"customer_id":"c-9","courier_id":"k-9"}"#).await.json();
    let id = placed["order_id"].as_str().expect("an id").to_owned();
    let link = link_of(&server, &id).await;
    let path = format!("/orders/{id}/events?token={}", token(&link));
    let mut events = EventSource::open(server.address, &path, &[]).await;
    let snapshot = events.event().await;
    assert_eq!((snapshot.name.as_str(), snapshot.id.as_str()), ("snapshot", "1"));
    assert!(!snapshot.data.contains(r#""c-9""#) && !snapshot.data.contains(r#""k-9""#), "{snapshot:?}");
    server.post(&format!("/orders/{id}/transitions"), r#"{"to":"CONFIRMED","reason":"a regular"}"#).await;
    let fact = events.event().await;
    assert_eq!((fact.name.as_str(), fact.id.as_str()), ("fact", "2"));
    assert_eq!(fact.json()["status"], "CONFIRMED");
    assert!(!fact.data.contains("a regular") && !fact.data.contains("request"), "{fact:?}");
    // The holder does not see the courier: version 3 is left out.
    assert_eq!(server.post(&format!("/orders/{id}/assignment"), r#"{"courier_id":"k-8"}"#).await.status, 200);
    server.post(&format!("/orders/{id}/transitions"), r#"{"to":"PREPARING"}"#).await;
    let mut resumed = EventSource::open(server.address, &format!("{path}&last_event_id=2"), &[]).await;
    for events in [&mut events, &mut resumed] {
        let fact = events.event().await;
        assert_eq!((fact.id.as_str(), &fact.json()["status"]), ("4", &json!("PREPARING")));
    }
    let revoked = server.call(&format!("DELETE /orders/{id}/tracking-link"), &[], "").await;
    assert_eq!(revoked.status, 200);
    for mut events in [events, resumed] {
        let end = events.event().await;
        assert_eq!((end.name.as_str(), &end.json()["reason"]), ("end", &json!("not_visible")));
        assert_eq!(events.next().await, None);
    }
    assert_eq!(EventSource::try_open(server.address, &path, &[]).await.head.status, 410);
    server.stop().await;
}
