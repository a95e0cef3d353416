//! Texts of notifications, by language.

use std::collections::BTreeMap;

use logistics_core::notify::Notification;
use logistics_core::{Language, Status};

use crate::template::{InvalidTemplate, Template, Words, check_text};

const ASSIGNED: &str = "Order {order_id} has the courier {courier}";
const UNASSIGNED: &str = "Order {order_id} has no courier";

/// The templates of one language. They are checked when they are created.
///
/// A template is one line with placeholders: `{order_id}`, `{status}` (its name in the language), `{reason}` (may be empty)
/// and `{late}` (the word for late; empty for an order that is not late). A notification of another courier has `{courier}`, its
/// id. Write `{{` and `}}` for braces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateSet {
    transition: Template,
    late: Template,
    assigned: Template,
    unassigned: Template,
    late_word: String,
    by_status: BTreeMap<Status, Template>,
    status_names: BTreeMap<Status, String>,
}

impl TemplateSet {
    /// A set with a template for transitions and one for late orders. Changes of the courier are in English. Statuses have their names in the API, and the word for
    /// late is `late`.
    ///
    /// # Errors
    /// [`InvalidTemplate`] if a template is not valid.
    pub fn new(transition: &str, late: &str) -> Result<Self, InvalidTemplate> {
        Ok(Self {
            transition: Template::parse(transition)?,
            late: Template::parse(late)?,
            assigned: Template::parse(ASSIGNED)?,
            unassigned: Template::parse(UNASSIGNED)?,
            late_word: "late".to_owned(),
            by_status: BTreeMap::new(),
            status_names: BTreeMap::new(),
        })
    }

    /// The same set, with a separate template for the transition to `status`.
    ///
    /// # Errors
    /// [`InvalidTemplate`] if a template is not valid.
    pub fn with_transition(mut self, status: Status, template: &str) -> Result<Self, InvalidTemplate> {
        self.by_status.insert(status, Template::parse(template)?);
        Ok(self)
    }

    /// The same set, with the templates for an order that has another courier, and for one that has none any more.
    ///
    /// # Errors
    /// [`InvalidTemplate`] if a template is not valid.
    pub fn with_assignment(mut self, assigned: &str, unassigned: &str) -> Result<Self, InvalidTemplate> {
        self.assigned = Template::parse(assigned)?;
        self.unassigned = Template::parse(unassigned)?;
        Ok(self)
    }

    /// The same set, with the name of a status in the language.
    ///
    /// # Errors
    /// [`InvalidTemplate`] for a name that is empty, too long or more than one line.
    pub fn with_status_name(mut self, status: Status, name: &str) -> Result<Self, InvalidTemplate> {
        check_text(name)?;
        self.status_names.insert(status, name.to_owned());
        Ok(self)
    }

    /// The same set, with the word for late in the language.
    ///
    /// # Errors
    /// [`InvalidTemplate`] for a word that is empty, too long or more than one line.
    pub fn with_late_word(mut self, word: &str) -> Result<Self, InvalidTemplate> {
        check_text(word)?;
        self.late_word = word.to_owned();
        Ok(self)
    }

    fn render(&self, notification: &Notification, output: &mut String) {
        let status = notification.status;
        let template = match &notification.assignment {
            Some(assignment) if assignment.courier_id.is_some() => &self.assigned,
            Some(_) => &self.unassigned,
            None if notification.late => &self.late,
            None => self.by_status.get(&status).unwrap_or(&self.transition),
        };
        let status = self.status_names.get(&status).map_or(status.name(), String::as_str);
        template.render(notification, Words { status, late: &self.late_word }, output);
    }
}

/// Template sets by language. There is English at least, which also serves languages that have no set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Templates {
    english: TemplateSet,
    others: BTreeMap<Language, TemplateSet>,
}

impl Default for Templates {
    fn default() -> Self {
        Self::english()
    }
}

impl Templates {
    /// The built-in English: `Order {order_id} is now {status}`, and `Order {order_id} is late: still {status}`.
    #[must_use]
    pub fn english() -> Self {
        let set =
            TemplateSet::new("Order {order_id} is now {status}", "Order {order_id} is late: still {status}");
        // The two texts above are the only input, and the tests render them.
        let english = set.unwrap_or_else(|error| unreachable!("a built-in template is invalid: {error}"));
        Self { english, others: BTreeMap::new() }
    }

    /// The same templates, and those of one more language. `en` replaces the built-in templates.
    #[must_use]
    pub fn with(mut self, language: Language, set: TemplateSet) -> Self {
        if language == Language::english() {
            self.english = set;
        } else {
            self.others.insert(language, set);
        }
        self
    }

    /// The text of a notification: one line without control characters or direction marks. A channel that writes HTML, JSON or
    /// another format escapes the text for that format.
    ///
    /// `de-AT` uses the templates of `de-AT`, else of `de`, else English.
    #[must_use]
    pub fn render(&self, language: &Language, notification: &Notification) -> String {
        let mut text = String::new();
        self.render_into(language, notification, &mut text);
        text
    }

    /// Appends what [`Templates::render`] returns.
    pub(crate) fn render_into(&self, language: &Language, notification: &Notification, text: &mut String) {
        self.set(language).render(notification, text);
    }

    fn set(&self, language: &Language) -> &TemplateSet {
        if self.others.is_empty() {
            return &self.english;
        }
        let mut broader = Some(language.clone());
        while let Some(language) = broader {
            if let Some(set) = self.others.get(&language) {
                return set;
            }
            if language == Language::english() {
                break;
            }
            broader = language.broader();
        }
        &self.english
    }
}

#[cfg(test)]
mod tests {
    use logistics_core::{Assignment, OrderId, Reason, Timestamp, Version};

    use super::*;
    use crate::template::TEMPLATE_BYTES_MAX;

    fn notification(reason: &str) -> Notification {
        let id = OrderId::parse("o-1").unwrap();
        let mut notification = Notification::new(id, Version(2), Status::Cancelled, Timestamp::default());
        notification.reason = Reason::parse(reason).ok();
        notification
    }

    fn german() -> Templates {
        let set = TemplateSet::new("{order_id}: {status}", "{order_id}: {status}, {late}")
            .and_then(|set| {
                set.with_transition(Status::Cancelled, "{order_id}: {status} ({reason}) {{{late}}}")
            })
            .and_then(|set| set.with_status_name(Status::Cancelled, "storniert"))
            .and_then(|set| set.with_late_word("verspätet"));
        Templates::english().with(Language::parse("de").unwrap(), set.unwrap())
    }

    #[test]
    fn a_language_falls_back_to_a_broader_one_and_then_to_english() {
        let (templates, mut notification) = (german(), notification("no onions"));
        let mut render = |tag, late| {
            notification.late = late;
            templates.render(&Language::parse(tag).unwrap(), &notification)
        };
        assert_eq!(render("de-AT", false), "o-1: storniert (no onions) {}");
        assert_eq!(render("DE", true), "o-1: storniert, verspätet");
        assert_eq!(render("en-GB", false), "Order o-1 is now CANCELLED");
        assert_eq!(render("fr", true), "Order o-1 is late: still CANCELLED");
    }

    #[test]
    fn a_change_of_the_courier_has_its_own_sentence() {
        let mut notification = notification("because");
        let mut render = |templates: &Templates, tag, courier: Option<&str>| {
            let courier = courier.map(|courier| courier.parse().unwrap());
            notification.assignment = Some(Assignment::new(courier, None));
            templates.render(&Language::parse(tag).unwrap(), &notification)
        };
        let english = Templates::english();
        assert_eq!(render(&english, "en", Some("c-\u{202e}1")), "Order o-1 has the courier c-\u{fffd}1");
        assert_eq!(render(&english, "en", None), "Order o-1 has no courier");
        let set =
            TemplateSet::new("a", "b").and_then(|set| set.with_assignment("an {courier}", "ohne Kurier"));
        let german = english.with(Language::parse("de").unwrap(), set.unwrap());
        assert_eq!(render(&german, "de", Some("c-1")), "an c-1");
        assert_eq!(render(&german, "de", None), "ohne Kurier");
    }

    #[test]
    fn a_clients_text_neither_breaks_a_line_nor_fills_a_placeholder() {
        let german = Language::parse("de").unwrap();
        let text = german_text(&german, "{order_id} \u{202e}a\u{2066}b\u{200f}c\u{2028}é");
        assert_eq!(text, "o-1: storniert ({order_id} \u{fffd}a\u{fffd}b\u{fffd}c\u{fffd}é) {}");
    }

    fn german_text(language: &Language, reason: &str) -> String {
        german().render(language, &notification(reason))
    }

    #[test]
    fn a_template_is_checked_when_it_is_created() {
        let error = |text: &str| TemplateSet::new(text, "{late}").unwrap_err();
        assert_eq!(error(""), InvalidTemplate::Empty);
        assert_eq!(
            error(&"x".repeat(TEMPLATE_BYTES_MAX + 1)),
            InvalidTemplate::TooLong(TEMPLATE_BYTES_MAX + 1)
        );
        assert_eq!(error("a\nb"), InvalidTemplate::ActiveCharacter('\n'));
        assert_eq!(error("a {order_id"), InvalidTemplate::UnpairedBrace(2));
        assert_eq!(error("a } b"), InvalidTemplate::UnpairedBrace(2));
        assert_eq!(error("{text}"), InvalidTemplate::UnknownPlaceholder("text".to_owned()));
        assert_eq!(TemplateSet::new("{order_id}", "{oops}").unwrap_err().to_string(), UNKNOWN);
        let set = TemplateSet::new("{order_id}", "{late}").unwrap();
        assert!(set.clone().with_late_word("a\u{1b}[2J").is_err());
        assert!(set.with_status_name(Status::Placed, "").is_err());
    }

    const UNKNOWN: &str =
        "the template has the placeholder \"oops\"; use {order_id}, {status}, {reason}, {courier} or {late}";
}
