//! Attacks by token against keys of a file. Each row is a token that differs from a valid one in one place.

mod support;

use jsonwebtoken::{Algorithm, EncodingKey};
use logistics_access::{Access, JwtAlgorithm, JwtConfig, JwtKeys, TOKEN_BYTES_MAX};
use logistics_core::Actor;
use logistics_service::Role;
use serde_json::{Value, json};
use support::{
    AUDIENCE, EC, ED, ISSUER, NOW_S, OTHER_RSA, P384, RSA, SHORT_RSA, TestClock, TestKey, base64, claims,
    jwt_access, jwt_access_at, jwt_config, login, refusal, sign, with,
};

fn access(key: TestKey) -> Access {
    jwt_access(jwt_config(), JwtKeys::File(key.public_file().into()))
}

#[tokio::test]
async fn a_token_of_each_algorithm_gives_its_principal() {
    for key in [RSA, EC, ED] {
        let principal = login(&access(key), &key.token(&key.header(), &claims())).await.expect("valid");
        assert_eq!(principal.subject(), "jwt:alice");
        assert!(principal.roles().eq([Role::Customer]));
        assert_eq!(principal.party(Actor::Customer).map(ToString::to_string), Some("c-1".to_owned()));
    }
}

#[tokio::test]
async fn headers_that_are_refused() {
    for key in [RSA, EC, ED] {
        let access = access(key);
        let valid = key.header();
        for (changes, what) in [
            (json!({"alg": null}), "no alg"),
            (json!({"alg": "none"}), "none"),
            (json!({"alg": "None"}), "None"),
            (json!({"alg": "NONE"}), "NONE"),
            (json!({"alg": ""}), "an empty alg"),
            (json!({"alg": ["RS256"]}), "alg in an array"),
            (json!({"alg": key.alg().to_lowercase()}), "alg in another case"),
            (json!({"alg": "HS256"}), "a symmetric alg"),
            (json!({"alg": "PS256"}), "RSA-PSS"),
            (json!({"alg": "RS512"}), "another hash"),
            (json!({"alg": "ES384"}), "another curve"),
            (
                json!({"alg": if key.alg() == "RS256" { "ES256" } else { "RS256" }}),
                "the alg of another key type",
            ),
            (
                json!({"alg": if key.alg() == "EdDSA" { "ES256" } else { "EdDSA" }}),
                "the alg of another key type",
            ),
            (json!({"crit": ["exp"]}), "crit"),
            (json!({"b64": false, "crit": ["b64"]}), "b64"),
            (json!({"b64": false}), "b64 alone"),
            (json!({"zip": "DEF"}), "zip"),
            (json!({"enc": "A256GCM", "alg": "RSA-OAEP"}), "JWE"),
            (json!({"cty": "JWT"}), "a nested token"),
            (json!({"typ": "logout+jwt"}), "a token for another use"),
            (json!({"typ": "secevent+jwt"}), "a security event"),
            (json!({"typ": 1}), "a typ that is no text"),
            (json!({"kid": ["a"]}), "kid in an array"),
            (json!({"kid": 1}), "a numeric kid"),
            (json!({"kid": ""}), "an empty kid"),
            (json!({"kid": "k".repeat(257)}), "a long kid"),
        ] {
            let token = key.token(&with(&valid, &changes), &claims());
            refusal(login(&access, &token).await, &token, what);
        }
        let null_kid =
            key.token_of_text(&format!(r#"{{"alg":"{}","kid":null}}"#, key.alg()), &claims().to_string());
        refusal(login(&access, &null_kid).await, &null_kid, "a null kid");
        for (changes, what) in [
            (json!({"typ": null}), "no typ"),
            (json!({"typ": "JWT"}), "JWT"),
            (json!({"typ": "jwt"}), "lower case"),
            (json!({"typ": "application/at+jwt"}), "the complete media type"),
            (json!({"kid": "../../../../dev/null"}), "a path; a key in PEM has no kid"),
            (json!({"jku": "http://169.254.169.254/"}), "jku is ignored"),
            (json!({"x5u": "http://169.254.169.254/"}), "x5u is ignored"),
        ] {
            let token = key.token(&with(&valid, &changes), &claims());
            assert!(login(&access, &token).await.is_ok(), "{what}");
        }
    }
}

#[tokio::test]
async fn keys_that_a_token_brings_are_ignored() {
    let access = access(RSA);
    for changes in [
        json!({"jwk": OTHER_RSA.jwk("own")}),
        json!({"jku": "https://attacker.example.com/jwks.json", "kid": "own"}),
        json!({"x5u": "https://attacker.example.com/cert.pem"}),
        json!({"x5c": ["MIIB"]}),
    ] {
        let token = OTHER_RSA.token(&with(&OTHER_RSA.header(), &changes), &claims());
        let reason = refusal(login(&access, &token).await, &token, "an embedded key");
        assert_eq!(reason, "the token's signature is wrong");
    }
}

#[tokio::test]
async fn a_public_key_is_no_secret_of_a_symmetric_algorithm() {
    let access = access(RSA);
    let pem = RSA.public_pem();
    let der = pem.lines().filter(|line| !line.starts_with('-')).collect::<String>();
    let jwk = RSA.jwk("1").to_string();
    let set = json!({"keys": [RSA.jwk("1")]}).to_string();
    let modulus = RSA.jwk("1")["n"].to_string();
    let secrets = [pem.clone(), pem.trim_end().to_owned(), der.clone(), jwk, set, modulus];
    let mut keys: Vec<_> = secrets.iter().map(|secret| EncodingKey::from_secret(secret.as_bytes())).collect();
    keys.push(EncodingKey::from_base64_secret(&der).expect("DER"));
    for key in keys {
        for (algorithm, alg) in
            [(Algorithm::HS256, "HS256"), (Algorithm::HS256, "RS256"), (Algorithm::HS512, "HS512")]
        {
            let header = json!({"alg": alg, "typ": "JWT"});
            let message = format!("{}.{}", base64(header.to_string()), base64(claims().to_string()));
            let token = sign(&message, &key, algorithm);
            refusal(login(&access, &token).await, &token, alg);
        }
    }
}

#[tokio::test]
async fn signatures_of_other_keys_and_algorithms_are_refused() {
    let rsa = access(RSA);
    for algorithm in [Algorithm::PS256, Algorithm::RS384, Algorithm::RS512] {
        let message = format!("{}.{}", base64(RSA.header().to_string()), base64(claims().to_string()));
        let token = RSA.signed(&message, algorithm);
        refusal(login(&rsa, &token).await, &token, "another scheme of the same key");
    }
    let token = OTHER_RSA.token(&RSA.header(), &claims());
    refusal(login(&rsa, &token).await, &token, "another key");
    for (key, other) in [(RSA, EC), (EC, RSA), (EC, ED), (ED, EC), (RSA, ED), (ED, RSA), (EC, P384)] {
        let access = access(key);
        for header in [key.header(), other.header()] {
            let token = other.token(&header, &claims());
            refusal(login(&access, &token).await, &token, "a key of another type");
        }
    }
}

#[tokio::test]
async fn signatures_of_zeros_and_cut_ones_are_refused() {
    for key in [RSA, EC, ED] {
        let access = access(key);
        let token = key.token(&key.header(), &claims());
        let (message, _) = token.rsplit_once('.').expect("a signature");
        let order = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
        let order: Vec<u8> =
            (0..32).map(|i| u8::from_str_radix(&order[2 * i..2 * i + 2], 16).expect("hex")).collect();
        let one = [vec![0; 31], vec![1]].concat();
        for signature in [
            vec![],
            vec![0; 1],
            vec![0; 64],
            vec![0; 256],
            vec![0xff; 64],
            [order.clone(), order.clone()].concat(),
            [one.clone(), vec![0; 32]].concat(),
            [vec![0; 32], one].concat(),
            // DER, as other protocols encode it.
            vec![0x30, 6, 2, 1, 0, 2, 1, 0],
        ] {
            let token = format!("{message}.{}", base64(&signature));
            refusal(login(&access, &token).await, &token, "an invented signature");
        }
    }
}

#[tokio::test]
async fn claims_that_are_refused() {
    let access = access(ED);
    let long = "a".repeat(65_536);
    for (changes, what) in [
        (json!({"iss": null}), "no issuer"),
        (json!({"iss": "https://attacker.example.com"}), "another issuer"),
        (json!({"iss": format!("{ISSUER}/")}), "an issuer with a slash"),
        (json!({"iss": ISSUER.to_uppercase()}), "an issuer in another case"),
        (json!({"iss": [ISSUER]}), "issuers"),
        (json!({"aud": null}), "no audience"),
        (json!({"aud": "web-client"}), "an ID token: its audience is its client"),
        (json!({"aud": []}), "an empty audience"),
        (json!({"aud": format!("{AUDIENCE}/x")}), "an audience that begins alike"),
        (json!({"aud": &AUDIENCE[..10]}), "a part of the audience"),
        (json!({"aud": AUDIENCE.to_uppercase()}), "an audience in another case"),
        (json!({"aud": [["nested", AUDIENCE]]}), "a nested audience"),
        (json!({"aud": {"0": AUDIENCE}}), "an object"),
        (json!({"exp": null}), "no exp"),
        (json!({"exp": (NOW_S + 300).to_string()}), "exp as text"),
        (json!({"exp": [NOW_S + 300]}), "exp in an array"),
        (json!({"exp": true}), "exp as a boolean"),
        (json!({"exp": -1}), "a negative exp"),
        (json!({"exp": 0}), "1970"),
        (json!({"exp": 1e300}), "an exp beyond the year 9999"),
        (json!({"exp": NOW_S - 60}), "expired by the leeway"),
        (json!({"exp": NOW_S - 61}), "expired by 61 s"),
        (json!({"nbf": NOW_S + 61}), "nbf in the future"),
        (json!({"nbf": "0"}), "nbf as text"),
        (json!({"nbf": [0]}), "nbf in an array"),
        (json!({"sub": null}), "no subject"),
        (json!({"sub": ""}), "an empty subject"),
        (json!({"sub": 7}), "a number"),
        (json!({"sub": "a\nb"}), "a line break"),
        (json!({"sub": "a\u{1b}[2J"}), "an escape sequence"),
        (json!({"sub": "a\0"}), "a zero"),
        (json!({"sub": "a".repeat(241)}), "241 characters"),
        (json!({"sub": long}), "64 KiB"),
        (json!({"customer_id": 7}), "a party id that is a number"),
        (json!({"customer_id": ""}), "an empty party id"),
        (json!({"customer_id": "a\n"}), "a party id with a line break"),
        (json!({"merchant_id": "m".repeat(129)}), "a long party id"),
    ] {
        let token = ED.token(&ED.header(), &with(&claims(), &changes));
        refusal(login(&access, &token).await, &token, what);
    }
    for (changes, what) in [
        (json!({"aud": ["other", AUDIENCE]}), "one of several audiences"),
        (json!({"exp": NOW_S - 59}), "expired within the leeway"),
        (json!({"exp": 253_402_300_799_i64}), "the year 9999"),
        (json!({"exp": 1_800_000_300.5}), "a fraction"),
        (json!({"nbf": NOW_S + 60}), "nbf within the leeway"),
        (json!({"sub": "a".repeat(240)}), "240 characters"),
        (json!({"iat": NOW_S + 1_000_000}), "iat, which RFC 7519 limits nowhere"),
    ] {
        let token = ED.token(&ED.header(), &with(&claims(), &changes));
        assert!(login(&access, &token).await.is_ok(), "{what}");
    }
}

#[tokio::test]
async fn json_that_two_parsers_read_differently_is_refused() {
    let access = access(ED);
    let header = ED.header().to_string();
    let claims = claims().to_string();
    let twice = |text: &str, member: &str| format!("{},{member}}}", text.trim_end_matches('}'));
    for (header, claims, what) in [
        (twice(&header, r#""alg":"none""#), claims.clone(), "alg twice"),
        (twice(&header, r#""\u0061lg":"EdDSA""#), claims.clone(), "alg twice, once escaped"),
        (header.clone(), twice(&claims, r#""sub":"admin""#), "sub twice"),
        (header.clone(), twice(&claims, r#""exp":9999999999"#), "exp twice"),
        (header.clone(), twice(&claims, r#""other":{"a":1,"a":2}"#), "a nested name twice"),
        (header.clone(), claims.replace(&(NOW_S + 300).to_string(), "1e400"), "exp 1e400"),
        (header.clone(), claims.replace(&(NOW_S + 300).to_string(), "NaN"), "exp NaN"),
        (header.clone(), format!("{claims} {claims}"), "two objects"),
        (header.clone(), "null".to_owned(), "null"),
        (header.clone(), format!("[{claims}]"), "an array"),
        (header.clone(), "[".repeat(3000), "deep"),
        (header.clone(), String::new(), "no claims"),
        (String::new(), claims.clone(), "no header"),
        (format!("\u{feff}{header}"), claims.clone(), "a byte order mark"),
    ] {
        let token = ED.token_of_text(&header, &claims);
        refusal(login(&access, &token).await, &token, what);
    }
}

#[tokio::test]
async fn texts_that_are_no_token_are_refused() {
    let access = access(ED);
    let valid = ED.token(&ED.header(), &claims());
    let parts: Vec<_> = valid.split('.').collect();
    let (header, payload, signature) = (parts[0], parts[1], parts[2]);
    for (token, what) in [
        (String::new(), "empty"),
        (".".to_owned(), "a dot"),
        ("..".to_owned(), "two dots"),
        (header.to_owned(), "1 part"),
        (format!("{header}.{payload}"), "2 parts"),
        (format!("{header}.{payload}."), "no signature"),
        (format!("{valid}.{signature}"), "4 parts"),
        (format!("{valid}.a.b"), "5 parts, as JWE"),
        (format!(".{valid}"), "an empty first part"),
        (format!("{valid}="), "padding of the signature"),
        (format!("{header}=.{payload}.{signature}"), "padding of the header"),
        (format!("{header}.{payload}==.{signature}"), "padding of the claims"),
        (format!(" {valid}"), "a space"),
        (format!("{valid}\n"), "a line break"),
        (valid.replace('.', "\t"), "tabs"),
        (format!("{header}.{payload}.{}+/", &signature[..84]), "the other base64"),
        ("\u{1f510}.\u{1f510}.\u{1f510}".to_owned(), "no ASCII"),
        ("a".repeat(TOKEN_BYTES_MAX + 1), "too long"),
        ("a.b.c".repeat(200_000), "1 MB"),
    ] {
        refusal(login(&access, &token).await, &token, what);
    }
    let padding = "a".repeat(TOKEN_BYTES_MAX);
    let huge = ED.token(&ED.header(), &with(&claims(), &json!({ "x": padding })));
    let reason = refusal(login(&access, &huge).await, &huge, "valid, and too long");
    assert!(reason.contains("8192 bytes"), "{reason}");
    let nested = ED.token(&ED.header(), &json!({"token": valid}));
    refusal(login(&access, &nested).await, &nested, "a token in a token");
    assert!(login(&access, &valid).await.is_ok());
}

#[tokio::test]
async fn a_bit_flipped_anywhere_makes_a_token_invalid() {
    for key in [EC, ED, RSA] {
        let access = access(key);
        let valid = key.token(&key.header(), &claims());
        assert!(login(&access, &valid).await.is_ok());
        for index in 0..valid.len() {
            for bit in if key.alg() == "RS256" { index % 7..index % 7 + 1 } else { 0..7 } {
                let mut flipped = valid.clone().into_bytes();
                flipped[index] ^= 1 << bit;
                let flipped = String::from_utf8(flipped).expect("ASCII");
                assert!(login(&access, &flipped).await.is_err(), "{} {index} {bit}", key.alg());
            }
        }
    }
}

#[tokio::test]
async fn roles_scopes_and_parties_come_from_the_configured_claims() {
    let mut config = jwt_config();
    config.claims.roles = "realm_access.roles".to_owned();
    config.claims.merchant_id = "https://example.com/merchant".to_owned();
    let configured = jwt_access(config, JwtKeys::File(ED.public_file().into()));
    let usual = access(ED);
    let roles = async |access: &Access, changes: Value| {
        let token = ED.token(&ED.header(), &with(&claims(), &changes));
        login(access, &token).await.expect("valid")
    };
    for (value, expected) in [
        (json!(["customer", "operator"]), vec![Role::Customer, Role::Operator]),
        (json!("operator"), vec![Role::Operator]),
        (json!("customer operator"), vec![]),
        (json!(["system"]), vec![]),
        (json!("system"), vec![]),
        (json!(["System", "OPERATOR", "root", "admin", " operator"]), vec![]),
        (json!([["operator"], {"operator": true}, 1, "courier"]), vec![Role::Courier]),
        (json!({"operator": true}), vec![]),
        (json!(7), vec![]),
    ] {
        let principal = roles(&usual, json!({ "roles": value })).await;
        assert!(principal.roles().eq(expected), "{value}");
        assert!(principal.act_as(Actor::System).is_err());
    }
    let none = roles(&usual, json!({"roles": null, "customer_id": null})).await;
    assert!(none.roles().next().is_none() && !none.sees_every_order());
    let service =
        roles(&usual, json!({"roles": "service", "scope": "openid orders:read orders:unknown"})).await;
    assert!(service.sees_every_order() && !service.is_operator());

    let nested = json!({"realm_access": {"roles": ["merchant"]}, "https://example.com/merchant": "m-1"});
    let principal = roles(&configured, nested).await;
    assert!(principal.roles().eq([Role::Merchant]), "roles in the usual claim do not count");
    assert_eq!(principal.party(Actor::Merchant).map(ToString::to_string), Some("m-1".to_owned()));
}

#[tokio::test]
async fn a_cached_token_expires_all_the_same() {
    let clock = TestClock::new();
    let access = jwt_access_at(jwt_config(), JwtKeys::File(ED.public_file().into()), clock.clone());
    let token = ED.token(&ED.header(), &claims());
    let end_ms = (NOW_S + 300 + 60) * 1000;
    for ms in [NOW_S * 1000, NOW_S * 1000, end_ms - 1] {
        clock.set_ms(ms);
        assert!(login(&access, &token).await.is_ok(), "{ms}");
    }
    clock.set_ms(end_ms);
    assert_eq!(refusal(login(&access, &token).await, &token, "expired"), "the token is expired");
}

#[tokio::test]
async fn only_configured_algorithms_and_strong_public_keys_are_used() {
    let start = |key: String, algorithms: &[JwtAlgorithm]| {
        let mut config: JwtConfig = jwt_config();
        config.algorithms = algorithms.to_vec();
        let mut access = logistics_access::AccessConfig::default();
        access.jwt = Some((config, JwtKeys::File(key.into())));
        logistics_access::Access::start(access, TestClock::new())
            .map(|_| ())
            .map_err(|error| error.to_string())
    };
    use JwtAlgorithm::{EdDsa, Es256, Rs256};
    let all = [Rs256, Es256, EdDsa];
    let no_key = "no key for";
    for (key, algorithms, problem) in [
        (RSA.public_file(), &all[..], ""),
        (EC.public_file(), &[Rs256, EdDsa], no_key),
        (RSA.public_file(), &[Es256], no_key),
        (SHORT_RSA.public_file(), &all, no_key),
        (P384.public_file(), &all, no_key),
        (RSA.private_file(), &all, "private key"),
        (ED.private_file(), &all, "private key"),
        ("/does/not/exist.pem".to_owned(), &all, "cannot read"),
        (format!("{}/Cargo.toml", env!("CARGO_MANIFEST_DIR")), &all, "neither"),
    ] {
        match start(key.clone(), algorithms) {
            Ok(()) => assert_eq!(problem, "", "{key}"),
            Err(error) => assert!(!problem.is_empty() && error.contains(problem), "{key}: {error}"),
        }
    }
}
