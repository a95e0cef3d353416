//! `logistics serve` sends e-mails over a real SMTP server.

use std::path::Path;

use logistics_test_support::smtp::{Encryption, Mail, PASSWORD, SmtpServer, USER};

use super::support::{Process, send, until};
use super::{run, text};

const EMAIL: &str = "ann.secret@customer.example";
const SHOP: &str = "shop.secret@merchant.example";

/// The flags for this SMTP server, which writes its files into the folder.
fn flags(server: &SmtpServer, folder: &Path) -> Vec<String> {
    let (ca, login) = (folder.join("ca.pem"), folder.join("login"));
    std::fs::write(&ca, &server.ca).expect("a file");
    std::fs::write(&login, format!("{USER}\n{PASSWORD}\n")).expect("a file");
    let scheme = if server.encryption == Encryption::Tls { "smtps" } else { "smtp" };
    let url = format!("{scheme}://localhost:{}", server.port);
    let flags = [
        ("--email-smtp-url", url.as_str()),
        ("--email-from", "Shop <orders@shop.example>"),
        ("--email-ca-file", text(&ca)),
        ("--email-credentials-file", text(&login)),
        ("--email-unsubscribe-url", "https://shop.example/stop?o={order_id}"),
        ("--email-rate-max", "1000"),
        ("--log-level", "trace"),
        ("--mode", "manual"),
        ("--notifier", "console"),
    ];
    flags.into_iter().flat_map(|(name, value)| [name.to_owned(), value.to_owned()]).collect()
}

fn serve(data: &Path, flags: &[String]) -> (Process, Vec<String>, String) {
    let args = ["serve", "--listen", "127.0.0.1:0", "--data-dir", text(data)].map(str::to_owned);
    let all: Vec<&str> = args.iter().chain(flags).map(String::as_str).collect();
    let process = Process::spawn_with_log(&all);
    let lines = process.lines_until("istening on http://");
    let url = format!("http://{}", Process::addr_in(lines.last().expect("a line")));
    (process, lines, url)
}

fn mail_to(server: &SmtpServer, to: &str, count: usize) -> Vec<Mail> {
    until("the e-mails are there", || {
        let mails: Vec<_> = server.mails().into_iter().filter(|mail| mail.to == [to]).collect();
        (mails.len() >= count).then_some(mails)
    })
}

#[test]
fn an_order_is_placed_the_customer_gets_its_e_mail_and_nothing_else_shows_the_address() {
    let server = SmtpServer::start(Encryption::StartTls);
    let folder = tempfile::tempdir().expect("a folder");
    let (process, mut shown, url) = serve(&folder.path().join("data"), &flags(&server, folder.path()));
    let place = [
        "place",
        "--url",
        &url,
        "--customer",
        "ann",
        "--customer-email",
        EMAIL,
        "--customer-language",
        "de-AT",
    ];
    let place = [&place[..], &["--merchant", "shop", "--merchant-email", SHOP]].concat();
    let id = run(&place).done().trim().to_owned();
    let mail = mail_to(&server, EMAIL, 1).remove(0);
    let header = |name| mail.header(name).unwrap_or_default();
    assert_eq!(header("Message-ID"), format!("<{id}.1.customer@shop.example>"));
    assert_eq!(header("Auto-Submitted"), "auto-generated");
    assert_eq!(header("List-Unsubscribe"), format!("<https://shop.example/stop?o={id}>"));
    assert_eq!(header("List-Unsubscribe-Post"), "List-Unsubscribe=One-Click");
    assert_eq!((header("From"), header("To")), ("Shop <orders@shop.example>".to_owned(), EMAIL.to_owned()));
    assert_eq!(
        (header("Content-Language"), header("X-Order-Status")),
        ("de".to_owned(), "PLACED".to_owned())
    );
    assert!(mail.encrypted && mail.user.is_some() && header("Date").ends_with(" +0000"), "{mail:?}");
    assert_eq!(mail_to(&server, SHOP, 1)[0].header("Content-Language").as_deref(), Some("en"));
    // A later fact reaches the address of the placement.
    server
        .plan()
        .recipients
        .insert(EMAIL.to_owned(), [(550, "5.1.1 <ann.secret@customer.example> unknown")].into());
    let transition = |status| run(&["advance", &id, status, "--url", &url]).done();
    transition("CONFIRMED");
    transition("PREPARING");
    let later = mail_to(&server, EMAIL, 2).remove(1);
    assert_eq!(later.header("X-Order-Status").as_deref(), Some("PREPARING"), "the rejected one is dead");
    let letters = |count: &str| {
        let of_customer = ["webhooks", "dead-letters", "email-customer", "--json", "--url", &url];
        until(&format!("{count} dead letters"), || {
            let listed = run(&of_customer);
            (listed.code == Some(0) && listed.out.lines().count().to_string() == count).then_some(listed.out)
        })
    };
    assert!(letters("1").contains("rejected"));
    let redrive =
        ["webhooks", "redrive", "email-customer", "--order", &id, "--order-version", "2", "--url", &url];
    shown.push(run(&redrive).done());
    let redriven = mail_to(&server, EMAIL, 3).remove(2);
    assert_eq!(redriven.header("Message-ID"), Some(format!("<{id}.2.customer@shop.example>")));
    shown.push(letters("0"));
    for args in [
        vec!["get", &id],
        vec!["events", &id],
        vec!["list"],
        vec!["list", "--json"],
        vec!["log", "tail", "--json"],
    ] {
        let output = run(&[&args[..], &["--url", &url]].concat());
        // The pages of the log are raw records, for operators.
        if args[0] != "log" {
            shown.push(output.done());
        }
    }
    let addr = url.trim_start_matches("http://").parse().expect("an address");
    for path in ["/metrics", "/health/ready", &format!("/orders/{id}"), &format!("/orders/{id}/events")] {
        shown.push(send(addr, "GET", path, &[], "").expect("a reply").body);
    }
    shown.extend(process.end_with_lines());
    let all = shown.join("\n");
    assert!(all.contains("PREPARING") && all.contains("550"), "{all}");
    for hidden in ["ann.secret", "shop.secret", "customer.example", "merchant.example"] {
        assert!(!all.contains(hidden), "{hidden}: {all}");
    }
}

#[test]
fn a_message_whose_answer_a_killed_process_awaited_is_repeated_under_its_message_id() {
    let server = SmtpServer::start(Encryption::Tls);
    let folder = tempfile::tempdir().expect("a folder");
    let (data, flags) = (folder.path().join("data"), flags(&server, folder.path()));
    server.plan().held = 1;
    let (process, _, url) = serve(&data, &flags);
    run(&["place", "--url", &url, "--customer-email", EMAIL]).done();
    mail_to(&server, EMAIL, 1);
    process.kill();
    let (process, _, _) = serve(&data, &flags);
    let mails = mail_to(&server, EMAIL, 2);
    assert!(process.terminate().success());
    let ids: Vec<_> = mails.iter().map(|mail| (mail.header("Message-ID"), mail.header("Date"))).collect();
    assert!(ids[0].0.is_some());
    assert_eq!(ids[0], ids[1]);
}

#[test]
fn settings_of_e_mail_are_checked_at_the_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let templates = folder.path().join("templates");
    std::fs::create_dir_all(templates.join("de")).expect("a folder");
    std::fs::write(templates.join("de/placed.subject"), "x").expect("a file");
    std::fs::write(templates.join("de/placed.txt"), "Hallo\n{{ nmae }}").expect("a file");
    let login = folder.path().join("login");
    std::fs::write(&login, "ann\nsecret word\n").expect("a file");
    let data = folder.path().join("data");
    let serve = |flags: &[&str]| {
        let smtp =
            ["serve", "--data-dir", text(&data), "--listen", "127.0.0.1:0", "--email-from", "a@shop.example"];
        let failed = run(&[&smtp[..], flags].concat());
        assert_eq!(failed.code, Some(2), "{failed:?}");
        assert!(!failed.err.contains("secret"), "{failed:?}");
        failed.err
    };
    let url = ["--email-smtp-url", "smtps://localhost"];
    let with = |flags: &[&str]| serve(&[&url[..], flags].concat());
    let broken = with(&["--email-templates", text(&templates)]);
    assert!(broken.contains("de/placed.txt line 2: undefined value"), "{broken}");
    assert!(with(&["--email-templates", "/nonexistent"]).contains("cannot read /nonexistent"));
    assert!(with(&["--email-unsubscribe-url", "http://shop.example"]).contains("https: or mailto:"));
    assert!(with(&["--email-credentials-file", "/nonexistent"]).contains("cannot read /nonexistent"));
    assert!(with(&["--email-ca-file", text(&login)]).contains("BEGIN CERTIFICATE"));
    assert!(
        serve(&["--email-smtp-url", "smtps://ann:secret@localhost"]).contains("the URL contains a login")
    );
    assert!(serve(&["--email-smtp-url", "localhost"]).contains("smtps://mail.example"));
    let plaintext = ["--email-smtp-url", "smtp://localhost", "--email-smtp-plaintext"];
    let open = serve(&[&plaintext[..], &["--email-credentials-file", text(&login)]].concat());
    assert!(open.contains("a login needs TLS or STARTTLS"), "{open}");
    assert!(serve(&[]).contains("--email-smtp-url"), "a sender without a server");
}
