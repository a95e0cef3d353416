//! What arrives.

use logistics_core::port::{Notifier, NotifyErrorKind};
use logistics_core::{Actor, Status};
use logistics_email::{EmailNotifier, EmailTemplates, SmtpLogin, UnsubscribeUrl};

use super::support::{CUSTOMER, MERCHANT, address, because, notifier, options, to_both, to_customer};
use logistics_test_support::smtp::{Encryption, SmtpServer, USER};

#[tokio::test]
async fn a_message_has_its_headers_and_parts_and_travels_encrypted_with_a_login() {
    for encryption in [Encryption::Tls, Encryption::StartTls] {
        let server = SmtpServer::start(encryption);
        let mut options = options();
        options.unsubscribe =
            UnsubscribeUrl::parse("https://shop.example/stop?o={order_id}&as={role}&id={party}").ok();
        let notifier = EmailNotifier::new(address(&server), options).unwrap();
        notifier.notify(&because(to_both(Status::Placed), "Grüße & mehr")).await.unwrap();
        let mails = server.mails();
        let to = |address: &str| mails.iter().find(|mail| mail.to == [address]).unwrap();
        let (customer, merchant) = (to(CUSTOMER), to(MERCHANT));
        assert_eq!(mails.len(), 2);
        assert!(customer.encrypted && customer.user.as_deref() == Some(USER), "{customer:?}");
        assert_eq!(customer.from, "orders@shop.example");
        let of = |name| customer.header(name).unwrap_or_default();
        assert_eq!(of("From"), "Shop <orders@shop.example>");
        assert_eq!(of("To"), CUSTOMER);
        assert_eq!(of("Subject"), "Order order-1: placed");
        assert_eq!(of("Date"), "Thu, 01 Jan 2026 00:00:01 +0000");
        assert_eq!(of("Message-ID"), "<order-1.1.customer@shop.example>");
        assert_eq!(of("Auto-Submitted"), "auto-generated");
        assert_eq!(of("Content-Language"), "en");
        assert_eq!(of("List-Unsubscribe"), "<https://shop.example/stop?o=order-1&as=customer&id=customer-1>");
        assert_eq!(of("List-Unsubscribe-Post"), "List-Unsubscribe=One-Click");
        assert_eq!(
            (of("X-Order-Id"), of("X-Order-Version"), of("X-Order-Status")),
            ("order-1".into(), "1".into(), "PLACED".into())
        );
        assert!(of("Content-Type").starts_with("multipart/alternative"), "{}", customer.text);
        assert!(
            customer.text.contains("text/plain; charset=utf-8")
                && customer.text.contains("text/html; charset=utf-8")
        );
        assert_eq!(merchant.header("Content-Language").as_deref(), Some("de"));
        assert_eq!(merchant.header("Message-ID").as_deref(), Some("<order-1.1.merchant@shop.example>"));
        assert!(
            merchant.text.contains("Gr=C3=BC=C3=9Fe &amp; mehr") || merchant.text.contains("base64"),
            "{}",
            merchant.text
        );
        // The next message uses a connection again.
        let connections = server.connections();
        notifier.notify(&to_customer(Status::Confirmed)).await.unwrap();
        assert_eq!(server.connections(), connections);
    }
}

#[tokio::test]
async fn no_value_of_a_client_adds_a_header_a_part_or_a_recipient() {
    let server = SmtpServer::start(Encryption::Tls);
    let folder = tempfile::tempdir().unwrap();
    let english = folder.path().join("en");
    std::fs::create_dir(&english).unwrap();
    for (name, text) in [
        ("default.subject", "{{ reason }} {{ party_id }} ä"),
        ("default.txt", "{{ reason }}\n.\nRCPT TO:<evil@evil.example>\n..{{ party_id }}\n"),
        ("default.html", "<p title=\"{{ reason }}\">{{ party_id }}</p>"),
    ] {
        std::fs::write(english.join(name), text).unwrap();
    }
    let mut options = options();
    options.templates = EmailTemplates::from_folder(folder.path()).unwrap();
    options.unsubscribe = UnsubscribeUrl::parse("mailto:stop@shop.example?subject={party}").ok();
    let notifier = EmailNotifier::new(address(&server), options).unwrap();
    let reasons = [
        "x =?utf-8?q?=0D=0ABcc:_evil@evil.example?= y",
        "\u{2028}Bcc: evil@evil.example\u{2029}",
        "\"><script>alert(1)</script> --boundary",
        ". \\r\\n.\\r\\nMAIL FROM:<evil@evil.example>",
        "🚚 żółw \u{202e}abc",
    ];
    let long = "ä".repeat(128);
    for reason in reasons.into_iter().chain([long.as_str()]) {
        let mut notification = because(to_customer(Status::Placed), reason);
        notification.recipients[0].party = "p>,<https://evil.example> Bcc: \u{202e}".parse().ok();
        notifier.notify(&notification).await.unwrap();
        let mail = server.mails().pop().unwrap();
        assert_eq!(mail.to, [CUSTOMER], "{reason}");
        for name in ["Bcc", "Cc"] {
            assert_eq!(mail.header(name), None, "{reason}: {}", mail.text);
        }
        assert!(
            mail.text.lines().all(|line| !line.starts_with("Bcc:") && line.len() <= 998),
            "{}",
            mail.text
        );
        let html = mail.text.split("Content-Type: text/html").nth(1).unwrap();
        assert!(!html.contains("<script>"), "{}", mail.text);
        assert_eq!(mail.text.matches("\r\nContent-Type: ").count(), 3, "{}", mail.text);
        let link = mail.header("List-Unsubscribe").unwrap();
        assert_eq!(link.matches('<').count(), 1, "{link}");
        assert_eq!(mail.header("List-Unsubscribe-Post"), None, "a mail address has no one-click request");
    }
    assert_eq!(server.mails().len(), 6);
}

#[tokio::test]
async fn a_recipient_without_a_contact_gets_nothing_and_no_connection_is_made() {
    let server = SmtpServer::start(Encryption::Tls);
    let mut notification = to_both(Status::Placed);
    notification.recipients.iter_mut().for_each(|recipient| recipient.contact = None);
    notifier(&server).notify(&notification).await.unwrap();
    assert_eq!((server.connections(), server.mails().len()), (0, 0));
    notification.recipients[1] = to_both(Status::Placed).recipients.remove(1);
    notifier(&server).notify(&notification).await.unwrap();
    assert_eq!(server.mails()[0].to, [MERCHANT]);
    assert_eq!(notification.recipients[1].role, Actor::Merchant);
}

#[tokio::test]
async fn a_login_a_certificate_and_encryption_are_required() {
    let kind = async |server| {
        let notifier = EmailNotifier::new(server, options()).unwrap();
        notifier.notify(&to_customer(Status::Placed)).await.map_err(|error| (error.kind(), error.to_string()))
    };
    let server = SmtpServer::start(Encryption::StartTls);
    let wrong = SmtpLogin::parse("orders\nwrong").unwrap();
    let (refused, text) = kind(address(&server).with_login(wrong).unwrap()).await.unwrap_err();
    assert_eq!(refused, NotifyErrorKind::Unauthorized);
    assert_eq!(text, "the SMTP server rejects the login (code 535); check the settings of e-mail");
    let url = format!("smtp://localhost:{}", server.port);
    let without = logistics_email::SmtpServer::parse(&url, false).unwrap().with_roots(server.ca.clone());
    assert!(kind(without.clone()).await.is_err());
    let foreign = SmtpServer::start(Encryption::StartTls);
    let (unavailable, text) = kind(without.with_roots(foreign.ca.clone())).await.unwrap_err();
    assert!(unavailable.is_retryable() && text.contains("certificate"), "{text}");
    let plain = SmtpServer::start(Encryption::None);
    let url = format!("smtp://localhost:{}", plain.port);
    let (refused, text) = kind(logistics_email::SmtpServer::parse(&url, false).unwrap()).await.unwrap_err();
    assert_eq!(refused, NotifyErrorKind::Unauthorized, "{text}");
    assert!(server.mails().is_empty() && foreign.mails().is_empty() && plain.mails().is_empty());
    notifier(&plain).notify(&to_customer(Status::Placed)).await.unwrap();
    assert!(!plain.mails()[0].encrypted);
}
