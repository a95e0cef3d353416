//! API keys: created once, listed without secrets, revoked.

use super::{CommandOutput, documents, run, text};

/// Creates a key and returns it.
fn created(output: &CommandOutput) -> String {
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(output.err.contains("shown only now") && !output.err.contains("lgk_"), "{output:?}");
    output.out.strip_suffix('\n').filter(|key| !key.contains('\n')).expect("the key only").to_owned()
}

#[test]
fn a_key_is_printed_once_listed_without_its_secret_and_revoked() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("keys.json");
    let file = text(&path);
    let shop =
        ["keys", "create", "--file", file, "--name", "shop", "--role", "merchant", "--merchant-id", "m-1"];
    let first = created(&run(&shop));
    let second = created(&run(&[&shop[..], &["--expires", "720h"]].concat()));
    let reader = ["--name", "reports", "--role", "service", "--scope", "orders:read"];
    created(&run(&[&["keys", "create", "--file", file][..], &reader].concat()));
    let fingerprint = ["ab"; 32].join(":");
    let partner = ["--name", "partner", "--role", "operator", "--certificate-sha256", &fingerprint];
    let entered = run(&[&["keys", "create", "--file", file][..], &partner].concat());
    assert_eq!((entered.code, entered.out.as_str()), (Some(0), ""), "{entered:?}");

    let listed = run(&["keys", "list", "--file", file]).done();
    let stored = std::fs::read_to_string(&path).expect("the file");
    let json = run(&["keys", "list", "--file", file, "--json"]).done();
    for key in [&first, &second] {
        let parts: Vec<_> = key.split('_').collect();
        assert!(
            listed.contains(parts[1]) && stored.contains(parts[1]) && json.contains(parts[1]),
            "{listed}"
        );
        assert!(
            !listed.contains(parts[2]) && !stored.contains(parts[2]) && !json.contains(parts[2]),
            "{listed}"
        );
    }
    assert!(listed.contains("valid until ") && listed.contains("service, orders:read"), "{listed}");
    let entries = documents(&json);
    assert_eq!(entries.len(), 4);
    assert_eq!(entries[0]["merchant_id"], "m-1");
    assert!(entries.iter().all(|entry| entry.get("secret_sha256").is_none()));

    let id = first.split('_').nth(1).expect("an id");
    assert_eq!(run(&["keys", "revoke", "--file", file, id]).done(), format!("revoked {id} of shop\n"));
    assert!(run(&["keys", "revoke", "--file", file, id]).failed(1).contains("no valid entry"));
    assert_eq!(run(&["keys", "revoke", "--file", file, "shop"]).done().lines().count(), 1, "the other key");
    assert!(run(&["keys", "list", "--file", file]).done().contains("revoked "));
}

#[test]
fn an_invalid_entry_or_file_is_a_sentence() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("keys.json");
    let create = ["keys", "create", "--file", text(&path), "--name", "a"];
    for (flags, says) in [
        (&["--role", "system"][..], "invalid value 'system'"),
        (&["--role", "merchant"], "--role merchant needs --merchant-id"),
        (&["--role", "operator", "--courier-id", "c"], "--courier-id needs --role courier"),
        (&["--role", "operator", "--scope", "orders:read"], "--scope needs --role service"),
        (&["--role", "operator", "--expires", "2020-01-01T00:00:00Z"], "in the past"),
        (&["--role", "operator", "--expires", "soon"], "neither a time"),
        (&["--role", "operator", "--certificate-sha256", "abc"], "64 hexadecimal digits"),
        (&["--role", "customer", "--customer-id", ""], "a party id"),
        (&[], "--role"),
    ] {
        let output = run(&[&create[..], flags].concat());
        assert!(output.failed(2).contains(says), "{flags:?} {output:?}");
    }
    assert!(!path.exists(), "nothing was written");
    assert!(run(&["keys", "list", "--file", text(&path)]).failed(2).contains("cannot read the key file"));
    std::fs::write(&path, "{\"keys\": [\n{\"secret\": 7}]}").expect("written");
    let invalid = run(&["keys", "list", "--file", text(&path)]);
    assert!(invalid.failed(2).contains("line 2: "), "{invalid:?}");
    assert!(run(&[&create[..], &["--role", "operator"]].concat()).failed(2).contains("line 2: "));
    let unchanged = std::fs::read_to_string(&path).expect("the file");
    assert!(unchanged.contains("secret"), "an invalid file is not overwritten");
}
