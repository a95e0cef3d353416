//! A server with TLS, and the commands that call it.

use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

use super::support::Process;
use super::{FLAGS, run};

/// Writes an authority, and a certificate for `localhost` with its key.
fn write_files(directory: &Path) {
    let authority_key = KeyPair::generate().expect("a key");
    let mut authority = CertificateParams::new(Vec::new()).expect("no names");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = authority.self_signed(&authority_key).expect("a certificate").pem();
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec!["localhost".to_owned()]).expect("names");
    let issuer = Issuer::new(authority, authority_key);
    let certificate = params.signed_by(&key, &issuer).expect("a certificate").pem();
    for (name, text) in [("ca.crt", ca), ("tls.crt", certificate), ("tls.key", key.serialize_pem())] {
        std::fs::write(directory.join(name), text).expect("a file");
    }
    std::fs::write(directory.join("token"), "a-token\n").expect("a file");
}

#[test]
fn commands_call_a_server_with_tls_and_trust_its_authority_only() {
    let directory = tempfile::tempdir().expect("a directory");
    write_files(directory.path());
    let path = |name: &str| directory.path().join(name).to_str().expect("a UTF-8 path").to_owned();
    let (certificate, key, ca, token) = (path("tls.crt"), path("tls.key"), path("ca.crt"), path("token"));
    let flags = [&FLAGS[..], &["--tls-cert", &certificate, "--tls-key", &key]].concat();
    let server = Process::serve(&directory.path().join("data"), &flags);
    let line = server.line_with("Listening on https://127.0.0.1:");
    let port = line.split(['/', ',']).find_map(|part| part.strip_prefix("127.0.0.1:")).expect("a port");
    let url = format!("https://localhost:{port}");
    let access = ["--url", &url, "--ca-file", &ca, "--token-file", &token];
    let placed = run(&[&["place"], &access[..]].concat()).done();
    let id = placed.trim();
    assert!(run(&[&["list"], &access[..]].concat()).done().contains(id));
    assert!(run(&[&["events", id], &access[..]].concat()).done().contains("PLACED"));
    assert!(run(&[&["log", "tail"], &access[..]].concat()).done().contains(id));
    run(&[&["cancel", id], &access[..]].concat()).done();
    let watch = run(&[&["watch", id], &access[..]].concat()).done();
    assert!(watch.contains("CANCELLED"), "{watch}");
    let unknown = run(&["list", "--url", &url, "--ca-file", &certificate]);
    assert!(unknown.failed(3).contains("certificate"), "{unknown:?}");
    let other_name = format!("https://127.0.0.1:{port}");
    let unknown = run(&["list", "--url", &other_name, "--ca-file", &ca]);
    assert!(unknown.failed(3).contains("certificate"), "{unknown:?}");
    run(&["list", "--url", &format!("http://localhost:{port}")]).failed(3);
    assert!(server.terminate().success());
}

#[test]
fn flags_of_tls_belong_together_and_their_files_are_checked_at_the_start() {
    let directory = tempfile::tempdir().expect("a directory");
    write_files(directory.path());
    let path = |name: &str| directory.path().join(name).to_str().expect("a UTF-8 path").to_owned();
    let data = path("data");
    let serve = ["serve", "--listen", "127.0.0.1:0", "--data-dir", &data];
    let serve = |flags: &[&str]| run(&[&serve[..], flags].concat());
    let alone = serve(&["--tls-cert", &path("tls.crt")]);
    assert!(alone.failed(2).contains("--tls-key"), "{alone:?}");
    let missing = serve(&["--tls-cert", &path("tls.crt"), "--tls-key", &path("none")]);
    assert!(missing.err.contains("cannot read the TLS key in "), "{missing:?}");
    assert_eq!(missing.code, Some(2));
    let trust = run(&["list", "--url", "https://localhost:1", "--ca-file", &path("token")]);
    assert!(trust.failed(2).contains("no PEM block BEGIN CERTIFICATE"), "{trust:?}");
    let token = run(&["list", "--token", "a", "--token-file", &path("token")]);
    assert_eq!(token.failed(2), "give --token or --token-file, not both");
}
