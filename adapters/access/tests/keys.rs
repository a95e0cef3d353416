//! API keys and client certificates of a key file, in use while the file changes.

mod support;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use logistics_access::{
    Access, AccessConfig, AccessError, ApiKey, KeyEntry, KeyFile, KeyFileError, NewCredential, NewEntry,
};
use logistics_core::port::Clock;
use logistics_core::{Actor, Timestamp};
use logistics_service::{AuthError, Authenticator, ClientCertificate, Credentials, Role};
use sha2::{Digest, Sha256};
use support::{ED, NOW_S, TestClock, claims, jwt_config, login, login_from, refusal};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

/// A revoked key is refused within this time.
const REVOKED_WITHIN: Duration = Duration::from_secs(5);

struct Fixture {
    directory: TempDir,
    file: KeyFile,
    clock: Arc<TestClock>,
}

impl Fixture {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let file = KeyFile::new(directory.path().join("keys.json"));
        Self { directory, file, clock: TestClock::new() }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("keys.json")
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn create(&self, name: &str, change: impl FnOnce(&mut NewEntry)) -> ApiKey {
        let mut new = shop(name);
        change(&mut new);
        let (_, key) = self.file.create(new, NewCredential::ApiKey, self.now()).expect("created");
        key.expect("a key")
    }

    fn start(&self) -> Access {
        self.start_at(self.path()).expect("a valid file")
    }

    fn start_at(&self, path: PathBuf) -> Result<Access, AccessError> {
        let mut config = AccessConfig::default();
        (config.key_file, config.api_keys, config.certificates) = (Some(path), true, true);
        Access::start(config, self.clock.clone())
    }
}

fn shop(name: &str) -> NewEntry {
    NewEntry {
        name: name.to_owned(),
        roles: vec!["merchant".to_owned()],
        merchant_id: Some("m-1".to_owned()),
        ..NewEntry::default()
    }
}

/// Waits on a condition, and asserts that it holds within the time of a revocation.
async fn soon(what: &str, condition: impl AsyncFn() -> bool) {
    let start = Instant::now();
    while !condition().await {
        assert!(start.elapsed() < REVOKED_WITHIN, "timed out waiting until {what}");
        sleep(Duration::from_millis(50)).await;
    }
}

async fn accepts(access: &Access, key: &ApiKey) -> bool {
    login(access, &key.reveal()).await.is_ok()
}

#[tokio::test(start_paused = true)]
async fn a_key_gives_the_principal_of_its_entry() {
    let fixture = Fixture::new();
    let key = fixture.create("shop-7", |new| {
        new.roles.push("service".to_owned());
        new.scopes = vec!["orders:read".to_owned()];
    });
    let principal = login(&fixture.start(), &key.reveal()).await.expect("valid");
    assert_eq!(principal.subject(), "key:shop-7");
    assert!(principal.roles().eq([Role::Merchant, Role::Service]));
    assert_eq!(principal.party(Actor::Merchant).map(ToString::to_string), Some("m-1".to_owned()));
    assert!(principal.sees_every_order() && !principal.is_operator());
    let text = std::fs::read_to_string(fixture.path()).expect("the file");
    let secret = key.reveal().split('_').nth(2).expect("a secret").to_owned();
    assert!(!text.contains(&secret), "the file contains a hash only");
}

#[tokio::test(start_paused = true)]
async fn keys_that_are_refused() {
    let fixture = Fixture::new();
    let key = fixture.create("a", |_| ());
    let other = fixture.create("b", |_| ());
    let expired = fixture.create("c", |new| new.expires = Some(Timestamp::from_millis(NOW_S * 1000)));
    let access = fixture.start();
    let text = key.reveal();
    let unknown = ApiKey::generate().reveal();
    let flipped = {
        let mut bytes = text.clone().into_bytes();
        bytes[20] = if bytes[20] == b'a' { b'b' } else { b'a' };
        String::from_utf8(bytes).expect("ASCII")
    };
    for (wrong, says) in [
        (unknown.clone(), "is unknown"),
        (flipped, "checksum"),
        (format!("{}0", &text[..text.len() - 1]), "checksum"),
        (with_secret_of(&key, &other), "the secret"),
        (expired.reveal(), "is expired"),
        ("lgk_".to_owned(), "malformed"),
        (format!("lgk_{}", "a".repeat(1_000_000)), "malformed"),
        (format!("{text}.a.b"), "malformed"),
        (text.to_uppercase(), "not accepted"),
    ] {
        if wrong == text {
            continue;
        }
        let reason = match login(&access, &wrong).await {
            Err(AuthError::Invalid(reason)) => reason,
            result => panic!("{wrong:.100}: {result:?}"),
        };
        assert!(reason.contains(says), "{reason}");
        let secret = text.split('_').nth(2).expect("a secret");
        assert!(!reason.contains(secret), "{reason}");
    }
    assert!(accepts(&access, &key).await && accepts(&access, &other).await);
}

/// A key with a valid checksum, the id of one and the secret of another.
fn with_secret_of(key: &ApiKey, other: &ApiKey) -> String {
    let rest = format!("lgk_{}_{}", key.id(), other.reveal().split('_').nth(2).expect("a secret"));
    let mut crc = crc32fast::hash(rest.as_bytes()) as usize;
    let mut checksum = Vec::new();
    for _ in 0..6 {
        checksum.insert(0, b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"[crc % 62]);
        crc /= 62;
    }
    format!("{rest}_{}", String::from_utf8(checksum).expect("ASCII"))
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_revoked_while_in_use_is_refused_within_five_seconds() {
    let fixture = Fixture::new();
    let (key, kept) = (fixture.create("shop", |_| ()), fixture.create("other", |_| ()));
    let access = fixture.start();
    assert!(accepts(&access, &key).await);
    assert_eq!(fixture.file.revoke("shop", fixture.now()).expect("revoked").len(), 1);
    soon("the key is refused", async || !accepts(&access, &key).await).await;
    let reason = refusal(login(&access, &key.reveal()).await, &key.reveal(), "revoked");
    assert!(reason.ends_with("is revoked"), "{reason}");
    assert!(accepts(&access, &kept).await);
    // A revoked key is no guess: its client blocks no other one behind its address.
    for _ in 0..100 {
        let result = login_from(&access, &key.reveal(), Some("10.0.0.1")).await;
        assert!(matches!(result, Err(AuthError::Invalid(_))), "{result:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn two_keys_of_one_name_are_valid_at_once() {
    let fixture = Fixture::new();
    let old = fixture.create("shop", |_| ());
    let access = fixture.start();
    let new = fixture.create("shop", |_| ());
    soon("the new key is accepted", async || accepts(&access, &new).await).await;
    assert!(accepts(&access, &old).await);
    let of = async |key: &ApiKey| login(&access, &key.reveal()).await.expect("valid").subject().to_owned();
    assert_eq!(of(&old).await, of(&new).await);
    fixture.file.revoke(old.id(), fixture.now()).expect("revoked");
    soon("the old key is refused", async || !accepts(&access, &old).await).await;
    assert!(accepts(&access, &new).await);
}

#[tokio::test(start_paused = true)]
async fn a_key_expires_in_use() {
    let fixture = Fixture::new();
    let key = fixture.create("shop", |new| new.expires = Some(Timestamp::from_millis(NOW_S * 1000 + 10_000)));
    let access = fixture.start();
    fixture.clock.set_ms(NOW_S * 1000 + 9999);
    assert!(accepts(&access, &key).await);
    fixture.clock.set_ms(NOW_S * 1000 + 10_000);
    assert!(!accepts(&access, &key).await);
}

#[tokio::test(start_paused = true)]
async fn a_half_written_or_invalid_file_keeps_the_previous_keys() {
    let fixture = Fixture::new();
    let key = fixture.create("shop", |_| ());
    let access = fixture.start();
    let valid = std::fs::read_to_string(fixture.path()).expect("the file");
    let revoked = {
        fixture.file.revoke("shop", fixture.now()).expect("revoked");
        std::fs::read_to_string(fixture.path()).expect("the file")
    };
    std::fs::write(fixture.path(), &valid).expect("written");
    let wrong = [
        String::new(),
        revoked[..revoked.len() / 2].to_owned(),
        revoked[..revoked.len() - 3].to_owned(),
        revoked.replace("\"revoked\"", "\"revokd\""),
        format!("{revoked}{valid}"),
        "garbage".to_owned(),
    ];
    for wrong in &wrong {
        std::fs::write(fixture.path(), wrong).expect("written");
        sleep(REVOKED_WITHIN).await;
        assert!(accepts(&access, &key).await, "{wrong}");
    }
    std::fs::remove_file(fixture.path()).expect("removed");
    sleep(REVOKED_WITHIN).await;
    assert!(accepts(&access, &key).await, "a missing file");
    std::fs::write(fixture.path(), &revoked).expect("written");
    soon("the complete file counts", async || !accepts(&access, &key).await).await;
    for wrong in &wrong {
        std::fs::write(fixture.path(), wrong).expect("written");
        let error = fixture.start_at(fixture.path()).map(|_| ()).expect_err("no start with an invalid file");
        assert!(error.to_string().contains("line "), "{error}");
    }
}

#[cfg(unix)]
#[tokio::test(start_paused = true)]
async fn a_secret_of_kubernetes_is_replaced_by_another_link() {
    let fixture = Fixture::new();
    let key = fixture.create("shop", |_| ());
    // keys.json -> ..data/keys.json, ..data -> a directory of each version.
    let mount = tempfile::tempdir().expect("a directory");
    let version = |name: &str| {
        std::fs::create_dir(mount.path().join(name)).expect("a directory");
        std::fs::copy(fixture.path(), mount.path().join(name).join("keys.json")).expect("copied");
        let link = mount.path().join("..data_tmp");
        std::os::unix::fs::symlink(name, &link).expect("a link");
        std::fs::rename(link, mount.path().join("..data")).expect("renamed");
    };
    version("..1");
    std::os::unix::fs::symlink("..data/keys.json", mount.path().join("keys.json")).expect("a link");
    let access = fixture.start_at(mount.path().join("keys.json")).expect("valid");
    assert!(accepts(&access, &key).await);
    fixture.file.revoke("shop", fixture.now()).expect("revoked");
    version("..2");
    soon("the key is refused", async || !accepts(&access, &key).await).await;
}

#[cfg(unix)]
#[test]
fn a_file_is_private_and_keeps_its_mode_and_its_link() {
    use std::os::unix::fs::PermissionsExt;
    let fixture = Fixture::new();
    let mode = |path: &Path| std::fs::metadata(path).expect("the file").permissions().mode() & 0o777;
    fixture.create("a", |_| ());
    assert_eq!(mode(&fixture.path()), 0o600);
    std::fs::set_permissions(fixture.path(), PermissionsExt::from_mode(0o640)).expect("set");
    let link = fixture.directory.path().join("link.json");
    std::os::unix::fs::symlink("keys.json", &link).expect("a link");
    KeyFile::new(&link).create(shop("b"), NewCredential::ApiKey, fixture.now()).expect("created");
    assert_eq!(mode(&fixture.path()), 0o640);
    assert!(std::fs::symlink_metadata(&link).expect("the link").is_symlink());
    assert_eq!(fixture.file.entries().expect("valid").len(), 2);
    let files = std::fs::read_dir(fixture.directory.path()).expect("the directory").count();
    assert_eq!(files, 2, "no temporary file stays");
}

#[test]
fn concurrent_changes_lose_no_entry() {
    let fixture = Fixture::new();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let fixture = &fixture;
            scope.spawn(move || {
                for n in 0..10 {
                    fixture.create(&format!("{thread} {n}"), |_| ());
                }
            });
        }
    });
    assert_eq!(fixture.file.entries().expect("valid").len(), 40);
}

#[test]
fn invalid_entries_are_not_written() {
    let fixture = Fixture::new();
    let create = |change: fn(&mut NewEntry)| {
        let mut new = shop("shop");
        change(&mut new);
        fixture.file.create(new, NewCredential::ApiKey, fixture.now())
    };
    for change in [
        (|new: &mut NewEntry| new.name = String::new()) as fn(&mut NewEntry),
        |new| new.name = "a\nb".to_owned(),
        |new| new.name = "n".repeat(129),
        |new| new.roles = vec!["system".to_owned()],
        |new| new.scopes = vec!["everything".to_owned()],
        |new| new.courier_id = Some(String::new()),
    ] {
        assert!(matches!(create(change), Err(KeyFileError::InvalidEntry(_))));
    }
    assert!(!fixture.path().exists());
    assert!(fixture.file.revoke("shop", fixture.now()).is_err(), "no file");
}

#[tokio::test(start_paused = true)]
async fn a_certificate_of_the_file_gives_its_principal_and_a_bearer_takes_precedence() {
    let fixture = Fixture::new();
    let certificate = ClientCertificate::new(b"a certificate".to_vec());
    let digest = Sha256::digest(&certificate.der).into();
    let create = || fixture.file.create(shop("partner"), NewCredential::Certificate(digest), fixture.now());
    let (entry, key): (KeyEntry, _) = create().expect("created");
    assert!(key.is_none() && entry.secret_sha256.is_none());
    let key = fixture.create("shop", |_| ());
    let access = fixture.start();
    let subject = async |bearer: Option<&str>, certificate: Option<&ClientCertificate>| {
        let mut credentials = Credentials::default();
        (credentials.bearer, credentials.certificate) = (bearer, certificate);
        access.authenticate(&credentials).await.map(|principal| principal.subject().to_owned())
    };
    assert_eq!(subject(None, Some(&certificate)).await, Ok("cert:partner".to_owned()));
    assert_eq!(subject(Some(&key.reveal()), Some(&certificate)).await, Ok("key:shop".to_owned()));
    let wrong = ApiKey::generate().reveal();
    assert!(subject(Some(&wrong), Some(&certificate)).await.is_err(), "a wrong bearer is no missing one");
    assert!(matches!(
        subject(None, Some(&ClientCertificate::new(b"other".to_vec()))).await,
        Err(AuthError::Invalid(_))
    ));
    assert_eq!(subject(None, None).await, Err(AuthError::Missing));
    fixture.file.revoke(&entry.id, fixture.now()).expect("revoked");
    soon("the certificate is refused", async || subject(None, Some(&certificate)).await.is_err()).await;
    create().expect("a revoked certificate may be entered again");
    soon("the certificate is accepted", async || subject(None, Some(&certificate)).await.is_ok()).await;
}

#[tokio::test(start_paused = true)]
async fn failed_logins_block_their_address_and_key_id_and_no_valid_credential() {
    let fixture = Fixture::new();
    let key = fixture.create("shop", |_| ());
    let mut config = AccessConfig::default();
    (config.key_file, config.api_keys) = (Some(fixture.path()), true);
    config.jwt = Some((jwt_config(), logistics_access::JwtKeys::File(ED.public_file().into())));
    let access = Access::start(config, fixture.clock.clone()).expect("valid");
    let known = ED.token(&ED.header(), &claims());
    assert!(login_from(&access, &known, Some("10.0.0.1")).await.is_ok());
    let forged = format!("{}A", &known[..known.len() - 1]);
    let blocked = AuthError::TooManyFailures { retry_after_s: 6 };
    for n in 0..10 {
        let result = login_from(&access, &forged, Some("10.0.0.1")).await;
        assert!(matches!(result, Err(AuthError::Invalid(_))), "{n} {result:?}");
    }
    let other = ED.token(&ED.header(), &support::with(&claims(), &serde_json::json!({"sub": "bob"})));
    for bearer in [&forged, "a.b.c", "lgk_a", &ApiKey::generate().reveal()] {
        assert_eq!(login_from(&access, bearer, Some("10.0.0.1")).await, Err(blocked.clone()), "{bearer}");
    }
    for bearer in [&known, &other, &key.reveal()] {
        assert!(login_from(&access, bearer, Some("10.0.0.1")).await.is_ok(), "valid");
    }
    assert!(matches!(login_from(&access, &forged, Some("10.0.0.2")).await, Err(AuthError::Invalid(_))));
    sleep(Duration::from_secs(6)).await;
    assert!(matches!(login_from(&access, &forged, Some("10.0.0.1")).await, Err(AuthError::Invalid(_))));

    // One key id from many addresses.
    let guess = with_secret_of(&key, &ApiKey::generate());
    for n in 0..10 {
        let result = login_from(&access, &guess, Some(&format!("10.1.0.{n}"))).await;
        assert!(matches!(result, Err(AuthError::Invalid(_))), "{n} {result:?}");
    }
    assert_eq!(login_from(&access, &guess, Some("10.1.1.1")).await, Err(blocked));
    assert!(
        login_from(&access, &key.reveal(), Some("10.1.1.1")).await.is_ok(),
        "its owner is not locked out"
    );

    // A forged token that claims to be expired is a guess.
    let mut expired = claims();
    expired["exp"] = 1.into();
    let expired = ED.token(&ED.header(), &expired);
    let expired = format!("{}A", &expired[..expired.len() - 1]);
    for n in 0..10 {
        let result = login_from(&access, &expired, Some("10.3.0.1")).await;
        assert!(matches!(result, Err(AuthError::Invalid(_))), "{n} {result:?}");
    }
    let result = login_from(&access, &expired, Some("10.3.0.1")).await;
    assert!(matches!(result, Err(AuthError::TooManyFailures { .. })), "{result:?}");

    // Expired tokens are no guesses.
    fixture.clock.set_ms((NOW_S + 1000) * 1000);
    for _ in 0..100 {
        assert!(matches!(login_from(&access, &other, Some("10.2.0.1")).await, Err(AuthError::Invalid(_))));
    }
}
