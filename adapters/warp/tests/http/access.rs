//! Who may do what: every protected route of the OpenAPI document, for every role, with its own, a foreign and an unknown order.

use std::collections::BTreeSet;

use async_trait::async_trait;
use logistics_core::{PartyId, Subject};
use logistics_service::{AuthError, Authenticator, Credentials, Principal, Role, Scope};
use serde_json::Value;

use crate::client::Reply;
use crate::test_server::TestServer;

/// Authenticates the names of [`CALLERS`] as bearer tokens.
pub(crate) struct Names;

#[async_trait]
impl Authenticator for Names {
    async fn authenticate(&self, credentials: &Credentials<'_>) -> Result<Principal, AuthError> {
        let name = credentials.bearer.ok_or(AuthError::Missing)?;
        let caller = CALLERS.into_iter().find(|caller| caller.name() == name);
        caller.map(Caller::principal).ok_or_else(|| AuthError::Invalid("an unknown name".to_owned()))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Caller {
    Customer,
    Merchant,
    Courier,
    Operator,
    /// A service with the scope `orders:act-as`.
    Acting,
    /// A service with the scope `orders:read`.
    Reading,
    /// A service without a scope.
    Powerless,
}

use Caller::{Acting, Courier, Customer, Merchant, Operator, Powerless, Reading};

const CALLERS: [Caller; 7] = [Customer, Merchant, Courier, Operator, Acting, Reading, Powerless];
const PARTIES: [Caller; 3] = [Customer, Merchant, Courier];
const PRIVILEGED: [Caller; 2] = [Operator, Acting];
/// Those that may have webhook endpoints.
const MANAGERS: [Caller; 3] = [Merchant, Courier, Operator];

impl Caller {
    fn name(self) -> &'static str {
        match self {
            Customer => "a-customer",
            Merchant => "a-merchant",
            Courier => "a-courier",
            Operator => "an-operator",
            Acting => "an-acting-service",
            Reading => "a-reading-service",
            Powerless => "a-service",
        }
    }

    fn principal(self) -> Principal {
        let known = |role| Principal::new(Subject::parse(self.name()).expect("a subject")).with_role(role);
        let party = |role| known(role).with_party(role, PartyId::parse(OWN).expect("a party"));
        match self {
            Customer => party(Role::Customer),
            Merchant => party(Role::Merchant),
            Courier => party(Role::Courier),
            Operator => known(Role::Operator),
            Acting => known(Role::Service).with_scope(Scope::ActAs),
            Reading => known(Role::Service).with_scope(Scope::ReadOrders),
            Powerless => known(Role::Service),
        }
    }
}

/// The id of every party that is a caller.
const OWN: &str = "own";

/// The order of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    /// All parties of the order are [`OWN`].
    Own,
    /// All parties of the order are others.
    Foreign,
    Unknown,
}

use Target::{Foreign, Own, Unknown};

/// One protected operation.
struct Route {
    method: &'static str,
    path: &'static str,
    body: &'static str,
    /// The status for this caller and this order.
    expected: fn(Caller, Target) -> u16,
}

/// For scrapers, so the OpenAPI document does not have it.
const METRICS: Route = Route {
    method: "get",
    path: "/metrics",
    body: "",
    expected: |caller, _| if [Operator, Acting, Reading].contains(&caller) { 200 } else { 403 },
};

/// Whether the caller sees the order.
fn sees(caller: Caller, target: Target) -> bool {
    match target {
        Own => caller != Powerless,
        Foreign => [Operator, Acting, Reading].contains(&caller),
        Unknown => false,
    }
}

fn reads(caller: Caller, target: Target) -> u16 {
    if sees(caller, target) { 200 } else { 404 }
}

/// A transition from PLACED that the table permits to `permitted` and to the operator.
fn moves(caller: Caller, target: Target, permitted: &[Caller]) -> u16 {
    match caller {
        Reading | Powerless => 403,
        _ if !sees(caller, target) => 404,
        _ if PRIVILEGED.contains(&caller) || permitted.contains(&caller) => 200,
        _ => 403,
    }
}

/// A request about the webhook endpoint of a merchant.
fn manages(caller: Caller, target: Target) -> u16 {
    match (caller, target) {
        (Operator, Own | Foreign) | (Merchant, Own) => 200,
        (Operator | Merchant | Courier, _) => 404,
        _ => 403,
    }
}

const ROUTES: &[Route] = &[
    Route {
        method: "get",
        path: "/orders",
        body: "",
        expected: |caller, _| if caller == Powerless { 403 } else { 200 },
    },
    Route {
        method: "post",
        path: "/orders",
        body: "",
        expected: |caller, _| if [Customer, Operator, Acting].contains(&caller) { 200 } else { 403 },
    },
    Route { method: "get", path: "/orders/{id}", body: "", expected: reads },
    Route { method: "get", path: "/orders/{id}/events", body: "", expected: reads },
    Route { method: "get", path: "/orders/{id}/requests/{request_id}", body: "", expected: reads },
    Route {
        method: "post",
        path: "/orders/{id}/cancel",
        body: "",
        expected: |caller, target| moves(caller, target, &[Customer, Merchant]),
    },
    Route {
        method: "post",
        path: "/orders/{id}/transitions",
        body: r#"{"to":"CONFIRMED"}"#,
        expected: |caller, target| moves(caller, target, &[Merchant]),
    },
    Route {
        method: "post",
        path: "/orders/{id}/assignment",
        // A courier may claim and release, but name no other courier.
        body: r#"{"courier_id":"a-third"}"#,
        expected: |caller, target| moves(caller, target, &[Merchant]),
    },
    Route {
        method: "post",
        path: "/orders/{id}/tracking-link",
        body: "",
        expected: |caller, target| match caller {
            _ if !sees(caller, target) => 404,
            Reading => 403,
            _ => 201,
        },
    },
    Route {
        method: "delete",
        path: "/orders/{id}/tracking-link",
        body: "",
        expected: |caller, target| moves(caller, target, &PARTIES),
    },
    Route {
        method: "get",
        path: "/log/{topic}/{partition}",
        body: "",
        expected: |caller, _| if caller == Operator { 200 } else { 403 },
    },
    Route {
        method: "get",
        path: "/webhooks/endpoints",
        body: "",
        expected: |caller, _| if MANAGERS.contains(&caller) { 200 } else { 403 },
    },
    Route {
        method: "post",
        path: "/webhooks/endpoints",
        body: r#"{"url":"https://a.example/"}"#,
        expected: |caller, _| if MANAGERS.contains(&caller) { 201 } else { 403 },
    },
    Route { method: "get", path: "/webhooks/endpoints/{id}", body: "", expected: manages },
    Route { method: "patch", path: "/webhooks/endpoints/{id}", body: "", expected: manages },
    Route { method: "post", path: "/webhooks/endpoints/{id}/rotate", body: "", expected: manages },
    Route { method: "get", path: "/webhooks/endpoints/{id}/statistics", body: "", expected: manages },
    Route { method: "get", path: "/webhooks/endpoints/{id}/dead-letters", body: "", expected: manages },
    Route {
        method: "post",
        path: "/webhooks/endpoints/{id}/redrive",
        body: r#"{"since":"2026-01-31T12:00:00Z"}"#,
        expected: manages,
    },
    Route { method: "post", path: "/webhooks/endpoints/{id}/test", body: "", expected: manages },
    Route { method: "post", path: "/webhooks/endpoints/{id}/enable", body: "", expected: manages },
    Route { method: "post", path: "/webhooks/endpoints/{id}/disable", body: "", expected: manages },
    Route {
        method: "delete",
        path: "/webhooks/endpoints/{id}",
        body: "",
        expected: |caller, target| match manages(caller, target) {
            200 => 204,
            other => other,
        },
    },
    // This server has no feed; `streams.rs`, `all_streams.rs` and `sockets.rs` have one.
    Route { method: "get", path: "/events", body: "", expected: |_, _| 501 },
    Route { method: "get", path: "/live", body: "", expected: |_, _| 501 },
    METRICS,
];

struct Fixture {
    server: TestServer,
}

impl Fixture {
    async fn start() -> Self {
        Self { server: TestServer::authenticating(Names).await }
    }

    async fn call(&self, caller: Option<&str>, line: &str, headers: &[&str], body: &str) -> Reply {
        let authorization = caller.map(|name| format!("Authorization: Bearer {name}"));
        let mut headers = headers.to_vec();
        headers.push("Content-Type: application/json");
        headers.extend(authorization.as_deref());
        self.server.call(line, &headers, body).await
    }

    async fn as_caller(&self, caller: Caller, line: &str, body: &str) -> Reply {
        self.call(Some(caller.name()), line, &[], body).await
    }

    /// An order and the request that placed it.
    async fn order(&self, target: Target) -> (String, String) {
        let party = match target {
            Own => OWN,
            Foreign => "another",
            Unknown => return ("mine-1".to_owned(), "r-1".to_owned()),
        };
        let placement =
            format!(r#"{{"customer_id":"{party}","merchant_id":"{party}","courier_id":"{party}"}}"#);
        // The id of an order with a key has no time in it, so its absence is certain at once.
        let key = format!("Idempotency-Key: {}", self.server.requests().len());
        let placed = self.call(Some(Operator.name()), "POST /orders", &[&key], &placement).await;
        assert_eq!(placed.status, 200);
        let request = self.server.requests().pop().expect("the placement").id;
        (placed.json()["order_id"].as_str().expect("an id").to_owned(), request.as_str().to_owned())
    }

    /// A webhook endpoint of a merchant.
    async fn endpoint(&self, target: Target) -> String {
        let party = match target {
            Own => OWN,
            Foreign => "another",
            Unknown => return "we_unknown".to_owned(),
        };
        let owner = format!(r#"{{"role":"merchant","party":"{party}"}}"#);
        let body = format!(r#"{{"url":"https://a.example/","owner":{owner}}}"#);
        let created = self.as_caller(Operator, "POST /webhooks/endpoints", &body).await;
        created.json()["id"].as_str().expect("an id").to_owned()
    }

    async fn call_route(&self, caller: Option<&str>, route: &Route, target: Target) -> Reply {
        if route.path.starts_with("/webhooks/endpoints/{id}") {
            let id = self.endpoint(target).await;
            let path = route.path.replace("{id}", &id);
            let line = format!("{} {path}", route.method.to_ascii_uppercase());
            let reply = self.call(caller, &line, &[], route.body).await;
            // An owner has few endpoints.
            self.as_caller(Operator, &format!("DELETE /webhooks/endpoints/{id}"), "").await;
            return reply;
        }
        let (order, request) = self.order(target).await;
        let path = route.path.replace("{id}", &order).replace("{request_id}", &request);
        let path = path.replace("{topic}", "orders").replace("{partition}", "0");
        let line = format!("{} {path}", route.method.to_ascii_uppercase());
        self.call(caller, &line, &["Prefer: wait=0"], route.body).await
    }
}

#[tokio::test]
async fn every_protected_route_has_a_row_in_the_table() {
    let document: Value = serde_json::from_str(&logistics_warp::openapi_json()).expect("JSON");
    let mut protected = BTreeSet::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            let security = operation["security"].as_array().expect("each operation states its security");
            if security.iter().all(|scheme| scheme.as_object().is_some_and(|scheme| !scheme.is_empty())) {
                protected.insert((method.clone(), path.clone()));
            }
        }
    }
    protected.insert((METRICS.method.to_owned(), METRICS.path.to_owned()));
    let rows = ROUTES.iter().map(|route| (route.method.to_owned(), route.path.to_owned()));
    assert_eq!(protected, rows.collect());
}

#[tokio::test]
async fn each_role_has_its_permissions_on_own_foreign_and_unknown_orders() {
    let fixture = Fixture::start().await;
    for route in ROUTES {
        for caller in CALLERS {
            for target in [Own, Foreign, Unknown] {
                let reply = fixture.call_route(Some(caller.name()), route, target).await;
                let at = format!("{caller:?} {} {} {target:?}", route.method, route.path);
                assert_eq!(reply.status, (route.expected)(caller, target), "{at}: {reply:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_foreign_order_has_the_reply_of_an_unknown_one() {
    let fixture = Fixture::start().await;
    for route in ROUTES.iter().filter(|route| route.path.contains("/orders/{id}")) {
        for caller in PARTIES {
            let foreign = fixture.call_route(Some(caller.name()), route, Foreign).await;
            let unknown = fixture.call_route(Some(caller.name()), route, Unknown).await;
            assert_eq!(foreign.status, 404, "{} {}", route.method, route.path);
            assert_eq!(foreign.status, unknown.status);
            assert_eq!(foreign.body, unknown.body, "{} {}", route.method, route.path);
            assert_eq!(foreign.stable_headers(), unknown.stable_headers(), "{} {}", route.method, route.path);
        }
    }
}

#[tokio::test]
async fn a_foreign_order_with_a_young_id_has_the_reply_of_an_unknown_one_at_once() {
    let fixture = Fixture::start().await;
    let placed = fixture.as_caller(Operator, "POST /orders", r#"{"customer_id":"another"}"#).await.json();
    let young = placed["order_id"].as_str().expect("an id");
    let foreign = fixture.as_caller(Customer, &format!("GET /orders/{young}"), "").await;
    let unknown = logistics_core::OrderId::generate(logistics_testkit::sample::time(0), [7; 10]);
    let unknown = fixture.as_caller(Customer, &format!("GET /orders/{unknown}"), "").await;
    foreign.error(404, "not_found");
    assert_eq!((&foreign.body, foreign.stable_headers()), (&unknown.body, unknown.stable_headers()));
}

#[tokio::test]
async fn a_request_without_a_valid_credential_is_challenged() {
    let fixture = Fixture::start().await;
    for route in ROUTES {
        for target in [Own, Unknown] {
            let missing = fixture.call_route(None, route, target).await;
            missing.error(401, "unauthenticated");
            assert_eq!(missing.header("www-authenticate"), r#"Bearer realm="logistics""#);
            let wrong = fixture.call_route(Some("wrong"), route, target).await;
            let body = wrong.error(401, "invalid_credential");
            assert!(!body.to_string().contains("unknown name"), "{body}");
            let challenge = r#"Bearer realm="logistics", error="invalid_token""#;
            assert_eq!(wrong.header("www-authenticate"), challenge);
        }
    }
}

#[tokio::test]
async fn a_malformed_or_repeated_authorization_is_rejected() {
    let fixture = Fixture::start().await;
    for value in ["Bearer", "Bearer a b", "Basic YTpi", "an-operator", "Bearer\tan-operator"] {
        let reply = fixture.server.call("GET /orders", &[&format!("Authorization: {value}")], "").await;
        reply.error(401, "invalid_credential");
    }
    let two = ["Authorization: Bearer an-operator", "Authorization: Bearer a-customer"];
    fixture.server.call("GET /orders", &two, "").await.error_of(400, "invalid_request", "authorization");
    // A token in the query or in a cookie counts for nothing.
    fixture.server.get("/orders?access_token=an-operator").await.error(401, "unauthenticated");
    let cookie = ["Cookie: access_token=an-operator"];
    fixture.server.call("GET /orders", &cookie, "").await.error(401, "unauthenticated");
}

#[tokio::test]
async fn health_and_the_description_of_the_api_need_no_credential() {
    let fixture = Fixture::start().await;
    for path in ["/health/live", "/health/ready", "/openapi.json"] {
        assert_eq!(fixture.server.get(path).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn a_customer_places_for_itself_only() {
    let fixture = Fixture::start().await;
    let place = async |body: &str| fixture.as_caller(Customer, "POST /orders", body).await;
    for body in ["", r#"{"customer_id":"own"}"#, r#"{"merchant_id":"any"}"#] {
        let placed = place(body).await;
        assert_eq!(placed.status, 200, "{body}");
        let id = placed.json()["order_id"].as_str().expect("an id").to_owned();
        let order = fixture.as_caller(Customer, &format!("GET /orders/{id}"), "").await.json();
        assert_eq!(order["customer_id"], OWN);
    }
    place(r#"{"customer_id":"another"}"#).await.error_of(403, "foreign_party", "customer_id");
    place(r#"{"courier_id":"own"}"#).await.error_of(403, "foreign_party", "courier_id");
}

#[tokio::test]
async fn only_a_privileged_caller_names_another_actor_and_no_caller_names_the_system() {
    let fixture = Fixture::start().await;
    for caller in CALLERS {
        for (actor, own) in [("customer", Customer), ("merchant", Merchant), ("courier", Courier)] {
            let (id, _) = fixture.order(Own).await;
            let line = format!("POST /orders/{id}/cancel");
            let reply = fixture.as_caller(caller, &line, &format!(r#"{{"actor":"{actor}"}}"#)).await;
            if PRIVILEGED.contains(&caller) || caller == own {
                assert_ne!(reply.json()["code"], "forbidden", "{caller:?} as {actor}");
            } else {
                reply.error(403, "forbidden");
            }
        }
        let (id, _) = fixture.order(Own).await;
        let reply =
            fixture.as_caller(caller, &format!("POST /orders/{id}/cancel"), r#"{"actor":"system"}"#).await;
        reply.error_of(403, "reserved_actor", "actor");
    }
}

#[tokio::test]
async fn one_idempotency_key_of_two_subjects_is_two_orders() {
    let fixture = Fixture::start().await;
    let place = async |caller: Caller, body: &str| {
        let placed =
            fixture.call(Some(caller.name()), "POST /orders", &["Idempotency-Key: k"], body).await.json();
        placed["order_id"].as_str().expect("an id").to_owned()
    };
    let own = place(Customer, "").await;
    assert_eq!(place(Customer, "").await, own);
    assert_ne!(place(Acting, "").await, own);
    assert_ne!(place(Operator, "").await, own);
}

#[tokio::test]
async fn a_list_has_the_orders_of_the_caller_only() {
    let fixture = Fixture::start().await;
    for target in [Own, Foreign, Own, Foreign] {
        fixture.order(target).await;
    }
    let listed = async |caller: Caller, query: &str| {
        let page = fixture.as_caller(caller, &format!("GET /orders{query}"), "").await.json();
        let orders = page["orders"].as_array().expect("orders").clone();
        orders.iter().map(|order| order["customer_id"].as_str().unwrap_or_default().to_owned()).collect()
    };
    for caller in PARTIES {
        let own: Vec<String> = listed(caller, "").await;
        assert_eq!(own, [OWN, OWN], "{caller:?}");
        let shared: Vec<String> = listed(caller, "?merchant_id=own").await;
        assert_eq!(shared, [OWN, OWN], "{caller:?}");
        let foreign: Vec<String> = listed(caller, "?customer_id=another").await;
        assert!(foreign.is_empty(), "{caller:?}: {foreign:?}");
    }
    let foreign: Vec<String> = listed(Operator, "?customer_id=another").await;
    assert_eq!(foreign, ["another", "another"]);
    // The cursor of another party's list.
    let page = fixture.as_caller(Operator, "GET /orders?customer_id=another&limit=1", "").await.json();
    let cursor = page["next_cursor"].as_str().expect("another page");
    let stolen = fixture.as_caller(Customer, &format!("GET /orders?cursor={cursor}"), "").await;
    stolen.error_of(400, "invalid_request", "cursor");
}

#[tokio::test]
async fn only_operators_see_who_caused_a_fact() {
    let fixture = Fixture::start().await;
    let (id, _) = fixture.order(Own).await;
    let cancelled = fixture.as_caller(Merchant, &format!("POST /orders/{id}/cancel"), "").await;
    assert_eq!(cancelled.status, 200);
    for caller in CALLERS.into_iter().filter(|caller| sees(*caller, Own)) {
        for path in [format!("/orders/{id}"), format!("/orders/{id}/events"), "/orders".to_owned()] {
            let reply = fixture.as_caller(caller, &format!("GET {path}"), "").await;
            let names = String::from_utf8(reply.body).expect("text").contains(Merchant.name());
            assert_eq!(names, caller == Operator, "{caller:?} {path}");
        }
    }
    assert!(!String::from_utf8(cancelled.body).expect("text").contains(r#""by""#));
}

#[tokio::test]
async fn only_operators_see_the_traces_of_an_order() {
    let fixture = Fixture::start().await;
    let (id, _) = fixture.order(Own).await;
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let parent = format!("traceparent: 00-{trace}-b7ad6b7169203331-01");
    let call = format!("POST /orders/{id}/cancel");
    let cancelled = fixture.call(Some(Merchant.name()), &call, &[&parent], "").await;
    assert_eq!(cancelled.status, 200);
    for caller in CALLERS.into_iter().filter(|caller| sees(*caller, Own)) {
        for path in [format!("/orders/{id}"), format!("/orders/{id}/events"), "/orders".to_owned()] {
            let reply = fixture.as_caller(caller, &format!("GET {path}"), "").await;
            let body = String::from_utf8(reply.body).expect("text");
            assert_eq!(body.contains(trace), caller == Operator, "{caller:?} {path}: {body}");
        }
    }
    assert!(!String::from_utf8(cancelled.body).expect("text").contains(trace));
}

#[tokio::test]
async fn a_courier_claims_an_order_moves_it_and_releases_it() {
    let fixture = Fixture::start().await;
    let placed = fixture.call(Some(Operator.name()), "POST /orders", &["Idempotency-Key: k"], "").await;
    let id = placed.json()["order_id"].as_str().expect("an id").to_owned();
    let sees = async || fixture.as_caller(Courier, &format!("GET /orders/{id}"), "").await.status;
    let assign = async |caller: Caller, courier: &str| {
        let line = format!("POST /orders/{id}/assignment");
        fixture.as_caller(caller, &line, &format!(r#"{{"courier_id":{courier}}}"#)).await
    };
    assert_eq!(sees().await, 404);
    assert_eq!(assign(Courier, r#""own""#).await.json()["courier_id"], OWN);
    assert_eq!(sees().await, 200);
    // The courier of an order may not give it to another courier.
    assert_eq!(assign(Courier, r#""another""#).await.status, 403);
    let released = assign(Courier, "null").await;
    assert_eq!((released.status, &released.json()["courier_id"]), (200, &Value::Null));
    assert_eq!(sees().await, 404);
    // An order of another courier does not exist for this one.
    assert_eq!(assign(Operator, r#""another""#).await.status, 200);
    assert_eq!(assign(Courier, r#""own""#).await.status, 404);
    assert_eq!(assign(Courier, "null").await.status, 404);
}

#[tokio::test]
async fn the_outcome_of_a_request_about_a_foreign_order_is_that_of_one_about_an_unknown_order() {
    let fixture = Fixture::start().await;
    for target in [Foreign, Unknown] {
        let (id, placement) = fixture.order(target).await;
        let line = format!("POST /orders/{id}/cancel");
        let cancelled = fixture.call(Some(Customer.name()), &line, &[], "").await;
        cancelled.error(404, "not_found");
        let request = fixture.server.requests().pop().expect("the cancellation").id;
        let outcome = async |request: &str| {
            let line = format!("GET /orders/{id}/requests/{request}");
            fixture.call(Some(Customer.name()), &line, &["Prefer: wait=0"], "").await
        };
        let own = outcome(request.as_str()).await;
        assert_eq!((own.status, &own.json()["rejection"]["code"]), (200, &"not_found".into()), "{target:?}");
        // The placement was another caller's request.
        outcome(&placement).await.error(404, "outcome_unknown");
    }
}
