//! One template: text with placeholders.

use std::borrow::Cow;

use logistics_core::PartyId;
use logistics_core::notify::Notification;
use logistics_core::text::is_active;

/// Maximum bytes of a template.
pub const TEMPLATE_BYTES_MAX: usize = 1024;

/// Why a text is not a valid template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidTemplate {
    /// The text is empty.
    #[error("the template is empty")]
    Empty,
    /// The text is longer than [`TEMPLATE_BYTES_MAX`].
    #[error("the template has {0} bytes; the limit is {max}", max = TEMPLATE_BYTES_MAX)]
    TooLong(usize),
    /// The text contains a control character, a line break or a direction mark.
    #[error("the template contains {0:?}; remove control characters, line breaks and direction marks")]
    ActiveCharacter(char),
    /// A brace without its counterpart.
    #[error("the template has an unpaired brace at byte {0}; write {{{{ or }}}} for a brace")]
    UnpairedBrace(usize),
    /// An unknown placeholder.
    #[error(
        "the template has the placeholder {0:?}; use {{order_id}}, {{status}}, {{reason}}, {{courier}} or {{late}}"
    )]
    UnknownPlaceholder(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Placeholder {
    OrderId,
    Status,
    Reason,
    Courier,
    Late,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Value(Placeholder),
}

/// A checked template, so that rendering cannot fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template(Vec<Part>);

/// The words of a language for one notification.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Words<'a> {
    pub(crate) status: &'a str,
    pub(crate) late: &'a str,
}

impl Template {
    pub(crate) fn parse(text: &str) -> Result<Self, InvalidTemplate> {
        check_text(text)?;
        let (mut parts, mut plain) = (Vec::new(), String::new());
        let mut rest = text;
        while let Some(brace) = rest.find(['{', '}']) {
            plain.push_str(&rest[..brace]);
            let (at, tail) = (text.len() - rest.len() + brace, &rest[brace..]);
            if let Some(escaped) = ["{{", "}}"].into_iter().find(|escaped| tail.starts_with(escaped)) {
                plain.push_str(&escaped[1..]);
                rest = &tail[escaped.len()..];
                continue;
            }
            let inner = tail.strip_prefix('{').and_then(|inner| inner.split_once('}'));
            let (name, behind) = inner.ok_or(InvalidTemplate::UnpairedBrace(at))?;
            if !plain.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut plain)));
            }
            parts.push(Part::Value(placeholder(name)?));
            rest = behind;
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        Ok(Self(parts))
    }

    /// Appends the text. U+FFFD replaces characters of values that control a terminal or break a line.
    pub(crate) fn render(&self, notification: &Notification, words: Words<'_>, output: &mut String) {
        for part in &self.0 {
            let value = match part {
                Part::Text(text) => text,
                Part::Value(Placeholder::OrderId) => notification.order_id.as_str(),
                Part::Value(Placeholder::Status) => words.status,
                Part::Value(Placeholder::Reason) => {
                    notification.reason.as_ref().map_or("", |reason| reason.as_str())
                }
                Part::Value(Placeholder::Courier) => courier(notification).map_or("", PartyId::as_str),
                Part::Value(Placeholder::Late) if notification.late => words.late,
                Part::Value(Placeholder::Late) => "",
            };
            output.push_str(&inactive(value));
        }
    }
}

/// The courier after an assignment.
fn courier(notification: &Notification) -> Option<&PartyId> {
    notification.assignment.as_ref()?.courier_id.as_ref()
}

/// Checks the text of a template or of a value: not empty, within the limit, one line.
pub(crate) fn check_text(text: &str) -> Result<(), InvalidTemplate> {
    if text.is_empty() {
        return Err(InvalidTemplate::Empty);
    }
    if text.len() > TEMPLATE_BYTES_MAX {
        return Err(InvalidTemplate::TooLong(text.len()));
    }
    text.chars().find(|c| is_active(*c)).map_or(Ok(()), |c| Err(InvalidTemplate::ActiveCharacter(c)))
}

fn placeholder(name: &str) -> Result<Placeholder, InvalidTemplate> {
    match name {
        "order_id" => Ok(Placeholder::OrderId),
        "status" => Ok(Placeholder::Status),
        "reason" => Ok(Placeholder::Reason),
        "courier" => Ok(Placeholder::Courier),
        "late" => Ok(Placeholder::Late),
        _ => Err(InvalidTemplate::UnknownPlaceholder(name.to_owned())),
    }
}

fn inactive(value: &str) -> Cow<'_, str> {
    if value.contains(is_active) { Cow::Owned(value.replace(is_active, "\u{fffd}")) } else { value.into() }
}
