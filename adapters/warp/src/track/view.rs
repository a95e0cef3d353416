//! The content of the page, from the state of an order.

use std::fmt::Write;

use logistics_core::lifecycle::STATUSES;
use logistics_core::{Deadline, DeadlineKind, HistoryEntry, Order, Status, Timestamp};
use serde_json::json;

use super::html::{Text, data_block};
use super::look::{sign_of, tone, tone_of};
use super::page::{SIGNS, head};
use super::way;
use super::words::{LANGUAGES, Words};

/// What a page shows.
pub(super) struct Page<'a> {
    pub(super) words: &'static Words,
    pub(super) order: &'a Order,
    pub(super) now: Timestamp,
    /// The end of the link.
    pub(super) until: Option<Timestamp>,
    /// The query of this page's address.
    pub(super) query: &'a str,
}

impl Page<'_> {
    /// The whole document. `order_json`: what the script starts from.
    pub(super) fn html(&self, order_json: &str, version: &str) -> String {
        let (words, order) = (self.words, self.order);
        let status = words.status(order.status);
        let mut page = head(words, status.name, version, true);
        let _ = write!(
            page,
            r#"<header class="masthead"><span>{}</span><span class="number">{} {}</span></header><main>"#,
            Text(words.title),
            Text(words.order),
            Text(&order.order_id)
        );
        self.hero(&mut page);
        self.steps(&mut page);
        self.history(&mut page);
        page.push_str(r#"<p class="unseen" role="status" id="news"></p></main>"#);
        self.foot(&mut page);
        let _ = write!(
            page,
            r#"</div>{SIGNS}<script type="application/json" id="words">{}</script><script type="application/json" id="order">{}</script></body></html>"#,
            data_block(&self.config().to_string()),
            data_block(order_json)
        );
        page
    }

    fn hero(&self, page: &mut String) {
        let (words, order) = (self.words, self.order);
        let status = words.status(order.status);
        let explain = if order.status == Status::DeliveryFailed && order.attempts_left == Some(0) {
            words.given_up
        } else {
            status.explain
        };
        let _ = write!(
            page,
            r##"<section class="card hero" id="hero" data-tone="{}" aria-labelledby="headline"><div class="sign"><svg viewBox="0 0 24 24" aria-hidden="true"><use id="sign" href="#{}"/></svg></div><h1 id="headline">{}</h1><p class="explain" id="explain">{}</p>"##,
            tone(order),
            sign_of(order.status),
            Text(status.name),
            Text(explain)
        );
        match order.deadline {
            Some(deadline) => self.due(page, deadline, status.due),
            None => page.push_str(r#"<p class="when" id="when" hidden></p>"#),
        }
        let hidden = if order.late { "" } else { " hidden" };
        let _ = write!(
            page,
            r#"<p class="late" id="late"{hidden}><span><strong>{}.</strong> {}</span></p><div class="bar" id="bar" aria-hidden="true">"#,
            Text(words.late),
            Text(words.late_explained)
        );
        let (past, next) = (way::past(order).count(), way::next(order).len());
        page.push_str(&r#"<span class="full"></span>"#.repeat(past.saturating_sub(1)));
        page.push_str(if next > 0 {
            r#"<span class="running"></span>"#
        } else {
            r#"<span class="full"></span>"#
        });
        page.push_str(&"<span></span>".repeat(next));
        page.push_str("</div></section>");
    }

    fn due(&self, page: &mut String, deadline: Deadline, due: &str) {
        let words = self.words;
        let label = words.deadline(deadline.kind).unwrap_or(due);
        let minutes = deadline.at.millis_since(self.now) / 60_000;
        let about = match minutes {
            0 => words.soon.to_owned(),
            1..90 => words.about.replace("{}", &format!("{minutes}\u{a0}{}", words.minutes)),
            _ => words.about.replace("{}", &format!("{}\u{a0}{}", (minutes + 30) / 60, words.hours)),
        };
        let _ = write!(
            page,
            r#"<p class="when" id="when"><span>{} </span><strong>{}</strong><span class="about" id="about"> · {}</span></p>"#,
            Text(label),
            time(deadline.at),
            Text(about)
        );
    }

    fn steps(&self, page: &mut String) {
        let (words, order) = (self.words, self.order);
        let _ = write!(
            page,
            r#"<section class="card" id="way" data-tone="{}" aria-labelledby="way-title"><h2 id="way-title">{}</h2><ol class="steps" id="steps" role="list">"#,
            tone(order),
            Text(words.way)
        );
        let (past, next): (Vec<&HistoryEntry>, _) = (way::past(order).collect(), way::next(order));
        let moving = if next.is_empty() { "still" } else { "moving" };
        for (at, entry) in past.iter().enumerate() {
            let (name, time) = (Text(words.status(entry.status).name), time(entry.at));
            let _ = if at + 1 == past.len() {
                write!(
                    page,
                    r#"<li class="{moving}" aria-current="step"><span class="name">{name}</span>{time}</li>"#
                )
            } else {
                let done = Text(words.done);
                write!(
                    page,
                    r#"<li class="done"><span class="name">{name}<span class="unseen">, {done}</span></span>{time}</li>"#
                )
            };
        }
        for status in next {
            let (name, coming) = (Text(words.status(status).name), Text(words.coming));
            let _ = write!(
                page,
                r#"<li class="next"><span class="name">{name}<span class="unseen">, {coming}</span></span></li>"#
            );
        }
        page.push_str("</ol></section>");
    }

    fn history(&self, page: &mut String) {
        let (words, order) = (self.words, self.order);
        let _ = write!(
            page,
            r#"<section class="card"><details><summary><h2>{}</h2></summary><ol class="history" id="history" role="list" reversed>"#,
            Text(words.history)
        );
        for entry in order.history.iter().rev() {
            let (name, time) = (Text(words.status(entry.status).name), time(entry.at));
            let late = if entry.late { format!(" – {}", words.late) } else { String::new() };
            let _ = write!(page, "<li><span>{name}{}</span>{time}</li>", Text(late));
        }
        page.push_str("</ol></details></section>");
    }

    fn foot(&self, page: &mut String) {
        let words = self.words;
        let _ = write!(
            page,
            r#"<footer class="foot"><p class="net" id="net" data-net="page"><span class="dot" aria-hidden="true"></span><span id="net-text">{}</span><a id="reload" href="{}">{}</a></p><noscript><p>{}</p></noscript>"#,
            Text(words.net_page),
            Text(self.address(words)),
            Text(words.reload),
            Text(words.times)
        );
        if let Some(until) = self.until {
            let _ = write!(page, "<p>{} {}</p>", Text(words.valid_until), time(until));
        }
        page.push_str("<p>");
        for other in LANGUAGES.into_iter().filter(|other| other.lang != words.lang) {
            let _ = write!(
                page,
                r#"<a href="{}" hreflang="{lang}" lang="{lang}">{}</a>"#,
                Text(self.address(other)),
                Text(other.name),
                lang = other.lang
            );
        }
        page.push_str("</p></footer>");
    }

    /// The address of this page in a language.
    fn address(&self, words: &Words) -> String {
        let rest = form_urlencoded::parse(self.query.as_bytes()).filter(|(name, _)| name != "lang");
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(rest)
            .append_pair("lang", words.lang)
            .finish();
        format!("?{query}")
    }

    /// What the script needs.
    fn config(&self) -> serde_json::Value {
        let words = self.words;
        let names = |statuses: Vec<Status>| statuses.into_iter().map(Status::name).collect::<Vec<_>>();
        let status = |status: Status| {
            let of = words.status(status);
            let (tone, icon) = (tone_of(status), sign_of(status));
            (
                status.name().to_owned(),
                json!({"name": of.name, "explain": of.explain, "due": of.due, "tone": tone, "icon": icon}),
            )
        };
        let next = |status: Status| (status.name().to_owned(), json!(names(way::after(status))));
        let deadline = |kind: DeadlineKind| Some((kind.name().to_owned(), json!(words.deadline(kind)?)));
        let deadlines = [DeadlineKind::Expire, DeadlineKind::Return].into_iter().filter_map(deadline);
        let deadlines: serde_json::Map<_, _> = deadlines.collect();
        let id = &self.order.order_id;
        json!({
            "lang": words.lang,
            "title": words.title,
            "document": format!("../orders/{id}"),
            "events": format!("../orders/{id}/events"),
            "status": STATUSES.into_iter().map(status).collect::<serde_json::Map<_, _>>(),
            "next": STATUSES.into_iter().map(next).collect::<serde_json::Map<_, _>>(),
            "exhausted": names(way::exhausted()),
            "deadline": deadlines,
            "given_up": words.given_up,
            "done": words.done,
            "coming": words.coming,
            "late": words.late,
            "about": words.about,
            "soon": words.soon,
            "minutes": words.minutes,
            "hours": words.hours,
            "net": {
                "page": words.net_page, "live": words.net_live, "lost": words.net_lost,
                "ended": words.net_ended, "closed": words.net_closed,
            },
        })
    }
}

/// A time as `2026-01-31 12:00 UTC`. The script shows it in the time zone of the viewer.
fn time(at: Timestamp) -> String {
    let text = at.to_string();
    let shown = text.get(..16).unwrap_or(&text).replace('T', " ");
    format!(r#"<time datetime="{}">{} UTC</time>"#, Text(&text), Text(shown))
}
