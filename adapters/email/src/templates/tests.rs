use logistics_core::lifecycle::STATUSES;
use logistics_core::{Actor, Assignment, Reason, Status, Timestamp, Version};

use super::*;

fn notification(status: Status, reason: &str) -> Notification {
    let at = Timestamp::from_millis(1_790_000_000_000);
    let mut notification = Notification::new("o-1".parse().unwrap(), Version(2), status, at);
    notification.reason = Reason::parse(reason).ok();
    notification
}

fn render(templates: &EmailTemplates, language: &str, notification: &Notification) -> Texts {
    let customer = Recipient::new(Actor::Customer, "c-1".parse().ok());
    let english = Language::english();
    templates.render(&language.parse().unwrap(), &english, notification, &customer, None).unwrap()
}

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
}

fn problem(files: &[(&str, &str)]) -> String {
    let folder = folder(files);
    let error = EmailTemplates::from_folder(folder.path()).unwrap_err().to_string();
    error.replace(&format!("{}/", folder.path().display()), "")
}

#[test]
fn the_built_in_templates_render_every_event_in_both_languages() {
    let templates = EmailTemplates::built_in();
    for language in ["en", "de"] {
        for (notification, recipient) in values::samples() {
            let texts = templates.render(
                &language.parse().unwrap(),
                &Language::english(),
                &notification,
                &recipient,
                Some("https://shop.example/?a=1&b=2"),
            );
            let Texts { subject, plain, html, .. } = texts.unwrap();
            let html = html.unwrap();
            assert!(subject.contains("sample-1") && plain.contains("sample-1") && html.contains("sample-1"));
            // A customer could send words of its own to any address.
            let has_reason = notification.reason.is_some() && recipient.role != Actor::Customer;
            assert_eq!(plain.contains("sample\n"), has_reason, "{plain}");
            assert!(
                plain.contains("https://shop.example/?a=1&b=2") && html.contains("a=1&amp;b=2"),
                "{html}"
            );
            assert!(html.contains(&format!("<html lang=\"{language}\">")));
        }
    }
    let cancelled = render(&templates, "de-AT", &notification(Status::Cancelled, "zu spät"));
    assert_eq!(cancelled.subject, "Bestellung o-1: storniert");
    assert_eq!(
        cancelled.plain,
        "Die Bestellung o-1 hat einen neuen Status: storniert.\nZeit: 2026-09-21T14:13:20.000Z\n"
    );
    let mut late = notification(Status::Preparing, "");
    late.late = true;
    assert_eq!(render(&templates, "fr", &late).subject, "Order o-1 is late: still in preparation");
    late.assignment = Some(Assignment::new("k-7".parse().ok(), None));
    assert_eq!(render(&templates, "en-GB", &late).subject, "Order o-1 has the courier k-7");
}

#[test]
fn a_folder_takes_precedence_by_language_and_then_by_event() {
    let folder = folder(&[
        ("de/placed.subject", "Neu: {{ order_id }}"),
        ("de/placed.txt", "Danke, {{ party_id }}!"),
        ("de-AT/default.subject", "Servus: {{ status_name }}"),
        ("de-AT/default.txt", "x"),
        ("de-AT/default.html", "{% extends '_layout.html' %}{% block text %}{{ reason }}{% endblock %}"),
        ("fr/late.subject", "{{ status_name }}\n {{ event }}"),
        ("fr/late.txt", "{% for n in range(3) %}{{ n }}{% endfor %}"),
        ("_layout.html", "<p>{% block text %}{% endblock %}</p>"),
    ]);
    let templates = EmailTemplates::from_folder(folder.path()).unwrap();
    let of = |language, status| render(&templates, language, &notification(status, "a<b"));
    let placed = of("de-CH", Status::Placed);
    assert_eq!((&*placed.subject, &*placed.plain, placed.html), ("Neu: o-1", "Danke, c-1!", None));
    assert_eq!(placed.language, "de");
    assert_eq!(of("de", Status::Confirmed).subject, "Bestellung o-1: bestätigt");
    let austrian = of("de-at", Status::Placed);
    assert_eq!(
        (&*austrian.subject, austrian.html.unwrap()),
        ("Servus: aufgegeben", "<p>a&lt;b</p>".to_owned())
    );
    assert_eq!(of("fr", Status::Placed).language, "en", "a language without the event falls back");
    let mut late = notification(Status::Preparing, "");
    late.late = true;
    let french = render(&templates, "fr", &late);
    assert_eq!((&*french.subject, &*french.plain), ("PREPARING late", "012"));
}

#[test]
fn a_broken_template_is_found_with_its_file_and_line() {
    let with = |text| problem(&[("de/placed.subject", "x"), ("de/placed.txt", text)]);
    assert!(with("a\n{% if %}").starts_with("de/placed.txt line 2: syntax error"), "{}", with("a\n{% if %}"));
    assert!(with("a\n\n{{ order }}").starts_with("de/placed.txt line 3: undefined value"));
    assert!(with("{{ reason|safe }}").contains("unknown filter"));
    assert!(with("{% include '_gone.txt' %}").contains("_gone.txt"));
    assert!(
        with("{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}")
            .contains("fuel")
    );
    let include =
        [("de/placed.subject", "{% include '_s.txt' %}"), ("de/placed.txt", "x"), ("_s.txt", "\n{{ x }}")];
    assert!(problem(&include).starts_with("_s.txt line 2"), "{}", problem(&include));
}

#[test]
fn a_misnamed_or_incomplete_template_is_found() {
    assert!(
        problem(&[("de/placd.txt", "x")])
            .starts_with("de/placd.txt: no such event; there are default, placed")
    );
    assert!(problem(&[("de/placed.md", "x")]).contains(".subject, .txt or .html"));
    assert!(problem(&[("deutsch-x_/placed.txt", "x")]).contains("language's name"));
    assert!(problem(&[("placed.txt", "x")]).contains("a folder per language"));
    assert!(problem(&[("de/placed.txt", "x")]).starts_with("de/placed.subject: is missing"));
    let long = "x".repeat(TEMPLATE_BYTES_MAX + 1);
    assert!(problem(&[("de/placed.txt", &long)]).contains("the limit is"));
    let gone = EmailTemplates::from_folder(Path::new("/nonexistent/templates")).unwrap_err();
    assert!(gone.to_string().starts_with("cannot read /nonexistent/templates"));
}

#[test]
fn values_of_clients_are_escaped_and_a_subject_is_one_line() {
    let folder = folder(&[
        ("en/default.subject", "{{ reason }}\r\nBcc: x@y.example"),
        ("en/default.txt", "{{ reason }}"),
        ("en/default.html", "<a title='{{ reason }}'>{{ reason }}</a>"),
    ]);
    let templates = EmailTemplates::from_folder(folder.path()).unwrap();
    let texts = render(&templates, "en", &notification(Status::Placed, "<script>'\"{{ order_id }}\u{202e}"));
    assert_eq!(texts.subject, "<script>'\"{{ order_id }}\u{fffd} Bcc: x@y.example");
    assert_eq!(texts.plain, "<script>'\"{{ order_id }}\u{fffd}");
    let escaped = "&lt;script&gt;&#x27;&quot;{{ order_id }}\u{fffd}";
    assert_eq!(texts.html.unwrap(), format!("<a title='{escaped}'>{escaped}</a>"));
    assert_eq!(one_line(&"ä".repeat(300)).chars().count(), SUBJECT_CHARS_MAX);
}

#[test]
fn every_status_has_a_name_in_both_languages() {
    for status in STATUSES.into_iter().filter(|status| status.name() != "LOST") {
        for language in ["en", "de-at"] {
            assert_ne!(names::status_name(language, status), status.name());
        }
    }
}
