use clap::Parser;
use logistics_service::{AuthError, Credentials};

use super::*;

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    auth: AuthArgs,
}

const LOOPBACK: [&str; 2] = ["127.0.0.1:8000", "[::1]:8000"];
const REACHABLE: [&str; 3] = ["0.0.0.0:8000", "[::]:8000", "192.0.2.1:8000"];

fn args(flags: &[&str]) -> AuthArgs {
    Flags::try_parse_from(["test"].iter().chain(flags))
        .map(|flags| flags.auth)
        .unwrap_or_else(|error| panic!("{error}"))
}

fn config(flags: &[&str], listen: &str) -> Result<Option<AccessConfig>, String> {
    args(flags).config(listen.parse().expect("an address")).map_err(|failure| failure.message)
}

#[test]
fn without_the_flag_only_a_loopback_address_is_served() {
    for listen in LOOPBACK {
        assert_eq!(config(&[], listen), Ok(None));
    }
    for listen in REACHABLE {
        let problem = config(&[], listen).expect_err("refused");
        assert!(problem.contains(listen) && problem.contains("--auth none"), "{problem}");
        assert_eq!(config(&["--auth", "none"], listen), Ok(None));
    }
}

#[test]
fn inconsistent_flags_are_refused_with_a_sentence() {
    let jwt = ["--auth", "jwt", "--jwt-issuer", "i", "--jwt-audience", "a"];
    for (flags, says) in [
        (&["--auth", "none,keys"][..], "no other way"),
        (&["--auth", "keys"], "--api-keys-file"),
        (&["--auth", "certificates"], "--api-keys-file"),
        (&["--auth", "jwt"], "--jwt-issuer"),
        (&["--auth", "jwt", "--jwt-issuer", "i"], "--jwt-audience"),
        (&["--auth", "jwt", "--jwt-issuer", "", "--jwt-audience", "a"], "--jwt-issuer"),
        (&jwt, "--jwt-jwks-url or --jwt-key-file"),
        (&[&jwt[..], &["--jwt-key-file", "k", "--jwt-jwks-url", "https://x/"]].concat(), "not both"),
        (&[&jwt[..], &["--jwt-jwks-url", "http://login.example.com/"]].concat(), "https"),
        (&[&jwt[..], &["--jwt-jwks-url", "https://a:b@login.example.com/"]].concat(), "no URL"),
        (&[&jwt[..], &["--jwt-key-file", "k", "--api-keys-file", "f"]].concat(), "--auth keys"),
        (&["--auth", "keys", "--api-keys-file", "f", "--jwt-issuer", "i"], "--jwt-issuer needs --auth jwt"),
        // A protection that is configured and not switched on.
        (&["--api-keys-file", "f"], "without --auth"),
        (&["--jwt-jwks-url", "https://login.example.com/"], "without --auth"),
    ] {
        let problem = config(flags, LOOPBACK[0]).expect_err("refused");
        assert!(problem.contains(says), "{flags:?}: {problem}");
    }
    assert!(Flags::try_parse_from(["test", "--auth", "basic"]).is_err());
    assert!(Flags::try_parse_from(["test", "--jwt-algorithm", "HS256"]).is_err());
}

#[test]
fn the_flags_configure_each_way() {
    let flags = [
        "--auth",
        "jwt,keys",
        "--api-keys-file",
        "keys.json",
        "--jwt-issuer",
        "i",
        "--jwt-audience",
        "a",
        "--jwt-algorithm",
        "ES256,EdDSA",
        "--jwt-jwks-url",
        "http://login.internal/jwks",
        "--jwt-jwks-allow-http",
        "--jwt-leeway",
        "5s",
        "--jwt-claim-roles",
        "realm_access.roles",
        "--jwt-claim-courier-id",
        "driver",
    ];
    let config = config(&flags, REACHABLE[0]).expect("valid").expect("protected");
    assert!(config.api_keys && !config.certificates);
    assert_eq!(config.key_file, Some(PathBuf::from("keys.json")));
    let (jwt, keys) = config.jwt.expect("tokens");
    assert_eq!((jwt.issuer.as_str(), jwt.audience.as_str(), jwt.leeway_s), ("i", "a", 5));
    assert_eq!(jwt.algorithms, [JwtAlgorithm::Es256, JwtAlgorithm::EdDsa]);
    assert_eq!((jwt.claims.roles.as_str(), jwt.claims.courier_id.as_str()), ("realm_access.roles", "driver"));
    assert_eq!(jwt.claims.customer_id, "customer_id");
    assert!(matches!(keys, JwtKeys::Url(_)));
    assert!(args(&["--auth", "certificates"]).accepts_certificates());
}

#[tokio::test]
async fn an_authenticator_requires_credentials_unless_authentication_is_off() {
    let listen = LOOPBACK[0].parse().expect("an address");
    let telemetry = Telemetry::new("test", "test");
    let (off, breaker) = args(&[]).authenticator(listen, &telemetry).expect("permitted");
    assert!(breaker.is_none());
    assert!(!off.is_required());
    let file = std::env::temp_dir().join(format!("logistics-auth-{}.json", std::process::id()));
    std::fs::write(&file, r#"{"keys": []}"#).expect("written");
    let flags = ["--auth", "keys", "--api-keys-file", file.to_str().expect("UTF-8")];
    let (on, _) = args(&flags).authenticator(listen, &telemetry).expect("a valid file");
    assert!(on.is_required());
    assert_eq!(on.authenticate(&Credentials::default()).await, Err(AuthError::Missing));
    std::fs::remove_file(&file).expect("removed");
    let problem = args(&flags).authenticator(listen, &telemetry).err().expect("a missing file").message;
    assert!(problem.contains("cannot read the key file"), "{problem}");
}
