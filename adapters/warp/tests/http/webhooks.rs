//! Webhook endpoints over HTTP.

use async_trait::async_trait;
use bytes::Bytes;
use logistics_core::webhook::{SendError, WebhookRequest, WebhookResponse, WebhookSender};
use serde_json::{Value, json};

use crate::access::Names;
use crate::client::Reply;
use crate::test_server::TestServer;

const ENDPOINTS: &str = "/webhooks/endpoints";
const SHOP: &str = r#"{"url":"https://shop.example/hooks","event_types":["logistics.order.late"]}"#;

/// A sender whose endpoints accept everything.
pub(crate) struct OnlyAccepting;

#[async_trait]
impl WebhookSender for OnlyAccepting {
    async fn send(&self, _: WebhookRequest) -> Result<WebhookResponse, SendError> {
        Ok(WebhookResponse {
            status: 204,
            retry_after_ms: None,
            excerpt: Bytes::from_static(b"an inner text"),
            is_whole: true,
        })
    }
}

/// Creates an endpoint and returns its id.
pub(crate) async fn created(server: &TestServer) -> String {
    let reply = server.post(ENDPOINTS, SHOP).await;
    assert_eq!(reply.status, 201);
    reply.json()["id"].as_str().expect("an id").to_owned()
}

async fn send(server: &TestServer, line: &str, headers: &[&str], body: &str) -> Reply {
    let mut headers = headers.to_vec();
    headers.push("Content-Type: application/json");
    server.call(line, &headers, body).await
}

#[tokio::test]
async fn only_a_creation_and_a_rotation_show_a_secret() {
    let server = TestServer::start().await;
    let reply = server.post(ENDPOINTS, SHOP).await;
    assert_eq!(
        (reply.status, reply.header("etag"), reply.header("cache-control")),
        (201, "\"1\"", "no-store")
    );
    let endpoint = reply.json();
    let path = format!("{ENDPOINTS}/{}", endpoint["id"].as_str().expect("an id"));
    assert_eq!(reply.header("location"), path);
    assert!(endpoint["secret"].as_str().is_some_and(|secret| secret.starts_with("whsec_")), "{endpoint}");
    assert_eq!(endpoint["owner"], json!({"role": "operator"}));
    assert_eq!(endpoint["secrets"], json!([{"signature": "hmac-sha256"}]));
    let mut shown = endpoint;
    shown.as_object_mut().expect("an object").remove("secret");
    assert_eq!(server.get(&path).await.json(), shown);
    assert_eq!(server.get(ENDPOINTS).await.json(), json!({"endpoints": [shown], "next_after": null}));
    let rotated = server.post(&format!("{path}/rotate"), r#"{"overlap_s":60,"signature":"ed25519"}"#).await;
    assert_eq!((rotated.status, rotated.header("etag")), (200, "\"2\""));
    let rotated = rotated.json();
    // The receiver's part of a key pair is its public key, which is no secret.
    let public = rotated["secret"].as_str().expect("a key");
    assert!(public.starts_with("whpk_"), "{rotated}");
    let secrets = rotated["secrets"].as_array().expect("two secrets");
    assert_eq!((secrets.len(), &secrets[0]["public_key"]), (2, &json!(public)));
    assert!(secrets[1]["valid_until"].is_string(), "{rotated}");
    assert!(server.get(&path).await.json().get("secret").is_none());
}

#[tokio::test]
async fn a_change_needs_the_version_that_if_match_names() {
    let server = TestServer::start().await;
    let path = format!("{ENDPOINTS}/{}", created(&server).await);
    let change = r#"{"event_types":null,"description":"the till"}"#;
    let patch = format!("PATCH {path}");
    let changed = send(&server, &patch, &["If-Match: \"1\""], change).await;
    assert_eq!((changed.status, changed.header("etag")), (200, "\"2\""));
    let body = changed.json();
    assert_eq!((&body["event_types"], &body["description"]), (&Value::Null, &json!("the till")));
    for line in [patch.clone(), format!("DELETE {path}"), format!("POST {path}/disable")] {
        let stale = send(&server, &line, &["If-Match: \"1\""], "").await;
        assert_eq!((stale.status, stale.header("etag")), (412, "\"2\""), "{line}");
        assert_eq!(stale.json()["code"], "stale_version");
        assert_eq!(stale.json()["current_version"], 2);
    }
    let removed = send(&server, &patch, &[], r#"{"description":null}"#).await.json();
    assert_eq!(removed.get("description"), None, "{removed}");
    let unchanged = server.call(&format!("GET {path}"), &["If-None-Match: \"3\""], "").await;
    assert_eq!(unchanged.status, 304);
}

#[tokio::test]
async fn an_endpoint_is_disabled_tested_enabled_and_deleted() {
    let server = TestServer::start().await;
    let path = format!("{ENDPOINTS}/{}", created(&server).await);
    let disabled = server.post(&format!("{path}/disable"), "").await.json();
    assert_eq!((&disabled["enabled"], &disabled["disabled"]["reason"]), (&json!(false), &json!("owner")));
    let tested = server.post(&format!("{path}/test"), "").await;
    let result = tested.json();
    assert_eq!((tested.status, &result["success"], &result["status"]), (200, &json!(true), &json!(204)));
    assert!(
        !String::from_utf8_lossy(&tested.body).contains("inner"),
        "a test shows nothing of the answer's body"
    );
    let enabled = server.post(&format!("{path}/enable"), "").await.json();
    assert_eq!((&enabled["enabled"], enabled.get("disabled")), (&json!(true), None));
    let deleted = send(&server, &format!("DELETE {path}"), &[], "").await;
    assert_eq!((deleted.status, deleted.body.len()), (204, 0));
    for line in [format!("GET {path}"), format!("DELETE {path}"), format!("POST {path}/test")] {
        send(&server, &line, &[], "").await.error(404, "not_found");
    }
}

#[tokio::test]
async fn a_page_continues_behind_the_last_one() {
    let server = TestServer::start().await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(created(&server).await);
    }
    ids.sort_unstable();
    let first = server.get(&format!("{ENDPOINTS}?limit=2")).await.json();
    assert_eq!(first["next_after"], json!(ids[1]));
    let second = server.get(&format!("{ENDPOINTS}?limit=2&after={}", ids[1])).await.json();
    assert_eq!((&second["endpoints"][0]["id"], &second["next_after"]), (&json!(ids[2]), &Value::Null));
    for wrong in ["limit=0", "limit=1001", "limit=x", "after=a%20b", "page=1"] {
        server.get(&format!("{ENDPOINTS}?{wrong}")).await.error(400, "invalid_request");
    }
}

#[tokio::test]
async fn a_key_creates_one_endpoint() {
    let server = TestServer::start().await;
    let line = format!("POST {ENDPOINTS}");
    let create = async |body| send(&server, &line, &["Idempotency-Key: k-1"], body).await;
    let first = create(SHOP).await.json();
    assert_eq!(create(SHOP).await.json(), first);
    create(r#"{"url":"https://other.example/"}"#).await.error(422, "id_conflict");
}

#[tokio::test]
async fn an_invalid_field_is_named_and_a_secret_is_not_repeated() {
    let server = TestServer::start().await;
    for (field, body) in [
        ("url", "{}"),
        ("url", r#"{"url":7}"#),
        ("url", r#"{"url":"http://shop.example/"}"#),
        ("url", r#"{"url":"https://user:hunter2@shop.example/"}"#),
        ("event_types", r#"{"url":"https://a.example/","event_types":["delivered"]}"#),
        ("event_types", r#"{"url":"https://a.example/","event_types":[]}"#),
        ("owner", r#"{"url":"https://a.example/","owner":{"role":"merchant"}}"#),
        ("owner", r#"{"url":"https://a.example/","owner":{"role":"customer","party":"c-1"}}"#),
        ("signature", r#"{"url":"https://a.example/","signature":"md5"}"#),
        ("secret", r#"{"url":"https://a.example/","secret":"hunter2"}"#),
        ("secret", r#"{"url":"https://a.example/","secret":["hunter2"]}"#),
        ("description", "{\"url\":\"https://a.example/\",\"description\":\"a\\u0000b\"}"),
        ("secrets", r#"{"url":"https://a.example/","secrets":[]}"#),
    ] {
        let reply = server.post(ENDPOINTS, body).await.error(400, "invalid_request");
        assert_eq!(reply["field"], field, "{body}: {reply}");
        assert!(!reply.to_string().contains("hunter2"), "{reply}");
    }
    server.get(&format!("{ENDPOINTS}/a%20b")).await.error(400, "invalid_request");
    let path = format!("{ENDPOINTS}/{}", created(&server).await);
    server.post(&format!("{path}/rotate"), r#"{"overlap_s":604801}"#).await.error(400, "invalid_request");
    server.post(&format!("{path}/test"), r#"{"x":1}"#).await.error(400, "invalid_request");
}

#[tokio::test]
async fn a_server_without_webhooks_has_no_such_path() {
    let server = TestServer::custom(
        |_, _| {},
        |mut api| {
            api.webhooks = None;
            api
        },
    );
    server.await.get(ENDPOINTS).await.error(404, "unknown_path");
}

#[tokio::test]
async fn a_party_reaches_its_own_endpoints_only() {
    let server = TestServer::authenticating(Names).await;
    let call = async |caller: &str, line: &str, body: &str| {
        send(&server, line, &[&format!("Authorization: Bearer {caller}")], body).await
    };
    let create = format!("POST {ENDPOINTS}");
    let own = call("a-merchant", &create, SHOP).await.json();
    assert_eq!(own["owner"], json!({"role": "merchant", "party": "own"}), "{own}");
    let for_another = r#"{"url":"https://a.example/","owner":{"role":"merchant","party":"another"}}"#;
    let foreign = call("an-operator", &create, for_another).await.json();
    let foreign = format!("{ENDPOINTS}/{}", foreign["id"].as_str().expect("an id"));
    for (method, action) in
        [("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/rotate"), ("POST", "/test")]
    {
        let of_another = call("a-merchant", &format!("{method} {foreign}{action}"), "").await;
        let unknown = call("a-merchant", &format!("{method} {ENDPOINTS}/we_unknown{action}"), "").await;
        of_another.error(404, "not_found");
        assert_eq!(
            (&of_another.body, of_another.stable_headers()),
            (&unknown.body, unknown.stable_headers())
        );
    }
    let refused = call("a-merchant", &create, for_another).await.error(403, "foreign_party");
    assert_eq!(refused["field"], "owner");
    let all = call("an-operator", &format!("GET {ENDPOINTS}"), "").await.json();
    assert_eq!(all["endpoints"].as_array().map(Vec::len), Some(2));
}
