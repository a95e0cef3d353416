//! Keys from a JWK set: a source that is slow, wrong, rotated or down, and clients that try to load it.

mod support;

use std::time::Duration;

use logistics_access::{Access, AccessConfig, JwtKeys};
use logistics_service::AuthError;
use serde_json::{Value, json};
use support::server::{Answer, JwksServer, set};
use support::{
    EC, ED, OTHER_RSA, RSA, SHORT_RSA, TestClock, claims, jwt_access, jwt_config, login, refusal, with,
};
use tokio::time::{Instant, advance, sleep};

const COOLDOWN: Duration = Duration::from_secs(30);

/// The open time of the circuit breaker around the fetches.
const BREAKER_OPEN: Duration = Duration::from_mins(1);

/// An authenticator that has fetched the set.
async fn fetched(server: &JwksServer) -> Access {
    let access = jwt_access(jwt_config(), server.keys());
    until(async || !is_unavailable(&access).await).await;
    access
}

/// Without a kid, a token causes no fetch.
async fn is_unavailable(access: &Access) -> bool {
    matches!(login(access, &ED.token(&ED.header(), &claims())).await, Err(AuthError::Unavailable(_)))
}

/// Waits on a condition. Only the runtime's clock moves while no fetch runs.
async fn until(condition: impl AsyncFn() -> bool) {
    let start = Instant::now();
    while !condition().await {
        assert!(start.elapsed() < Duration::from_mins(10), "timed out");
        sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_kid_selects_its_key() {
    let server = JwksServer::start(set(&[RSA.jwk("a"), EC.jwk("b"), ED.jwk("c")]));
    let access = fetched(&server).await;
    for (key, kid) in [(RSA, "a"), (EC, "b"), (ED, "c")] {
        assert!(login(&access, &key.token_with_kid(kid)).await.is_ok(), "{kid}");
        assert!(
            login(&access, &key.token(&key.header(), &claims())).await.is_ok(),
            "no kid: the alg selects"
        );
    }
    for (key, kid) in [(RSA, "b"), (EC, "c"), (ED, "a"), (OTHER_RSA, "a")] {
        let token = key.token_with_kid(kid);
        refusal(login(&access, &token).await, &token, kid);
    }
    for kid in [
        "../../etc/passwd",
        "a' OR '1'='1",
        "a\"; DROP TABLE keys; --",
        "A",
        "a ",
        "http://127.0.0.1/",
        "\u{1b}[2J",
    ] {
        let token = RSA.token_with_kid(kid);
        let reason = refusal(login(&access, &token).await, &token, kid);
        assert!(reason.contains("kid"), "{reason}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_thousand_unknown_kids_a_second_cause_one_fetch_in_thirty_seconds() {
    let server = JwksServer::start(set(&[ED.jwk("a")]));
    let access = fetched(&server).await;
    let start = server.hits();
    for window in 1..=3 {
        advance(COOLDOWN).await;
        for second in 0..29 {
            for n in 0..if second == 0 { 1000 } else { 20 } {
                let token = ED.token_with_kid(&format!("{window} {second} {n}"));
                refusal(login(&access, &token).await, &token, "an unknown kid");
            }
            advance(Duration::from_secs(1)).await;
        }
        assert_eq!(server.hits() - start, window);
    }
    assert!(login(&access, &ED.token_with_kid("a")).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn concurrent_requests_with_a_new_kid_wait_for_one_fetch() {
    let server = JwksServer::start(set(&[ED.jwk("old")]));
    let access = std::sync::Arc::new(fetched(&server).await);
    server.answers(set(&[ED.jwk("old"), EC.jwk("new")]));
    advance(COOLDOWN).await;
    let start = server.hits();
    let logins: Vec<_> = (0..20)
        .map(|_| {
            let access = access.clone();
            tokio::spawn(async move { login(&access, &EC.token_with_kid("new")).await.is_ok() })
        })
        .collect();
    for login in logins {
        assert!(login.await.expect("no panic"));
    }
    assert_eq!(server.hits() - start, 1);
}

#[tokio::test(start_paused = true)]
async fn the_same_unknown_kid_causes_no_fetch_for_two_minutes() {
    let server = JwksServer::start(set(&[ED.jwk("a")]));
    let access = fetched(&server).await;
    let start = server.hits();
    let token = ED.token_with_kid("gone");
    for _ in 0..4 {
        advance(COOLDOWN).await;
        refusal(login(&access, &token).await, &token, "an unknown kid");
    }
    assert_eq!(server.hits() - start, 1);
}

#[tokio::test(start_paused = true)]
async fn keys_stay_when_the_source_fails_and_its_answers_are_bounded() {
    let big = format!("{{\"keys\":[{}]}}{}", EC.jwk("new"), " ".repeat(10_000_000));
    let elsewhere = JwksServer::start(set(&[EC.jwk("new")]));
    let answers = [
        Answer::Status(500),
        Answer::Status(404),
        Answer::Status(204),
        Answer::Close,
        Answer::Body(b"<html>garbage</html>".to_vec()),
        Answer::Body(vec![0xff; 1000]),
        Answer::Body(Vec::new()),
        Answer::Body(b"{}".to_vec()),
        Answer::Body("[".repeat(100_000).into_bytes()),
        Answer::Body(big.into_bytes()),
        set(&[]),
        Answer::Set(json!({"keys": null})),
        Answer::Set(
            json!({"keys": [null, 1, {}, {"kty": "RSA"}, {"kty": "oct", "k": "AA", "kid": "new", "alg": "HS256"}]}),
        ),
        Answer::Redirect(elsewhere.url()),
        Answer::Redirect("http://169.254.169.254/latest/meta-data/".to_owned()),
        Answer::Endless,
    ];
    // In the time of six answers, no key ages.
    for answers in answers.chunks(6) {
        keys_stay(answers).await;
    }
    assert_eq!(elsewhere.hits(), 0);
}

async fn keys_stay(answers: &[Answer]) {
    let server = JwksServer::start(set(&[ED.jwk("a")]));
    let access = fetched(&server).await;
    for answer in answers {
        let what = format!("{answer:?}").chars().take(60).collect::<String>();
        server.answers(answer.clone());
        advance(BREAKER_OPEN).await;
        let hits = server.hits();
        let token = EC.token_with_kid("new");
        refusal(login(&access, &token).await, &token, &what);
        assert_eq!(server.hits(), hits + 1, "{what}");
        assert!(login(&access, &ED.token_with_kid("a")).await.is_ok(), "{what}");
        assert!(
            login(&access, &ED.token(&ED.header(), &with(&claims(), &json!({"jti": what})))).await.is_ok()
        );
    }
    server.answers(set(&[EC.jwk("new")]));
    advance(BREAKER_OPEN).await;
    assert!(
        login(&access, &EC.token_with_kid("new")).await.is_ok(),
        "a failure is not remembered as an unknown kid"
    );
}

#[tokio::test(start_paused = true)]
async fn a_source_that_keeps_failing_is_left_alone_for_a_minute_and_known_keys_stay() {
    let server = JwksServer::start(set(&[ED.jwk("a")]));
    let access = fetched(&server).await;
    server.answers(Answer::Status(500));
    let start = server.hits();
    let token = EC.token_with_kid("new");
    for failures in 1..=3 {
        advance(COOLDOWN).await;
        refusal(login(&access, &token).await, &token, "an unknown kid");
        assert_eq!(server.hits() - start, failures);
    }
    server.answers(set(&[ED.jwk("a"), EC.jwk("new")]));
    advance(COOLDOWN).await;
    refusal(login(&access, &token).await, &token, "the circuit breaker is open");
    assert_eq!(server.hits() - start, 3, "the source is not called");
    assert!(login(&access, &ED.token_with_kid("a")).await.is_ok());
    advance(BREAKER_OPEN - COOLDOWN).await;
    assert!(login(&access, &token).await.is_ok());
    assert_eq!(server.hits() - start, 4);
}

#[tokio::test]
async fn a_slow_source_is_left_after_five_seconds_and_blocks_no_known_token() {
    let server = JwksServer::start(Answer::Slow);
    let start = std::time::Instant::now();
    let access = jwt_access(jwt_config(), server.keys());
    let waiting = login(&access, &ED.token_with_kid("a")).await;
    assert!(matches!(waiting, Err(AuthError::Unavailable(_))), "{waiting:?}");
    assert!(start.elapsed() < Duration::from_secs(1), "a request waits for no first fetch");
    until_real(async || server.hits() == 1, Duration::from_secs(5)).await;
    server.answers(set(&[ED.jwk("a")]));
    until_real(async || login(&access, &ED.token_with_kid("a")).await.is_ok(), Duration::from_secs(20)).await;
    assert!(start.elapsed() >= Duration::from_secs(4), "the slow fetch ended by its limit");
    assert_eq!(server.hits(), 2);
}

async fn until_real(condition: impl AsyncFn() -> bool, limit: Duration) {
    let start = std::time::Instant::now();
    while !condition().await {
        assert!(start.elapsed() < limit, "timed out");
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_that_is_down_at_the_start_is_fetched_when_it_comes() {
    let server = JwksServer::start(Answer::Status(503));
    let access = jwt_access(jwt_config(), server.keys());
    let token = ED.token_with_kid("a");
    until(async || server.hits() >= 3).await;
    assert!(matches!(login(&access, &token).await, Err(AuthError::Unavailable(_))));
    let hits = server.hits();
    for n in 0..1000 {
        let token = ED.token_with_kid(&n.to_string());
        assert!(matches!(login(&access, &token).await, Err(AuthError::Unavailable(_))));
    }
    assert!(server.hits() <= hits + 1, "requests cause no fetch while there are no keys");
    let malformed = login(&access, "a.b.c").await;
    assert!(matches!(malformed, Err(AuthError::Invalid(_))), "needs no key: {malformed:?}");
    server.answers(set(&[ED.jwk("a")]));
    until(async || login(&access, &token).await.is_ok()).await;
}

#[tokio::test(start_paused = true)]
async fn keys_are_refreshed_in_the_background_before_they_age() {
    let server = JwksServer::start(set(&[ED.jwk("a")]));
    let access = fetched(&server).await;
    let hits = server.hits();
    // No request in between.
    sleep(Duration::from_mins(8)).await;
    assert_eq!(server.hits(), hits);
    server.answers(set(&[EC.jwk("b")]));
    until(async || server.hits() == hits + 1).await;
    until(async || login(&access, &EC.token_with_kid("b")).await.is_ok()).await;
    assert_eq!(server.hits(), hits + 1);
    sleep(Duration::from_mins(10)).await;
    assert_eq!(server.hits(), hits + 2);
}

#[tokio::test(start_paused = true)]
async fn a_withdrawn_key_ends_its_cached_tokens() {
    let server = JwksServer::start(set(&[ED.jwk("a"), EC.jwk("b")]));
    let access = fetched(&server).await;
    let (withdrawn, kept) = (ED.token_with_kid("a"), EC.token_with_kid("b"));
    assert!(login(&access, &withdrawn).await.is_ok() && login(&access, &kept).await.is_ok());
    server.answers(set(&[EC.jwk("b")]));
    until(async || login(&access, &withdrawn).await.is_err()).await;
    assert!(login(&access, &kept).await.is_ok());
    server.answers(set(&[OTHER_RSA.jwk("b")]));
    until(async || login(&access, &kept).await.is_err()).await;
}

#[tokio::test(start_paused = true)]
async fn old_keys_are_used_for_a_day_and_then_no_token_can_be_verified() {
    let server = JwksServer::start(set(&[ED.jwk("a")]));
    let clock = TestClock::new();
    let access = support::jwt_access_at(jwt_config(), server.keys(), clock);
    let token = ED.token_with_kid("a");
    until(async || login(&access, &token).await.is_ok()).await;
    server.answers(Answer::Close);
    let hits = server.hits();
    sleep(Duration::from_hours(24) - Duration::from_mins(1)).await;
    assert!(login(&access, &token).await.is_ok());
    let retries = server.hits() - hits;
    assert!((1200..=1500).contains(&retries), "one in a minute: {retries}");
    until(async || login(&access, &token).await.is_err()).await;
    for token in [token.clone(), ED.token(&ED.header(), &claims()), EC.token_with_kid("b")] {
        let result = login(&access, &token).await;
        assert!(matches!(result, Err(AuthError::Unavailable(_))), "{result:?}");
    }
    server.answers(set(&[ED.jwk("a")]));
    until(async || login(&access, &token).await.is_ok()).await;
}

#[tokio::test(start_paused = true)]
async fn only_signing_keys_of_sufficient_strength_with_a_kid_of_their_own_are_used() {
    let with_changes = |jwk: Value, changes: Value| with(&jwk, &changes);
    let bad = [
        with_changes(ED.jwk("enc"), json!({"use": "enc"})),
        with_changes(ED.jwk("other-use"), json!({"use": "tls"})),
        with_changes(RSA.jwk("alg"), json!({"alg": "RS512"})),
        with_changes(RSA.jwk("pss"), json!({"alg": "PS256"})),
        with_changes(RSA.jwk("hmac"), json!({"alg": "HS256"})),
        with_changes(EC.jwk("curve"), json!({"crv": "P-384"})),
        with_changes(ED.jwk("short"), json!({"x": "AAAA"})),
        with_changes(ED.jwk("long"), json!({"x": "A".repeat(86)})),
        with_changes(EC.jwk("off-curve"), json!({"x": "A".repeat(43), "y": "B".repeat(42) + "A"})),
        with_changes(RSA.jwk("exponent"), json!({"e": "AQ"})),
        with_changes(RSA.jwk("even"), json!({"e": "AQAA"})),
        with_changes(RSA.jwk("zero"), json!({"n": ""})),
        SHORT_RSA.jwk("weak"),
        ED.jwk("twice"),
        EC.jwk("twice"),
        with_changes(ED.jwk("x"), json!({"kid": ""})),
        with_changes(ED.jwk("x"), json!({"kid": ["x"]})),
        json!({"kty": "oct", "k": "c2VjcmV0", "kid": "oct"}),
    ];
    let keys = [
        &bad[..],
        &[OTHER_RSA.jwk("good"), with_changes(EC.jwk("no-use"), json!({"use": null, "alg": null}))],
    ];
    let server = JwksServer::start(set(&keys.concat()));
    let access = fetched(&server).await;
    assert!(login(&access, &OTHER_RSA.token_with_kid("good")).await.is_ok());
    assert!(login(&access, &EC.token_with_kid("no-use")).await.is_ok());
    for (key, kid) in [
        (ED, "enc"),
        (ED, "other-use"),
        (RSA, "alg"),
        (RSA, "pss"),
        (RSA, "hmac"),
        (EC, "curve"),
        (ED, "short"),
        (ED, "long"),
        (EC, "off-curve"),
        (RSA, "exponent"),
        (RSA, "even"),
        (RSA, "zero"),
        (SHORT_RSA, "weak"),
        (ED, "twice"),
        (EC, "twice"),
        (ED, "x"),
    ] {
        let token = key.token_with_kid(kid);
        refusal(login(&access, &token).await, &token, kid);
    }
    let token = SHORT_RSA.token(&SHORT_RSA.header(), &claims());
    refusal(login(&access, &token).await, &token, "a weak key without a kid");
}

#[tokio::test]
async fn a_set_in_a_file_is_used_like_one_of_a_url() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), json!({"keys": [ED.jwk("a"), EC.jwk("b")]}).to_string()).expect("written");
    let access = jwt_access(jwt_config(), JwtKeys::File(file.path().to_owned()));
    assert!(login(&access, &ED.token_with_kid("a")).await.is_ok());
    let token = ED.token_with_kid("c");
    refusal(login(&access, &token).await, &token, "an unknown kid");
    std::fs::write(file.path(), EC.jwk("b").to_string()).expect("written");
    let access = jwt_access(jwt_config(), JwtKeys::File(file.path().to_owned()));
    assert!(login(&access, &EC.token_with_kid("b")).await.is_ok());
}

#[tokio::test]
async fn an_authenticator_without_a_way_accepts_nothing() {
    let access = Access::start(AccessConfig::default(), TestClock::new()).expect("nothing to read");
    let token = ED.token_with_kid("a");
    refusal(login(&access, &token).await, &token, "no way");
    assert_eq!(
        login(&access, "lgk_a_b_c").await,
        Err(AuthError::Invalid("API keys are not accepted".to_owned()))
    );
}
